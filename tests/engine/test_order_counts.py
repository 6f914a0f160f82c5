"""Counts of shards that show that a shuffle is uniform: against naive counts, and against orders that are not."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path
from statistics import fmean, pvariance

import numpy as np
import pyarrow as pa
import pytest

from refinery.cli import execute
from refinery.inspect.counts import read_counts
from refinery.inspect.reader import open_root
from refinery.inspect.shuffles import split_orders
from refinery.planner import tiers
from refinery.report.pages import pages
from refinery.root.receipts import ShardOrder
from refinery.statistics.chi_square import upper_tail
from refinery.task.order_counts import PARTS, OrderCounter
from refinery.task.ranks import RankRange, Ranks
from tests.engine.roots import RootContents, quick
from tests.engine.test_ordered import COUNT, EXPORT, LINES, recipe


def counted(shard: list[int], sizes: list[int], batch: int = 7) -> ShardOrder:
    """The counts of a shard whose documents are of some parts, of ``sizes`` in all."""
    one = RankRange(0, 2**64, 0, len(shard), sum(sizes), tuple(sizes))
    counter = OrderCounter(Ranks("", (one,), 0))
    for start in range(0, len(shard), batch):
        some = np.array(shard[start : start + batch], np.uint64) << np.uint64(PARTS)
        counter.add(pa.array(np.zeros(len(some), np.uint64)), pa.array(some))
    return counter.counts()


@pytest.mark.parametrize(
    ("value", "degrees", "expected"),
    [(3.841459, 1, 0.05), (27.877165, 9, 0.001), (18.307038, 10, 0.05), (1e-9, 4, 1.0)],
)
def test_the_tail_of_chi_square(value: float, degrees: float, expected: float) -> None:
    """As in tables."""
    assert upper_tail(value, degrees) == pytest.approx(expected, abs=2e-6)


def test_the_tail_is_that_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    for degrees, share in itertools.product((0.5, 1, 7.5, 300, 10**6), (0.0, 0.2, 0.99, 1.0, 1.01, 2.0, 50.0)):
        found = upper_tail(degrees * share, degrees)
        assert found == pytest.approx(stats.chi2.sf(degrees * share, degrees), abs=1e-7)


def test_expected_neighbours_are_the_mean_of_all_orders() -> None:
    """Mean and variance of pairs over every order of documents of three parts."""
    shard = [0, 0, 0, 1, 1, 2]
    found = [sum(a == b for a, b in itertools.pairwise(order)) for order in itertools.permutations(shard)]
    counts = counted(shard, [3, 2, 1])
    assert (counts.expected, counts.variance) == (pytest.approx(fmean(found)), pytest.approx(pvariance(found)))
    assert counts.neighbours == 3
    assert counts == counted(shard, [3, 2, 1], batch=1)


def test_a_random_draw_has_chance_and_others_have_not() -> None:
    """The mean of chi-square over draws is its degrees of freedom, and p below .05 in one of 20 of them."""
    numbers = np.random.default_rng(1)
    sizes = [40, 60, 8, 8, 90, 100]
    every = np.repeat(np.arange(len(sizes)), sizes)
    found = [counted(numbers.permutation(every)[:100].tolist(), sizes, 100) for _ in range(600)]
    assert {one.degrees for one in found} == {4}  # two small parts are one bin
    assert fmean(one.chi_square for one in found) == pytest.approx(4, rel=0.1)
    assert 0.03 < fmean(upper_tail(one.chi_square, 4) < 0.05 for one in found) < 0.075
    in_order = counted(every[:100].tolist(), sizes)
    assert upper_tail(in_order.chi_square, in_order.degrees) < 1e-6
    assert in_order.neighbours > in_order.expected + 9 * in_order.variance**0.5


def test_sources_of_a_mixture_are_compared_apart() -> None:
    """Each with its own shares: chi-square and degrees of freedom are sums over the sources."""
    sizes, shards = ([40, 0, 60], [0, 50, 30]), ([0] * 20 + [2] * 30, [1] * 25 + [2] * 15)
    ranges = tuple(
        RankRange(n << 63, n + 1 << 63, 0, len(shard), sum(of), tuple(of))
        for n, (shard, of) in enumerate(zip(shards, sizes, strict=True))
    )
    counter = OrderCounter(Ranks("", ranges, 0))
    for n, shard in enumerate(shards):
        parts_of = np.array(shard, np.uint64) << np.uint64(PARTS)
        counter.add(pa.array(np.full(len(shard), n << 63, np.uint64)), pa.array(parts_of))
    both = [counted(shard, of) for shard, of in zip(shards, sizes, strict=True)]
    assert counter.counts().chi_square == pytest.approx(sum(one.chi_square for one in both), abs=1e-5)
    assert counter.counts().degrees == sum(one.degrees for one in both) == 2


def naive(root: Path) -> list[tuple[int, int]]:
    """Documents, and adjacent ones of one input file, of each exported file."""
    source = {text: n % 5 for n, text in enumerate(LINES)}
    rows = iter(RootContents(root).rows(EXPORT))
    found = []
    for receipt in RootContents(root).receipts(EXPORT):
        files = [source[row["text"]] for row in itertools.islice(rows, receipt.rows["kept"])]
        found.append((len(files), sum(a == b for a, b in itertools.pairwise(files))))
    return found


@pytest.mark.parametrize("many", [2000, 3])
def test_shards_are_counted(tmp_path: Path, many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neighbours are those of the input files, also where runs are merged; the shuffle is one that chance allows."""
    monkeypatch.setattr(tiers, "FAN_IN", many)
    quick(recipe(tmp_path))
    (order,) = split_orders(RootContents(tmp_path / "root").receipts(EXPORT))
    assert [(test.documents, test.neighbours) for _, test in order.shards] == naive(tmp_path / "root")
    assert sum(test.documents for _, test in order.shards) == order.all.documents
    assert order.all.degrees == pytest.approx((len(order.shards) - 1) * (4 if many == 2000 else 1))
    assert order.all.p > 0.001
    assert order.all.neighbours_p > 0.001
    assert Counter(order.tenths).total() == 10


def test_splits_are_counted_apart(tmp_path: Path) -> None:
    """Each has tests of its own; one file with all documents has nothing to compare."""
    quick(recipe(tmp_path, validation=0.3, shard=None))
    found = {one.split: one for one in split_orders(RootContents(tmp_path / "root").receipts(EXPORT))}
    assert set(found) == {"train", "validation"}
    assert sum(one.all.documents for one in found.values()) == COUNT - removed(tmp_path)
    assert {one.all.degrees for one in found.values()} == {0}
    assert {one.all.p for one in found.values()} == {1.0}


def removed(folder: Path) -> int:
    """Documents that the filter before removed."""
    return sum(receipt.rows["removed"] for receipt in RootContents(folder / "root").receipts("01-words"))


def test_the_report_and_stats_have_the_tests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line in the text, all shards in JSON, a table on the page of the export."""
    quick(recipe(tmp_path))
    root = str(tmp_path / "root")
    (order,) = read_counts(root).stages[-1].orders
    assert execute(["stats", "--root", root, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["stages"][-1]["orders"]
    assert found["neighbours"] == order.all.neighbours == sum(shard["neighbours"] for shard in found["shards"])
    assert execute(["stats", "--root", root]) == 0
    assert f"adjacent pairs of one part {order.all.neighbours} (expected" in capsys.readouterr().out
    page = pages(open_root(root))["stage-02-export.html"]
    assert page.count("<tr>", page.index('id="order"'), page.index('id="work"')) == 2 + min(10, len(order.shards))
