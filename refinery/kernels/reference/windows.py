"""Repeated windows of tokens: their hashes, the spans they cover, and where those lie in the text.

The union of all windows of k tokens that occur twice is the union of all repeated runs of k tokens or more, so equal
hashes are all that has to be found; no position travels and nothing is extended pair by pair. A window never reaches
from one document into the next.

The hash of tokens t1 ... tk is the sum of m(ti) * B**(k - i) modulo 2**64, where m is a fixed bijection that scatters
token ids and B is odd. Two different windows collide with a chance of 2**-64 where some token's positions differ in
general; the worst that structure can do for k <= 50 (windows of two tokens in Thue-Morse order) is 2**-44. For 1e13
windows this is about 3e6 false pairs. A collision can only mark too much, never too little.

Source: the definition of repeats is that of Lee et al. 2022, arXiv 2107.06499, as RefinedWeb uses it (section G.3).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery.kernels.reference.normalise import alignment, characters
from refinery.kernels.reference.ragged import (
    Offsets,
    Spans,
    flat,
    flat_spans,
    flat_structs,
    lists_of,
    offsets_of,
    span_lists,
    spans_of,
)

Hashes = npt.NDArray[np.uint64]

# Odd, and 5 modulo 8, so that its powers have the longest period.
_BASE = 0x9E3779B97F4A7C15
_BASE_INVERSE = pow(_BASE, -1, 2**64)

ELSEWHERE = 0xFFFF_FFFF
"""In place of the row of the document that keeps a window: it is in another part."""


def window_hashes(tokens: pa.ListArray, size: int) -> pa.ListArray:
    """The hash of the window that begins at each token, ``list<uint64>``: n - size + 1 for n tokens, none if n < size.

    ``tokens`` are lists of any unsigned integers.
    """
    values, offsets = flat(tokens)
    starts, counts = _window_starts(offsets, size)
    return lists_of(span_hashes(values, starts, size), offsets_of(counts))


def span_hashes(values: npt.NDArray[Any], starts: Offsets, sizes: Offsets | int) -> Hashes:
    """The hashes of ``values[start:start + size]``; every size at least 1."""
    # Sums of m(t) * B**-i make any span a difference of two prefixes, times a power of B.
    prefix = np.zeros(len(values) + 1, np.uint64)
    np.cumsum(mix64(values) * _powers(_BASE_INVERSE, len(values)), out=prefix[1:])
    ends = starts + sizes
    hashes: Hashes = (prefix[ends] - prefix[starts]) * _powers(_BASE, len(values))[ends - 1]
    return hashes


def mix64(values: npt.NDArray[Any]) -> Hashes:
    """A fixed bijection of 64-bit integers that changes every bit with each (MurmurHash3's finalizer, of value + B)."""
    x = values.astype(np.uint64) + np.uint64(_BASE)
    x = (x ^ (x >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    x = (x ^ (x >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return x ^ (x >> np.uint64(33))


def contains(among: Hashes, values: Hashes) -> npt.NDArray[np.bool_]:
    """Return True for each value that is in ``among``, which is sorted."""
    if not len(among):
        return np.zeros(len(values), np.bool_)
    nearest = among[np.minimum(np.searchsorted(among, values), len(among) - 1)]
    return np.equal(nearest, values)


def mark_repeated(tokens: pa.ListArray, repeated: Hashes, size: int) -> pa.ListArray:
    """The runs of tokens that some repeated window covers, as ``list<struct<start: uint64, end: uint64>>``.

    ``repeated`` are those of ``window_hashes(tokens, size)`` that repeat, sorted. Runs that touch are one run.
    Positions are tokens, the end is exclusive.
    """
    values, offsets = flat(window_hashes(tokens, size))
    hits = np.flatnonzero(contains(repeated, values))
    document = np.searchsorted(offsets, hits, side="right") - 1
    new = np.ones(len(hits), np.bool_)
    new[1:] = (np.diff(hits) > size) | (np.diff(document) > 0)
    first = np.flatnonzero(new)
    last = np.append(first[1:], len(hits))[: len(first)] - 1
    ranges = np.stack([(hits - offsets[document])[first], (hits - offsets[document])[last] + size], axis=1)
    return spans_of(ranges, np.bincount(document[first], minlength=len(tokens)))


def mark_copies(
    tokens: pa.ListArray, repeated: Hashes, keepers: npt.NDArray[np.uint32], row: int, size: int
) -> tuple[pa.ListArray, pa.ListArray]:
    """The runs of tokens that go if each repeated window stays where it is first, and the runs that stay for that.

    Document i of ``tokens`` is row ``row + i`` of its part; ``keepers`` is for each of ``repeated`` the row of the
    document that keeps it, or ``ELSEWHERE``. That document keeps its first copy. A token goes if it is in a copy of a
    repeated window that does not stay, and in none that does: so each repeated window is left whole at least once.
    Both have the type of ``mark_repeated``.
    """
    gone, kept = [], []
    for document, windows in enumerate(window_hashes(tokens, size).to_pylist()):
        go, stay = np.zeros((2, len(windows) + size - 1 if windows else 0), np.bool_)
        here = set(repeated[keepers == row + document].tolist())
        for place in np.flatnonzero(contains(repeated, np.array(windows, np.uint64))).tolist():
            (stay if windows[place] in here else go)[place : place + size] = True
            here.discard(windows[place])
        gone.append(_runs(go & ~stay))
        kept.append(_runs(stay))
    return span_lists(gone), span_lists(kept)


def byte_ranges(runs: pa.ListArray, sizes: pa.ListArray) -> pa.ListArray:
    """Return the byte ranges of runs of tokens in the texts that were tokenized; same type as ``runs``.

    ``sizes`` are the bytes behind each token.
    """
    (spanned, bounds), (bytes_of, firsts) = flat_spans(runs), flat(sizes)
    found: list[Spans] = []
    for i in range(len(runs)):
        ends = np.append(0, np.cumsum(bytes_of[firsts[i] : firsts[i + 1]].astype(np.int64)))
        found.append(ends[spanned[bounds[i] : bounds[i + 1]]])
    return span_lists(found)


def original_spans(texts: pa.StringArray, ranges: pa.ListArray, *, normalised: bool) -> pa.ListArray:
    """Return the ranges of the original texts for byte ranges of the compared texts, ``normalised`` or not; same type.

    A range reaches from the first unit (see ``normalise``) that lies wholly inside it to the last one, so no character
    is cut in two; one without a whole unit has no range.
    """
    (spanned, bounds), (units, firsts) = (
        flat_spans(ranges),
        flat_structs((alignment if normalised else characters)(texts)),
    )
    found: list[Spans] = []
    for i in range(len(ranges)):
        inside = {name: column[firsts[i] : firsts[i + 1]] for name, column in units.items()}
        found.append(_whole_units(spanned[bounds[i] : bounds[i + 1]], **inside))
    return span_lists(found)


def _runs(covered: npt.NDArray[np.bool_]) -> Spans:
    """Start and end of each run of true values."""
    return np.flatnonzero(np.diff(covered, prepend=False, append=False)).reshape(-1, 2)


def _whole_units(ranges: Spans, normal: Spans, start: Spans, end: Spans) -> Spans:
    """From byte ranges of the normalised text to byte ranges of the original."""
    begins = np.append(0, normal[:-1])[: len(normal)]
    first = np.searchsorted(begins, ranges[:, 0], side="left")
    last = np.searchsorted(normal, ranges[:, 1], side="right") - 1
    whole = first <= last
    return np.stack([start[first[whole]], end[last[whole]]], axis=1)


def _window_starts(offsets: Offsets, size: int) -> tuple[Offsets, Offsets]:
    """Return the first token of each window among all tokens, and the number of windows of each document."""
    counts = np.maximum(np.diff(offsets) - size + 1, 0)
    shift = np.repeat(offsets[:-1] - offsets_of(counts)[:-1], counts)
    return np.arange(len(shift)) + shift, counts


def _powers(base: int, count: int) -> Hashes:
    """base**0 to base**(count - 1), modulo 2**64."""
    powers = np.full(count, base, np.uint64)
    powers[:1] = 1
    return np.cumprod(powers, out=powers)
