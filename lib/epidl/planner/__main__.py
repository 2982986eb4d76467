"""Plan a study: `python -m epidl.planner`, see `planning`."""

from epidl import commands
from epidl.planner.planning import main

if __name__ == "__main__":
    commands.end(main)
