"""Cuts in a text that can be undone: what was removed is kept with its place, so the text before can be rebuilt.

Why something is cut is the business of other kernels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

CUT = pa.field("cut", pa.bool_())
REPLACEMENT = "replacement"
SPANS = pa.list_(
    pa.struct([("offset", pa.uint64()), ("length", pa.uint64()), ("reason", pa.string()), ("text", pa.string()), CUT])
)
"""Spans that an edit removes, in order: position and size in UTF-8 bytes of the text before, and what stands there.

``cut`` is whether they were cut out of the text beside them, which is assumed where it is null. The engine sets it to
false in the rows of removed documents, whose text is stored as it came.
"""


class TextCut(NamedTuple):
    """Characters ``start`` to ``end`` of a text or line, and why they go."""

    start: int
    end: int
    reason: str


def without(text: str, cuts: Sequence[TextCut]) -> str:
    """The text without the characters of ``cuts``, which are in order and do not overlap."""
    edges = [0, *(edge for cut in cuts for edge in cut[:2]), len(text)]
    return "".join(text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))


def spans_of(text: str, cuts: Sequence[TextCut]) -> list[dict[str, Any]]:
    """The spans that ``cuts`` remove from ``text``: one value of type ``SPANS``."""
    spans = []
    offset = end = 0
    for cut in cuts:
        removed = text[cut.start : cut.end]
        length = len(removed.encode())
        offset += len(text[end : cut.start].encode())
        spans.append({"offset": offset, "length": length, "reason": cut.reason, "text": removed, CUT.name: True})
        offset += length
        end = cut.end
    return spans


def take_out(
    texts: pa.StringArray, ranges: pa.ListArray
) -> tuple[pa.StringArray, pa.StringArray, pa.UInt64Array, pa.UInt64Array]:
    """Return the texts without byte ranges, and the content, place and size in characters of all ranges of all texts.

    ``ranges`` are ``list<struct<start: uint64, end: uint64>>``, in order, overlap nowhere and cut no character in two.
    Raises ValueError where they do not fit the texts.
    """
    rest, inside, places, sizes = [], [], [], []
    for text, spans in zip(texts.to_pylist(), ranges.to_pylist(), strict=True):
        data, at, left = (text or "").encode(), 0, []
        for span in spans:
            if not at <= span["start"] <= span["end"] <= len(data):
                raise ValueError(f"no range of a text: {span['start']} to {span['end']}")
            left.append(data[at : span["start"]].decode())
            places.append(len(data[: span["start"]].decode()))
            inside.append(data[span["start"] : span["end"]].decode())
            sizes.append(len(inside[-1]))
            at = span["end"]
        rest.append("".join([*left, data[at:].decode()]))
    strings, numbers = pa.string(), pa.uint64()
    return pa.array(rest, strings), pa.array(inside, strings), pa.array(places, numbers), pa.array(sizes, numbers)


def with_cut(spans: pa.ListArray, *, cut: bool) -> pa.ListArray:
    """Spans with ``cut`` for each of them, in the place of what they have there, or behind their other fields."""
    values = spans.flatten()
    fields = [*values.type, *([CUT] if values.type.get_field_index(CUT.name) < 0 else [])]
    columns = dict(zip((field.name for field in values.type), values.flatten(), strict=True))
    columns[CUT.name] = pa.array(np.full(len(values), cut))
    sizes = pc.fill_null(pc.list_value_length(spans), 0).to_numpy()
    offsets = pa.array(np.append(0, np.cumsum(sizes)).astype(np.int32))
    found = pa.StructArray.from_arrays([columns[field.name] for field in fields], fields=fields)
    return pa.ListArray.from_arrays(offsets, found, mask=pc.is_null(spans) if spans.null_count else None)


def undo(texts: pa.StringArray, removed: pa.ListArray) -> pa.StringArray:
    """Return the texts before the edits that removed the spans ``removed`` (of type ``SPANS``).

    Spans without a text, and those whose ``cut`` is false, are left as they are. A null text stays null, null spans are
    none. Where spans have a field ``replacement``, this text stands in their place; other fields do not matter. Of
    several edits of a text the last is undone first.
    Raises ValueError where the spans do not fit the text.
    """
    pairs = zip(texts.to_pylist(), removed.to_pylist(), strict=True)
    found = (None if text is None else _undo(text.encode(), spans or ()).decode() for text, spans in pairs)
    return pa.array(list(found), pa.string())


def _undo(after: bytes, spans: Iterable[Mapping[str, Any]]) -> bytes:
    before = bytearray()
    taken = 0
    for span in spans:
        if span["text"] is None or span.get(CUT.name) is False:
            continue
        stretch = span["offset"] - len(before)
        text = span["text"].encode()
        if not 0 <= stretch <= len(after) - taken or len(text) != span["length"]:
            raise ValueError(f"span at byte {span['offset']} does not fit the text: {len(before)} bytes rebuilt so far")
        before += after[taken : taken + stretch] + text
        taken += stretch + len((span.get(REPLACEMENT) or "").encode())
    return bytes(before + after[taken:])
