"""The audit: which pinned versions have known vulnerabilities? It writes book/data/audit.csv, a row a
package.

`make audit` asks PyPI's advisories (pip-audit; needs the network), `make audit DATABASE=FOLDER` a
copy of the public safety-db (safety; insecure.json and insecure_full.json). It fails where one is
found, and where the version that must be found is not.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from epidl import storage
from epidl.grid import results

ROOT = Path(__file__).parents[1]
DATA = ROOT / "book" / "data"
# known to let a template leave its sandbox: a search that misses it finds nothing
CANARY = ("jinja2", "3.1.4")


def pins(constraints: str) -> pd.Series:
    """Return the version of each package that a constraints file pins, by its name."""
    lines = [line.split("#")[0].strip() for line in constraints.splitlines()]
    return pd.Series(dict(line.split("==") for line in lines if line), name="version")


def known_to_pip_audit(report: str) -> tuple[dict[str, list[str]], set[str]]:
    """Return the advisories of each package that has some, and the packages that were looked up;
    report: its JSON.
    """
    asked = [package for package in json.loads(report)["dependencies"] if "version" in package]
    known = {
        package["name"]: [found["id"] for found in package["vulns"]]
        for package in asked
        if package["vulns"]
    }
    return known, {package["name"] for package in asked}


def known_to_safety(report: str) -> tuple[dict[str, list[str]], set[str]]:
    """Return the same of safety's JSON; an advisory is told by its range of versions."""
    report, known = json.loads(report), {}
    for found in report["vulnerabilities"]:
        known.setdefault(found["package_name"], []).append(str(found["vulnerable_spec"]))
    return known, set(report["scanned_packages"])


def table(pinned: pd.Series, known: dict[str, list[str]], asked: set[str]) -> pd.DataFrame:
    """Return a row a pinned package with what is known of its version.

    Raises ValueError where a package was not looked up.
    """
    missing = sorted(set(pinned.index) - asked)
    if missing:
        raise ValueError(
            f"the audit must look up every pinned package, but left out {', '.join(missing)}"
        )
    rows = [
        (name, version, "; ".join(sorted(known.get(name, [])))) for name, version in pinned.items()
    ]
    return pd.DataFrame(rows, columns=["package", "version", "known"])


def run(program: Path, arguments: Sequence[str], pinned: pd.Series) -> str:
    """Return a tool's report on pins; it ends with an error where it finds something, so its status
    tells nothing.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.write("".join(f"{name}=={version}\n" for name, version in pinned.items()))
        requirements.flush()
        done = subprocess.run(
            [program, *arguments, "-r", requirements.name], capture_output=True, text=True
        )
    if not done.stdout.startswith("{"):
        sys.exit(f"{program.name} has no report: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def main(folder: Path | None) -> None:
    """Look up the pins and, by itself, the version that must be found; write the table and its
    provenance.
    """
    started, pinned = datetime.now(UTC), pins((ROOT / "constraints.txt").read_text())
    if folder:
        tool, read, arguments = (
            "safety",
            known_to_safety,
            ["check", "--output", "json", "--db", str(folder)],
        )
        of = json.loads((folder / "insecure.json").read_text())["$meta"]["timestamp"]
        database, as_of = "safety-db", datetime.fromtimestamp(of, UTC)
    else:
        tool, read, arguments = (
            "pip-audit",
            known_to_pip_audit,
            ["-f", "json", "--no-deps", "--disable-pip"],
        )
        database, as_of = "PyPI's advisories", started
    program = ROOT / "_build" / "audit" / "bin" / tool
    report, canary = (run(program, arguments, some) for some in (pinned, pd.Series(dict([CANARY]))))
    if CANARY[0] not in read(canary)[0]:
        sys.exit(f"{'=='.join(CANARY)} has a known vulnerability, but the audit did not find it")
    rows = table(pinned, *read(report))
    version = subprocess.run(
        [program, "--version"], capture_output=True, text=True, check=True
    ).stdout.split()[-1]
    asked = {"tool": f"{tool} {version}", "database": database, "as_of": as_of.date().isoformat()}
    storage.write_text(
        DATA / "audit.provenance.json",
        json.dumps(results.provenance(asked, started), indent=1) + "\n",
    )
    storage.write_table(DATA / "audit.csv", rows)
    found = rows[rows["known"] != ""]
    sys.exit(f"Known vulnerabilities:\n{found.to_string(index=False)}" if len(found) else 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
