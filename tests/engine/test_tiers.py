"""Tiers: whatever the number of files that a task may open, the results are those of tasks that open all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from refinery import Size
from refinery.identity import part_key
from refinery.inspect.verification import verify
from refinery.planner import tiers
from refinery.recipe import Pipeline
from refinery.root.receipts import Receipt
from refinery.stage.addresses import reference_number
from refinery.stage.base import Records
from refinery.stage.keyed import sort_rows
from refinery.stages.export import Export
from refinery.stages.minhash import MinHash
from refinery.stages.rank import Rank
from refinery.stages.substring import Substring
from refinery.stages.urls import Urls
from refinery.store import LocalStore, Store
from refinery.task import perform, shuffle
from refinery.task.commit import commit
from refinery.task.merging import gathered
from refinery.task.shuffle import Run, numbered
from refinery.task.tasks import RoundTask
from refinery.task.tiers import TierTask
from tests.engine.roots import RootContents, pipeline, quick, steps, write_inputs
from tests.engine.toy import LineSource, records

LINES = [f"page {n * 7 % 61} " + " ".join(f"w{n % 47 * 4 + k}" for k in range(8 + n % 5)) for n in range(70)]
PARTS = 7


class Pages(LineSource):
    """Lines whose first words are their URL."""

    name: ClassVar = "pages"

    def read(self, path: str, store: Store) -> Any:
        for number, line in enumerate(store.read(path).decode().splitlines()):
            made = records(path, [(number, line)], skipped=0)
            digest = hashlib.md5(f"{path.rpartition('/')[2]} {line}".encode()).digest()
            url = f"http://www.site.co.uk/{line.split()[1]}"
            yield Records({**made.columns, "id": [digest], "url": [url]}, made.metrics, {})


def recipe(folder: Path, root: str, **changes: Any) -> Pipeline:
    """All kinds of exchanges: verified pairs, ranges by part, combined ranks, a shuffled export."""
    if not (folder / "in").exists():
        write_inputs(folder / "in", [LINES[start::PARTS] for start in range(PARTS)])
    chosen = steps(
        Pages(),
        Urls(**changes),
        MinHash(unit="words", words="whitespace", ngram=2, bands=8, rows=2, verify=True, sketch=16, min_similarity=0.5),
        Substring(unit="words", words="whitespace", min_tokens=3, keep="first", min_chars=1),
        Rank(scores=("urls.size", "substring.share")),
        Export(columns=("id", "url", "text"), shard=Size(500), shuffle=1),
    )
    return pipeline(folder, chosen, root=root)


@dataclass
class Opened:
    """The files that each task between rounds opens."""

    paths: set[str] = field(default_factory=set)
    most: dict[type, int] = field(default_factory=dict)
    every: bool = True
    """False once a task has seen all parts."""

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Count from now on. Tasks that see all parts open the index of each, and are left out."""
        opened = LocalStore.open
        monkeypatch.setattr(LocalStore, "open", lambda store, path: (self.paths.add(path), opened(store, path))[1])
        for kind in (RoundTask, TierTask):
            monkeypatch.setitem(perform._PERFORM, kind, self._counted(perform._PERFORM[kind]))

    def _counted(self, done: Callable[..., list[Receipt]]) -> Callable[..., list[Receipt]]:
        def count(task: Any, mark: Any) -> list[Receipt]:
            self.paths.clear()
            made = done(task, mark)
            if isinstance(task, TierTask) or task.round.unit:
                self.most[type(task)] = max(self.most.get(type(task), 0), len(self.paths))
            else:
                self.every = False
            return made

        return count


def outcome(root: Path) -> dict[str, Any]:
    """Keys, inputs and contents of all receipts but those of merges, by folder."""
    found: dict[str, Any] = {}
    held = RootContents(root)
    for folder, manifest in held.manifests.items():
        every = held.root.receipts(folder, (*manifest.parts, *manifest.shuffle))
        found[folder] = [(one.key, one.inputs, one.contents) for one in every if not is_merge(one)]
    return found


def is_merge(receipt: Receipt) -> bool:
    """True for a receipt of files that several were merged to."""
    by = ("merge", "merge by key", "merge by file")
    return receipt.key in {part_key(one, receipt.inputs) for one in by} or receipt.inputs[0].startswith("parts ")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder with a root whose tasks open all files, of some 20 ranges."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        small_ranges(patch)
        quick(recipe(folder, "root"))
    return folder, outcome(folder / "root")


def small_ranges(patch: pytest.MonkeyPatch) -> None:
    """Ranges of keys of a few hundred bytes."""
    patch.setattr(shuffle, "SHARE", 2**20)


@pytest.mark.slow
@pytest.mark.parametrize("fan_in", [2, 3, 6])
def test_results_are_those_without_tiers(
    whole: tuple[Path, dict[str, Any]], fan_in: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys and contents of all parts, ranges and verdicts are the same, and the root is verified."""
    folder, expected = whole
    small_ranges(monkeypatch)
    monkeypatch.setattr(tiers, "FAN_IN", fan_in)
    opened = Opened()
    opened.watch(monkeypatch)
    name = f"root{fan_in}"
    assert quick(recipe(folder, name)).complete
    assert opened.most[TierTask] <= max(fan_in, 4)  # with a table of excluded documents of each of two files
    assert opened.most[RoundTask] <= fan_in + 2  # besides, a part's index and what was sent to it
    found = outcome(folder / name)
    assert {folder: one for folder, one in found.items() if one != expected[folder]} == {}
    assert verify(str(folder / name)).findings == ()


@pytest.mark.slow
@pytest.mark.parametrize("fan_in", [2, 6])
def test_minhash_over_ranges_has_no_task_that_opens_many(
    tmp_path: Path, fan_in: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copies and clusters are found by tasks that open few files, of all rounds, and the rows kept are the same."""
    write_inputs(tmp_path / "in", [LINES[start::PARTS] for start in range(PARTS)])
    small_ranges(monkeypatch)
    forms = [
        steps(Pages(), MinHash(unit="words", words="whitespace", ngram=2, bands=8, rows=2, one_task=limit))
        for limit in (10**9, 0)
    ]
    assert quick(pipeline(tmp_path, forms[0], root="one")).complete
    monkeypatch.setattr(tiers, "FAN_IN", fan_in)
    opened = Opened()
    opened.watch(monkeypatch)
    assert quick(pipeline(tmp_path, forms[1], root="ranges")).complete
    assert opened.most[TierTask] <= max(fan_in, 4)
    assert opened.most[RoundTask] <= fan_in + 3  # besides, a part's index and its copies, and what was sent to it
    assert opened.every
    assert RootContents(tmp_path / "ranges").contents() == RootContents(tmp_path / "one").contents()


# ------------------------------------------------------------------------------------------------- parts of the method

SCHEMA = pa.schema([("key", pa.uint64()), ("part", pa.uint32()), ("row", pa.uint32())])
Rows = list[tuple[int, int, int]]
rows = st.lists(st.tuples(st.sampled_from([0, 1, 2, 3, 2**64 - 1]), st.just(0), st.integers(0, 3)), max_size=8)


def table(some: Rows) -> pa.RecordBatch:
    """Rows as a batch."""
    columns = zip(*some, strict=True) if some else ([], [], [])
    return pa.RecordBatch.from_arrays(list(map(pa.array, columns, SCHEMA.types)), schema=SCHEMA)


def listed(batches: Iterable[pa.RecordBatch]) -> Rows:
    """The rows of batches."""
    return [tuple(row.values()) for batch in batches for row in batch.to_pylist()]


@settings(max_examples=100)
@given(st.integers(0, 60), st.integers(1, 8), st.integers(2, 8))
def test_groups_have_all_files_in_order(files: int, most: int, fan_in: int) -> None:
    """No group is larger than a task may read, and tiers end with no more files than are wanted."""
    left = [[number] for number in range(files)]
    while len(left) > most:
        grouped = list(tiers.groups(left, most, fan_in))
        assert max(map(len, grouped)) <= fan_in
        assert len(grouped) < len(left)
        left = [[number for file in group for number in file] for group in grouped]
    assert [number for file in left for number in file] == list(range(files))


@settings(max_examples=100)
@given(parts=st.lists(rows, min_size=1, max_size=6), cut=st.integers(1, 3), merged=st.booleans())
def test_rows_of_merged_runs_are_those_of_all(parts: list[Rows], cut: int, *, merged: bool) -> None:
    """Of ranges of keys, sorted as a whole or part after part, whatever runs were merged; also with reference parts."""
    some = [sorted((key, number, row) for key, _, row in one) for number, one in enumerate(parts)]
    numbers = [number if number < 4 else reference_number(0, number) for number in range(len(parts))]
    runs = [run(number, [(key, number, row) for key, _, row in one]) for number, one in zip(numbers, some, strict=True)]
    own, others = runs[:4], runs[4:]
    few = [merged_run(group) for kind in (own, others) for group in (kind[:cut], kind[cut:]) if group]
    read = shuffle.merged_range if merged else shuffle.range_by_part
    for low, high in ((0, 2), (2, 3), (3, 2**64)):
        assert listed(read(few, low, high)) == listed(read(runs, low, high))


def run(number: int, some: Rows, *, merged: bool = False) -> Run:
    """A run of a part without the numbers of parts, or a merged one with them."""
    batch = table(some) if merged else table(some).drop_columns(["part"])

    def read(low: int, high: int) -> Iterator[pa.RecordBatch]:
        keys = batch.column("key").to_pylist()
        inside = [place for place, key in enumerate(keys) if low <= key < high]
        yield batch.slice(inside[0], len(inside)) if inside else batch.slice(0, 0)

    return Run(number, read, merged=merged)


def merged_run(runs: Sequence[Run]) -> Run:
    """One run with the rows of several."""
    streams = [iter([numbered(one.number, rows) for rows in one.read(0, 2**64)]) for one in runs]
    found = [row for rows in gathered(streams) for row in listed(sort_rows(rows).to_batches())]
    return run(runs[0].number, found, merged=True)


def test_a_merge_that_was_killed_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before its receipt, between two of a tier: what is there is used, and all else is as without it."""
    write_inputs(tmp_path / "in", [[f"line {n // 2} of text" for n in range(start, start + 4)] for start in range(5)])
    quick(pipeline(tmp_path, root="whole"))
    monkeypatch.setattr(tiers, "FAN_IN", 2)
    done: list[str] = []

    def killed(root: Any, folder: str, stage: Any, receipt: Receipt) -> Receipt:
        done.append(receipt.key)
        if len(done) == 2:
            raise KeyboardInterrupt
        return commit(root, folder, stage, receipt)

    monkeypatch.setattr("refinery.task.tiers.commit", killed)
    with pytest.raises(KeyboardInterrupt):
        quick(pipeline(tmp_path))
    assert quick(pipeline(tmp_path)).complete
    assert done.count(done[0]) == 1
    assert done.count(done[1]) == 2
    assert outcome(tmp_path / "root") == outcome(tmp_path / "whole")
    assert verify(str(tmp_path / "root")).findings == ()
