"""Receipts as a sequence that reads them when they are asked for, so that those of all parts need not be in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import eq
from typing import overload

import numpy as np
import pyarrow as pa

from refinery.root.briefs import Brief, amounts
from refinery.root.keys import Keys
from refinery.root.receipt_index import ReceiptIndex, Rows
from refinery.root.receipts import Receipt
from refinery.root.statistics import Statistics


class Receipts(Sequence[Receipt]):
    """Receipts of a folder in an order. Those that an index has are read when they are asked for."""

    def __init__(self, index: ReceiptIndex, rows: Rows, others: Sequence[Receipt] = ()) -> None:
        """Take rows of the index; a negative one stands for one of the ``others``, -1 for the first."""
        self._index, self._rows, self._others = index, rows, others

    @property
    def loose(self) -> int:
        """The number of those that no index has."""
        return int((self._rows < 0).sum())

    @property
    def keys(self) -> Keys:
        """Their keys."""
        return self._index.keys(self._rows, [one.key for one in self._others])

    def sums(self) -> Iterator[tuple[Statistics, list[int]]]:
        """Yield stored sums of the statistics of some, and their places. See ``ReceiptIndex.sums``."""
        return self._index.sums(self._rows)

    def briefs(self) -> Iterator[Brief]:
        """Yield the brief of each."""
        own = self._index.briefs(self._rows[self._rows >= 0], Brief)
        if not self._others:
            return own
        return (next(own) if row >= 0 else Brief.of(self._others[-1 - row]) for row in self._rows.tolist())

    def amounts(self) -> pa.Table:
        """Return the ``AMOUNTS`` of all, in no order."""
        own = self._index.amounts(self._rows[self._rows >= 0])
        others = (Brief.of(self._others[-1 - row]) for row in self._rows[self._rows < 0].tolist())
        return pa.concat_tables([own, amounts(others)])

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Receipt]:
        own = self._index.receipts(self._rows[self._rows >= 0])
        if not self._others:
            return own
        return (next(own) if row >= 0 else self._others[-1 - row] for row in self._rows.tolist())

    @overload
    def __getitem__(self, place: int) -> Receipt: ...
    @overload
    def __getitem__(self, place: slice) -> Receipts: ...
    def __getitem__(self, place: int | slice) -> Receipt | Receipts:
        if isinstance(place, slice):
            return Receipts(self._index, self._rows[place], self._others)
        row = int(self._rows[place])
        return next(self._index.receipts(np.array([row]))) if row >= 0 else self._others[-1 - row]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Receipts) and other._index is self._index and not self._others and not other._others:
            return np.array_equal(self._rows, other._rows)
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(eq, self, other))

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: Receipts) -> Receipts:
        rows = np.where(other._rows < 0, other._rows - len(self._others), other._rows)
        return Receipts(self._index, np.concatenate([self._rows, rows]), (*self._others, *other._others))


def keys_of(receipts: Sequence[Receipt]) -> Keys:
    """Return the keys of receipts, without reading them where that is not necessary."""
    return receipts.keys if isinstance(receipts, Receipts) else Keys(receipt.key for receipt in receipts)


def briefs_of(receipts: Sequence[Receipt]) -> Iterator[Brief]:
    """Yield the brief of each receipt."""
    return receipts.briefs() if isinstance(receipts, Receipts) else map(Brief.of, receipts)


def amounts_of(receipts: Sequence[Receipt]) -> pa.Table:
    """Return the ``AMOUNTS`` of receipts, in no order."""
    return receipts.amounts() if isinstance(receipts, Receipts) else amounts(map(Brief.of, receipts))


def joined(before: Sequence[Receipt], more: Sequence[Receipt]) -> Sequence[Receipt]:
    """Return receipts of one folder, one sequence after the other."""
    if isinstance(before, Receipts) and isinstance(more, Receipts):
        return before + more
    return (*before, *more) if before else more
