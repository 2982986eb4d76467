"""Run a profile's grid: `python -m epidl.grid PROFILE`, see `workflow`, or `plain` with `--plain`."""

import sys

from epidl import commands


def main() -> int:
    """Run the command and return its exit status. `plain` does without what `workflow` imports."""
    if "--plain" in sys.argv:
        from epidl.grid import plain as runner
    else:
        from epidl.grid import workflow as runner
    return runner.main()


if __name__ == "__main__":
    commands.end(main)
