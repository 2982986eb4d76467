"""Run a profile's grid: `python -m epidl.grid PROFILE`, see `workflow`, or `plain` with `--plain`."""

if __name__ == "__main__":  # the processes that `plain` starts import this file too
    import sys

    from epidl import commands

    if "--plain" in sys.argv:
        from epidl.grid.plain import main
    else:
        from epidl.grid.workflow import main
    commands.end(main)
