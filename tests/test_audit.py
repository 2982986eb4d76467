"""The audit of the pinned versions: what the tools' reports mean, and that its table is of these
versions.
"""

import json

import pandas as pd
import pytest

import audit
from conftest import ROOT
from epidl_book import testing

PIP_AUDIT = {
    "dependencies": [
        {
            "name": "jinja2",
            "version": "3.1.4",
            "vulns": [{"id": "B", "fix_versions": []}, {"id": "A"}],
        },
        {"name": "numpy", "version": "2.4.6", "vulns": []},
        {"name": "epidl", "skip_reason": "not found"},
    ]
}
SAFETY = {
    "vulnerabilities": [{"package_name": "jinja2", "vulnerable_spec": "<3.1.5"}],
    "scanned_packages": {"jinja2": {}, "numpy": {}},
}


@pytest.mark.parametrize(
    ("read", "report", "known"),
    [
        (audit.known_to_pip_audit, PIP_AUDIT, ["B", "A"]),
        (audit.known_to_safety, SAFETY, ["<3.1.5"]),
    ],
)
def test_a_report_tells_what_was_found_and_what_was_looked_up(read, report, known):
    assert read(json.dumps(report)) == ({"jinja2": known}, {"jinja2", "numpy"})


def test_a_row_a_pin_and_none_may_be_left_out():
    pinned = audit.pins("# versions\njinja2==3.1.4\nnumpy==2.4.6  # arrays\n\n")
    rows = audit.table(pinned, {"jinja2": ["B", "A"]}, {"jinja2", "numpy"})
    assert rows.to_numpy().tolist() == [["jinja2", "3.1.4", "A; B"], ["numpy", "2.4.6", ""]]
    with pytest.raises(ValueError, match="left out numpy"):
        audit.table(pinned, {}, {"jinja2"})


def test_the_table_that_ships_is_of_the_versions_that_are_pinned():
    shipped = pd.read_csv(ROOT / "book" / "data" / "audit.csv", dtype=str).set_index("package")[
        "version"
    ]
    pinned = audit.pins((ROOT / "constraints.txt").read_text())
    assert shipped.to_dict() == pinned.to_dict(), (
        "constraints.txt has changed since: run `make audit`"
    )


def test_the_audit_to_show_names_what_is_known_to_be_vulnerable():
    rows = pd.DataFrame({"package": ["a", "b"], "version": ["1", "2"], "known": ["", "X; Y"]})
    record = {"parameters": {"tool": "tool 3", "database": "a database", "as_of": "2026-01-02"}}
    shown = testing.audit_table(rows, record).data
    assert shown.iloc[0].tolist() == ["2", "b 2 (X; Y)", "a database", "2026-01-02", "tool 3"]
    assert testing.audit_table(rows.head(1), record).data.iloc[0, 1] == "none"
