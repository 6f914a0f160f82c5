"""A shuffled export: one order of all documents, whatever parts they come from, in files of equal numbers of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from refinery import Size
from refinery.inspect.accounts import why
from refinery.inspect.counts import read_counts
from refinery.inspect.verification import verify
from refinery.planner import tiers
from refinery.planner.cost import Target
from refinery.planner.estimator import plan
from refinery.recipe import Pipeline
from refinery.root.root import Root
from refinery.runner.run import run
from refinery.stage.base import Records
from refinery.stages._permutation import permuted
from refinery.stages.export import Export
from refinery.store import LocalStore, Store
from refinery.task import order_runs, ordered
from refinery.task.ordered import keys_of
from refinery.task.ranks import RankRange
from tests.engine.roots import RootContents, pipeline, quick, steps, write_inputs
from tests.engine.toy import Length, LineSource, records

COUNT = 200
LINES = [f"text {n} " + "word " * (n * 7 % 13) for n in range(COUNT)]
EXPORT = "02-export"


class Texts(LineSource):
    """Lines with ids of their own, in whatever file they are, of 20 domains."""

    name: ClassVar = "texts"

    def read(self, path: str, store: Store) -> Any:
        for number, line in enumerate(store.read(path).decode().splitlines()):
            made = records(path, [(number, line)], skipped=0)
            digest = hashlib.md5(line.encode()).digest()
            site = f"http://www.site{digest[0] % 20}.co.uk/{digest.hex()}"
            yield Records({**made.columns, "id": [digest], "url": [site]}, made.metrics, {})


def recipe(folder: Path, root: str = "root", *, parts: int = 5, **changes: Any) -> Pipeline:
    """Texts in ``parts`` files, a filter with metrics, and a shuffled export of small files."""
    settings = {name: changes.pop(name) for name in ("workers", "batch") if name in changes}
    inputs = folder / f"in{parts}"
    if not inputs.exists():  # other files would be other inputs
        write_inputs(inputs, [LINES[start::parts] for start in range(parts)])
    fields = {"columns": ("id", "url", "text", "tokens"), "shard": Size(1500), "shuffle": 1, **changes}
    export = Export(**{name: value for name, value in fields.items() if value is not None})
    chosen = steps(Texts(), Length(), export)
    return pipeline(folder, chosen, root=root, inputs=(str(inputs / "*.txt"),), **settings)


def mixed(value: int) -> int:
    """MurmurHash3's finalizer of a value + B, in plain Python."""
    x = (value + 0x9E3779B97F4A7C15) % 2**64
    x = (x ^ x >> 33) * 0xFF51AFD7ED558CCD % 2**64
    x = (x ^ x >> 33) * 0xC4CEB9FE1A85EC53 % 2**64
    return x ^ x >> 33


def naive(ids: Sequence[bytes], seed: int) -> list[bytes]:
    """All ids sorted by the hash of them and the seed."""

    def key(document: bytes) -> int:
        high, low = int.from_bytes(document[:8], "big"), int.from_bytes(document[8:], "big")
        return mixed(high ^ mixed(low ^ mixed(seed)))

    return sorted(ids, key=key)


def files(root: Path) -> dict[str, bytes]:
    """The exported files of a root by name."""
    found = sorted((root / EXPORT / "kept").rglob("*.parquet"))
    return {str(path.relative_to(root)): path.read_bytes() for path in found}


@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
def test_documents_are_in_the_order_of_their_hashes(tmp_path: Path, seed: int) -> None:
    """The files one after another have all documents, sorted as a naive sort has them."""
    quick(recipe(tmp_path, shuffle=seed))
    before, after = (RootContents(tmp_path / "root").rows(folder) for folder in ("01-words", EXPORT))
    ids = [row["id"] for row in before]
    assert [row["id"] for row in after] == naive(ids, seed) != ids
    assert {row["id"]: row["text"] for row in after} == {row["id"]: row["text"] for row in before}


def test_files_have_equal_numbers_of_documents(tmp_path: Path) -> None:
    """As many files as the size of a shard asks for; two differ by one document at most."""
    quick(recipe(tmp_path))
    found = RootContents(tmp_path / "root")
    rows = [receipt.rows["kept"] for receipt in found.receipts(EXPORT)]
    text = sum(len(row["text"]) for row in found.rows(EXPORT))
    assert len(rows) == -(-text // 1500) > 3
    assert max(rows) - min(rows) <= 1
    assert all(len(receipt.files["kept"]) == 1 for receipt in found.receipts(EXPORT))


def test_the_disk_of_sorted_documents_is_planned(tmp_path: Path) -> None:
    """``plan`` states as much as the sorted documents take, and not twice that; without an order there is none."""
    quick(given := recipe(tmp_path))
    export = plan(given, target=Target(files=5)).stages[-1]
    taken = sum(path.stat().st_size for path in (tmp_path / "root" / EXPORT / "map").rglob("*.parquet"))
    assert export.disk is not None
    assert taken / 1.5 <= export.disk <= 2 * taken
    quick(unordered := recipe(tmp_path, "unordered", shuffle=None))
    assert plan(unordered, target=Target(files=5)).stages[-1].disk is None


@pytest.mark.parametrize("count", [1, 7])
def test_parts_batches_and_memory_have_no_effect(tmp_path: Path, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other input files with the same documents are exported to the same bytes, also if runs are merged from files."""
    quick(recipe(tmp_path))
    monkeypatch.setattr(ordered, "BUDGET", 500)
    monkeypatch.setattr(order_runs, "GROUP_BYTES", 300)
    quick(recipe(tmp_path, "other", parts=count, batch=3))
    mine, its = files(tmp_path / "root"), files(tmp_path / "other")
    assert list(mine.values()) == list(its.values())


def test_it_is_planned_and_its_documents_are_found(tmp_path: Path) -> None:
    """Nothing is left to do after a run, and ``why`` follows a document to its file."""
    assert plan(recipe(tmp_path)).stages[-1].name == "export"
    quick(recipe(tmp_path))
    assert all(stage.action == "keep" for stage in plan(recipe(tmp_path)).stages)
    row = RootContents(tmp_path / "root").rows(EXPORT)[7]
    (account,) = why(str(tmp_path / "root"), row["id"].hex()).documents
    assert account.stations[-1].stage == "export"


def test_what_is_lost_is_made_again(tmp_path: Path) -> None:
    """Without some runs and files, as after a crash, a run writes the same bytes again."""
    quick(recipe(tmp_path))
    before = files(tmp_path / "root")
    folder = tmp_path / "root" / EXPORT
    for path in [*sorted(folder.glob("receipts/*"))[::2], *sorted(folder.glob("map/keys/*"))[::2]]:
        path.unlink()
    for path in sorted(folder.glob("kept/*"))[::3]:
        path.unlink()
    report = quick(recipe(tmp_path))
    assert report.complete
    assert files(tmp_path / "root") == before


def test_counts_reconcile_and_parts_can_be_recomputed(tmp_path: Path) -> None:
    """Verify finds nothing, with every part computed again."""
    quick(recipe(tmp_path, validation=0.3))
    assert read_counts(str(tmp_path / "root")).reconciled
    found = verify(str(tmp_path / "root"), rerun=1.0)
    assert found.findings == ()
    assert found.ok


def test_another_seed_repeats_the_export_only(tmp_path: Path) -> None:
    """Nothing is measured again."""
    quick(recipe(tmp_path))
    planned = {stage.name: stage.action for stage in plan(recipe(tmp_path, shuffle=2)).stages}
    assert planned == {"texts": "keep", "words": "keep", "export": "run"}
    assert quick(recipe(tmp_path, shuffle=2)).complete
    assert [row["id"] for row in RootContents(tmp_path / "root").rows(EXPORT)] == naive(
        [row["id"] for row in RootContents(tmp_path / "root").rows("01-words")], 2
    )


def test_neighbours_are_as_far_apart_as_chance_has_it() -> None:
    """Chi-square tests over 1,000 seeds, of where a document comes, and how far its neighbour in the input is from it.

    Their critical values are those of a probability of .001 for 9 degrees of freedom.
    """
    count, bins, seeds = 60, 10, 1000
    ids = pa.array([hashlib.md5(line.encode()).digest() for line in LINES[:count]], pa.binary(16))
    places = np.array([np.argsort(np.argsort(permuted(ids, seed))) for seed in range(seeds)])
    for document in (0, 17, count - 2):
        first, second = places[:, document], places[:, document + 1]
        expected = np.full(bins, seeds / bins)
        assert ((np.bincount(first * bins // count, minlength=bins) - expected) ** 2 / expected).sum() < 27.9
        distances = np.arange(1, count)
        chance = np.cumsum(2 * (count - distances) / (count * (count - 1)))
        groups = np.searchsorted(np.arange(1, bins) / bins, chance, side="left")
        expected = np.bincount(groups, np.diff(chance, prepend=0), minlength=bins) * seeds
        found = np.bincount(groups[np.abs(first - second) - 1], minlength=bins)
        assert ((found - expected) ** 2 / expected).sum() < 27.9


def splits(root: Path) -> dict[str, set[bytes]]:
    """The ids of each split."""
    return {
        name: set(pq.read_table(root / EXPORT / "kept" / f"split={name}", partitioning=None)["id"].to_pylist())
        for name in ("train", "validation")
    }


@pytest.mark.parametrize("by", ["domain", "id"])
def test_validation_is_apart_for_every_seed(tmp_path: Path, by: str) -> None:
    """Each document is in one split, the same with another seed; a domain is in one split."""
    quick(recipe(tmp_path, validation=0.3, validation_by=by))
    quick(recipe(tmp_path, "other", validation=0.3, validation_by=by, shuffle=9, parts=2))
    mine, its = splits(tmp_path / "root"), splits(tmp_path / "other")
    rows = RootContents(tmp_path / "root").rows("01-words")
    assert mine == its
    assert not mine["train"] & mine["validation"]
    assert mine["train"] | mine["validation"] == {row["id"] for row in rows}
    assert 0.1 < len(mine["validation"]) / len(rows) < 0.5
    if by == "domain":
        sides = [{row["url"].split("/")[2] for row in rows if row["id"] in side} for side in mine.values()]
        assert not sides[0] & sides[1]


def test_a_part_without_documents_and_an_empty_dataset(tmp_path: Path) -> None:
    """Nothing to shuffle is one empty file."""
    write_inputs(tmp_path / "in5", [["x"], []])
    assert quick(recipe(tmp_path)).complete
    assert RootContents(tmp_path / "root").rows(EXPORT) == []
    assert len(files(tmp_path / "root")) == 1


def test_the_key_of_a_rank_is_exact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where keys are not uniform, repeat, and the first window misses."""
    monkeypatch.setattr(ordered, "DEVIATIONS", 0)
    keys = sorted([5] * 3 + [7, 9, 2**40, 2**63 - 1] + list(range(100, 140)))
    for part in range(3):
        pq.write_table(
            pa.table({"key": pa.array(keys[part::3], pa.uint64())}), tmp_path / f"{part}.parquet", row_group_size=4
        )
    root, paths = Root(str(tmp_path), LocalStore()), [f"{part}.parquet" for part in range(3)]
    one = RankRange(0, 2**63, 0, 0, len(keys))
    assert keys_of(root, paths, [(one, rank) for rank in range(len(keys) + 1)]) == [0, *keys[1:], 2**63]


def is_merged(path: Path) -> bool:
    """True for the receipt of a run that several were merged to."""
    receipt = json.loads(path.read_text())
    return receipt["kind"] == "map" and len(receipt["inputs"]) > 1


@pytest.mark.parametrize(("fan_in", "merges"), [(3, 3), pytest.param(2, 5, marks=pytest.mark.slow)])
def test_many_runs_are_merged_first(tmp_path: Path, fan_in: int, merges: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files are the same; a run is open at a time; what is lost is merged again, and can be recomputed."""
    quick(recipe(tmp_path, validation=0.3))
    monkeypatch.setattr(tiers, "FAN_IN", fan_in)
    monkeypatch.setattr(ordered, "BUDGET", 500)
    quick(recipe(tmp_path, "other", validation=0.3, parts=7))
    mine, its = files(tmp_path / "root"), files(tmp_path / "other")
    assert list(mine.values()) == list(its.values())
    assert verify(str(tmp_path / "other"), rerun=1.0).findings == ()
    folder = tmp_path / "other" / EXPORT
    merged = [path for path in (folder / "receipts").iterdir() if is_merged(path)]
    assert len(merged) == merges
    for path in [*merged[:2], *sorted(folder.glob("kept/*/*"))[::2]]:
        path.unlink()
    assert quick(recipe(tmp_path, "other", validation=0.3, parts=7)).complete
    assert files(tmp_path / "other") == its


@pytest.mark.slow
def test_workers_have_no_effect(tmp_path: Path) -> None:
    """Three workers write the bytes that one writes."""
    quick(recipe(tmp_path))
    run(recipe(tmp_path, "other", workers=3))
    assert files(tmp_path / "root") == files(tmp_path / "other")
