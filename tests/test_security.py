"""What a stranger's file, name or path can do: nothing but be read, refused or written to."""

import ast
import getpass
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import yaml

import bad_input
from conftest import ROOT
from epidl.grid import cell, params, results
from epidl.models import tuning
from epidl.own import reader

HOSTILE = [
    "a b",
    "it's",
    'say "x"',
    "$(touch ran)",
    "`touch ran`",
    "; touch ran;",
    "a && touch ran",
    "a | touch ran",
    "new\nline",
    "-rf",
    "*",
    "~",
    "{output}",
    "{0}",
    "%s",
    "q?a=b#c",
    "ünï ☃",
    "a" * 200,
    "..",
    "../outside",
    "sub/../sub",
]
WRITTEN = {"table.csv", "table.sha256", "provenance.json", ".lock"}  # beside the folder fits


@pytest.fixture
def inside(tmp_path, monkeypatch):
    """A folder within a folder, to work in: a test sees what was written beside it, too."""
    (tmp_path / "here" / "inside").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here" / "inside")
    return tmp_path / "here" / "inside"


def ran(folder: Path) -> bool:
    """Tell whether a name was run as a command, anywhere below a folder."""
    return any(path.name == "ran" for path in folder.rglob("*"))


# --- Nothing runs code from a file ---------------------------------------------------------------------------------

FORBIDDEN = {
    *(
        "pickle.load",
        "pickle.loads",
        "pickle.Unpickler",
        "joblib.load",
        "dill.load",
        "shelve.open",
        "marshal.loads",
    ),
    *(
        "pd.read_pickle",
        "pandas.read_pickle",
        "os.system",
        "os.popen",
        "eval",
        "exec",
        "compile",
        "__import__",
    ),
    *(
        "yaml.unsafe_load",
        "yaml.full_load",
        "yaml.load_all",
        "subprocess.getoutput",
        "subprocess.getstatusoutput",
    ),
}


def unsafe_calls(source: str) -> list[str]:
    """Return the calls in a module that could run what a file or a parameter holds."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        unsafe = name in FORBIDDEN or given.get("shell", "False") != "False"
        unsafe |= (
            name.endswith(".load")
            and name.split(".")[0] in ("np", "numpy")
            and given.get("allow_pickle") is not None
        )
        unsafe |= name == "torch.load" and given.get("weights_only") != "True"
        unsafe |= name == "yaml.load" and given.get("Loader") != "_Loader"
        if unsafe:
            found.append(f"line {node.lineno}: {ast.unparse(node)}")
    return found


@pytest.mark.parametrize(
    "source",
    [
        "pickle.load(f)",
        "pd.read_pickle(p)",
        "np.load(p, allow_pickle=True)",
        "torch.load(p)",
        "torch.load(p, weights_only=False)",
        "yaml.load(t, Loader=yaml.Loader)",
        "subprocess.run(c, shell=True)",
        "os.system(c)",
        "eval(t)",
    ],
)
def test_the_walk_finds_what_it_looks_for(source):
    assert unsafe_calls(source)


def test_nothing_in_the_library_runs_what_a_file_holds():
    modules = [
        *(ROOT / "lib").rglob("*.py"),
        *(ROOT / "book").glob("*.py"),
        *(ROOT / "benchmarks").glob("*.py"),
    ]
    found = {str(path.relative_to(ROOT)): unsafe_calls(path.read_text()) for path in modules}
    assert len(found) > 50
    assert {path: calls for path, calls in found.items() if calls} == {}
    imported = {alias.name for path in modules for alias in imports(path)}
    assert not imported & {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal"}


def imports(path: Path) -> list[ast.alias]:
    tree = ast.walk(ast.parse(path.read_text()))
    return [
        alias
        for node in tree
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    ]


def test_the_loader_of_parameter_files_makes_plain_values_alone():
    assert issubclass(params._Loader, yaml.SafeLoader)
    assert params._Loader.yaml_constructors == yaml.SafeLoader.yaml_constructors
    assert params._Loader.yaml_multi_constructors == yaml.SafeLoader.yaml_multi_constructors


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system ['touch ran']",
        "!!python/object/new:os.system ['touch ran']",
        "!!python/object:pathlib.Path {}",
        "!!python/name:os.system",
        "!!python/module:os",
        "!!python/tuple [1]",
    ],
)
def test_a_tag_in_a_parameter_file_runs_nothing(inside, tag):
    text = (ROOT / "params" / "scaling.yml").read_text().replace("[0, 0.1, 0.5, 1, 3]", tag)
    (inside / "scaling.yml").write_text(text)
    with pytest.raises(params.ParameterError, match="cannot be read as YAML"):
        params.load_grids(inside / "scaling.yml")
    assert not ran(inside)


def test_a_file_of_aliases_that_multiply_is_refused_at_once(inside):
    """Nine levels of nine aliases: a thousand million values, were they written out in the message."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 10)]
    text = (ROOT / "params" / "scaling.yml").read_text()
    inner = "\n".join(f"  {line}" for line in lines)
    (inside / "scaling.yml").write_text(text.replace("\nbase:", f"\nbase:\n{inner}"))
    with pytest.raises(params.ParameterError, match="a9 is not a parameter") as caught:
        params.load_grids(inside / "scaling.yml")
    assert len(str(caught.value)) < 20_000


# --- Nothing in a parameter reaches a shell ------------------------------------------------------------------------


def test_every_value_in_the_snakefile_s_commands_is_quoted():
    source = (ROOT / "Snakefile").read_text()
    commands = [
        body
        for _, body in re.findall(r"^( +)shell:\n((?:\1    .*\n)+)", source, flags=re.MULTILINE)
    ]
    assert len(commands) == source.count("shell:\n") >= 6
    commands += re.findall(
        r"^    (?:run = |return ).*papermill.*$|^    return \"run.*$", source, flags=re.MULTILINE
    )
    values = [
        value for text in commands for value in re.findall(r"(?<!\{)\{([^{}]+)\}(?!\})", text)
    ]
    assert len(values) > 12
    assert [value for value in values if not value.endswith(":q")] == []


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_output_is_a_folder_and_nothing_else(inside, name):
    computed = params.make_cell(params.ScalingCell, **bad_input.CELL)
    cell.compute(computed, inside / name)
    assert {path.name for path in (inside / name).iterdir() if path.is_file()} == WRITTEN
    assert results.read_cell(inside / name)[0].record["parameters"]["n_samples"] == 40
    assert not ran(inside.parent)
    cell.compute(computed, inside / name)  # is there already


@pytest.mark.parametrize("name", ["/etc/passwd/x", "a" * 300, "nul\0l"])
def test_an_output_that_cannot_be_is_refused_before_anything_is_computed(inside, name, monkeypatch):
    monkeypatch.setattr(cell.core, "run", lambda *_, **__: pytest.fail("computed"))
    with pytest.raises(ValueError, match=r"output must be a (path|folder)"):
        cell.compute(params.make_cell(params.ScalingCell, **bad_input.CELL), name)
    assert not list(inside.iterdir())


@pytest.mark.parametrize("name", [name for name in HOSTILE if ".." not in name])
def test_trials_are_stored_where_they_should_be(inside, name):
    file = inside / name / "studies.sqlite"
    _, table = tuning.search(
        lambda *_: (1.0, {}), {"rate": (1, 2)}, n_trials=1, seed=1, name=name, file=file
    )
    assert len(table) == 1
    assert list(inside.rglob("*.sqlite")) == [file]
    assert sum(path.is_file() for path in inside.parent.rglob("*")) == 1
    assert not ran(inside.parent)


@pytest.mark.parametrize("name", [name for name in HOSTILE if "/" not in name and name != ".."])
def test_files_of_hostile_names_are_read(inside, name):
    for path in reader.EXAMPLE.glob("example.*"):
        shutil.copy(path, inside / f"{name}{path.suffix}")
    shutil.copy(reader.EXAMPLE / "phenotypes.csv", inside / f"{name}.csv")
    bad_input.run_notebook(
        "own_data", 2, genotypes=f"{name}.bed", phenotypes=f"{name}.csv", trait="height"
    )
    assert not ran(inside.parent)


@pytest.mark.parametrize("data", HOSTILE)
def test_a_hostile_folder_of_data_is_looked_into_and_no_more(inside, data, capsys):
    wanted = params.make_cell(
        params.ScalingCell, **bad_input.CELL | {"source": "zenodo", "data": data}
    )
    with pytest.raises(FileNotFoundError, match="data must hold the authors' files"):
        cell.compute(wanted, inside / "out")
    assert not ran(inside.parent)
    assert not (inside / "out" / "table.csv").exists()


@pytest.mark.parametrize("source", [name for name in HOSTILE if name != "~"])
def test_a_hostile_source_is_refused(source):
    with pytest.raises(
        params.ParameterError, match="source: Input should be 'simulated' or 'zenodo'"
    ):
        params.make_cell(params.ScalingCell, **bad_input.CELL | {"source": source})


def test_a_notebook_writes_to_a_hostile_output(inside, monkeypatch):
    name = 'it\'s "x" $(touch ran); `touch ran` ü'
    small = {"n_samples": 100, "n_replicates": 1, "protocols": ["published"], "display": print}
    monkeypatch.chdir(inside)
    bad_input.run_notebook("ridge_vs_sgd", None, output=name, profile=name, **small)
    plt.close("all")
    assert {path.name for path in (inside / name).iterdir()} == WRITTEN | {"fits"}
    assert set(pd.read_csv(inside / name / "table.csv")["profile"]) == {name}
    assert not ran(inside.parent)


@pytest.mark.slow
def test_a_grid_of_hostile_parameters_in_a_hostile_folder_runs_none_of_them(tmp_path):
    project = tmp_path / "it's a $(touch ran); `touch ran` & ü"
    for name in ("params", "notebooks", "profiles", "book"):
        shutil.copytree(ROOT / name, project / name)
    shutil.copy(ROOT / "Snakefile", project)
    path = project / "params" / "ridge_vs_sgd.yml"
    content = yaml.safe_load(path.read_text())
    hostile = '\'; touch ran; echo $(touch ran) "`touch ran`" \n touch ran #'
    sound = {"n_samples": 100, "scaling": 1, "n_replicates": 1, "profile": hostile}
    missing = sound | {"source": "zenodo", "data": hostile}
    content["profiles"]["smoke"]["grids"] = [sound, missing]
    path.write_text(yaml.safe_dump(content))
    command = [
        sys.executable,
        "-m",
        "epidl.grid",
        "smoke",
        "--cores",
        "2",
        "runs/smoke/ridge_vs_sgd.csv",
    ]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    cells = project / "runs" / "smoke" / "ridge_vs_sgd"
    table = pd.read_csv(cells / "n100_scaling1" / "table.csv")
    assert set(table["profile"]) == {hostile}, done.stderr
    assert done.returncode == 1
    assert "Failed: n100_scaling1_zenodo" in done.stderr
    assert "Failed: n100_scaling1;" not in done.stderr
    assert not (cells / "n100_scaling1_zenodo" / "table.csv").exists()
    assert (
        "data must hold the authors' files"
        in (cells / "n100_scaling1_zenodo" / "log.txt").read_text()
    )
    assert not ran(tmp_path)


# --- Nothing of a machine stays in what is published ---------------------------------------------------------------

LOCAL = re.compile(
    r"(?<![\w.~/:-])/(?:root|home/\w+|Users/\w+|tmp|var/folders|mnt|work)\b|[A-Z]:\\\\?Users"
)
TEXT = {
    ".md",
    ".ipynb",
    ".json",
    ".csv",
    ".yml",
    ".yaml",
    ".bib",
    ".css",
    ".cff",
    ".html",
    ".svg",
    ".toml",
    ".txt",
}


def published_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("no git checkout: tracked files are not known")
    return [ROOT / name for name in listed.stdout.split("\0") if Path(name).suffix in TEXT]


@pytest.mark.parametrize(
    "text", ["see /root/x", '"/home/ada/run"', "in /tmp/abc", "'/Users/ada'", r"C:\Users\ada"]
)
def test_a_local_path_is_recognised(text):
    assert LOCAL.search(text)


def test_no_published_file_holds_a_local_path_or_a_user_s_name():
    files = published_files()
    assert len(files) > 60
    # what bad_input.csv refuses is quoted there, as given; no folder of a machine is among it
    found = {
        str(path.relative_to(ROOT)): LOCAL.findall(path.read_text(errors="replace"))
        for path in files
    }
    assert {path: places for path, places in found.items() if places} == {}


def test_no_published_record_names_the_machine_or_its_user():
    names = {
        getpass.getuser(),
        socket.gethostname(),
        Path.home().name,
        os.environ.get("USER", ""),
    } - {
        "",
        "root",
        "user",
    }
    pattern = re.compile(
        "|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in names if len(name) > 3) or "(?!)"
    )
    records = [path for path in published_files() if path.suffix in (".ipynb", ".json", ".csv")]
    assert [path.name for path in records if pattern.search(path.read_text())] == []


def test_notebooks_carry_no_trace_of_the_run_that_made_them():
    for path in published_files():
        if path.suffix == ".ipynb":
            notebook = json.loads(path.read_text())
            assert set(notebook["metadata"]) <= {"kernelspec", "language_info"}, path
            assert notebook["metadata"].get("kernelspec", {}).get("name", "python3") == "python3", (
                path
            )
            for part in notebook["cells"]:
                assert set(part["metadata"]) <= {"tags", "mystnb", "editable", "slideshow"}, path
                assert not any(
                    output["output_type"] == "error" for output in part.get("outputs", [])
                ), path
