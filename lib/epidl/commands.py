"""What the commands of this library have in common: how they read numbers and durations, and how they
end.
"""

import argparse
import functools
import os
import re
import sys
from collections.abc import Callable
from typing import NoReturn


def end(main: Callable[[], int]) -> NoReturn:
    """Run a command and end the process with the exit status that `main` returns.

    The status is 1 if it is interrupted, or if nobody reads what it prints any more, as behind `|
    head`.
    """
    try:
        status = main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        status = 1
    except BrokenPipeError:
        # for what Python flushes at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status)


def answers_with(status: int) -> Callable:
    """Return a decorator of a command's `main`: on a ValueError or OSError it prints the message
    and returns `status`.
    """

    def decorate(main: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(main)
        def answering(arguments: list[str] | None = None) -> int:
            try:
                return main(arguments)
            except BrokenPipeError:  # see `end`
                raise
            except (ValueError, OSError) as error:
                print(str(error).strip(), file=sys.stderr)  # pandas ends some with a line break
                return status

        return answering

    return decorate


def number_from(least: int) -> Callable[[str], int]:
    """Return a function that reads a whole number of at least `least`, or raises
    argparse.ArgumentTypeError.
    """

    def number(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < least:
            raise argparse.ArgumentTypeError(
                f"must be a whole number of at least {least}, got {text!r}"
            )
        return int(text)

    return number


def duration(text: str) -> float:
    """Return the seconds of 90s, 9m or 1.5h, or raise argparse.ArgumentTypeError."""
    found = re.fullmatch(r"([0-9]*\.?[0-9]+)([smh])", text)
    if not found or not float(found[1]) > 0:
        raise argparse.ArgumentTypeError(
            f"must be a number above 0 and s, m or h, as 9m, got {text!r}"
        )
    return float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]
