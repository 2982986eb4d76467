"""How the commands of this library end: with their exit status, also where they are interrupted or not read."""

import os
import sys
from collections.abc import Callable
from typing import NoReturn


def end(main: Callable[[], int]) -> NoReturn:
    """Run a command and end the process with the exit status that `main` returns.

    1 where it is interrupted, and where nobody reads what it prints any more, as behind `| head`.
    """
    try:
        status = main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        status = 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python flushes at its end
        status = 1
    sys.exit(status)
