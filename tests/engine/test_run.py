"""Runs as a whole: what is made, of which stages and parts, what is kept, and that nothing depends on how it was done."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from refinery.assets import Asset
from refinery.errors import PartFailed, StorageError, UsageError
from refinery.kernels import MERGE_LIST, count_tokens
from refinery.planner.selection import Selection
from refinery.runner.run import run
from refinery.stage.documents import Docs
from tests.engine.roots import (
    FOLDERS,
    TEXTS,
    Log,
    RootContents,
    all_files,
    all_kinds,
    fresh,
    pipeline,
    quick,
    write_inputs,
)
from tests.engine.toy import Length

# --------------------------------------------------------------------------------------------------- a run and its rows


def test_a_run_gives_what_the_stages_say(folder: Path) -> None:
    """Every line has its outcome: kept rows go on in order, removed ones have the reason, comments are counted."""
    report = quick(pipeline(folder))
    assert (report.complete, report.failures, report.blocked) == (True, (), "")
    held = RootContents(folder / "root")
    assert list(held.manifests) == FOLDERS
    words = [t for texts in TEXTS for t in texts if len(t.split()) > 1 and t[0] != "#" and t[:2] not in {"12", "po"}]
    upper = [text.upper() for text in words]
    assert held.texts("01-words") == words
    assert held.texts("02-upper") == upper
    assert held.texts("04-gather") == held.texts("03-same")
    assert sorted(held.texts("03-same"), key=str) == sorted(set(upper))
    assert held.reasons("00-lines-of-text") == {"0.txt:3": "empty"}
    assert held.reasons("01-words") == {"0.txt:2": "short", "0.txt:5": "digits", "2.txt:3": "short", "2.txt:5": "error"}
    assert set(held.reasons("03-same").values()) == {"duplicate"}
    first = held.statistics()["00-lines-of-text"]
    assert held.removals("00-lines-of-text") == {"comment": 3, "empty": 1}
    assert first["documents"]["in"] == sum(len(texts) for texts in TEXTS)
    assert held.balanced()


def test_the_files_hold_what_the_receipts_say(folder: Path) -> None:
    """Content ids, rows and sizes in receipts are those of the files."""
    quick(pipeline(folder, keep_removed="text"))
    RootContents(folder / "root").check_files()


def test_inputs_without_documents(tmp_path: Path) -> None:
    """Empty files, and files of nothing but comments, make empty parts all the way down."""
    write_inputs(tmp_path / "in", [[], ["# nothing"], []])
    assert quick(pipeline(tmp_path)).complete
    held = RootContents(tmp_path / "root")
    assert held.texts("04-gather") == []
    assert held.statistics()["00-lines-of-text"]["documents"] == {"in": 1, "kept": 0, "removed": 1, "edited": 0}
    assert held.balanced()


@pytest.mark.slow
def test_workers_and_batches_leave_no_trace(folder: Path) -> None:
    """One worker = two workers = this process = any batch size: same content ids, statistics and bytes."""
    quick(pipeline(folder))
    expected = RootContents(folder / "root")
    for batch in (1, 3):
        quick(pipeline(folder, root=f"batch{batch}", batch=batch))
    for workers in (1, 2):
        run(pipeline(folder, root=f"workers{workers}", workers=workers, batch=2))
    for name in ("batch1", "batch3", "workers1", "workers2"):
        held = RootContents(folder / name)
        assert held.everything() == expected.everything()
        assert held.file_bytes() == expected.file_bytes()


# ----------------------------------------------------------------------------------------------------------- selections


def test_until(folder: Path) -> None:
    """A run ends after the named stage; a later one goes on from there."""
    report = quick(pipeline(folder), Selection(until="words"))
    assert report.complete
    assert list(RootContents(folder / "root").manifests) == FOLDERS[:2]
    before = all_files(folder / "root" / FOLDERS[1] / "kept")
    assert quick(pipeline(folder)).complete
    assert all_files(folder / "root" / FOLDERS[1] / "kept") == before
    assert RootContents(folder / "root").everything() == fresh(folder, pipeline(folder)).everything()


@pytest.mark.parametrize("first", ["lines-of-text", "words", "same", "gather"])
def test_from(folder: Path, log: Log, first: str) -> None:
    """The named stage and all after it are made again though they are up to date, those before are not."""
    given = pipeline(folder, log.kinds())
    quick(given)
    log.batches()
    held, before = RootContents(folder / "root"), all_files(folder / "root")
    report = quick(given, Selection(first=first))
    assert report.complete
    assert bool(log.batches()) == (first in {"lines-of-text", "words"})
    assert RootContents(folder / "root").everything() == held.everything()
    after = all_files(folder / "root")
    position = next(i for i, name in enumerate(FOLDERS) if name.endswith(first))
    written = {path for path in after if path.endswith(".parquet") and after[path][0] != before[path][0]}
    assert {path.split("/")[0] for path in written} == set(FOLDERS[position:])
    kinds = {"/".join(path.split("/")[1:-1]) for path in written if path.startswith("03-same")}
    everything = {"kept", "removed", "map/keys", "map/index", "reduce", "resolve", "stats/groups"}
    assert kinds == (everything if first != "gather" else set())


def test_parts(folder: Path) -> None:
    """Only the selected parts are made; global stages wait for the others, and the report says so."""
    report = quick(pipeline(folder), Selection(parts=(0, 2)))
    assert not report.complete
    assert report.blocked == "same needs all parts, and only some are selected"
    held = RootContents(folder / "root")
    assert list(held.manifests) == FOLDERS[:3]
    assert [(len(m.parts), m.expected) for m in held.manifests.values()] == [(2, 3)] * 3
    assert quick(pipeline(folder), Selection(parts=(0, 2))).tasks == 0
    assert quick(pipeline(folder)).complete
    assert RootContents(folder / "root").everything() == fresh(folder, pipeline(folder)).everything()


def test_share(folder: Path) -> None:
    """A share of the parts is the same parts every time, at least one."""
    made = []
    for share in (0.01, 0.5):
        quick(pipeline(folder, root=f"share{share}"), Selection(share=share))
        made.append({r.key for r in RootContents(folder / f"share{share}").receipts(FOLDERS[0])})
    assert [len(keys) for keys in made] == [1, 2]
    assert made[0] < made[1]


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        (Selection(first="nothing"), "no stage 'nothing'"),
        (Selection(until="nothing"), "no stage 'nothing'"),
        (Selection(first="same", until="words"), "comes after"),
        (Selection(parts=(3,)), "none of the 3 parts"),
    ],
)
def test_a_selection_that_makes_no_sense(folder: Path, selection: Selection, said: str) -> None:
    """Unknown stages, an empty range and parts that are not there are usage errors, and nothing is made."""
    with pytest.raises(UsageError, match=said):
        quick(pipeline(folder), selection)
    assert not (folder / "root" / "HEAD.json").exists()


# --------------------------------------------------------------------------------------------------------- what is kept


def written(held: RootContents) -> list[str]:
    """The stages with Parquet files."""
    return [name for name in held.manifests if any(receipt.files for receipt in held.receipts(name))]


def test_write(folder: Path) -> None:
    """``last`` writes where a pass must end, ``marked`` what is marked as well; the results are the same."""
    source, *others = all_kinds()
    marked = (source, dataclasses.replace(others[0], write=True), *others[1:])
    found = {}
    for mode, chosen in (("every", all_kinds()), ("last", all_kinds()), ("marked", marked)):
        quick(pipeline(folder, chosen, root=mode, write=mode))
        found[mode] = RootContents(folder / mode)
        assert quick(pipeline(folder, chosen, root=mode, write=mode)).tasks == 0
    assert written(found["every"]) == FOLDERS
    assert written(found["last"]) == FOLDERS[2:]
    assert written(found["marked"]) == FOLDERS[1:]
    assert found["every"].contents() == found["last"].contents() == found["marked"].contents()
    assert found["every"].statistics() == found["last"].statistics()


def test_writing_more_later(folder: Path) -> None:
    """A stage whose rows were not written is computed again to write them, and nothing after it changes."""
    quick(pipeline(folder, write="last"))
    before = RootContents(folder / "root")
    assert quick(pipeline(folder)).complete
    assert written(RootContents(folder / "root")) == FOLDERS
    assert RootContents(folder / "root").contents() == before.contents()
    for name in FOLDERS[2:]:
        assert RootContents(folder / "root").receipts(name) == before.receipts(name)


def test_a_result_that_cannot_be_repeated_is_a_failure(folder: Path) -> None:
    """Where a stage computed in passing gives other rows than it did, the part fails and says what to do."""
    quick(pipeline(folder, write="last"))
    path = folder / "in" / "0.txt"
    found = path.stat()
    path.write_text(path.read_text().replace("one two", "eno owt"))
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    source, *others = all_kinds()
    marked = (source, dataclasses.replace(others[0], write=True), *others[1:])
    report = quick(pipeline(folder, marked, write="marked"))
    assert len(report.failures) == 1
    assert "returned other rows for part 0 than before" in report.failures[0]


def test_keep_removed(folder: Path) -> None:
    """Removed rows have their text, a fixed few have it, none has it, or there are no rows; the rest is the same."""
    texts: dict[str, list[str | None]] = {}
    kept: dict[str, Any] = {}
    for mode in ("metrics", "sample", "text", "counts"):
        quick(pipeline(folder, root=mode, keep_removed=mode))
        held = RootContents(folder / mode)
        texts[mode] = held.texts("01-words", "removed")
        kept[mode] = {name: [c["kept"] for c in parts] for name, parts in held.contents().items()}
        assert held.removals("01-words") == {"digits": 1, "error": 1, "short": 2}
        assert held.balanced()
        held.check_files()
    assert texts["metrics"] == [None] * 4
    assert texts["text"] == ["short", "12 34 56", "x", "poison in it"]
    assert texts["counts"] == []
    ids = [row["id"] for row in RootContents(folder / "text").rows("01-words", "removed")]
    assert texts["sample"] == [t if i[-1] < 2 else None for i, t in zip(ids, texts["text"], strict=True)]
    assert kept["metrics"] == kept["sample"] == kept["text"] == kept["counts"]


def test_an_edit_keeps_the_text_before_in_what_it_removes(folder: Path) -> None:
    """A removed row holds what came into its stage, and the metrics of the stages before it and of its own."""
    quick(pipeline(folder, keep_removed="text"))
    rows = RootContents(folder / "root").rows("03-same", "removed")
    assert rows
    assert all(row["words"]["words"] == len(row["text"].split()) for row in rows)
    assert all(row["same"]["role"] == "duplicate" and row["same"]["copies"] > 1 for row in rows)
    assert all(row["why"]["value"] == "duplicate" and row["failed"] == ["duplicate"] for row in rows)


def test_tokens_are_counted_where_the_text_changed(tmp_path: Path) -> None:
    """Behind an edit a changed text has GPT-2's count; one that stayed has the count that it came with."""
    write_inputs(tmp_path / "in", [["INDEED ALL CAPITALS", "none of these", "A few of them"]])
    quick(pipeline(tmp_path))
    held = RootContents(tmp_path / "root")
    before = {row["id"]: row for row in held.rows("01-words", "kept")}
    rows = held.rows("02-upper", "kept")
    changed = [row["text"] != before[row["id"]]["text"] for row in rows]
    assert set(changed) == {True, False}
    counted = count_tokens(pa.array([row["text"] for row in rows], pa.string()), Asset(MERGE_LIST).path()).to_pylist()
    expected = [n if new else before[row["id"]]["tokens"] for n, new, row in zip(counted, changed, rows, strict=True)]
    assert [row["tokens"] for row in rows] == expected


# --------------------------------------------------------------------------------------------------------------- errors


def test_an_exception_is_a_reason(folder: Path) -> None:
    """A document on which a stage raises is removed with the error as its note; its neighbours are not."""
    quick(pipeline(folder))
    [row] = [r for r in RootContents(folder / "root").rows("01-words", "removed") if r["why"]["rule"] == "error"]
    assert row["why"]["note"] == "ValueError: this text is poison"
    assert (row["why"]["stage"], row["failed"], row["words"]) == ("words", ["error"], None)


def test_an_error_message_may_be_any_text(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an exception says is stored though it be no Unicode text, and cut where it is long."""

    def measure(self: Length, docs: Docs) -> Any:
        del self
        raise ValueError(f"\ud800 {docs.texts()[0] * 1000}")

    monkeypatch.setattr(Length, "measure", measure)
    quick(pipeline(folder))
    notes = [row["why"]["note"] for row in RootContents(folder / "root").rows("01-words", "removed")]
    assert all(note.startswith("ValueError: \\ud800 ") and len(note) < 520 for note in notes)


@pytest.mark.parametrize("documents", [99, 100])
def test_a_stage_that_fails_on_all_is_broken(tmp_path: Path, documents: int) -> None:
    """On 100 documents or more, it is the stage: the part fails, others do not, and nothing of it is written."""
    write_inputs(tmp_path / "in", [["poison"] * documents, ["two words"] * 5])
    report = quick(pipeline(tmp_path))
    held = RootContents(tmp_path / "root")
    if documents < 100:
        assert report.complete
        assert held.removals("01-words") == {"error": documents}
        return
    assert not report.complete
    assert len(report.failures) == 1
    assert "part 0" in report.failures[0]
    assert "stage 'words' raised an exception on all 100 documents" in report.failures[0]
    assert held.texts("01-words") == ["two words"] * 5
    assert (len(held.receipts("00-lines-of-text")), len(held.receipts("01-words"))) == (2, 1)
    with pytest.raises(PartFailed, match="on all 100 documents"):
        quick(pipeline(tmp_path), fail_fast=True)


def test_a_storage_error_is_nobodys_fault(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage that cannot read its files removes no document: the part fails, or the run ends with that error."""

    def unreadable(self: Length, docs: Docs) -> Any:
        raise OSError(5, "Input/output error")

    def missing(self: Length, docs: Docs) -> Any:
        raise StorageError("list.txt: no such file", hint="get it")

    with monkeypatch.context() as patch:
        patch.setattr(Length, "measure", unreadable)
        assert len(quick(pipeline(folder)).failures) == 2  # one part has no documents
    with monkeypatch.context() as patch:
        patch.setattr(Length, "measure", missing)
        with pytest.raises(StorageError, match="no such file"):
            quick(pipeline(folder))
    assert quick(pipeline(folder)).complete
    assert RootContents(folder / "root").everything() == fresh(folder, pipeline(folder)).everything()
