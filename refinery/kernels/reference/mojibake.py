"""Segments of text where UTF-8 may have been read as another charset: "Ã©" for "é", "â€œ" for "“", "РџСЂ" for "Пр".

Finds places only, cheaply, in text of any size; another library decides whether they are damaged, and repairs them. A
place is a run of characters that a charset of ``CODECS`` makes of the bytes of one character in UTF-8: of a leading
byte and as many continuation bytes as it announces. So is a C1 control character, which no text has on purpose.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

CODECS = ("latin-1", "cp1252", "cp1251", "cp1250", "cp1253", "cp1254", "cp1257", "mac-roman", "cp437")
"""The charsets that UTF-8 is taken for, those that ftfy knows."""

LEADS = ((0xC2, 0xDF), (0xE0, 0xEF), (0xF0, 0xF4))
"""The bytes that begin characters of two, three and four bytes; those that continue them come after."""
CONTINUATIONS = (0x80, 0xBF)

WIDTH = 10
"""Bits of a role: one a charset, and one for letters before a blank that was no-break space: "Â ", "Ã "."""
CONTROL = 1 << 4 * WIDTH
"""The role of C1 control characters."""

REACH = 2_000
"""Bytes of text around a place that are given with it, at most, on either side."""

SEGMENTS = pa.list_(pa.struct([("start", pa.uint64()), ("end", pa.uint64())]))
_EDGES = re.compile(rb"[<>\n]")

Roles = npt.NDArray[np.uint64]


def mojibake_segments(texts: pa.StringArray) -> pa.ListArray:
    """The segments of each text, as ``SEGMENTS`` in UTF-8 bytes, that have such a place; none of a null text.

    A segment is what lies between line ends and angle brackets, so it is a run of text or a tag where the text is
    markup. It is cut about ``REACH`` bytes before and after the place. Segments are in order and do not overlap.
    """
    return pa.array([_segments((text or "").encode()) for text in texts.to_pylist()], SEGMENTS)


def _segments(data: bytes) -> list[dict[str, int]]:
    found: list[dict[str, int]] = []
    end = 0
    for place in _places(data.decode()):
        if place < end:
            continue
        start = max((edge.end() for edge in _EDGES.finditer(data, max(end, place - REACH), place)), default=0)
        start = _boundary(data, max(start, end, place - REACH))
        edge = _EDGES.search(data, place, place + REACH)
        end = edge.start() if edge else _cut(data, place, min(len(data), place + REACH))
        found.append({"start": start, "end": end})
    return found


def _cut(data: bytes, place: int, most: int) -> int:
    """Return the end of a segment that continues: after a blank, if it has one, so as to cut no run in two."""
    blank = data.rfind(b" ", place, most)
    return blank + 1 if blank >= 0 and most < len(data) else _boundary(data, most)


def _boundary(data: bytes, place: int) -> int:
    """The first place from here on where a character begins."""
    while place < len(data) and data[place] & 0xC0 == 0x80:
        place += 1
    return place


def _places(text: str) -> list[int]:
    """Return the byte offset of the last character of each run: one beyond ASCII, or directly after one."""
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    high = np.flatnonzero(codes >= 0x80)
    ends = np.union1d(high, high + 1)
    ends = ends[ends < len(codes)]
    role, *before = (_roles_at(codes, ends - back) for back in range(4))
    two, three, four = (_bits(lead, size) for size, lead in enumerate(before))
    last, second, third = (_bits(each, 3) for each in (role, before[0], before[1]))
    runs = last & (two | second & (three | third & four))
    hits = ends[(runs > 0) | (role >= CONTROL)]
    wide = np.searchsorted(np.array([0x80, 0x800, 0x10000]), codes[high], side="right")  # bytes beyond the first
    extra = np.concatenate([[0], np.cumsum(wide)])
    return list((hits + extra[np.searchsorted(high, hits)]).tolist())


def _roles_at(codes: npt.NDArray[np.uint32], places: npt.NDArray[np.int64]) -> Roles:
    """The roles of characters; none before the first."""
    table = roles()
    found = table[np.minimum(codes[np.maximum(places, 0)], len(table) - 1)]
    return np.where(places < 0, np.uint64(0), found)


def _bits(role: Roles, group: int) -> Roles:
    return role >> np.uint64(group * WIDTH) & np.uint64((1 << WIDTH) - 1)


@cache
def roles() -> Roles:
    """By code point, which bytes each charset may have made it of; the last one stands for all beyond."""
    found: dict[int, int] = dict.fromkeys(range(128, 160), CONTROL)

    def add(character: str, group: int, codec: int) -> None:
        found[ord(character)] = found.get(ord(character), 0) | 1 << group * WIDTH + codec

    for number, codec in enumerate(CODECS):
        for group, (first, last) in enumerate((*LEADS, CONTINUATIONS)):
            for byte in range(first, last + 1):
                # What a charset leaves open is read as the control character of that number.
                add(_decoded(byte, codec), group, number)
    for letter in "ÂÃ":
        add(letter, 0, WIDTH - 1)
    add(" ", 3, WIDTH - 1)
    table: Any = np.zeros(max(found) + 2, np.uint64)
    table[list(found)] = list(found.values())
    return table  # type: ignore[no-any-return]


def _decoded(byte: int, codec: str) -> str:
    try:
        return bytes([byte]).decode(codec)
    except UnicodeDecodeError:
        return chr(byte)
