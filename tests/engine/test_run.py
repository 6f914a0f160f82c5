"""Runs as a whole: what is made, what is made again, what is refused, and that nothing depends on how it was done."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pytest

from refinery import guard, work
from refinery.config import Pipeline
from refinery.docs import Docs
from refinery.errors import PartFailed, Refused, StorageError, UsageError
from refinery.guard import only_run
from refinery.identity import code_digest
from refinery.part import Root
from refinery.planner import Selection
from refinery.runner import run
from refinery.stage import Filter, Metric, Records, Rule, Values, bound
from refinery.store import LocalStore, Store
from tests.engine.roots import TEXTS, Held, all_files, all_kinds, pipeline, quick, steps, write_inputs
from tests.engine.toy import Length, LineSource

FOLDERS = ["00-lines-of-text", "01-words", "02-upper", "03-same", "04-gather"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the toy inputs in ``in``."""
    write_inputs(tmp_path / "in")
    return tmp_path


class Log:
    """Where ``Length(log=…)`` writes a line for each batch it measures."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def kinds(self, **length: Any) -> Any:
        """All kinds of steps, with a ``Length`` that logs."""
        return all_kinds(log=str(self.path), **length)

    def batches(self) -> int:
        """How many batches were measured since the last call."""
        found = len(self.path.read_text().splitlines()) if self.path.exists() else 0
        self.path.unlink(missing_ok=True)
        return found


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "log")


def fresh(folder: Path, given: Pipeline) -> Held:
    """What the same pipeline makes in a new root."""
    quick(given.model_copy(update={"root": str(folder / "fresh")}))
    return Held(folder / "fresh")


# -------------------------------------------------------------------------------------------------- a run and its rows


def test_a_run_gives_what_the_stages_say(folder: Path) -> None:
    """Every line has its fate: kept rows go on in order, removed ones have the reason, comments are counted."""
    report = quick(pipeline(folder))
    assert (report.complete, report.failures, report.blocked) == (True, (), "")
    held = Held(folder / "root")
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
    assert first["reasons"] == {"comment": 3, "empty": 1}
    assert first["documents"]["in"] == sum(len(texts) for texts in TEXTS)
    assert held.balanced()


def test_the_files_hold_what_the_receipts_say(folder: Path) -> None:
    """Content ids, rows and sizes in receipts are those of the files."""
    quick(pipeline(folder, keep_removed="text"))
    Held(folder / "root").check_files()


def test_inputs_without_documents(tmp_path: Path) -> None:
    """Empty files, and files of nothing but comments, make empty parts all the way down."""
    write_inputs(tmp_path / "in", [[], ["# nothing"], []])
    assert quick(pipeline(tmp_path)).complete
    held = Held(tmp_path / "root")
    assert held.texts("04-gather") == []
    assert held.statistics()["00-lines-of-text"]["documents"] == {"in": 1, "kept": 0, "removed": 1, "edited": 0}
    assert held.balanced()


def test_workers_and_batches_leave_no_trace(folder: Path) -> None:
    """One worker = two workers = this process = any batch size: same content ids, statistics and bytes."""
    quick(pipeline(folder))
    expected = Held(folder / "root")
    for batch in (1, 3):
        quick(pipeline(folder, root=f"batch{batch}", batch=batch))
    for workers in (1, 2):
        run(pipeline(folder, root=f"workers{workers}", workers=workers, batch=2))
    for name in ("batch1", "batch3", "workers1", "workers2"):
        held = Held(folder / name)
        assert held.everything() == expected.everything()
        assert held.file_bytes() == expected.file_bytes()


# ------------------------------------------------------------------------------------------------------ made only once


def test_a_second_run_does_nothing(folder: Path) -> None:
    """No task is done and no file is touched, not even a record of the run."""
    quick(pipeline(folder))
    before = all_files(folder / "root")
    report = run(pipeline(folder, workers=2, batch=7))
    assert (report.phases, report.tasks, report.complete) == (0, 0, True)
    assert all_files(folder / "root") == before


def test_a_lost_head_is_made_again(folder: Path) -> None:
    """Receipts are all there is to know: where the head is gone, nothing but the head is made."""
    quick(pipeline(folder))
    before = Held(folder / "root")
    (folder / "root" / "HEAD.json").unlink()
    assert quick(pipeline(folder)).tasks == 0
    assert Held(folder / "root").everything() == before.everything()


@pytest.mark.parametrize("min_words", [1, 3, 99])
def test_a_changed_bound_judges_stored_facts(folder: Path, log: Log, min_words: int) -> None:
    """Nothing is measured again, and the result is a new root's; going back finds the old results."""
    quick(pipeline(folder, log.kinds()))
    assert log.batches()
    changed = pipeline(folder, log.kinds(min_words=min_words))
    report = quick(changed)
    assert report.complete
    assert log.batches() == 0
    held = Held(folder / "root")
    assert all(receipt.judged for receipt in held.receipts("01-words"))
    assert held.everything() == fresh(folder, changed).everything()
    assert quick(pipeline(folder, log.kinds())).tasks == 0


def test_a_changed_bound_can_be_tried_on_a_part_first(folder: Path, log: Log) -> None:
    """Facts are still found after the new bound was tried on some parts, or after a run that did not come so far."""
    quick(pipeline(folder, log.kinds()))
    log.batches()
    changed = pipeline(folder, log.kinds(min_words=3))
    quick(changed, Selection(until="lines-of-text"))
    quick(changed, Selection(parts=(2,), until="upper"))
    assert quick(changed).complete
    assert log.batches() == 0
    assert Held(folder / "root").everything() == fresh(folder, changed).everything()


def test_facts_are_of_the_step_of_that_name(folder: Path, log: Log) -> None:
    """A step with another name measures for itself: its facts are in a column of its own name."""
    source, words, *_ = log.kinds()
    quick(pipeline(folder, (source, words)))
    other = dataclasses.replace(log.kinds(min_words=3)[1], name="other")
    log.batches()
    assert quick(pipeline(folder, (source, other))).complete
    assert log.batches()
    assert "other" in Held(folder / "root").rows("01-other")[0]


class Spotted(Filter):
    """A filter with nested evidence, which a change of its bound has to find again."""

    name: ClassVar = "spotted"
    version: ClassVar = 1
    metrics: ClassVar = (Metric("spots", pa.uint64(), "count"),)
    evidence: ClassVar = (
        pa.field("words", pa.list_(pa.struct([("at", pa.uint64()), ("word", pa.string())]))),
        pa.field("seen", pa.timestamp("s", "UTC")),
        pa.field("key", pa.binary(4)),
        pa.field("plain", pa.bool_()),
    )

    most: int = bound(99)

    def rules(self) -> tuple[Rule, ...]:
        return (Rule("spotty", "spots", at_most=self.most),)

    def measure(self, docs: Docs) -> Values:
        words = [[{"at": i, "word": w} for i, w in enumerate(text.split()) if len(w) > 3] for text in docs.texts()]
        return {
            "spots": [len(found) for found in words],
            "words": [found or None for found in words],
            "seen": [None if len(found) == 1 else 1000 * len(found) for found in words],
            "key": [text.encode()[:4].ljust(4) for text in docs.texts()],
            "plain": [not found for found in words],
        }


@pytest.mark.parametrize("batch", [1, 1000])
def test_facts_of_every_type_are_found_again(folder: Path, batch: int) -> None:
    """Lists, structs, times, bytes and nulls that were stored judge as those that were measured."""
    quick(pipeline(folder, steps(LineSource(), Spotted())))
    changed = pipeline(folder, steps(LineSource(), Spotted(most=1)), batch=batch)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Spotted, "measure", lambda self, docs: pytest.fail("measured again"))
        quick(changed)
    assert Held(folder / "root").everything() == fresh(folder, changed).everything()
    assert Held(folder / "root").file_bytes() == Held(folder / "fresh").file_bytes()


class Twins(LineSource):
    """A source in which every document has the same id."""

    def read(self, path: str, store: Store) -> Iterator[Records]:
        for found in super().read(path, store):
            yield dataclasses.replace(found, columns={**found.columns, "id": [b"0" * 16] * len(found.columns["id"])})


def test_facts_of_documents_with_one_id_are_measured_again(folder: Path, log: Log) -> None:
    """Where an id is there twice, nobody can tell whose facts are whose."""
    quick(pipeline(folder, steps(Twins(), Length(log=str(log.path)))))
    log.batches()
    changed = pipeline(folder, steps(Twins(), Length(log=str(log.path), min_words=4)))
    assert quick(changed).complete
    assert log.batches()
    assert Held(folder / "root").everything() == fresh(folder, changed).everything()


def test_facts_without_removed_rows_are_measured_again(folder: Path, log: Log) -> None:
    """With ``keep_removed: counts`` the facts of removed rows are gone, so a new bound has to measure."""
    quick(pipeline(folder, log.kinds(), keep_removed="counts"))
    log.batches()
    changed = pipeline(folder, log.kinds(min_words=1), keep_removed="counts")
    assert quick(changed).complete
    assert log.batches()
    assert Held(folder / "root").everything() == fresh(folder, changed).everything()


def test_a_changed_field_measures_again(folder: Path, log: Log) -> None:
    """Another version of a stage makes it and what follows anew, and leaves what comes before."""
    quick(pipeline(folder, log.kinds()))
    log.batches()
    before = all_files(folder / "root" / FOLDERS[0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Length, "version", 2)
        assert quick(pipeline(folder, log.kinds())).complete
    assert log.batches()
    after = all_files(folder / "root" / FOLDERS[0])
    assert {k: v for k, v in after.items() if "manifest" not in k} == {
        k: v for k, v in before.items() if "manifest" not in k
    }


# ---------------------------------------------------------------------------------------------------------- selections


def test_until(folder: Path) -> None:
    """A run ends after the named stage; a later one goes on from there."""
    report = quick(pipeline(folder), Selection(until="words"))
    assert report.complete
    assert list(Held(folder / "root").manifests) == FOLDERS[:2]
    before = all_files(folder / "root" / FOLDERS[1] / "kept")
    assert quick(pipeline(folder)).complete
    assert all_files(folder / "root" / FOLDERS[1] / "kept") == before
    assert Held(folder / "root").everything() == fresh(folder, pipeline(folder)).everything()


@pytest.mark.parametrize("first", ["lines-of-text", "words", "same", "gather"])
def test_from(folder: Path, log: Log, first: str) -> None:
    """The named stage and all after it are made again though they are up to date, those before are not."""
    given = pipeline(folder, log.kinds())
    quick(given)
    log.batches()
    held, before = Held(folder / "root"), all_files(folder / "root")
    report = quick(given, Selection(first=first))
    assert report.complete
    assert bool(log.batches()) == (first in {"lines-of-text", "words"})
    assert Held(folder / "root").everything() == held.everything()
    after = all_files(folder / "root")
    position = next(i for i, name in enumerate(FOLDERS) if name.endswith(first))
    written = {path for path in after if path.endswith(".parquet") and after[path][0] != before[path][0]}
    assert {path.split("/")[0] for path in written} == set(FOLDERS[position:])
    kinds = {"/".join(path.split("/")[1:-1]) for path in written if path.startswith("03-same")}
    everything = {"kept", "removed", "map/keys", "map/index", "reduce", "resolve"}
    assert kinds == (everything if first != "gather" else set())


def test_parts(folder: Path) -> None:
    """Only the selected parts are made; global stages wait for the others, and the report says so."""
    report = quick(pipeline(folder), Selection(parts=(0, 2)))
    assert not report.complete
    assert report.blocked == "same needs all parts, and only some are selected"
    held = Held(folder / "root")
    assert list(held.manifests) == FOLDERS[:3]
    assert [(len(m.parts), m.expected) for m in held.manifests.values()] == [(2, 3)] * 3
    assert quick(pipeline(folder), Selection(parts=(0, 2))).tasks == 0
    assert quick(pipeline(folder)).complete
    assert Held(folder / "root").everything() == fresh(folder, pipeline(folder)).everything()


def test_share(folder: Path) -> None:
    """A share of the parts is the same parts every time, at least one."""
    made = []
    for share in (0.01, 0.5):
        quick(pipeline(folder, root=f"share{share}"), Selection(share=share))
        made.append({r.key for r in Held(folder / f"share{share}").receipts(FOLDERS[0])})
    assert [len(keys) for keys in made] == [1, 2]
    assert made[0] < made[1]


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        (Selection(first="nothing"), "--from nothing"),
        (Selection(until="nothing"), "--until nothing"),
        (Selection(first="same", until="words"), "comes after"),
        (Selection(parts=(3,)), "none of the 3 parts"),
    ],
)
def test_a_selection_that_makes_no_sense(folder: Path, selection: Selection, said: str) -> None:
    """Unknown stages, an empty range and parts that are not there are usage errors, and nothing is made."""
    with pytest.raises(UsageError, match=said):
        quick(pipeline(folder), selection)
    assert not (folder / "root" / "HEAD.json").exists()


# ------------------------------------------------------------------------------------------------------- what is kept


def written(held: Held) -> list[str]:
    """The stages with Parquet files."""
    return [name for name in held.manifests if any(receipt.files for receipt in held.receipts(name))]


def test_write(folder: Path) -> None:
    """``last`` writes where a pass must end, ``marked`` what is marked as well; the results are the same."""
    source, *others = all_kinds()
    marked = (source, dataclasses.replace(others[0], write=True), *others[1:])
    found = {}
    for mode, chosen in (("every", all_kinds()), ("last", all_kinds()), ("marked", marked)):
        quick(pipeline(folder, chosen, root=mode, write=mode))
        found[mode] = Held(folder / mode)
        assert quick(pipeline(folder, chosen, root=mode, write=mode)).tasks == 0
    assert written(found["every"]) == FOLDERS
    assert written(found["last"]) == FOLDERS[2:]
    assert written(found["marked"]) == FOLDERS[1:]
    assert found["every"].contents() == found["last"].contents() == found["marked"].contents()
    assert found["every"].statistics() == found["last"].statistics()


def test_writing_more_later(folder: Path) -> None:
    """A stage whose rows were not written is computed again to write them, and nothing after it changes."""
    quick(pipeline(folder, write="last"))
    before = Held(folder / "root")
    assert quick(pipeline(folder)).complete
    assert written(Held(folder / "root")) == FOLDERS
    assert Held(folder / "root").contents() == before.contents()
    for name in FOLDERS[2:]:
        assert Held(folder / "root").receipts(name) == before.receipts(name)


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
    assert "gives other rows for part 0 than it did before" in report.failures[0]


def test_keep_removed(folder: Path) -> None:
    """Removed rows have their text, a fixed few have it, none has it, or there are no rows; the rest is the same."""
    texts: dict[str, list[str | None]] = {}
    kept: dict[str, Any] = {}
    for mode in ("facts", "sample", "text", "counts"):
        quick(pipeline(folder, root=mode, keep_removed=mode))
        held = Held(folder / mode)
        texts[mode] = held.texts("01-words", "removed")
        kept[mode] = {name: [c["kept"] for c in parts] for name, parts in held.contents().items()}
        assert held.statistics()["01-words"]["reasons"] == {"digits": 1, "error": 1, "short": 2}
        assert held.balanced()
        held.check_files()
    assert texts["facts"] == [None] * 4
    assert texts["text"] == ["short", "12 34 56", "x", "poison in it"]
    assert texts["counts"] == []
    ids = [row["id"] for row in Held(folder / "text").rows("01-words", "removed")]
    assert texts["sample"] == [t if i[-1] < 2 else None for i, t in zip(ids, texts["text"], strict=True)]
    assert kept["facts"] == kept["sample"] == kept["text"] == kept["counts"]


def test_an_edit_keeps_the_text_before_in_what_it_removes(folder: Path) -> None:
    """A removed row holds what came into its stage, and the facts of the stages before it and of its own."""
    quick(pipeline(folder, keep_removed="text"))
    rows = Held(folder / "root").rows("03-same", "removed")
    assert rows
    assert all(row["words"]["words"] == len(row["text"].split()) for row in rows)
    assert all(row["same"]["role"] == "duplicate" and row["same"]["copies"] > 1 for row in rows)
    assert all(row["why"]["value"] == "duplicate" and row["failed"] == ["duplicate"] for row in rows)


# -------------------------------------------------------------------------------------------------------------- errors


def test_an_exception_is_a_reason(folder: Path) -> None:
    """A document on which a stage raises is removed with the error as its note; its neighbours are not."""
    quick(pipeline(folder))
    [row] = [r for r in Held(folder / "root").rows("01-words", "removed") if r["why"]["rule"] == "error"]
    assert row["why"]["note"] == "ValueError: this text is poison"
    assert (row["why"]["stage"], row["failed"], row["words"]) == ("words", ["error"], None)


def test_an_error_message_may_be_any_text(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an exception says is stored though it be no Unicode text, and cut where it is long."""

    def measure(self: Length, docs: Docs) -> Any:
        del self
        raise ValueError(f"\ud800 {docs.texts()[0] * 1000}")

    monkeypatch.setattr(Length, "measure", measure)
    quick(pipeline(folder))
    notes = [row["why"]["note"] for row in Held(folder / "root").rows("01-words", "removed")]
    assert all(note.startswith("ValueError: \\ud800 ") and len(note) < 520 for note in notes)


@pytest.mark.parametrize("documents", [99, 100])
def test_a_stage_that_fails_on_all_is_broken(tmp_path: Path, documents: int) -> None:
    """On 100 documents or more, it is the stage: the part fails, others do not, and nothing of it is written."""
    write_inputs(tmp_path / "in", [["poison"] * documents, ["two words"] * 5])
    report = quick(pipeline(tmp_path))
    held = Held(tmp_path / "root")
    if documents < 100:
        assert report.complete
        assert held.statistics()["01-words"]["reasons"] == {"error": documents}
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
    assert Held(folder / "root").everything() == fresh(folder, pipeline(folder)).everything()


# ------------------------------------------------------------------------------------------------------------- refused


def change_code(patch: pytest.MonkeyPatch, name: str = "words", text: str = "changed") -> None:
    """Let the code digest of a stage be another one."""
    before = code_digest
    for module in (guard, work):
        patch.setattr(module, "code_digest", lambda stage: text if stage.name == name else before(stage))


def test_changed_code_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other code under the same version stops the run with exit code 4, naming stage and file; nothing is touched."""
    quick(pipeline(folder))
    before = all_files(folder / "root")
    change_code(monkeypatch)
    with pytest.raises(Refused, match=r"words \(.*toy\.py:\d+\)") as caught:
        quick(pipeline(folder))
    assert caught.value.exit_code == 4
    assert "--accept-code" in caught.value.hint
    assert all_files(folder / "root") == before


def test_changed_code_can_be_accepted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accepted once, it is the code of the results: nothing is made, and the next run is not refused."""
    quick(pipeline(folder))
    change_code(monkeypatch)
    assert quick(pipeline(folder), accept_code=True).tasks == 0
    assert quick(pipeline(folder)).tasks == 0
    change_code(monkeypatch, text="changed again")
    with pytest.raises(Refused):
        quick(pipeline(folder))


def test_a_new_version_makes_the_stage_again(folder: Path, monkeypatch: pytest.MonkeyPatch, log: Log) -> None:
    """Changed code with a new version is what a version is for."""
    quick(pipeline(folder, log.kinds()))
    log.batches()
    change_code(monkeypatch)
    monkeypatch.setattr(Length, "version", 2)
    assert quick(pipeline(folder, log.kinds())).complete
    assert log.batches()


def test_code_without_results_may_change(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage that was not reached yet, or that failed on every part, is free to change."""
    quick(pipeline(folder), Selection(until="lines-of-text"))
    change_code(monkeypatch, text="first try")
    with monkeypatch.context() as patch:
        patch.setattr(Length, "rules", lambda self: 1 / 0)
        assert len(quick(pipeline(folder)).failures) == 3
    change_code(monkeypatch, text="second try")
    assert quick(pipeline(folder)).complete
    change_code(monkeypatch, text="third try")
    with pytest.raises(Refused):
        quick(pipeline(folder))


def test_a_killed_run_is_guarded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results that a killed run left, of a new version too, are not mixed with those of other code."""
    quick(pipeline(folder))
    monkeypatch.setattr(Length, "version", 2)
    change_code(monkeypatch, text="second")
    commit = Root.commit

    def once(self: Root, *arguments: Any) -> None:
        commit(self, *arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Root, "commit", once)
        with pytest.raises(KeyboardInterrupt):
            quick(pipeline(folder))
    change_code(monkeypatch, text="third")
    with pytest.raises(Refused):
        quick(pipeline(folder))


def test_the_root_of_another_dataset_is_refused(folder: Path) -> None:
    """A root says whose it is."""
    quick(pipeline(folder))
    with pytest.raises(Refused, match="belongs to dataset 'toy', the recipe says 'other'") as caught:
        quick(pipeline(folder, dataset="other"))
    assert caught.value.exit_code == 4


def test_a_root_of_another_format_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A root that another version laid out differently is not touched."""
    quick(pipeline(folder))
    monkeypatch.setattr(guard, "FORMAT", 2)
    with pytest.raises(Refused, match="has format 1; this version writes format 2"):
        quick(pipeline(folder))


def test_a_second_run_at_once_is_refused(folder: Path) -> None:
    """One run at a time holds a root; when it is over, another may."""
    with only_run(Root(str(folder / "root"), LocalStore())):
        with pytest.raises(Refused, match="another run is at work") as caught:
            quick(pipeline(folder))
        assert caught.value.exit_code == 4
    assert quick(pipeline(folder)).complete


def test_a_root_that_is_a_file(folder: Path) -> None:
    """A file is no root, and a folder below a file cannot be."""
    (folder / "root").write_text("")
    with pytest.raises(UsageError, match="root is a file"):
        quick(pipeline(folder))
    with pytest.raises(StorageError, match="Not a directory"):
        quick(pipeline(folder, root="root/below"))


@pytest.mark.parametrize("damage", ["", "{", '{"format": 1}'])
def test_a_damaged_head_is_named(folder: Path, damage: str) -> None:
    """A head that cannot be read is an error that names it, not a new root."""
    quick(pipeline(folder))
    (folder / "root" / "HEAD.json").write_text(damage)
    with pytest.raises(StorageError, match=r"HEAD\.json: not a head"):
        quick(pipeline(folder))


# -------------------------------------------------------------------------------------------------------------- inputs


def keys(held: Held, name: str) -> set[str]:
    return {receipt.key for receipt in held.receipts(name)}


def test_a_new_input_maps_only_itself(folder: Path, log: Log) -> None:
    """The parts of other files are reused, though their numbers change; the result is a new root's."""
    given = pipeline(folder, log.kinds())
    quick(given)
    log.batches()
    before = Held(folder / "root")
    (folder / "in" / "-new.txt").write_text("a new file\nthe same text\n")
    report = quick(given)
    assert report.complete
    assert log.batches() == 1
    held = Held(folder / "root")
    for name in FOLDERS[:3]:
        assert keys(held, name) > keys(before, name)
    assert held.everything() == fresh(folder, given).everything()
    held.check_files()


def test_a_removed_input_leaves_the_result(folder: Path, log: Log) -> None:
    """Without one of its files, a root is what a new root of the others is; nothing of them is measured."""
    given = pipeline(folder, log.kinds())
    quick(given)
    log.batches()
    (folder / "in" / "0.txt").unlink()
    assert quick(given).complete
    assert log.batches() == 0
    assert Held(folder / "root").everything() == fresh(folder, given).everything()


def test_a_changed_input_is_read_again(folder: Path, log: Log) -> None:
    """Only the part of the changed file is measured."""
    given = pipeline(folder, log.kinds())
    quick(given)
    log.batches()
    path = folder / "in" / "0.txt"
    path.write_text(path.read_text() + "one more line\n")
    assert quick(given).complete
    assert log.batches() == 3  # of up to three of its eight lines each
    assert Held(folder / "root").everything() == fresh(folder, given).everything()


def test_a_touched_input_changes_nothing_after_it(folder: Path) -> None:
    """A file with another time of change and the same lines is read again, and all that follows stays valid."""
    quick(pipeline(folder))
    before = Held(folder / "root")
    os.utime(folder / "in" / "0.txt", ns=(1, 1))
    assert quick(pipeline(folder)).tasks == 1
    held = Held(folder / "root")
    assert held.contents() == before.contents()
    for name in FOLDERS[1:]:
        assert held.receipts(name) == before.receipts(name)


def test_no_input_is_an_error(tmp_path: Path) -> None:
    """A pattern without files is a storage error, and no root is begun."""
    with pytest.raises(StorageError, match="no such file") as caught:
        quick(pipeline(tmp_path))
    assert caught.value.exit_code == 3
    assert not (tmp_path / "root" / "HEAD.json").exists()


def test_a_file_named_twice_is_one_part(folder: Path) -> None:
    """Patterns that meet in a file read it once."""
    patterns = (str(folder / "in" / "*.txt"), str(folder / "in" / "0.txt"))
    quick(pipeline(folder, steps(LineSource()), inputs=patterns))
    assert len(Held(folder / "root").receipts(FOLDERS[0])) == len(TEXTS)


def test_a_root_may_have_any_name(folder: Path, log: Log) -> None:
    """Brackets and stars in the root's path are no pattern: facts are found and the code is guarded."""
    given = pipeline(folder, log.kinds(), root="[r]oo?t*")
    quick(given)
    log.batches()
    changed = pipeline(folder, log.kinds(min_words=3), root="[r]oo?t*")
    quick(changed)
    assert log.batches() == 0
