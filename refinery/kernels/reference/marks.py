"""Marks: the structure of a text as spans over it, which form a tree. ``docs/output.md`` has their kinds.

A text has them in document order, parents first: ``depth`` is 0 at the top, and the children of a mark follow it with
its depth + 1. A child lies in its parent; siblings are in order and do not overlap.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import pyarrow as pa

MARKS = pa.list_(
    pa.struct(
        [
            ("start", pa.uint32()),
            ("end", pa.uint32()),
            ("depth", pa.uint8()),
            ("kind", pa.string()),
            ("number", pa.int32()),
            ("value", pa.string()),
            ("label", pa.string()),
        ]
    )
)
"""``start`` and ``end`` are UTF-8 bytes of the text, equal for things without text.

``number``, ``value`` and ``label`` depend on the kind, and are null where it has none.
"""


MARKER = "marker"
"""The kind of a sign that a text has in place of marks: the dash before an item, or the bar between two cells."""


class MarkNode(NamedTuple):
    """A mark with its children: ``start`` and ``end`` in characters of the text."""

    kind: str
    start: int
    end: int
    number: int | None = None
    value: str | None = None
    label: str | None = None
    children: tuple[MarkNode, ...] = ()


def tree(text: str, marks: Sequence[Mapping[str, Any]]) -> tuple[MarkNode, ...]:
    """Return the top marks of a text. Raises ValueError where ``marks``, a value of ``MARKS``, are no tree over it."""
    places = {place: at for at, place in enumerate(accumulate((len(c.encode()) for c in text), initial=0))}
    levels: list[list[MarkNode]] = [[]]
    open_ends = [len(text)]  # of the marks that contain the next one
    found: list[tuple[MarkNode, list[MarkNode]]] = []
    for at, mark in enumerate(marks):
        if mark is None or None in (mark["start"], mark["end"], mark["depth"]):
            raise ValueError(f"mark {at} has no place")
        start, end = places.get(mark["start"], -1), places.get(mark["end"], -1)
        depth = mark["depth"]
        if depth >= len(open_ends):
            raise ValueError(f"mark {at} is deeper than a child of the one before it")
        del open_ends[depth + 1 :], levels[depth + 1 :]
        siblings = levels[depth]
        least = siblings[-1].end if siblings else found[-1][0].start if depth else 0
        if not least <= start <= end <= open_ends[depth]:
            raise ValueError(f"mark {at} from byte {mark['start']} to {mark['end']} has no place there")
        node = MarkNode(mark["kind"] or "", start, end, mark["number"], mark["value"], mark["label"])
        siblings.append(node)
        children: list[MarkNode] = []
        found.append((node, children))
        levels.append(children)
        open_ends.append(end)
    return _nested(levels[0], {id(node): children for node, children in found})


def without_markers(text: str, marks: Sequence[MarkNode]) -> tuple[str, tuple[MarkNode, ...]]:
    """Return a text without the signs that marks of the kind ``marker`` cover, and its other marks there."""
    cuts: list[tuple[int, int]] = []
    _add_markers(marks, cuts)
    if not cuts:
        return text, tuple(marks)
    gone = list(accumulate((end - start for start, end in cuts), initial=0))
    ends = [end for _, end in cuts]
    pieces = [text[end:start] for end, (start, _) in zip([0, *ends], [*cuts, (len(text), 0)], strict=True)]

    def moved(mark: MarkNode) -> MarkNode:
        start, end = (place - gone[bisect_right(ends, place)] for place in (mark.start, mark.end))
        return mark._replace(start=start, end=end, children=_kept(mark.children, moved))

    return "".join(pieces), _kept(marks, moved)


def _add_markers(marks: Sequence[MarkNode], cuts: list[tuple[int, int]]) -> None:
    for mark in marks:
        if mark.kind == MARKER:
            cuts.append((mark.start, mark.end))
        else:
            _add_markers(mark.children, cuts)


def _kept(marks: Sequence[MarkNode], moved: Callable[[MarkNode], MarkNode]) -> tuple[MarkNode, ...]:
    return tuple(moved(mark) for mark in marks if mark.kind != MARKER)


def _nested(marks: Sequence[MarkNode], below: Mapping[int, Sequence[MarkNode]]) -> tuple[MarkNode, ...]:
    return tuple(mark._replace(children=_nested(below[id(mark)], below)) for mark in marks)
