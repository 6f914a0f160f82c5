"""What is done to a text in which spans repeat, and what is told of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import pyarrow as pa

from refinery.kernels import SPANS

Action = Literal["cut", "mask", "drop_partial", "drop_any"]

REASON = "repeated"

REPEATS = pa.list_(
    pa.struct([*SPANS.value_type, ("char", pa.uint64()), ("chars", pa.uint64()), ("group", pa.uint64())])
)
"""``SPANS`` with place and length in characters, and a number that spans of the same text share.

``text`` is null where the span was not cut out.
"""


class Span(NamedTuple):
    """A span of a text, in bytes and in characters."""

    offset: int
    length: int
    char: int
    chars: int
    text: str


class Found(NamedTuple):
    """One text: its size in bytes, its spans, and what is outside of them."""

    bytes: int
    spans: Sequence[Span]
    rest: str


def found(text: str, ranges: Iterable[tuple[int, int]]) -> Found:
    """A text with byte ranges, which are in order and do not overlap."""
    data, spans, rest = text.encode(), [], []
    at = char = 0
    for start, end in ranges:
        rest.append(data[at:start].decode())
        char += len(rest[-1])
        inside = data[start:end].decode()
        spans.append(Span(start, end - start, char, len(inside), inside))
        char += len(inside)
        at = end
    return Found(len(data), spans, "".join([*rest, data[at:].decode()]))


def facts(each: Sequence[Found], groups: Sequence[int], *, cut: bool) -> dict[str, pa.Array]:
    """The facts of texts; ``groups`` are those of all spans of all texts in order."""
    repeated = [sum(span.length for span in one.spans) for one in each]
    shares = [part / one.bytes if one.bytes else 0.0 for part, one in zip(repeated, each, strict=True)]
    number = iter(groups)
    repeats = [[_repeat(span, next(number), cut=cut) for span in one.spans] for one in each]
    return {
        "spans": pa.array([len(one.spans) for one in each], pa.uint32()),
        "repeated": pa.array(repeated, pa.uint64()),
        "share": pa.array(shares, pa.float64()),
        "chars_left": pa.array([len(one.rest.strip()) for one in each], pa.uint32()),
        "repeats": pa.array(repeats, REPEATS),
    }


def _repeat(span: Span, group: int, *, cut: bool) -> dict[str, int | str | None]:
    text = span.text if cut else None
    return {**span._asdict(), "reason": REASON, "text": text, "group": group}
