"""Tables and provenance: whole or not at all."""

import json
import subprocess
from datetime import UTC, datetime

import pandas as pd
import pytest

from conftest import ROOT
from epidl import storage
from epidl.grid import results
from epidl.grid.params import CELL_TYPES

COLUMNS = {
    "experiment": "scaling",
    "cell": "a",
    "replicate": 1,
    "trait": 1,
    "model": "ridge",
    "protocol": "published",
}
RECORD = {
    "parameters": {},
    "commit": "c",
    "device": "d",
    "started": "2026-01-01",
    "seconds": 3.0,
    "peak_memory_mb": 9,
}


def table(r: float, name: str = "a") -> pd.DataFrame:
    return pd.DataFrame([COLUMNS | {"cell": name, "pearson_r": r, "seed": 2**63 - 1}])


def write(folder, r=0.1 + 0.2, name="a"):
    results.write_cell(folder, table(r, name), {"n_samples": 20}, datetime.now(UTC))


def test_a_table_comes_back_with_all_its_digits(tmp_path):
    write(tmp_path / "cell")
    pd.testing.assert_frame_equal(
        results.read_table(tmp_path / "cell" / "table.csv"), table(0.1 + 0.2), check_exact=True
    )


def test_a_library_that_stands_in_another_project_s_checkout_has_no_commit(tmp_path, monkeypatch):
    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(
            ["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True
        )

    copy = tmp_path / "results.py"
    copy.write_text("")
    git("init")
    git("commit", "--allow-empty", "-m", "another project")
    monkeypatch.setattr(results, "__file__", str(copy))
    assert results.commit() == "unknown"
    git("add", "results.py")
    git("commit", "-m", "its own")
    assert len(results.commit()) == 12


def test_provenance_says_what_repeats_the_result(tmp_path):
    write(tmp_path)
    record = json.loads((tmp_path / "provenance.json").read_text())
    assert record["parameters"] == {"n_samples": 20}
    assert {"python", "torch", "numpy", "epidl"} <= set(record["versions"])
    assert record["commit"]
    assert record["device"]
    assert 0 <= record["seconds"] < 60
    assert record["peak_memory_mb"] > 10
    assert datetime.fromisoformat(record["started"]).tzinfo


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    write(tmp_path, r=0.5)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full_disk(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path, r=0.9)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_side_tables_belong_to_their_table_or_the_old_ones_stay(tmp_path, monkeypatch):
    def write_both(r, names):
        side = {name: pd.DataFrame({"loss": [r]}) for name in names}
        results.write_cell(tmp_path, table(r), {}, datetime.now(UTC), side)

    def found():
        return {
            path.name: float(pd.read_csv(path).iloc[0, -1]) for path in tmp_path.glob("trials.csv")
        } | {"r": float(results.read_table(tmp_path / "table.csv")["pearson_r"].iloc[0])}

    write_both(0.1, ["trials", "importances"])
    real = storage.write_table

    def full_disk(path, content):
        if path.name == "table.csv":
            raise OSError(28, "No space left on device")
        real(path, content)

    monkeypatch.setattr(results, "write_table", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_both(0.9, ["trials"])
    assert found() == {"trials.csv": 0.1, "r": 0.1}
    monkeypatch.undo()
    write_both(0.5, ["trials"])
    assert found() == {"trials.csv": 0.5, "r": 0.5}
    names = ["provenance.json", "table.csv", "table.sha256", "trials.csv"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    with pytest.raises(
        ValueError, match="side must hold tables named trials, importances, report, got notes"
    ):
        write_both(0.5, ["notes"])


def test_trials_are_collected_beside_the_table_and_do_not_outlive_it(tmp_path):
    for name, side in (("a", {}), ("b", {"trials": table(0.1, "b").assign(loss=0.3)})):
        results.write_cell(tmp_path / name, table(0.1, name), {}, datetime.now(UTC), side)
    results.collect(
        [*results.read_cell(tmp_path / "a"), *results.read_cell(tmp_path / "b")],
        tmp_path / "all.csv",
    )
    assert pd.read_csv(tmp_path / "all.trials.csv")["loss"].tolist() == [0.3]
    results.collect(results.read_cell(tmp_path / "a"), tmp_path / "all.csv")
    assert not (tmp_path / "all.trials.csv").exists()


def test_cells_are_collected_in_the_order_given(tmp_path):
    for name, r in (("b", 0.2), ("a", 0.1)):
        write(tmp_path / name, r, name)
    cells = [*results.read_cell(tmp_path / "b"), *results.read_cell(tmp_path / "a")]
    joined = results.collect(cells, tmp_path / "all.csv")
    assert joined["pearson_r"].tolist() == [0.2, 0.1]
    pd.testing.assert_frame_equal(results.read_table(tmp_path / "all.csv"), joined)
    [record] = json.loads((tmp_path / "all.provenance.json").read_text())  # of one origin
    assert record["fits"] == ["b 1 published ridge", "a 1 published ridge"]


def test_a_missing_or_broken_table_is_named(tmp_path):
    with pytest.raises(ValueError, match="at least one finished fit"):
        results.collect([], tmp_path / "all.csv")
    with pytest.raises(ValueError, match=r"a/table.csv must be a result table"):
        results.collect(results.read_cell(tmp_path / "a"), tmp_path / "all.csv")
    for text in ("", "half,a,tab\n1,2,3\n"):
        (tmp_path / "table.csv").write_text(text)
        with pytest.raises(ValueError, match="must be a result table"):
            results.read_table(tmp_path / "table.csv")
    assert not (tmp_path / "all.csv").exists()


def finished(r: float, name: str, **record) -> results.Fitted:
    return results.Fitted(table(r, name), {}, RECORD | record)


def test_fits_come_back_with_their_own_origin_and_those_of_one_share_its_seconds(tmp_path):
    given = [
        finished(0.1, "a"),
        finished(0.2, "b", commit="d", seconds=5.0),
        finished(0.3, "c", seconds=1.0),
    ]
    results.collect(given, tmp_path / "all.csv")
    records = results.read_records(tmp_path / "all.provenance.json")
    assert [(record["commit"], record["seconds"]) for record in records] == [("c", 4.0), ("d", 5.0)]
    found = results.read_collected(tmp_path / "all.csv")
    assert [(fit.cell, fit.record["commit"], fit.record["seconds"]) for fit in found] == [
        ("a", "c", 2.0),
        ("b", "d", 5.0),
        ("c", "c", 2.0),
    ]


def test_a_record_is_of_the_fits_it_names_or_alone_of_all():
    both = pd.concat([table(0.1), table(0.2).assign(replicate=2)], ignore_index=True)
    fits = results.split(both, {}, [RECORD])
    assert [(fit.name, fit.record["commit"], fit.record["seconds"]) for fit in fits] == [
        ("a 1 published ridge", "c", 1.5),
        ("a 2 published ridge", "c", 1.5),
    ]
    pd.testing.assert_frame_equal(results.join(fits)[0], both)
    named = RECORD | {"fits": ["a 1 published ridge"]}
    with pytest.raises(ValueError, match="records must each name their fits, or be one for all"):
        results.split(both, {}, [named, RECORD])
    with pytest.raises(ValueError, match="records must be of the table's 2 fits, got 1"):
        results.split(both, {}, [named])


def test_what_others_wrote_in_a_folder_stays(tmp_path):
    """Only what the former checksums name is replaced or goes."""
    (tmp_path / "report.csv").write_text("the user's")
    results.write_cell(tmp_path, table(0.1), {}, datetime.now(UTC), {"trials": table(0.2)})
    results.write_cell(tmp_path, table(0.3), {}, datetime.now(UTC))
    assert (tmp_path / "report.csv").read_text() == "the user's"
    assert not (tmp_path / "trials.csv").exists()
    with pytest.raises(ValueError, match=r"holds report.csv: move it"):
        results.check_own(tmp_path)
    (tmp_path / "report.csv").unlink()
    results.check_own(tmp_path)


def test_collecting_replaces_a_collected_table_and_nothing_else(tmp_path):
    cells = [finished(0.1, "a"), finished(0.2, "b")]
    results.collect(cells, tmp_path / "all.csv")
    results.collect(cells[:1], tmp_path / "all.csv")
    assert [fit.cell for fit in results.read_collected(tmp_path / "all.csv")] == ["a"]
    write(tmp_path / "cell")
    (tmp_path / "README.md").write_text("read me")
    for path, bound in {
        tmp_path / "README.md": "ends with .csv",
        tmp_path / "cell" / "table.csv": "is something else",
    }.items():
        before = path.read_bytes()
        with pytest.raises(ValueError, match=bound):
            results.collect(cells, path)
        assert path.read_bytes() == before
    with pytest.raises(ValueError, match="got a 1 published ridge more than once"):
        results.collect([*cells, cells[0]], tmp_path / "all.csv")


def test_a_collected_table_has_its_checksums(tmp_path):
    results.collect([finished(0.1, "a")], tmp_path / "all.csv")
    (tmp_path / "all.sha256").unlink()
    with pytest.raises(ValueError, match=r"all.sha256 is missing"):
        results.read_collected(tmp_path / "all.csv")


@pytest.mark.parametrize(
    "content",
    ['{"parameters": [], "commit": "c"}', '{"parameters": {}, "commit": null}', "[" * 100_000, "3"],
)
def test_a_provenance_of_other_content_is_refused(tmp_path, content):
    write(tmp_path)
    (tmp_path / "provenance.json").write_text(content)
    with pytest.raises(ValueError, match=r"provenance.json must be a provenance"):
        results.read_records(tmp_path / "provenance.json")


def test_every_table_that_ships_is_as_it_was_written():
    """All collected tables have checksums, which hold: a table that was changed by hand is found out.
    Their records are of cells that can be asked for again.
    """
    data = ROOT / "book" / "data"
    shipped = [path for path in data.rglob("*.provenance.json") if path.read_text().startswith("[")]
    assert len(shipped) > 10
    for path in shipped:
        assert results.read_collected(path.with_name(path.name.replace(".provenance.json", ".csv")))
        for record in results.read_records(path):
            parameters = record["parameters"]
            assert CELL_TYPES[parameters["experiment"]](**parameters)
