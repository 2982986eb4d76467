"""A pytest plugin that counts the suite: `PYTHONPATH=tests python -m pytest -p tally --tally TIER
...`.

Where all passes it writes the tier's row of book/data/tests.csv: how many tests, how long they
took, which was the slowest.
"""

import os
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pytest

from epidl import devices, storage
from epidl.grid import results

TABLE = Path(__file__).parents[1] / "book" / "data" / "tests.csv"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--tally", metavar="TIER", help="write the row of this name in book/data/tests.csv"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.started = time.perf_counter(), cpu_seconds()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    if hasattr(config, "workerinput"):  # one of several processes, which has seen a part
        return
    tier = config.getoption("tally")
    if tier and exitstatus == pytest.ExitCode.OK:
        reports = [
            report
            for some in terminalreporter.stats.values()
            for report in some
            if hasattr(report, "when")
        ]
        wall, cpu = config.started
        cost = {"seconds": time.perf_counter() - wall, "cpu_seconds": cpu_seconds() - cpu}
        storage.write_table(TABLE, with_row(TABLE, {"tier": tier} | count(reports) | cost))
        terminalreporter.write_line(f"The row {tier} of {TABLE} is written")
    elif tier:
        terminalreporter.write_line(f"The row {tier} of {TABLE} is not written: not all has passed")


def cpu_seconds() -> float:
    """Return the CPU time of this process and of its children that ended, pytest-xdist's workers among
    them.
    """
    return sum(os.times()[:4])


def count(reports: Iterable[pytest.TestReport]) -> dict[str, object]:
    """Return how many tests there were, how many of them were skipped, and the slowest, its set-up
    included.
    """
    seconds, skipped = defaultdict(float), set()
    for report in reports:
        seconds[report.nodeid] += report.duration
        if report.skipped:
            skipped.add(report.nodeid)
    slowest = max(seconds, key=seconds.get)
    return {
        "tests": len(seconds),
        "skipped": len(skipped),
        "slowest": slowest,
        "slowest_seconds": round(seconds[slowest], 1),
    }


def with_row(path: Path, row: dict[str, object]) -> pd.DataFrame:
    """Return the table with a tier's row in place of the one that it had, with the machine and the
    commit.
    """
    cost = {name: round(row[name]) for name in ("seconds", "cpu_seconds")}
    row = pd.DataFrame(
        [row | cost | {"device": devices.device_name("cpu"), "commit": results.commit()}]
    )
    known = pd.read_csv(path) if path.exists() else row.head(0)
    return pd.concat([known[known["tier"] != row.loc[0, "tier"]], row], ignore_index=True)
