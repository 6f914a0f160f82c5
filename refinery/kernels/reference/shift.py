"""Marks after cuts in their text, and back: what an edit does to a structure, and the objects that it should spare."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from refinery.kernels.reference.cuts import CUT, REPLACEMENT
from refinery.kernels.reference.marks import MARKS

LOST = pa.list_(pa.struct([("mark", pa.uint32()), ("kept", pa.bool_()), *MARKS.value_type]))
"""Marks before cuts that cannot be derived from those after them: the number of each, and whether it is still there."""

OBJECTS = pa.list_(pa.struct([("start", pa.uint64()), ("end", pa.uint64()), ("kind", pa.string())]))

_CELLS = ("cell", "header")
_OBJECTS = ("code", "formula", "table")


class CutPlaces(NamedTuple):
    """Cuts of a text in order: their ends in the text before, and of what replaces them in the text after."""

    starts: list[int]
    ends: list[int]
    new_starts: list[int]
    new_ends: list[int]

    def start(self, place: int) -> int:
        """Return where a mark starts that started at a place: behind the cut where it was inside of one."""
        cut = bisect_right(self.ends, place)
        return self.new_ends[cut] if self.inside(place) else place - self._gone(cut)

    def end(self, place: int) -> int:
        """Return where a mark ends that ended at a place: before the cut where it was inside of one."""
        cut = bisect_right(self.ends, place)
        return self.new_starts[cut] if self.inside(place) else place - self._gone(cut)

    def inside(self, place: int) -> bool:
        """Return True for a place inside of a cut, not at its ends."""
        cut = bisect_right(self.ends, place)
        return cut < len(self.starts) and self.starts[cut] < place

    def start_before(self, place: int) -> int:
        """Return where a mark probably started that starts at a place: behind a cut there."""
        return place + self._gone(bisect_right(self.new_ends, place))

    def end_before(self, place: int) -> int:
        """Return where a mark probably ended that ends at a place: before a cut there."""
        return place + self._gone(min(bisect_left(self.new_starts, place), bisect_right(self.new_ends, place)))

    def _gone(self, cuts: int) -> int:
        """Return by how many bytes this many cuts made the text shorter."""
        return self.ends[cuts - 1] - self.new_ends[cuts - 1] if cuts else 0


def cut_places(spans: Iterable[Mapping[str, Any]]) -> CutPlaces:
    """Return the places of cuts. Raises ValueError where they are not in order."""
    found = CutPlaces([], [], [], [])
    gone = end = 0
    for span in spans:
        if (span["text"] is None and span.get(REPLACEMENT) is None) or span.get(CUT.name) is False:
            continue
        start = span["offset"]
        if start < end:
            raise ValueError(f"cut at byte {start} begins before byte {end}, where the one before it ends")
        end = start + span["length"]
        size = len((span.get(REPLACEMENT) or "").encode())
        found.starts.append(start)
        found.ends.append(end)
        found.new_starts.append(start - gone)
        found.new_ends.append(start - gone + size)
        gone += end - start - size
    return found


def shift_marks(structure: pa.ListArray, cuts: pa.ListArray) -> tuple[pa.ListArray, pa.ListArray]:
    """Return the marks of texts after ``cuts`` in them, and those that ``undo_marks`` needs beside them, as ``LOST``.

    ``cuts`` are of type ``SPANS``, as in ``undo``; they may have ``replacement``, the text in their place, with which
    spans count as cut although their text is not stored. A mark whose
    text is gone goes with all that is in it, and so does one without text inside of a cut; others shrink. Cells of rows
    that stay are empty instead, so that columns stay columns. Raises ValueError for cuts that are not in order.

        marks, lost = shift_marks(docs.column("structure"), docs.column("lines.removed"))
    """
    pairs = zip(structure.to_pylist(), cuts.to_pylist(), strict=True)
    found = [_shifted(marks, cut_places(spans or ())) for marks, spans in pairs]
    return pa.array([marks for marks, _ in found], MARKS), pa.array([lost for _, lost in found], LOST)


def _shifted(
    marks: Sequence[dict[str, Any]] | None, cuts: CutPlaces
) -> tuple[Sequence[dict[str, Any]] | None, list[dict[str, Any]] | None]:
    if not marks or not cuts.starts:
        return marks, None if marks is None else []
    out, lost = [], []
    gone = 256  # depth of the mark that went last; what is deeper went with it
    ends: list[int] = []  # of the marks that contain the next one, in the text after
    for number, mark in enumerate(marks):
        if mark["depth"] > gone:
            lost.append({"mark": number, "kept": False, **mark})
            continue
        gone = 256
        del ends[mark["depth"] :]
        start, end = cuts.start(mark["start"]), cuts.end(mark["end"])
        empty = mark["start"] == mark["end"]
        if cuts.inside(mark["start"]) if empty else end <= start:
            gone = mark["depth"]
            if mark["kind"] not in _CELLS or not ends:
                lost.append({"mark": number, "kept": False, **mark})
                continue
            start = end = min(start, ends[-1])
        ends.append(end)
        out.append({**mark, "start": start, "end": end})
        if (cuts.start_before(start), _end_before(cuts, start, end)) != (mark["start"], mark["end"]):
            lost.append({"mark": number, "kept": True, **mark})
    return out, lost


def _end_before(cuts: CutPlaces, start: int, end: int) -> int:
    return cuts.start_before(end) if start == end else cuts.end_before(end)


def undo_marks(structure: pa.ListArray, cuts: pa.ListArray, lost: pa.ListArray) -> pa.ListArray:
    """Return the marks before ``shift_marks`` with these cuts, of its two results.

    undo_marks(docs.column("structure"), docs.column("lines.removed"), docs.column("lines_marks"))
    """
    rows = zip(structure.to_pylist(), cuts.to_pylist(), lost.to_pylist(), strict=True)
    return pa.array([_unshifted(marks, cut_places(spans or ()), gone or ()) for marks, spans, gone in rows], MARKS)


def _unshifted(
    marks: Sequence[dict[str, Any]] | None, cuts: CutPlaces, lost: Sequence[dict[str, Any]]
) -> list[dict[str, Any]] | None:
    if marks is None:
        return None
    out: list[dict[str, Any]] = []
    left, known = iter(marks), iter(lost)
    next_lost = next(known, None)
    while True:
        if next_lost is not None and next_lost["mark"] == len(out):
            out.append({name: next_lost[name] for name in (field.name for field in MARKS.value_type)})
            if next_lost["kept"]:
                next(left)
            next_lost = next(known, None)
            continue
        mark = next(left, None)
        if mark is None:
            return out
        start, end = mark["start"], mark["end"]
        places = {"start": cuts.start_before(start), "end": _end_before(cuts, start, end)}
        out.append({**mark, **places})


def objects(structure: pa.ListArray) -> pa.ListArray:
    """Return the outermost tables, code blocks and formulas of texts, without those that have no text there.

    They are ``list<struct<start: uint64, end: uint64, kind: string>>``, in order, without overlap; null has none.
    """
    return pa.array([_objects(marks or ()) for marks in structure.to_pylist()], OBJECTS)


def _objects(marks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for mark in marks:
        outermost = not found or mark["start"] >= found[-1]["end"]
        if mark["kind"] in _OBJECTS and mark["start"] < mark["end"] and outermost:
            found.append({name: mark[name] for name in ("start", "end", "kind")})
    return found


def spared(ranges: pa.ListArray, kept: pa.ListArray) -> pa.ListArray:
    """Return byte ranges of texts without what they share with a part of an object in ``kept``, as ``objects`` returns.

    An object of which all is in ranges goes with them. Ranges are in order and overlap nowhere; empty ones go.
    """
    pairs = zip(ranges.to_pylist(), kept.to_pylist(), strict=True)
    return pa.array([_spared(spans, held) for spans, held in pairs], ranges.type)


def _spared(ranges: Sequence[Mapping[str, int]], kept: Sequence[Mapping[str, Any]]) -> list[dict[str, int]]:
    out = [(span["start"], span["end"]) for span in ranges if span["start"] < span["end"]]
    for held in kept:
        start, end = held["start"], held["end"]
        if sum(max(0, min(end, last) - max(start, first)) for first, last in out) == end - start:
            continue
        pieces = [piece for first, last in out for piece in ((first, min(last, start)), (max(first, end), last))]
        out = [(first, last) for first, last in pieces if first < last]
    return [{"start": first, "end": last} for first, last in out]


def joined_spans(first: pa.ListArray, second: pa.ListArray) -> pa.ListArray:
    """Return the spans of two columns as ``objects`` returns them; where some overlap, one span from end to end."""
    pairs = zip(first.to_pylist(), second.to_pylist(), strict=True)
    return pa.array([_joined([*(one or ()), *(other or ())]) for one, other in pairs], OBJECTS)


def _joined(spans: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for span in sorted(spans, key=lambda span: (span["start"], span["end"])):
        if found and span["start"] < found[-1]["end"]:
            found[-1]["end"] = max(found[-1]["end"], span["end"])
        else:
            found.append(span)
    return found
