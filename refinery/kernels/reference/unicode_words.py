"""Words by the boundaries of UAX #29, Unicode's rules of text segmentation, in what lies between white space.

White space always divides, also the narrow no-break space, which the annex lets stand within a word. Every boundary is
one: punctuation is words of its own, and so is each Chinese character; Thai letters are not divided.

Source: Unicode Standard Annex #29, section 4; https://unicode.org/reports/tr29/
"""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa

from refinery.kernels.reference.ragged import lists_of, offsets_of
from refinery.kernels.reference.segmenter import in_bytes

TABLE = Path(__file__).with_name("word_breaks.txt")

WORD_BREAKS = "1-675021bc"
"""The version of the rules, and the digest of the table."""

CLASSES = (
    *("Other", "ALetter", "Hebrew_Letter", "Numeric", "Katakana", "ExtendNumLet", "Extend", "Format", "ZWJ"),
    *("Single_Quote", "Double_Quote", "MidNumLet", "MidLetter", "MidNum", "Regional_Indicator"),
    "Extended_Pictographic",
)
"""The classes by number; the last one is a bit beside the others."""

OTHER, LETTER, HEBREW, NUMBER, KATAKANA, CONNECTOR, EXTEND, FORMAT, ZWJ, QUOTE, QUOTES, *_ = range(len(CLASSES))
MID_BOTH, MID_LETTER, MID_NUMBER, REGIONAL, _PICTOGRAPH = range(QUOTES + 1, len(CLASSES))
PICTOGRAPH = 32

_LETTERS = {LETTER, HEBREW}
_WORDS = {LETTER, HEBREW, NUMBER, KATAKANA}
_IGNORED = {EXTEND, FORMAT, ZWJ}
_IN_WORDS, _IN_NUMBERS = {MID_LETTER, MID_BOTH, QUOTE}, {MID_NUMBER, MID_BOTH, QUOTE}


def unicode_cuts(texts: pa.StringArray) -> pa.ListArray:
    """Return where words begin without white space before them: ``list<uint32>`` of UTF-8 bytes; none for null."""
    found = [in_bytes(text or "", _cuts(text or "")) for text in texts.to_pylist()]
    values = np.array([cut for each in found for cut in each], np.uint32)
    return lists_of(values, offsets_of(np.array([*map(len, found)], np.int64)))


@cache
def break_classes() -> bytes:
    """Return a byte per code point: the number of its class, and the bit of pictographs."""
    table = np.zeros(sys.maxunicode + 1, np.uint8)
    for line in TABLE.read_text(encoding="ascii").splitlines():
        name, *ranges = line.split()
        number = CLASSES.index(name)
        for each in ranges:
            first, _, last = each.partition("-")
            span = slice(int(first, 16), int(last or first, 16) + 1)
            if number == _PICTOGRAPH:
                table[span] |= PICTOGRAPH
            else:
                table[span] += number
    return table.tobytes()


def _cuts(text: str) -> list[int]:
    return [run.start() + cut for run in re.finditer(r"\S+", text) for cut in boundaries(run[0])]


def boundaries(chunk: str) -> list[int]:
    """Return where words begin in a text without white space, but for the first, in characters."""
    table = break_classes()
    classes = [table[ord(character)] for character in chunk]
    followed = _followed(classes)
    found, before, last, flags = [], OTHER, classes[0] & ~PICTOGRAPH, int(classes[0] == REGIONAL)
    for at in range(1, len(classes)):
        kind = classes[at] & ~PICTOGRAPH
        joined = classes[at - 1] & ~PICTOGRAPH == ZWJ and bool(classes[at] & PICTOGRAPH)
        if kind in _IGNORED:
            continue
        if not joined and not _joins(before, last, kind, followed[at]) and not (kind == REGIONAL and flags % 2):
            found.append(at)
        flags = flags + 1 if kind == REGIONAL else 0
        before, last = last, kind
    return found


def _followed(classes: list[int]) -> list[int]:
    """Return the class of the next character that counts, for each character."""
    found, following = [], OTHER
    for each in reversed(classes):
        found.append(following)
        if each & ~PICTOGRAPH not in _IGNORED:
            following = each & ~PICTOGRAPH
    return found[::-1]


def _joins(before: int, last: int, kind: int, following: int) -> bool:
    """Return True if no word begins with a class after two others and before another: rules WB5 to WB13b."""
    numbered = {last, kind} <= _LETTERS | {NUMBER}
    middle = (last in _LETTERS and kind in _IN_WORDS and following in _LETTERS) or (
        kind in _LETTERS and last in _IN_WORDS and before in _LETTERS
    )
    middle |= (last == NUMBER and kind in _IN_NUMBERS and following == NUMBER) or (
        kind == NUMBER and last in _IN_NUMBERS and before == NUMBER
    )
    hebrew = (last == HEBREW and (kind == QUOTE or (kind == QUOTES and following == HEBREW))) or (
        kind == HEBREW and last == QUOTES and before == HEBREW
    )
    connected = (kind == CONNECTOR and last in _WORDS | {CONNECTOR}) or (last == CONNECTOR and kind in _WORDS)
    return numbered or middle or hebrew or connected or last == kind == KATAKANA
