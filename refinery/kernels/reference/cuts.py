"""Cuts in a text that can be undone: what was removed is kept with its place, so the text before can be rebuilt.

Why something is cut is the business of other kernels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

SPANS = pa.list_(
    pa.struct([("offset", pa.uint64()), ("length", pa.uint64()), ("reason", pa.string()), ("text", pa.string())])
)
"""Removed spans, in order: position and size in UTF-8 bytes of the text before the edit, and what stood there."""


class Cut(NamedTuple):
    """Characters ``start`` to ``end`` of a text or line, and why they go."""

    start: int
    end: int
    reason: str


def without(text: str, cuts: Sequence[Cut]) -> str:
    """The text without the characters of ``cuts``, which are in order and do not overlap."""
    edges = [0, *(edge for cut in cuts for edge in cut[:2]), len(text)]
    return "".join(text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))


def spans_of(text: str, cuts: Sequence[Cut]) -> list[dict[str, Any]]:
    """The spans that ``cuts`` remove from ``text``: one value of type ``SPANS``."""
    spans = []
    offset = end = 0
    for cut in cuts:
        removed = text[cut.start : cut.end]
        length = len(removed.encode())
        offset += len(text[end : cut.start].encode())
        spans.append({"offset": offset, "length": length, "reason": cut.reason, "text": removed})
        offset += length
        end = cut.end
    return spans


def take_out(
    texts: pa.StringArray, ranges: pa.ListArray
) -> tuple[pa.StringArray, pa.StringArray, pa.UInt64Array, pa.UInt64Array]:
    """The texts without byte ranges, and what all ranges of all texts held; of each, its place and size in characters.

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


def undo(texts: pa.StringArray, removed: pa.ListArray) -> pa.StringArray:
    """The texts before the edits that removed the spans ``removed`` (of type ``SPANS``, null for none).

    Spans without a text were not removed, and fields beyond those of ``SPANS`` do not matter. Raises ValueError where
    the spans do not fit the text.
    """
    pairs = zip(texts.to_pylist(), removed.to_pylist(), strict=True)
    return pa.array([_undo((text or "").encode(), spans or ()).decode() for text, spans in pairs], pa.string())


def _undo(after: bytes, spans: Iterable[Mapping[str, Any]]) -> bytes:
    before = bytearray()
    taken = 0
    for span in spans:
        if span["text"] is None:
            continue
        stretch = span["offset"] - len(before)
        text = span["text"].encode()
        if not 0 <= stretch <= len(after) - taken or len(text) != span["length"]:
            raise ValueError(f"span at byte {span['offset']} does not fit the text: {len(before)} bytes rebuilt so far")
        before += after[taken : taken + stretch] + text
        taken += stretch
    return bytes(before + after[taken:])
