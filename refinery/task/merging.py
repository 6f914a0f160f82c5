"""Merging sorted runs as streams: each is read once, from its begin to its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery.stage.keyed import KEY
from refinery.task.shuffle import AT_ONCE, FEW, search


def gathered(runs: Sequence[Iterator[pa.RecordBatch]], at_once: int = AT_ONCE) -> Iterator[pa.Table]:
    """Yield the rows of sorted runs in tables of about ``at_once``, which are not sorted: each key is in one table.

    Tables follow one another in the order of keys. One table is in memory, or a batch of each run if
    that is more.
    """
    least = max(FEW, at_once // max(1, len(runs)))
    heads = [head for run in runs if (head := _Head(run)).fill(least)]
    while heads:
        open_ends = [head.last for head in heads if not head.finished]
        limit = min(open_ends) if open_ends else None
        taken = [piece for head in heads if (piece := head.take_below(limit)) is not None]
        if taken:
            yield pa.Table.from_batches(taken)
        else:
            for head in heads:
                if not head.finished and head.last == limit:
                    head.extend()
        heads = [head for head in heads if head.fill(least)]


class _Head:
    """The rows of one run that are in memory."""

    def __init__(self, run: Iterator[pa.RecordBatch]) -> None:
        self._run = run
        self._rows: pa.RecordBatch | None = None
        self.finished = False

    @property
    def last(self) -> int:
        """The largest key in memory."""
        return int(self._keys()[-1])

    def fill(self, least: int) -> bool:
        """Read until ``least`` rows are in memory, or all that are left; return False if there are none."""
        pieces = [] if self._rows is None else [self._rows]
        count = sum(map(len, pieces))
        while count < least and not self.finished and (more := self._next()) is not None:
            pieces.append(more)
            count += len(more)
        self._rows = _one(pieces) if pieces else None
        return self._rows is not None

    def extend(self) -> None:
        """Read another batch."""
        more = self._next()
        if more is not None:
            self._rows = more if self._rows is None else _one([self._rows, more])

    def take_below(self, limit: int | None) -> pa.RecordBatch | None:
        """Remove and return the rows with keys below ``limit``; all rows for None."""
        assert self._rows is not None
        rows = self._rows
        count = len(rows) if limit is None else search(self._keys(), limit)
        self._rows = rows.slice(count) if count < len(rows) else None
        return rows.slice(0, count) if count else None

    def _keys(self) -> npt.NDArray[np.uint64]:
        assert self._rows is not None
        keys: npt.NDArray[np.uint64] = self._rows.column(KEY).to_numpy()
        return keys

    def _next(self) -> pa.RecordBatch | None:
        """Return the next batch that has rows; None at the end of the run."""
        found = next((batch for batch in self._run if len(batch)), None)
        self.finished = found is None
        return found


def _one(pieces: list[pa.RecordBatch]) -> pa.RecordBatch:
    """Return batches as one."""
    return pieces[0] if len(pieces) == 1 else pa.Table.from_batches(pieces).combine_chunks().to_batches()[0]
