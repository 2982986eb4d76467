"""Run a profile's grid: `python -m epidl.grid PROFILE`, see `workflow`."""

from epidl import commands
from epidl.grid.workflow import main

if __name__ == "__main__":
    commands.end(main)
