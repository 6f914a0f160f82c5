"""Spans of a file that are fetched for the sake of some ranges in it, and a stream over them.

Ranges that lie near to each other are fetched by one request. Not here: which ranges are wanted.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING

from refinery.errors import StorageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Span = tuple[int, int]
"""First byte, and the byte behind the last one."""

GAP = 1 << 20
"""Bytes that take about as long as one request more: larger gaps are not fetched."""

WASTE = 0.1
"""Bytes in gaps, as a share of the wanted ones, that are fetched at most."""

LONGEST = 1 << 24
"""Most bytes of a request: a longer record takes several."""

AHEAD, AHEAD_BYTES = 16, 1 << 25
"""Most requests that are sent ahead of the reader, and bytes above which no other is sent."""


def merged(offsets: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64], head: int) -> list[Span]:
    """Return the spans to fetch for sorted ranges of a file and its first ``head`` bytes, in order.

    They need the fewest requests with at most ``WASTE`` of the wanted bytes in gaps: the smallest are closed first.
    """
    import numpy as np  # not with the module: help and completion import all stores, and nothing slow

    stops = offsets + lengths
    gaps = np.maximum(offsets - np.maximum.accumulate(np.concatenate([[head], stops[:-1]])), 0)
    order = np.argsort(gaps, kind="stable")
    closed = np.zeros(len(gaps), bool)
    closed[order] = (np.cumsum(gaps[order]) <= WASTE * lengths.sum()) & (gaps[order] <= GAP)
    spans: list[Span] = []
    start, stop = 0, head
    for offset, end, near in zip(offsets.tolist(), stops.tolist(), closed.tolist(), strict=True):
        if not near or end - start > LONGEST:  # a record that is cut in two would be fetched twice
            spans.append((start, stop))
            start = max(offset, stop)
        stop = max(stop, end)
    spans.append((start, stop))
    return [(at, min(at + LONGEST, stop)) for start, stop in spans for at in range(start, stop, LONGEST)]


Fetch = Callable[[int, int], bytes]
Submit = Callable[[Fetch, int, int], "Future[bytes]"]


class SpannedFile(io.BufferedIOBase):
    """A seekable stream over the ``spans`` of a file of ``size`` bytes; ``first`` are the bytes of the first span.

    A read ends at the end of a span at the latest. The first span stays in memory; others are fetched ahead, in order.
    Bytes between spans, and spans behind which the reader goes back, are fetched when they are read.
    """

    def __init__(self, path: str, spans: Sequence[Span], first: bytes, size: int, fetch: Fetch, submit: Submit) -> None:
        super().__init__()
        self._path, self._size, self._fetch, self._submit = path, size, fetch, submit
        self._starts = [start for start, _ in spans]
        self._spans = spans
        self._first = self._window = first
        self._pos = self._begin = 0
        self._sent = 1
        self._coming: deque[tuple[int, Future[bytes]]] = deque()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._pos, io.SEEK_END: self._size}[whence]
        self._pos = max(0, base + offset)
        return self._pos

    def read(self, size: int | None = -1) -> bytes:
        if size == 0 or self._pos >= self._size:
            return b""
        if not self._begin <= self._pos < self._begin + len(self._window):
            self._load()
        offset = self._pos - self._begin
        piece = self._window[offset:] if size is None or size < 0 else self._window[offset : offset + size]
        self._pos += len(piece)
        return piece

    def close(self) -> None:
        for _, future in self._coming:
            future.cancel()
        self._coming.clear()
        self._first = self._window = b""
        super().close()

    def _load(self) -> None:
        """Move the window to the span with the position."""
        number = bisect_right(self._starts, self._pos) - 1
        start, stop = self._spans[number]
        if self._pos >= stop:
            start, stop = self._pos, min(self._pos + GAP, self._size)
            data = self._fetch(start, stop)
        else:
            data = self._first if number == 0 else self._taken(number)
        self._begin, self._window = start, data
        if self._pos >= start + len(data):
            hint = "the index is of another file than this, or the file was replaced"
            raise StorageError(f"{self._path}: the file ends before byte {stop}", hint=hint)

    def _taken(self, number: int) -> bytes:
        """Return the bytes of a span, and fetch the ones after it."""
        while self._coming and self._coming[0][0] < number:
            self._coming.popleft()[1].cancel()
        self._sent = max(number, self._sent)
        last = min(number + AHEAD, len(self._spans))
        while self._sent < last and sum(b - a for a, b in self._spans[number : self._sent]) < AHEAD_BYTES:
            self._coming.append((self._sent, self._submit(self._fetch, *self._spans[self._sent])))
            self._sent += 1
        if self._coming and self._coming[0][0] == number:
            return self._coming.popleft()[1].result()
        return self._fetch(*self._spans[number])
