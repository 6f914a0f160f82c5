"""Merges by groups of parts: whatever was merged before, each part reads the rows that all files sent to it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings, strategies as st

from refinery.inspect.garbage import collect_garbage
from refinery.inspect.verification import verify
from refinery.planner import tiers, transposition
from refinery.planner.round_files import RoundFile
from refinery.planner.transposition import GroupMerge, Transposition
from refinery.root.parquet import publish, read_rows, write_table
from refinery.root.receipts import Receipt
from refinery.root.root import Root
from refinery.runner.takedown import takedown
from refinery.stage.addresses import address_range, reference_number
from refinery.stages.minhash import MinHash
from refinery.stages.substring import Substring
from refinery.stages.urls import Urls
from refinery.store import LocalStore
from refinery.task import shuffle
from refinery.task.commit import commit
from refinery.task.shuffle import SHARE, read_range
from refinery.task.tasks import MappedFiles
from refinery.task.tiers import SortedRun, TierTask, merge_tier
from tests.engine.roots import RootContents, pipeline, quick, steps, write_inputs
from tests.engine.test_tiers import LINES, Pages, is_merge, outcome
from tests.engine.toy import Same

NUMBERS = [0, 1, 2, 3, 4, 5, reference_number(0, 0), reference_number(1, 7)]

Sent = list[tuple[int, int]]
"""Rows that a file sends: the part and the row of each."""

sent_rows = st.lists(st.tuples(st.sampled_from(NUMBERS), st.integers(0, 3)), max_size=12).map(sorted)


def mapped(number: int, documents: int = 1) -> MappedFiles:
    return MappedFiles(number, documents, "")


def file_of(place: object, size: int) -> RoundFile:
    return RoundFile(SortedRun(0, str(place), merged=True, bytes=size), str(place), size)


def naive(files: Sequence[list[Any]], part: int) -> list[Any]:
    """The rows of a part, file after file."""
    return [row for file in files for row in file if row[0] == part]


def merged(files: Sequence[list[Any]], span: tuple[int, int]) -> list[Any]:
    """Return the rows that a merge writes."""
    return sorted((row for file in files for row in file if span[0] <= row[0] <= span[1]), key=lambda row: row[0])


def all_merged(made: Transposition, rows: dict[str, list[Any]]) -> Iterator[GroupMerge]:
    """Do the merges with lists, and yield each."""
    while merges := made.merges():
        found = []
        for merge in merges:
            yield merge
            path = f"merged {len(rows)}"
            rows[path] = merged([rows[file.run.path] for file in merge.group.files], merge.group.span)
            found.append(file_of(path, len(rows[path])))
        made.merge(iter(found))


@settings(max_examples=200)
@given(
    files=st.lists(sent_rows, max_size=12),
    documents=st.lists(st.integers(0, 9), min_size=len(NUMBERS), max_size=len(NUMBERS)),
    fan_in=st.integers(2, 5),
    openings=st.integers(0, 100),
    memory=st.integers(1, 300),
)
@example(files=[[(0, 0)]] * 9, documents=[1] * 8, fan_in=2, openings=0, memory=300)
def test_each_part_finds_what_was_sent_to_it(
    files: list[Sent], documents: list[int], fan_in: int, openings: int, memory: int
) -> None:
    """In order, in at most so many files as a task may open; no merge opens more, and none is of one file."""
    numbered = [[(part, row, number) for part, row in one] for number, one in enumerate(files)]
    rows = {f"sent {number}": one for number, one in enumerate(numbered)}
    parts = [mapped(*pair) for pair in zip(NUMBERS, documents, strict=True)]
    made = Transposition(parts, [file_of(path, len(one)) for path, one in rows.items()], memory * SHARE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiers, "FAN_IN", fan_in)
        patch.setattr(transposition, "OPENINGS", openings)
        for merge in all_merged(made, rows):
            assert 2 <= len(merge.group.files) <= fan_in
    for part in NUMBERS:
        paths, _ = made.read(part)
        assert len(paths) <= (fan_in if openings else 1)
        assert naive([rows[path] for path in paths], part) == naive(numbered, part)


@settings(max_examples=200)
@given(
    documents=st.lists(st.integers(1, 50), min_size=1, max_size=40),
    files=st.integers(2, 30),
    fan_in=st.integers(2, 8),
    memory=st.integers(1, 2000),
)
def test_the_rows_of_a_merge_take_a_share_of_its_memory(
    documents: list[int], files: int, fan_in: int, memory: int
) -> None:
    """Or they are those of one part, where each document has a row of a byte in each file."""
    parts = [mapped(number, count) for number, count in enumerate(documents)]
    made = Transposition(parts, [file_of(n, sum(documents)) for n in range(files)], memory * SHARE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiers, "FAN_IN", fan_in)
        patch.setattr(transposition, "OPENINGS", 0)
        merges = made.merges()
    most = -(-files // -(-files // fan_in))
    for merge in merges:
        rows = merge.group.documents * len(merge.group.files)
        assert len(merge.group.files) <= most
        # One merge may have a file more than another, and groups a document.
        assert len(merge.group.parts) == 1 or rows <= memory * most / (most - 1) + most
        assert merge.bytes == pytest.approx(rows, abs=1)


def test_the_rule_on_the_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crawl is transposed, in one step up to 400 files; few parts or files are read as they are."""
    crawl = [mapped(number, 1000) for number in range(90_000)]

    def planned(parts: int, files: int) -> list[tuple[int, int]]:
        made = Transposition(crawl[:parts], [file_of(n, 10**7) for n in range(files)], 2**30)
        found = []
        while merges := made.merges():
            found.append((len(merges), max(len(merge.group.files) for merge in merges)))
            made.merge(file_of(n, merge.bytes) for n, merge in enumerate(merges))
        return found

    assert planned(100, 400) == planned(250, 400) == planned(90_000, 1) == planned(4, 100) == []
    assert planned(300, 400) == [(30, 400)]
    assert planned(90_000, 400) == [(300, 400)]
    assert planned(90_000, 1_200) == [(90, 400), (300, 3)]
    assert planned(4, 401) == [(8, 201)]
    monkeypatch.setattr(transposition, "OPENINGS", 0)
    assert planned(1, 1) == []


# ------------------------------------------------------------------------------------------------------------ the task

STAGE = Same()


@settings(max_examples=40)
@given(
    files=st.lists(sent_rows, min_size=1, max_size=5),
    span=st.tuples(st.sampled_from(NUMBERS), st.sampled_from(NUMBERS)).map(lambda pair: (min(pair), max(pair))),
    row_group=st.integers(1, 5),
)
def test_a_merge_has_the_rows_of_its_parts(files: list[Sent], span: tuple[int, int], row_group: int) -> None:
    """Those of each together, file after file, whatever row groups they are in; a part finds them by its addresses."""
    with tempfile.TemporaryDirectory() as folder:
        root = Root(folder, LocalStore())
        numbered = [[(part, row, number) for part, row in one] for number, one in enumerate(files)]
        runs = tuple(written(root, number, one, row_group) for number, one in enumerate(numbered))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("refinery.task.tiers.ROW_GROUP", row_group)
            receipt = merge_tier(task(folder, runs, span))
        path = receipt.files["reduced"][0].path
        assert listed(read_rows(root, path)) == merged(numbered, span)
        assert receipt.rows["reduced"] == len(merged(numbered, span))
        for part in NUMBERS:
            if span[0] <= part <= span[1]:
                found = [row for rows in read_range(root, path, *address_range(part)) for row in listed(rows)]
                assert found == naive(numbered, part)


def written(root: Root, number: int, rows: list[Any], row_group: int) -> SortedRun:
    """A file as a range sends it."""
    keys = pa.array([part << 32 | row for part, row, _ in rows], pa.uint64())
    table = pa.table({"key": keys, "file": pa.array([file for *_, file in rows], pa.int64())})
    _, files = write_table(root, table, row_group)
    (file,) = publish(root, files, "00-same/reduce", number, f"{number:08x}")
    return SortedRun(0, file.path, merged=True, bytes=file.bytes)


def task(folder: str, runs: tuple[SortedRun, ...], span: tuple[int, int]) -> TierTask:
    owner: dict[str, Any] = {"root": folder, "stage": STAGE, "name": "same", "folder": "00-same"}
    return TierTask(**owner, key="f" * 32, inputs=("a",), number=9, runs=runs, order="part", parts=span)


def listed(rows: pa.Table | pa.RecordBatch) -> list[tuple[int, int, int]]:
    """Part, row and file of each."""
    return [(one["key"] >> 32, one["key"] & 2**32 - 1, one["file"]) for one in rows.to_pylist()]


# ---------------------------------------------------------------------------------------------------------- whole runs

GLOBALS = (
    Urls(),
    MinHash(unit="words", words="whitespace", ngram=2, bands=8, rows=2, verify=True, sketch=16, min_similarity=0.5),
    MinHash(unit="words", words="whitespace", ngram=2, bands=8, rows=2, one_task=0),
    Substring(unit="words", words="whitespace", min_tokens=3, keep="first", min_chars=1),
)
PARTS = 5


def small_ranges(patch: pytest.MonkeyPatch, openings: int) -> None:
    """Ranges of keys of a few hundred bytes, and a bound on openings."""
    patch.setattr(shuffle, "SHARE", 2**20)
    patch.setattr(transposition, "OPENINGS", openings)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_inputs(tmp_path / "in", [LINES[start::PARTS] for start in range(PARTS)])
    write_inputs(tmp_path / "other" / "in", [LINES[start::9] for start in range(3)])
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("stage", GLOBALS, ids=lambda stage: f"{stage.name}-{getattr(stage, 'one_task', '')}")
def test_results_are_those_without(folder: Path, stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys, inputs and contents of all receipts but those of merges are the same, with a reference root as well."""
    small_ranges(monkeypatch, 10**9)
    quick(pipeline(folder / "other", steps(Pages(), stage)))
    against = stage.model_copy(update={"against": (str(folder / "other" / "root"),)})
    for name, one in (("root", stage), ("compared", against)):
        found = []
        for openings in (10**9, 0):
            small_ranges(monkeypatch, openings)
            root = f"{name}-{openings}"
            assert quick(pipeline(folder, steps(Pages(), one), root=root)).complete
            assert verify(str(folder / root)).ok
            found.append(outcome(folder / root))
            assert bool(merges_of(folder / root)) == (openings == 0)
        assert found[0] == found[1]
        small_ranges(monkeypatch, 0)
        assert quick(pipeline(folder, steps(Pages(), one), root=f"{name}-{10**9}")).tasks == 0


def merges_of(path: Path) -> list[Receipt]:
    """Receipts of merges by groups of parts."""
    contents = RootContents(path)
    every = (contents.root.receipts(folder, one.shuffle) for folder, one in contents.manifests.items())
    return [receipt for receipts in every for receipt in receipts if receipt.inputs[0].startswith("parts ")]


@pytest.mark.parametrize("killed_at", [0, 1, 3])
def test_a_run_that_is_killed_between_merges_goes_on(
    folder: Path, killed_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a kill before or within the round, finished merges are reused, and results equal those of an undisturbed run."""
    stages = steps(Pages(), Urls())
    small_ranges(monkeypatch, 10**9)
    quick(pipeline(folder, stages, root="whole"))
    small_ranges(monkeypatch, 0)
    done: list[str] = []

    def killed(root: Any, folder: str, stage: Any, receipt: Receipt) -> Receipt:
        if is_merge(receipt):
            done.append(receipt.key)
        elif receipt.kind != "resolve":
            return commit(root, folder, stage, receipt)
        if len(done) == killed_at + (receipt.kind != "resolve") and not resumed:
            raise KeyboardInterrupt
        return commit(root, folder, stage, receipt)

    resumed = False
    monkeypatch.setattr("refinery.task.tiers.commit", killed)
    monkeypatch.setattr("refinery.task.rounds.commit", killed)
    with pytest.raises(KeyboardInterrupt):
        quick(pipeline(folder, stages))
    resumed = True
    assert quick(pipeline(folder, stages)).complete
    assert len(set(done)) == 3
    assert len(done) == 3 + (killed_at < 3)
    assert outcome(folder / "root") == outcome(folder / "whole")
    assert verify(str(folder / "root")).findings == ()


def test_unused_merges_are_garbage_and_others_are_not(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of tiers: a run that plans none of them uses none, and does nothing again when they are deleted."""
    small_ranges(monkeypatch, 0)
    given, root = pipeline(folder, steps(Pages(), Urls())), str(folder / "root")
    assert quick(given).complete
    files = {file.path for receipt in merges_of(folder / "root") for file in receipt.files["reduced"]}
    assert files
    assert collect_garbage(root).files == ()
    small_ranges(monkeypatch, 10**9)
    assert quick(given).tasks == 0
    assert files <= {file.path for file in collect_garbage(root, delete=True).files}
    small_ranges(monkeypatch, 0)
    assert quick(given).tasks == 0
    assert verify(root).findings == ()


def test_a_takedown_leaves_merges_as_they_are(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They have addresses and no text or id: all else is done as without them, and no task again."""
    small_ranges(monkeypatch, 0)
    given, root = pipeline(folder, steps(Pages(), Urls())), str(folder / "root")
    assert quick(given).complete
    (row, *_) = RootContents(folder / "root").rows("01-urls")
    before = [receipt.files for receipt in merges_of(folder / "root")]
    assert takedown(root, [row["id"].hex()]).documents
    assert [receipt.files for receipt in merges_of(folder / "root")] == before
    assert not any("reduce/" in file.path for file in takedown(root, [row["id"].hex()], dry_run=True).files)
    assert quick(given).tasks == 0
    assert verify(root).findings == ()
