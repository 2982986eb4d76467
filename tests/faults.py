"""Faults, each tried on the real runner: `python tests/faults.py [--seed 1] [--only FAULT ...]`, at
the project's root.

In a copy of the project with a grid of one small cell, a run meets a fault: it is killed, its disk
is full, a file is damaged, and so on. It survives where the message is clear, no half-written file
is taken for a result, no finished fit is lost, and a rerun ends with the tables of a run that
nothing disturbed, in every column but seconds. Moments and places are drawn from the seed. Writes
book/data/faults.csv where all faults were tried; needs Linux, and the right to mount for the full
disk (without it: `unshare -Urm python tests/faults.py`).
"""

import argparse
import contextlib
import ctypes
import dataclasses
import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import yaml

from epidl import storage
from epidl.grid import results, workflow

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "book" / "data" / "faults.csv"
NAME = "n200_q10_t2_rho0"  # the cell
CELLS = Path("runs/standard/correlation")
COLLECTED = Path("runs/standard/correlation.csv")
BOOK = Path("book/data")
GRID = ("epidl.grid", "standard", "--cores", "2", str(COLLECTED))
CELL = ("epidl.grid.cell", "correlation", "standard", NAME)
COLLECT = ("epidl.grid.results", str(COLLECTED), str(CELLS / NAME))
PUBLISH = ("epidl.grid.publish", "standard")
CHANGES = {
    "hidden_width": 32,
    "n_trials": 2,
    "mlp_max_epochs": 5,
    "mlp_learning_rates": [0.01, 0.001],
}
POINTS = {
    "n_samples": 200,
    "n_qtl": 10,
    "n_traits": 2,
    "n_replicates": 3,
    "pleiotropy": 0,
    "shared_pairs": False,
}
CAP_DAC_OVERRIDE, PR_CAPBSET_DROP = 1, 24
DAMAGED = r"(must be as it was written|must be a result table|must be a provenance)"
AGAIN = "Run the same command again"
KERNEL, SNAKEMAKE, PAPERMILL = "ipykernel_launcher", "snakemake", "papermill"


@dataclasses.dataclass
class Project:
    """A copy of the project at work. states: copies of what its runs left, to begin from."""

    root: Path
    states: Path
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    reference: dict[str, pd.DataFrame] = dataclasses.field(default_factory=dict)

    @property
    def output(self) -> Path:
        return self.states / "output.txt"

    def start(self, command: tuple[str, ...], **options) -> subprocess.Popen:
        """Start a command in a process group of its own, as a terminal does; orphans may keep its
        output open.
        """
        environment = {name: value for name, value in os.environ.items() if name != results.GRID}
        environment |= {"PYTHONPATH": str(self.root / "lib"), "OMP_NUM_THREADS": "1"}
        with self.output.open("w") as output:
            return subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=self.root,
                env=environment | options.pop("env", {}),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **options,
            )

    def finish(self, command: tuple[str, ...], **options) -> tuple[int, str]:
        """Run a command to its end; return its exit status and all that it printed."""
        status = self.start(command, **options).wait(timeout=600)
        return status, self.said()

    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def begin(self, state: str) -> None:
        """Begin from a state: fresh, finished or published."""
        workflow.kill(self.root)
        for name in ("runs", ".snakemake", str(BOOK)):
            shutil.rmtree(self.root / name, ignore_errors=True)
            if (self.states / state / name).exists():
                shutil.copytree(self.states / state / name, self.root / name, symlinks=True)

    def keep(self, state: str) -> None:
        """Keep what stands now as a state."""
        for name in ("runs", ".snakemake", str(BOOK)):
            if (self.root / name).exists():
                shutil.copytree(self.root / name, self.states / state / name, symlinks=True)

    def commit(self) -> None:
        """Commit all, since only the results of committed code are published."""
        git = ["git", "-c", "user.name=tests", "-c", "user.email=tests@localhost"]
        for arguments in (
            ["init", "-q"],
            ["add", "-A"],
            ["commit", "-qm", "A copy for the fault tests"],
        ):
            subprocess.run([*git, *arguments], cwd=self.root, check=True, capture_output=True)


def make_project(folder: Path, changes: dict | None = None) -> Project:
    """Copy what the runner needs, with a small grid of its own."""
    root = folder / "a project"
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("lib", "params", "notebooks", "profiles", "book/data"):
        shutil.copytree(ROOT / name, root / name, ignore=ignore)
    for name in ("Snakefile", ".gitignore"):
        shutil.copy(ROOT / name, root)
    for path in (root / BOOK).glob("correlation.*"):  # this grid's are to be published
        path.unlink()
    path = root / "params" / "correlation.yml"
    content = yaml.safe_load(path.read_text())
    content["profiles"]["standard"] |= {"changes": CHANGES | (changes or {}), "grids": [POINTS]}
    path.write_text(yaml.safe_dump(content))
    project = Project(root, folder / "states")
    project.states.mkdir(parents=True)
    project.commit()
    project.keep("fresh")
    return project


def run_undisturbed(project: Project, *commands: tuple[str, ...]) -> None:
    """Run commands once without a fault: their tables are the reference, their time the span that
    moments are from.
    """
    for command in commands:
        started = time.monotonic()
        status, output = project.finish(command)
        project.seconds[name_of(command)] = time.monotonic() - started
        assert status == 0, output
    project.reference = tables(project)


def prepare(project: Project) -> None:
    """Run all commands undisturbed, and keep the states that faults begin from."""
    run_undisturbed(project, GRID)
    project.keep("finished")
    run_undisturbed(project, PUBLISH)
    project.keep("published")
    reference = project.reference
    project.begin("fresh")
    run_undisturbed(project, CELL)
    project.begin("fresh")
    assert project.finish(CELL)[0] == 0
    for path in (project.root / CELLS / NAME).glob("*.*"):
        path.unlink()
    project.keep("kept")
    project.reference = reference


def tables(project: Project) -> dict[str, pd.DataFrame]:
    """Return all tables that stand now and count as results, by path."""
    found = [*project.root.glob(f"{CELLS}/*/t*.csv"), *project.root.glob(f"{CELLS}*.csv")]
    found += (project.root / BOOK).glob("correlation*.csv")
    return {str(path.relative_to(project.root)): pd.read_csv(path) for path in found}


def compare(project: Project, *commands: tuple[str, ...]) -> list[str]:
    """Return how the tables that stand differ from the reference's, and which of those that commands
    make lack.
    """
    try:
        found = tables(project)
    except ValueError as error:
        return [f"half-written: {error}"]
    wanted = {
        name
        for command in commands
        for name in project.reference
        if name.startswith(makes(command))
    }
    problems = [f"{name} lacks" for name in sorted(wanted - set(found))]
    begun = set() if PUBLISH in commands else {name for name in found if name.startswith(str(BOOK))}
    for name in sorted((set(found) & set(project.reference)) - begun):
        problems += [] if same(found[name], project.reference[name]) else [f"{name} differs"]
    return problems


def makes(command: tuple[str, ...]) -> str | tuple[str, ...]:
    """Return how the paths of the tables that a command makes begin."""
    return {CELL: f"{CELLS}/", PUBLISH: str(BOOK)}.get(command, f"{CELLS}")


def same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    return one.drop(columns="seconds").equals(other.drop(columns="seconds"))


def finished_fits(project: Project) -> set[tuple]:
    """Return the fits that are finished, each known by its seconds, which no other fit has."""
    texts = [
        json.loads(path.read_text())["table"]
        for path in project.root.glob(f"{CELLS}/*/fits/*/*.json")
    ]
    texts += [path.read_text() for path in project.root.glob(f"{CELLS}/*/table.csv")]
    rows = [row for text in texts for row in pd.read_csv(pd.io.common.StringIO(text)).itertuples()]
    return {(row.cell, row.replicate, row.model, row.seconds) for row in rows}


def rerun(project: Project, *commands: tuple[str, ...]) -> list[str]:
    """Run commands again, without the fault; return what is wrong with what they end with."""
    problems, before = [], set()
    try:
        before = finished_fits(project)
    except (ValueError, KeyError) as error:
        problems.append(f"a finished fit cannot be read: {error}")
    for command in commands:
        status, output = project.finish(command)
        problems += (
            [f"the rerun of {command[0]} ended with {status}: {output[-2000:]}"] if status else []
        )
    lost = before - finished_fits(project)
    problems += [f"{len(lost)} of {len(before)} finished fits are lost"] if lost else []
    return problems + compare(project, *commands)


def message(output: str, wanted: str) -> list[str]:
    """Return what is wrong with a message: a traceback, or not what is wanted (a regular expression)."""
    problems = ["a traceback"] if "Traceback" in output else []
    problems += [f"no message {wanted!r}"] if not re.search(wanted, output) else []
    return [f"{' and '.join(problems)}: {output[-2000:]}"] if problems else []


def last_words(output: str, wanted: str) -> list[str]:
    """Return what is wrong with a message as `message` does, but let Snakemake's tracebacks stand
    before it.
    """
    said = "\n".join(output.strip().splitlines()[-2:])
    return message(said, wanted) + (["a traceback of ours"] if "/lib/epidl/" in output else [])


def workers(project: Project, word: str) -> list[psutil.Process]:
    """Return the processes at work for a project whose command has a word."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(results.GRID) == str(project.root) and word in " ".join(
                process.cmdline()
            ):
                found.append(process)
    return found


def await_worker(project: Project, run: subprocess.Popen, word: str) -> psutil.Process | None:
    """Return the first such process as it appears, None where the run ends without."""
    while run.poll() is None:
        found = workers(project, word)
        if found:
            return found[0]
        time.sleep(0.02)
    return None


def end(run: subprocess.Popen, limit: float = 300) -> int | None:
    """Wait for a run's end; None where it hangs, and is killed."""
    try:
        return run.wait(limit)
    except subprocess.TimeoutExpired:
        run.kill()
        run.wait()
        return None


Tried = Iterator[tuple[str, list[str]]]  # what was tried, and what went wrong


def sigkill(project: Project, rng: np.random.Generator) -> Tried:
    """Kill, as `kill -9` does, at random moments: all of a grid, Snakemake alone, one kernel, a cell,
    a publication.
    """
    kinds = [
        "cell",
        "publish",
        "grid",
        "cell",
        "publish",
        "snakemake",
        "cell",
        "publish",
        "kernel",
        "cell",
    ]
    for kind in kinds:
        yield from until_hit(lambda kind=kind: kill_once(project, rng, kind))


def until_hit(attempt: Callable[[], tuple[str, list[str]] | None]) -> Tried:
    """Attempt until the fault met the run, which may have ended before the moment that was drawn."""
    for _ in range(10):
        tried = attempt()
        if tried:
            yield tried
            return
    raise RuntimeError("the run ended ten times before the fault came")


def kill_once(
    project: Project, rng: np.random.Generator, kind: str
) -> tuple[str, list[str]] | None:
    command = {"cell": CELL, "publish": PUBLISH}.get(kind, GRID)
    project.begin("finished" if kind == "publish" else "fresh")
    moment = rng.uniform(
        0, project.seconds["cell" if kind in ("cell", "kernel") else name_of(command)]
    )
    run = project.start(command)
    victim = await_worker(project, run, KERNEL) if kind == "kernel" else None
    time.sleep(moment)
    if run.poll() is not None or (victim and not victim.is_running()):
        end(run)
        return None
    kill(project, run, kind, victim)
    status = end(run)
    problems = compare(project)
    if kind == "kernel":
        problems += message(project.said(), f"(?s)Failed: {NAME}.*{AGAIN}") if status else []
        problems += ["the grid hangs"] if status is None else []
    problems += rerun(project, command)
    return f"{kind} after {moment:.1f} s", problems


def name_of(command: tuple[str, ...]) -> str:
    return command[0].rpartition(".")[2]


def kill(project: Project, run: subprocess.Popen, kind: str, victim: psutil.Process | None) -> None:
    """Kill one kernel, or the command with Snakemake, or with all that works for it."""
    if victim:
        victim.kill()
        return
    others = workers(project, f"-m {SNAKEMAKE}" if kind == "snakemake" else "")
    run.kill()
    for process in others:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def control_c(project: Project, rng: np.random.Generator, tries: int = 6) -> Tried:
    """Interrupt a terminal's process group, at random moments from when the command is at work."""
    for number in range(tries):
        command = (GRID, CELL)[number % 2]
        yield from until_hit(lambda command=command: interrupt_once(project, rng, command))


def terminate(project: Project, rng: np.random.Generator) -> Tried:
    """Send the grid alone what a scheduler sends, and what a terminal sends as it closes."""
    for number in (signal.SIGTERM, signal.SIGHUP) * 2:
        yield from until_hit(lambda number=number: interrupt_once(project, rng, GRID, number))


def interrupt_once(
    project: Project,
    rng: np.random.Generator,
    command: tuple[str, ...],
    number: signal.Signals = signal.SIGINT,
) -> tuple[str, list[str]] | None:
    project.begin("fresh")
    moment = rng.uniform(0, project.seconds[name_of(command)])
    run = project.start(command)
    lock = project.root / ("runs/.lock" if command == GRID else CELLS / NAME / ".lock")
    # Python's own imports before are not ours to stop in good order
    while run.poll() is None and not lock.exists():
        time.sleep(0.02)
    time.sleep(moment / 2)
    if run.poll() is not None:
        return None
    send = os.killpg if number == signal.SIGINT else os.kill  # a terminal's reaches its whole group
    send(run.pid, number)
    status = end(run)
    if status == 0:  # it came too late to stop anything
        return None
    problems = message(project.said(), f"{AGAIN}|Stopped before anything was run")
    problems += ["it hangs"] if status is None else []
    problems += ["its workers go on"] if workers(project, "") else []
    problems += compare(project) + rerun(project, command)
    return f"{number.name} {name_of(command)} {moment / 2:.1f} s after it began", problems


@contextlib.contextmanager
def small_disk(project: Project) -> Iterator[Path]:
    """Put a project on a disk of 64 MB of its own, and give a file that fills it."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder],
            check=True,
            capture_output=True,
        )
        try:
            shutil.copytree(project.root, Path(folder, "a project"), symlinks=True)
            yield Path(folder)
        finally:
            workflow.kill(Path(folder, "a project"))
            subprocess.run(["umount", "--lazy", folder], check=True)


def full_disk(project: Project, rng: np.random.Generator, tries: int = 6) -> Tried:
    """Fill the disk at a random moment, and keep it full until the command ends."""
    for number in range(tries):
        command = (GRID, CELL, PUBLISH)[number % 3]
        yield from until_hit(lambda command=command: fill_once(project, rng, command))


def fill_once(
    project: Project, rng: np.random.Generator, command: tuple[str, ...]
) -> tuple[str, list[str]] | None:
    project.begin("finished" if command == PUBLISH else "fresh")
    moment = rng.uniform(0, project.seconds[name_of(command)])
    with small_disk(project) as disk:
        there = dataclasses.replace(project, root=disk / "a project")
        run = there.start(command)
        time.sleep(moment)
        while run.poll() is None:
            fill(disk / "ballast")
            time.sleep(0.01)
        if run.returncode == 0:
            return None
        said = r"(No space left on device|is full: make room)"
        # Snakemake's own writing fails with a traceback, before what is to be done is said
        problems = (
            last_words(there.said(), said) if command == GRID else message(there.said(), said)
        )
        problems += compare(there)
        (disk / "ballast").unlink()
        problems += rerun(there, command)
    return f"{name_of(command)} after {moment:.1f} s", problems


def fill(path: Path) -> None:
    """Write zeros until the disk is full."""
    with contextlib.suppress(OSError), path.open("ab", buffering=0) as ballast:
        while ballast.write(bytes(2**16)):
            pass


def read_only(project: Project, rng: np.random.Generator) -> Tried:
    """Take the right to write away: from the project, its runs, a cell's folder, the book's tables."""
    places = [
        (GRID, "."),
        (GRID, "runs"),
        (GRID, CELLS / NAME),
        (CELL, "runs"),
        (CELL, CELLS / NAME),
        (PUBLISH, BOOK),
    ]
    for command, place in places:
        project.begin("finished" if command == PUBLISH else "fresh")
        folder = project.root / place
        folder.mkdir(parents=True, exist_ok=True)
        folders = [
            folder,
            *(path for path in folder.rglob("*") if path.is_dir() and ".git" not in path.parts),
        ]
        for path in folders:
            path.chmod(0o555)
        status, output = project.finish(command, preexec_fn=obey_permissions)
        problems = [] if status else ["it ended well"]
        problems += message(output, "Permission denied") + compare(project)
        for path in folders:
            path.chmod(0o755)
        problems += rerun(project, command)
        yield f"{name_of(command)}, {place}", problems


def obey_permissions() -> None:
    """Take from a process that is about to begin root's right to write where permissions forbid it."""
    # fails for others, who lack that right
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


DAMAGES: dict[str, Callable[[bytes, np.random.Generator], bytes]] = {
    "cut in half": lambda content, _: content[: len(content) // 2],
    "cut anywhere": lambda content, rng: content[: rng.integers(1, len(content) - 1)],
    "emptied": lambda *_: b"",
    "zero bytes": lambda content, _: (
        content[: len(content) // 3] + bytes(len(content) - len(content) // 3)
    ),
    "a byte flipped": lambda content, rng: flipped(content, rng),
    "other text": lambda *_: b'{"table": not what was written',
}


def flipped(content: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(content)
    changed[rng.integers(len(content))] ^= 1 << rng.integers(7)
    return bytes(changed)


def damage(path: Path, rng: np.random.Generator, how: str) -> None:
    path.write_bytes(DAMAGES[how](path.read_bytes(), rng))


def damaged_in_a_cell(name: str) -> Callable[[Project, np.random.Generator], Tried]:
    """Return the fault of a damaged file of a finished cell: collect and publish refuse it, grid or
    cell mends it.
    """

    def fault(project: Project, rng: np.random.Generator) -> Tried:
        for number, how in enumerate(DAMAGES):
            project.begin("finished")
            damage(project.root / CELLS / NAME / name, rng, how)
            before = (project.root / COLLECTED).read_bytes()
            problems = []
            for command in (COLLECT, PUBLISH):
                status, output = project.finish(command)
                problems += message(output, DAMAGED) + ([] if status else [f"{command[0]} took it"])
            problems += (
                ["the collected table changed"]
                if (project.root / COLLECTED).read_bytes() != before
                else []
            )
            problems += mend(project, CELL if number else GRID)
            yield f"{name}, {how}", problems

    return fault


def mend(project: Project, command: tuple[str, ...]) -> list[str]:
    """Let a command find a damaged cell and make it anew."""
    status, output = project.finish(command)
    problems = message(output, f"{DAMAGED}.*It is made again") + (
        [f"ended with {status}"] if status else []
    )
    if command == CELL:
        status, output = project.finish(COLLECT)
        problems += [f"collect ended with {status}: {output}"] if status else []
    return problems + compare(project, COLLECT)


def damaged_notebook(project: Project, rng: np.random.Generator) -> Tried:
    """Damage an executed notebook: it is named, and its cell's table stands."""
    for how in DAMAGES:
        project.begin("finished")
        path = project.root / CELLS / NAME / "notebook.ipynb"
        damage(path, rng, how)
        status, output = project.finish(GRID)
        problems = [f"ended with {status}"] if status else []
        problems += message(
            output, "" if is_json(path) else r"notebook.ipynb cannot be read as a notebook"
        )
        yield how, problems + compare(project, GRID)


def is_json(path: Path) -> bool:
    try:
        return bool(json.loads(path.read_text()))
    except ValueError:
        return False


def damaged_fit(project: Project, rng: np.random.Generator) -> Tried:
    """Damage a finished fit of an unfinished cell: it alone is made again."""
    for how in DAMAGES:
        project.begin("kept")
        files = sorted(project.root.glob(f"{CELLS}/{NAME}/fits/*/*.json"))
        path = files[rng.integers(len(files))]
        others = finished_fits(project) - set(fits_of(path))
        damage(path, rng, how)
        status, output = project.finish(CELL)
        problems = message(output, f"{path.name} is damaged: its fit is made again")
        problems += [f"ended with {status}"] if status else []
        problems += (
            [f"{len(others - finished_fits(project))} others are lost"]
            if others - finished_fits(project)
            else []
        )
        yield f"{path.name}, {how}", problems + compare(project) + rerun(project, CELL)


def fits_of(path: Path) -> Iterator[tuple]:
    for row in pd.read_csv(
        pd.io.common.StringIO(json.loads(path.read_text())["table"])
    ).itertuples():
        yield row.cell, row.replicate, row.model, row.seconds


def damaged_trials(project: Project, rng: np.random.Generator) -> Tried:
    """Damage the database of Optuna's trials of a cell that has no fit yet: the search is made again.

    Not by a single byte: SQLite has no checksums that would tell.
    """
    for how in [how for how in DAMAGES if how != "a byte flipped"]:
        project.begin("finished")
        path = project.root / CELLS / NAME / "studies.sqlite"
        for other in path.parent.glob("*.*"):
            if other != path:
                other.unlink()
        shutil.rmtree(path.parent / "fits")
        damage(path, rng, how)
        status, output = project.finish(CELL)
        problems = message(
            output,
            "" if how == "emptied" else "studies.sqlite must hold Optuna's trials.*made again",
        )
        problems += [f"ended with {status}"] if status else []
        yield f"studies.sqlite, {how}", problems + compare(project) + rerun(project, CELL)


def damaged_collection(project: Project, rng: np.random.Generator) -> Tried:
    """Damage a table that cells were collected in, or its provenance: made again by the grid, refused
    by publish.
    """
    for number, how in enumerate(DAMAGES):
        suffix = ".csv" if number in (0, 3, 4) else ".provenance.json"
        project.begin("published")
        path = project.root / (BOOK / "correlation.csv" if number % 2 else COLLECTED).with_suffix(
            suffix
        )
        whole = path.read_bytes()
        damage(path, rng, how)
        if number % 2:
            status, output = project.finish(PUBLISH)
            problems = message(output, DAMAGED) + ([] if status else ["it took it"])
            path.write_bytes(whole)  # as the message says
            problems += rerun(project, PUBLISH)
        else:
            status, output = project.finish(GRID)
            problems = message(output, f"{DAMAGED}.*It is made again") + (
                [f"ended with {status}"] if status else []
            )
            problems += compare(project, GRID)
        yield f"{path.relative_to(project.root)}, {how}", problems


def two_runners(project: Project, rng: np.random.Generator) -> Tried:
    """Start a second command on the same folder while the first is at work there."""
    for first, second in ((GRID, GRID), (GRID, CELL), (CELL, CELL), (CELL, GRID)):
        yield f"{name_of(first)}, then {name_of(second)}", start_two(project, first, second)


def start_two(project: Project, first: tuple[str, ...], second: tuple[str, ...]) -> list[str]:
    project.begin("fresh")
    run = project.start(first)
    lock = project.root / ("runs/.lock" if first == second == GRID else CELLS / NAME / ".lock")
    while run.poll() is None and not lock.exists():
        time.sleep(0.01)
    # so that it does not end before the second is there
    frozen = [psutil.Process(run.pid), *workers(project, KERNEL)]
    signal_all(frozen, signal.SIGSTOP)
    said = project.output.with_suffix(".first")
    project.output.rename(said)
    status, output = project.finish(second)
    signal_all(frozen, signal.SIGCONT)
    problems = message(output, r"Another (run|process) works in") + (
        [] if status else ["both went on"]
    )
    ended = end(run)
    problems += [f"the first ended with {ended}: {said.read_text()}"] if ended else []
    return problems + compare(project) + rerun(project, CELL if first == second == CELL else GRID)


def signal_all(processes: list[psutil.Process], number: int) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def out_of_memory(project: Project, rng: np.random.Generator) -> Tried:
    """Ask for more memory than there is; take the memory away that a fit needs, from a cell and from a
    kernel.
    """
    with tempfile.TemporaryDirectory() as folder:
        huge = make_project(Path(folder), {"hidden_width": 10**7})
        for command in (CELL, GRID):
            status, output = huge.finish(command)
            problems = message(output, f"{NAME} needs about .* GiB of memory, and this machine has")
            problems += [] if status else ["it ended well"]
            problems += ["it left a table"] if list(huge.root.glob(f"{CELLS}/*/table.csv")) else []
            yield f"{name_of(command)}, refused", problems
    with tempfile.TemporaryDirectory() as folder:
        changes = {"hidden_width": 4096, "mlp_max_epochs": 1, "mlp_learning_rates": [0.01]}
        wide = make_project(Path(folder), changes)
        peak = {
            GRID: peak_address_space(project, GRID, KERNEL),
            CELL: peak_address_space(project, CELL, ""),
        }
        assert wide.finish(GRID)[0] == 0
        wide.reference = tables(wide)
        for command in (CELL, GRID):
            wide.begin("fresh")
            output = limited(wide, command, peak[command] + 80 * 2**20)
            problems = message(
                output, r"(?i)out of memory|can't allocate memory|MemoryError|Unable to allocate"
            )
            problems += compare(wide) + rerun(wide, command)
            yield f"{name_of(command)}, in a fit", problems


def of_interest(project: Project, run: subprocess.Popen, word: str) -> list[psutil.Process]:
    return workers(project, word) if word else [psutil.Process(run.pid)]


def peak_address_space(project: Project, command: tuple[str, ...], word: str) -> int:
    """Return the most address space that a small run takes, in bytes: of its kernels, or its own."""
    project.begin("fresh")
    run, peak = project.start(command), 0
    while run.poll() is None:
        with contextlib.suppress(psutil.Error):
            peak = max(
                [peak, *(process.memory_info().vms for process in of_interest(project, run, word))]
            )
        time.sleep(0.02)
    return peak


def limited(project: Project, command: tuple[str, ...], limit: int) -> str:
    """Run a command with its own, or its kernels', address space limited; return what it printed."""
    run, word = project.start(command), KERNEL if command == GRID else ""
    while run.poll() is None:
        for process in of_interest(project, run, word):
            with contextlib.suppress(psutil.Error, ValueError):
                process.rlimit(psutil.RLIMIT_AS, (limit, limit))
        time.sleep(0.02)
    return project.said()


def dead_kernel(project: Project, rng: np.random.Generator) -> Tried:
    """End a kernel as a crash in compiled code or the system's memory guard does, while it computes."""
    for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL):
        yield from until_hit(lambda number=number: crash_once(project, rng, number))


def crash_once(
    project: Project, rng: np.random.Generator, number: signal.Signals
) -> tuple[str, list[str]] | None:
    project.begin("fresh")
    run = project.start(GRID)
    kernel = await_worker(project, run, KERNEL)
    while run.poll() is None and not list(project.root.glob(f"{CELLS}/*/fits/*/*.json")):
        time.sleep(0.01)
    time.sleep(rng.uniform(0, 1))
    if kernel is None or not kernel.is_running():
        end(run)
        return None
    kernel.send_signal(number)
    problems = ["it ended well"] if end(run) == 0 else []
    problems += message(project.said(), f"(?s)Failed: {NAME}; .*[Kk]ernel died.*{AGAIN}")
    return number.name, problems + compare(project) + rerun(project, GRID)


def hanging_worker(project: Project, rng: np.random.Generator) -> Tried:
    """Stop a process for good: a grid with a time ends all the same, an interrupted one too, and a
    next one goes on.
    """
    for word in (KERNEL, PAPERMILL, f"-m {SNAKEMAKE}"):
        yield from until_hit(lambda word=word: hang_once(project, rng, word, timed=True))
    yield from until_hit(lambda: hang_once(project, rng, KERNEL, timed=False))


def hang_once(
    project: Project, rng: np.random.Generator, word: str, timed: bool
) -> tuple[str, list[str]] | None:
    span = 2 * project.seconds["grid"]
    project.begin("fresh")
    run = project.start((*GRID, "--stop-after", f"{span:.0f}s") if timed else GRID)
    worker = await_worker(project, run, word)
    time.sleep(rng.uniform(0, 2))
    if worker is None or not worker.is_running():
        end(run)
        return None
    worker.suspend()
    if not timed:
        time.sleep(span)
        os.killpg(run.pid, signal.SIGINT)
    status = end(run, limit=span + 3 * workflow.GRACE)
    problems = {None: ["it hangs"], 0: ["it ended well"]}.get(status, [])
    problems += message(project.said(), AGAIN) + compare(project) + rerun(project, GRID)
    return f"{word}, {'--stop-after' if timed else 'an interrupt'}", problems


FAULTS: dict[str, Callable[[Project, np.random.Generator], Tried]] = {
    "SIGKILL": sigkill,
    "Ctrl-C": control_c,
    "full disk": full_disk,
    "read-only folder": read_only,
    "damaged table": damaged_in_a_cell("table.csv"),
    "damaged provenance": damaged_in_a_cell("provenance.json"),
    "damaged notebook": damaged_notebook,
    "damaged finished fit": damaged_fit,
    "damaged collected table": damaged_collection,
    "two runners": two_runners,
    "out of memory": out_of_memory,
    "dead kernel": dead_kernel,
    "hanging worker": hanging_worker,
    "damaged trials": damaged_trials,
    "SIGTERM": terminate,
}
# of all that a fault tries, each with moments of its own; the others have one
ROUNDS = {"SIGKILL": 3}


def main(arguments: list[str] | None = None) -> int:
    """Try faults and return the exit status: 0 where all were survived."""
    parser = argparse.ArgumentParser(
        prog="python tests/faults.py", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="moments and places are drawn from it (1)"
    )
    parser.add_argument(
        "--only",
        choices=FAULTS,
        nargs="+",
        default=list(FAULTS),
        help="the rows that are made anew",
    )
    parser.add_argument("--jobs", type=int, default=1, help="faults tried at a time (1)")
    options = parser.parse_args(arguments)
    started, commit = datetime.now(UTC), results.commit()  # before a row is written
    with tempfile.TemporaryDirectory() as folder:
        project = make_project(Path(folder, "whole"))
        prepare(project)
        spans = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in project.seconds.items())
        print(f"undisturbed: {spans}", flush=True)
        with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
            rounds = {fault: range(ROUNDS.get(fault, 1)) for fault in options.only}
            tasks = {
                fault: [
                    pool.apply_async(try_fault, (project, fault, options.seed, number))
                    for number in numbers
                ]
                for fault, numbers in rounds.items()
            }
            # a row is written once it is whole: hours are not lost by the last
            for fault, parts in tasks.items():
                write_row(fault, pd.DataFrame([part.get() for part in parts]), commit)
    record = results.provenance({"seed": options.seed}, started) | {"commit": commit}
    storage.write_text(TABLE.with_suffix(".provenance.json"), json.dumps(record, indent=1) + "\n")
    table = pd.read_csv(TABLE).set_index("fault")
    print(table.to_string())
    return int((table.loc[options.only, "tried"] != table.loc[options.only, "survived"]).any())


def write_row(fault: str, rounds: pd.DataFrame, commit: str) -> None:
    """Write a fault's row of the table in place of its former one, with the commit that was tried."""
    row = {"fault": fault} | rounds[["tried", "survived"]].sum().to_dict() | {"commit": commit}
    known = pd.read_csv(TABLE).set_index("fault") if TABLE.exists() else pd.DataFrame()
    table = pd.concat(
        [known.drop(index=fault, errors="ignore"), pd.DataFrame([row]).set_index("fault")]
    )
    order = [name for name in FAULTS if name in table.index]
    storage.write_table(TABLE, table.loc[order].reset_index())


def try_fault(whole: Project, fault: str, seed: int, number: int) -> dict[str, int]:
    """Try a fault in a copy of a project; print what was tried with what went wrong; return the row of
    the table.
    """
    # what a shell starts in the background ignores it
    signal.signal(signal.SIGINT, signal.default_int_handler)
    row = {"fault": fault, "tried": 0, "survived": 0}
    rng = np.random.default_rng([seed, list(FAULTS).index(fault), number])
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(whole.states.parent, folder, symlinks=True, dirs_exist_ok=True)
        project = dataclasses.replace(
            whole, root=Path(folder, whole.root.name), states=Path(folder, "states")
        )
        try:
            for what, problems in FAULTS[fault](project, rng):
                row["tried"] += 1
                row["survived"] += not problems
                print(
                    f"{datetime.now():%H:%M:%S} {fault}: {what}: {'; '.join(problems) or 'survived'}",
                    flush=True,
                )
        except Exception as error:  # what stops a try was not survived
            row["tried"] += 1
            print(f"{datetime.now():%H:%M:%S} {fault}: {error!r}", flush=True)
        finally:
            workflow.kill(project.root)
    return row


if __name__ == "__main__":
    sys.exit(main())
