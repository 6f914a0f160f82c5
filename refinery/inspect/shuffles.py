"""Tests of a shuffled dataset, from the counts of its shards: of random draws of all parts, in a random order."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from refinery.root.partitions import partition_of
from refinery.root.receipts import SHARDS, Receipt, ShardOrder
from refinery.statistics.chi_square import upper_tail

SPLIT = "split="


@dataclass(frozen=True)
class OrderTest:
    """The test of a shard, or of all shards of a split.

    ``p`` is the probability that chance spreads documents over parts at least as unevenly: over many shards it is
    uniform from 0 to 1. ``neighbours_p`` is that of a number of adjacent documents of one part as far from
    ``expected``. Both are 1 where there is nothing to compare.
    """

    documents: int
    chi_square: float
    degrees: float
    p: float
    neighbours: int
    expected: float
    neighbours_p: float


@dataclass(frozen=True)
class SplitOrder:
    """The tests of a split: of each shard, by the number of its part, and of all."""

    split: str
    shards: tuple[tuple[int, OrderTest], ...]
    all: OrderTest

    @property
    def tenths(self) -> tuple[int, ...]:
        """The shards by tenth of ``p``, of those that can be tested: by chance they are equal numbers."""
        counts = [0] * 10
        for _, test in self.shards:
            if test.degrees:
                counts[min(9, int(test.p * 10))] += 1
        return tuple(counts)

    @property
    def least(self) -> tuple[tuple[int, OrderTest], ...]:
        """The shards with the lowest ``p`` first."""
        return tuple(sorted(self.shards, key=lambda pair: (pair[1].p, pair[0])))


def split_orders(receipts: Iterable[Receipt]) -> Iterator[SplitOrder]:
    """Yield the tests of each split of an export; none where it was not shuffled, or before shards were counted."""
    splits: dict[str, list[tuple[Receipt, ShardOrder]]] = {}
    for receipt in receipts:
        if receipt.order is not None:
            splits.setdefault(_split(receipt), []).append((receipt, receipt.order))
    for split, shards in splits.items():
        tests = tuple((one.part, _test(one.rows["in"], order)) for one, order in shards)
        # What one shard has, the others have not: with their sums known, one of them has no freedom.
        share = 1 - 1 / len(shards)
        chi_square = share * math.fsum(order.chi_square for _, order in shards)
        degrees = share * sum(order.degrees for _, order in shards)
        neighbours = sum(order.neighbours for _, order in shards)
        expected, variance = (math.fsum(getattr(o, n) for _, o in shards) for n in ("expected", "variance"))
        documents = sum(test.documents for _, test in tests)
        yield SplitOrder(split, tests, _of(documents, chi_square, degrees, neighbours, expected, variance))


def _split(receipt: Receipt) -> str:
    """Return the split of a shard, by the folder of its files; "" without splits."""
    files = receipt.files.get("kept") or receipt.files.get(SHARDS, ())
    folder = partition_of(files[0].path) if files else ""
    return folder.removeprefix(SPLIT) if folder.startswith(SPLIT) else ""


def _test(documents: int, one: ShardOrder) -> OrderTest:
    return _of(documents, one.chi_square, one.degrees, one.neighbours, one.expected, one.variance)


def _of(
    documents: int, chi_square: float, degrees: float, neighbours: int, expected: float, variance: float
) -> OrderTest:
    apart = upper_tail((neighbours - expected) ** 2 / variance, 1) if variance else 1.0
    return OrderTest(documents, chi_square, degrees, upper_tail(chi_square, degrees), neighbours, expected, apart)
