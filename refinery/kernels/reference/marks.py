"""Marks: the structure of a text as spans over it, which form a tree. ``docs/output.md`` has their kinds.

A text has them in document order, parents first: ``depth`` is 0 at the top, and the children of a mark follow it with
its depth + 1. A child lies in its parent; siblings are in order and do not overlap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def _nested(marks: Sequence[MarkNode], below: Mapping[int, Sequence[MarkNode]]) -> tuple[MarkNode, ...]:
    return tuple(mark._replace(children=_nested(below[id(mark)], below)) for mark in marks)
