"""What a root holds is made only once: second runs, stored metrics under new thresholds, and inputs that come and go."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pytest

from refinery.errors import StorageError
from refinery.inspect.runs import problems
from refinery.planner.selection import Selection
from refinery.runner.run import run
from refinery.stage.base import Filter, Records, Values
from refinery.stage.documents import Docs
from refinery.stage.fields import threshold
from refinery.stage.rules import Metric, Rule
from refinery.store import Store
from tests.engine.roots import FOLDERS, TEXTS, Log, RootContents, all_files, all_kinds, fresh, pipeline, quick, steps
from tests.engine.toy import Gather, Length, LineSource, Same

# ------------------------------------------------------------------------------------------------------- made only once


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
    before = RootContents(folder / "root")
    (folder / "root" / "HEAD.json").unlink()
    assert quick(pipeline(folder)).tasks == 0
    assert RootContents(folder / "root").everything() == before.everything()


@pytest.mark.parametrize("min_words", [1, 3, 99])
def test_a_changed_bound_judges_stored_metrics(folder: Path, log: Log, min_words: int) -> None:
    """Nothing is measured again, and the result is a new root's; going back finds the old results."""
    quick(pipeline(folder, log.kinds()))
    assert log.batches()
    changed = pipeline(folder, log.kinds(min_words=min_words))
    report = quick(changed)
    assert report.complete
    assert log.batches() == 0
    held = RootContents(folder / "root")
    assert all(receipt.reapplied for receipt in held.receipts("01-words"))
    assert held.everything() == fresh(folder, changed).everything()
    assert quick(pipeline(folder, log.kinds())).tasks == 0


def test_a_changed_bound_can_be_tried_on_a_part_first(folder: Path, log: Log) -> None:
    """Metrics are still found after the new threshold was tried on some parts, or after a run that did not come so far."""
    quick(pipeline(folder, log.kinds()))
    log.batches()
    changed = pipeline(folder, log.kinds(min_words=3))
    quick(changed, Selection(until="lines-of-text"))
    quick(changed, Selection(parts=(2,), until="upper"))
    assert quick(changed).complete
    assert log.batches() == 0
    assert RootContents(folder / "root").everything() == fresh(folder, changed).everything()


def test_facts_are_of_the_step_of_that_name(folder: Path, log: Log) -> None:
    """A step with another name measures for itself: its metrics are in a column of its own name."""
    source, words, *_ = log.kinds()
    quick(pipeline(folder, (source, words)))
    other = dataclasses.replace(log.kinds(min_words=3)[1], name="other")
    log.batches()
    assert quick(pipeline(folder, (source, other))).complete
    assert log.batches()
    assert "other" in RootContents(folder / "root").rows("01-other")[0]


class Spotted(Filter):
    """A filter with nested evidence, which a change of its threshold has to find again."""

    name: ClassVar = "spotted"
    version: ClassVar = 1
    metrics: ClassVar = (Metric("spots", pa.uint64(), "count"),)
    evidence: ClassVar = (
        pa.field("words", pa.list_(pa.struct([("at", pa.uint64()), ("word", pa.string())]))),
        pa.field("seen", pa.timestamp("s", "UTC")),
        pa.field("key", pa.binary(4)),
        pa.field("plain", pa.bool_()),
    )

    most: int = threshold(99)

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
    """Lists, structs, times, bytes and nulls that were stored have the outcomes of measured ones."""
    quick(pipeline(folder, steps(LineSource(), Spotted())))
    changed = pipeline(folder, steps(LineSource(), Spotted(most=1)), batch=batch)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Spotted, "measure", lambda self, docs: pytest.fail("measured again"))
        quick(changed)
    assert RootContents(folder / "root").everything() == fresh(folder, changed).everything()
    assert RootContents(folder / "root").file_bytes() == RootContents(folder / "fresh").file_bytes()


class Twins(LineSource):
    """A source in which every document has the same id."""

    def read(self, path: str, store: Store) -> Iterator[Records]:
        for found in super().read(path, store):
            yield dataclasses.replace(found, columns={**found.columns, "id": [b"0" * 16] * len(found.columns["id"])})


def test_facts_of_documents_with_one_id_are_measured_again(folder: Path, log: Log) -> None:
    """Where an id is there twice, nobody can tell whose metrics are whose."""
    quick(pipeline(folder, steps(Twins(), Length(log=str(log.path)))))
    log.batches()
    changed = pipeline(folder, steps(Twins(), Length(log=str(log.path), min_words=4)))
    assert quick(changed).complete
    assert log.batches()
    assert RootContents(folder / "root").everything() == fresh(folder, changed).everything()


def test_facts_without_removed_rows_are_measured_again(folder: Path, log: Log) -> None:
    """With ``keep_removed: counts`` the metrics of removed rows are gone, so a new threshold has to measure."""
    quick(pipeline(folder, log.kinds(), keep_removed="counts"))
    log.batches()
    changed = pipeline(folder, log.kinds(min_words=1), keep_removed="counts")
    assert quick(changed).complete
    assert log.batches()
    assert RootContents(folder / "root").everything() == fresh(folder, changed).everything()


def test_a_changed_field_measures_again(folder: Path, log: Log) -> None:
    """Another version of a stage recomputes it and what follows, and leaves what comes before."""
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


# ---------------------------------------------------------------------------------------------------------- lost files


def of_each_kind(held: RootContents) -> list[str]:
    """A file of each folder of files that receipts name, below the root."""
    manifests = ((folder, (*m.parts, *m.shuffle, *m.audit)) for folder, m in held.manifests.items())
    receipts = [r for folder, keys in manifests for r in held.root.receipts(folder, keys)]
    named = [file.path for receipt in receipts for files in receipt.files.values() for file in files]
    named += [receipt.statistics for receipt in receipts if receipt.statistics]
    return list({path.partition("/")[2].partition("-")[0]: path for path in named}.values())


def test_a_lost_file_is_made_again_whatever_it_is(folder: Path) -> None:
    """A receipt counts only while its files are there: a file that is deleted is reported and made as it was."""
    given = pipeline(folder, audit=2)
    quick(given)
    before, root = RootContents(folder / "root"), folder / "root"
    files = of_each_kind(before)
    assert len(files) == 9
    for path in files:
        whole = (root / path).read_bytes()
        (root / path).unlink()
        report = quick(given)
        assert (report.complete, bool(report.tasks), report.missing_files) == (True, True, (path,)), path
        assert (root / path).read_bytes() == whole, path
    assert RootContents(root).everything() == before.everything()
    assert quick(given).tasks == 0


def test_a_file_of_another_size_is_made_again(folder: Path) -> None:
    """A file that was cut short is noticed by its size, without being read, and the run's record names it."""
    quick(pipeline(folder))
    ref, *_ = RootContents(folder / "root").receipts("04-gather")[0].files["kept"]
    whole = (folder / "root" / ref.path).read_bytes()
    (folder / "root" / ref.path).write_bytes(whole[:-1])
    assert quick(pipeline(folder)).missing_files == (ref.path,)
    assert (folder / "root" / ref.path).read_bytes() == whole
    assert f"{ref.path} is gone or has another size" in problems(str(folder / "root"))[0].message


def test_metrics_whose_files_are_gone_are_measured_again(folder: Path, log: Log) -> None:
    """A changed threshold is applied to stored metrics where they are there, and measured where they are not."""
    quick(pipeline(folder, log.kinds()))
    log.batches()
    ref, *_ = RootContents(folder / "root").receipts("01-words")[0].files["removed"]
    (folder / "root" / ref.path).unlink()
    changed = pipeline(folder, log.kinds(min_words=3))
    assert quick(changed).complete
    assert log.batches() == 1  # the rows of that part
    assert RootContents(folder / "root").everything() == fresh(folder, changed).everything()


def test_files_that_the_run_is_not_about_are_left(folder: Path) -> None:
    """Without the stage of a lost file nothing is made, and the manifest does not count the part any more."""
    quick(pipeline(folder))
    before = RootContents(folder / "root")
    ref, *_ = before.receipts("02-upper")[0].files["kept"]
    (folder / "root" / ref.path).unlink()
    assert quick(pipeline(folder), Selection(until="words")).tasks == 0
    manifest = RootContents(folder / "root").manifests["02-upper"]
    assert len(manifest.parts) == manifest.expected - 1
    assert quick(pipeline(folder)).tasks == 1
    assert RootContents(folder / "root").everything() == before.everything()


# ------------------------------------------------------------------------------------------------------ another recipe


def test_a_switch_to_results_that_are_there_is_reported(folder: Path) -> None:
    """A run that makes nothing and gives the root another recipe says which values changed, and what it took."""
    quick(pipeline(folder, all_kinds()[:3]))
    first = quick(pipeline(folder))
    assert next(one.right for one in first.changed_settings if one.name == "pipeline")[-2:] == ["same", "gather"]
    assert first.reused == ()
    other = (*all_kinds()[:2], *steps(Same(), Gather()))
    quick(pipeline(folder, other))
    back = quick(pipeline(folder, all_kinds()[:3]))
    assert (back.tasks, back.reused) == (0, ("upper",))
    assert not quick(pipeline(folder, all_kinds()[:3])).changed_settings


# --------------------------------------------------------------------------------------------------------------- inputs


def keys(held: RootContents, name: str) -> set[str]:
    return {receipt.key for receipt in held.receipts(name)}


def test_a_new_input_maps_only_itself(folder: Path, log: Log) -> None:
    """The parts of other files are reused, though their numbers change; the result is a new root's."""
    given = pipeline(folder, log.kinds())
    quick(given)
    log.batches()
    before = RootContents(folder / "root")
    (folder / "in" / "-new.txt").write_text("a new file\nthe same text\n")
    report = quick(given)
    assert report.complete
    assert log.batches() == 1
    held = RootContents(folder / "root")
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
    assert RootContents(folder / "root").everything() == fresh(folder, given).everything()


def test_a_changed_input_is_read_again(folder: Path, log: Log) -> None:
    """Only the part of the changed file is measured."""
    given = pipeline(folder, log.kinds())
    quick(given)
    log.batches()
    path = folder / "in" / "0.txt"
    path.write_text(path.read_text() + "one more line\n")
    assert quick(given).complete
    assert log.batches() == 3  # of up to three of its eight lines each
    assert RootContents(folder / "root").everything() == fresh(folder, given).everything()


def test_a_touched_input_changes_nothing_after_it(folder: Path) -> None:
    """A file with another time of change and the same lines is read again, and all that follows stays valid."""
    quick(pipeline(folder))
    before = RootContents(folder / "root")
    os.utime(folder / "in" / "0.txt", ns=(1, 1))
    assert quick(pipeline(folder)).tasks == 1
    held = RootContents(folder / "root")
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
    assert len(RootContents(folder / "root").receipts(FOLDERS[0])) == len(TEXTS)


def test_a_root_may_have_any_name(folder: Path, log: Log) -> None:
    """Brackets and stars in the root's path are no pattern: metrics are found and the code is guarded."""
    given = pipeline(folder, log.kinds(), root="[r]oo?t*")
    quick(given)
    log.batches()
    changed = pipeline(folder, log.kinds(min_words=3), root="[r]oo?t*")
    quick(changed)
    assert log.batches() == 0
