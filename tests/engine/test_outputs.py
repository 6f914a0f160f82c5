"""A glob over ``kept`` or ``removed`` reads the rows that the receipts say, after any run that completed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import refinery
from refinery.errors import UsageError
from refinery.inspect.garbage import collect_garbage
from refinery.inspect.runs import status
from refinery.inspect.verification import UNFINISHED, verify
from refinery.planner.selection import Selection
from refinery.runner.run import run
from refinery.store import LocalStore
from tests.engine.looked import make, recipe
from tests.engine.roots import RootContents, all_files, all_kinds, pipeline, quick, steps
from tests.engine.test_histories import a_world, changes, killed_at, runs
from tests.engine.toy import Length, LineSource, Upper


def globbed(root: Path) -> set[str]:
    """Every Parquet file that a user's glob over the stages finds."""
    return {str(path.relative_to(root)) for side in ("kept", "removed") for path in root.glob(f"*/{side}/**/*.parquet")}


def named(root: Path) -> set[str]:
    """Every file in those folders that the head leads to."""
    held = RootContents(root)
    receipts = (receipt for folder in held.manifests for receipt in held.receipts(folder))
    return {file.path for receipt in receipts for name in ("kept", "removed") for file in receipt.files.get(name, ())}


def is_current(root: Path) -> bool:
    """What the head says of the folders."""
    return (root / "HEAD.json").exists() and RootContents(root).head.outputs_current


# ------------------------------------------------------------------------------------------------------ thresholds


def test_after_a_changed_threshold_globs_read_the_new_rows(tmp_path: Path) -> None:
    """Outputs of the earlier threshold are elsewhere, found again when it comes back, and nothing is made twice."""
    root = make(tmp_path)
    first = {path: (root / path).read_bytes() for path in globbed(root)}
    quick(recipe(tmp_path, min_words=3))
    assert globbed(root) == named(root)
    assert globbed(root) != set(first)
    assert verify(str(root)).ok
    assert quick(recipe(tmp_path)).tasks == 0
    assert {path: (root / path).read_bytes() for path in globbed(root)} == first
    assert globbed(root) == named(root)
    assert verify(str(root)).ok


def test_only_files_that_changed_are_touched(tmp_path: Path) -> None:
    """Of stages before the changed one no file is written, moved or deleted."""
    root = make(tmp_path)
    before = all_files(root / "00-lines-of-text")
    quick(recipe(tmp_path, min_words=3))
    after = all_files(root / "00-lines-of-text")
    assert after == before | {name: data for name, data in after.items() if name.startswith("manifest")}


def test_a_threshold_moves_back_without_measuring_after_gc(tmp_path: Path) -> None:
    """The current files have the metrics of every document, removed ones included."""
    root = make(tmp_path)
    before = RootContents(root).contents()
    quick(recipe(tmp_path, min_words=3))
    collect_garbage(str(root), delete=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Length, "measure", lambda self, docs: pytest.fail("measured again"))
        quick(recipe(tmp_path))
    assert RootContents(root).contents() == before
    assert globbed(root) == named(root)


def test_a_run_up_to_a_stage_leaves_no_rows_of_later_ones(folder: Path) -> None:
    """Later stages were made from other rows: a glob reads none of theirs until they are made again."""
    quick(pipeline(folder))
    quick(pipeline(folder, all_kinds(min_words=4)), Selection(until="words"))
    root = folder / "root"
    assert globbed(root) == named(root)
    assert not list(root.glob("*-gather/kept/*"))
    assert quick(pipeline(folder)).tasks == 0
    assert list(root.glob("*-gather/kept/*"))


def test_folders_of_stages_that_the_recipe_lacks_are_empty(folder: Path) -> None:
    """With another stage before them, stages have other folders; the old ones have no rows any more."""
    quick(pipeline(folder, steps(LineSource(), Length())))
    quick(pipeline(folder, steps(LineSource(), Upper(), Length())))
    root = folder / "root"
    assert globbed(root) == named(root)
    assert {path.partition("/")[0] for path in globbed(root)} == {"00-lines-of-text", "01-upper", "02-words"}
    assert quick(pipeline(folder, steps(LineSource(), Length()))).tasks == 0
    assert {path.partition("/")[0] for path in globbed(root)} == {"00-lines-of-text", "01-words"}


def test_outputs_of_inputs_that_are_gone_are_superseded(folder: Path) -> None:
    """Parts of files that the recipe names no more are not read, and are there when it names them again."""
    quick(pipeline(folder))
    quick(pipeline(folder, inputs=(str(folder / "in" / "0.txt"),)))
    root = folder / "root"
    assert globbed(root) == named(root)
    assert quick(pipeline(folder)).tasks == 0
    assert globbed(root) == named(root)


def test_where_there_are_no_hard_links_files_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some file systems give a file one name only."""

    def refuse(source: str, target: str) -> None:
        raise OSError(95, "not supported", source, None, target)

    monkeypatch.setattr(os, "link", refuse)
    root = make(tmp_path)
    quick(recipe(tmp_path, min_words=3))
    assert globbed(root) == named(root)
    assert quick(recipe(tmp_path)).tasks == 0
    assert verify(str(root)).ok


# ------------------------------------------------------------------------------------------------ interrupted runs


@pytest.mark.parametrize("first", [0, *(pytest.param(write, marks=pytest.mark.slow) for write in (3, 6))])
def test_a_kill_at_any_write_is_recorded_and_the_next_run_completes_it(folder: Path, first: int) -> None:
    """Wherever a run ends, either globs are right or the head, ``status`` and ``verify`` say that they may not be."""
    root = folder / "root"
    quick(pipeline(folder))
    recipes = [pipeline(folder, all_kinds(min_words=n)) for n in (4, 5)]
    for write in range(first, 200, 9):
        with killed_at(write):
            quick(recipes[write % 2])
        if is_current(root):
            assert globbed(root) == named(root)
            assert status(str(root)).outputs_current
        else:
            assert not status(str(root)).outputs_current
            extra = globbed(root) - named(root)
            found = {finding.file: finding.message for finding in verify(str(root)).findings}
            assert extra <= set(found)
            assert all(UNFINISHED in found[file] for file in extra)
        quick(pipeline(folder))
        assert is_current(root)
        assert globbed(root) == named(root)
    assert verify(str(root)).ok


def test_files_that_a_killed_run_left_without_a_receipt_go(folder: Path) -> None:
    """They are rows of no part."""
    quick(pipeline(folder))
    left = folder / "root" / "01-words" / "kept" / "part-00001-0a1b2c3d.parquet"
    left.write_bytes(b"half")
    assert [finding.file for finding in verify(str(folder / "root")).findings] == ["01-words/kept/" + left.name]
    quick(pipeline(folder, all_kinds(min_words=4)))
    assert not left.exists()


def test_a_file_that_somebody_put_there_is_a_finding_and_stays(folder: Path) -> None:
    """It is no run's to delete, and a glob reads it."""
    quick(pipeline(folder))
    root = folder / "root"
    for name in ("01-words/kept/mine.parquet", "04-gather/removed/part-00000-copy.parquet"):
        (root / name).parent.mkdir(exist_ok=True)
        pq.write_table(pa.table({"a": [1]}), root / name)
    quick(pipeline(folder, all_kinds(min_words=4)))
    found = verify(str(root)).findings
    assert [finding.file for finding in found] == [
        "01-words/kept/mine.parquet",
        "04-gather/removed/part-00000-copy.parquet",
    ]
    assert all("no run wrote this file" in finding.message for finding in found)
    assert collect_garbage(str(root), delete=True).deleted
    assert (root / "01-words/kept/mine.parquet").exists()


def test_gc_deletes_superseded_outputs(tmp_path: Path) -> None:
    """With their receipts, so that nothing names what is gone."""
    root = make(tmp_path)
    quick(recipe(tmp_path, min_words=3))
    assert list((root / "superseded").rglob("*.parquet"))
    collect_garbage(str(root), delete=True)
    assert not list((root / "superseded").rglob("*.parquet"))
    assert globbed(root) == named(root)
    assert quick(recipe(tmp_path, min_words=3)).tasks == 0


# ------------------------------------------------------------------------------------------------------- sequences


ROOTS = ("root", "other")


@pytest.mark.slow
@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(ROOTS), changes | runs), max_size=6))
def test_globs_read_what_receipts_say_whatever_was_done(history: Sequence[tuple[str, tuple[str, Any]]]) -> None:
    """Changed thresholds, fields, inputs and selections, forced and killed runs, and two roots of one recipe."""
    with a_world() as world:
        for root, change in [*history, *((root, ("run", (Selection(), None))) for root in ROOTS)]:
            ended = world.change(*change, root=root)
            for path in (world.folder / name for name in ROOTS):
                assert not is_current(path) or globbed(path) == named(path)
            assert not ended or is_current(world.folder / root)


# ------------------------------------------------------------------------------------------------- reading a root


def test_open_reads_a_stage_as_files_as_a_dataset_and_in_duckdb(tmp_path: Path) -> None:
    """All three have the rows that the receipts say, kept and removed."""
    root = make(tmp_path)
    quick(recipe(tmp_path, min_words=3))
    opened = refinery.open(str(root))
    for name in opened.stages:
        stage, held = opened.stage(name), RootContents(root)
        folder = next(folder for folder in held.manifests if folder.endswith(f"-{name}"))
        for side in refinery.inspect.notebook.SIDES:
            rows = held.rows(folder, side)
            assert sum(pq.read_metadata(path).num_rows for path in stage.files(side)) == len(rows)
            assert stage.dataset(side).to_table(columns=["id"]).column("id").to_pylist() == [row["id"] for row in rows]
            assert stage.to_duckdb(side).count("*").fetchall() == [(len(rows),)]


def test_open_says_what_is_not_there(folder: Path) -> None:
    """An unknown stage or side, and rows that the recipe does not write, are one clear error each."""
    quick(pipeline(folder, all_kinds(), write="last", keep_removed="counts"))
    opened = refinery.open(str(folder / "root"))
    with pytest.raises(UsageError, match="no stage 'nothing'"):
        opened.stage("nothing")
    with pytest.raises(UsageError, match="'lost': not one of kept, removed"):
        opened.stage("gather").files("lost")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="wrote no removed documents"):
        opened.stage("words").dataset("removed")


@pytest.mark.slow
def test_outputs_are_settled_by_workers_of_their_own_as_well(folder: Path) -> None:
    """Real processes, and a store that may be slow: the law is the run's, not the test's executor's."""
    run(pipeline(folder, workers=2, batch=1))
    run(pipeline(folder, all_kinds(min_words=4), workers=2, batch=1))
    assert globbed(folder / "root") == named(folder / "root")
    assert LocalStore().folders(str(folder / "none")) == []
