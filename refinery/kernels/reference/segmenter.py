"""The words of a text, also in scripts that put no white space between them.

A word is what lies between white space (``str.split``). Where that has letters of a script without spaces (Thai, Lao,
Tibetan, Burmese, Khmer, Han, kana, …), it is divided further: letters of such scripts form words of their own, which
``divide`` finds, and letters and digits of other scripts between them form others. All else (punctuation, symbols,
combining marks) belongs to the word before it, or to the first word where none is before it.

So a text without such letters has exactly the words between white space, and ratios of words to punctuation are
comparable between scripts.

``word_cuts`` finds the places of a text where a word begins without white space before it. Kernels that count words
take these cuts, so that a batch is divided once for all of them; without cuts, white space alone divides.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

import numpy as np
import pyarrow as pa

from refinery.kernels.reference.ragged import flat, lists_of, offsets_of

SEGMENTER = "1"
"""The version of the rules and dictionaries."""

SPACELESS = (
    *((0xE00, 0x109F), (0x1780, 0x17FF), (0x1950, 0x19FF), (0x1A20, 0x1AAF), (0x1B00, 0x1B7F), (0x2E80, 0x2FDF)),
    *((0x3005, 0x3007), (0x3021, 0x3029), (0x3031, 0x3035), (0x303B, 0x303C), (0x3041, 0x312F), (0x31A0, 0x31BF)),
    *((0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0xA4CF), (0xA980, 0xA9FF), (0xAA60, 0xAADF), (0xF900, 0xFAFF)),
    *((0xFF66, 0xFF9F), (0x11700, 0x1174F), (0x16FE0, 0x18D8F), (0x1AFF0, 0x1B16F), (0x20000, 0x3FFFF)),
)
"""Code points of scripts without spaces between words: first and last of each range.

Thai to Burmese; Khmer; Tai Le and New Tai Lue; Tai Tham; Balinese; Han, kana, Bopomofo; Yi; Javanese; Tai Viet; Ahom.
"""

_LETTER = re.compile(f"[{''.join(f'{chr(first)}-{chr(last)}' for first, last in SPACELESS)}]")
_RUN = re.compile(r"\S+")

Span = tuple[int, int]


def word_cuts(texts: pa.StringArray) -> pa.ListArray:
    """Return where words begin without white space before them: ``list<uint32>`` of UTF-8 bytes; none for null."""
    found = [_in_bytes(text or "", cuts(text or "")) for text in texts.to_pylist()]
    values = np.array([cut for each in found for cut in each], np.uint32)
    return lists_of(values, offsets_of(np.array([*map(len, found)], np.int64)))


def word_spans(texts: pa.StringArray, cuts: pa.ListArray | None = None) -> list[list[Span]]:
    """Return starts and ends of the words of each text, in characters, as its cuts divide it; null has none."""
    return [divided(text, places) for text, places in cuts_of(texts, cuts)]


def words(text: str) -> list[Span]:
    """Return starts and ends of the words of a text, in characters."""
    return divided(text, cuts(text))


def cuts(text: str) -> list[int]:
    """Return where words begin without white space before them, in characters."""
    if not _LETTER.search(text):
        return []
    return [cut for run in _RUN.finditer(text) for cut in _cuts(text, *run.span())]


def divided(text: str, places: Sequence[int]) -> list[Span]:
    """Return what lies between white space, divided at some places as well."""
    found, passed = [], 0
    for run in _RUN.finditer(text):
        start, end = run.span()
        while passed < len(places) and places[passed] <= start:
            passed += 1
        inside = passed
        while passed < len(places) and places[passed] < end:
            passed += 1
        found += [edges for edges in pairwise([start, *places[inside:passed], end]) if edges[0] < edges[1]]
    return found


def words_at(text: str, places: Sequence[int]) -> list[str]:
    """Return the words of ``divided``."""
    return [text[start:end] for start, end in divided(text, places)] if places else text.split()


def cuts_of(texts: pa.StringArray, given: pa.ListArray | None) -> Iterator[tuple[str, list[int]]]:
    """Yield each text, "" for null, with its cuts in characters. Raises ValueError for cuts of other texts."""
    if given is None:
        yield from ((text or "", []) for text in texts.to_pylist())
        return
    if len(given) != len(texts):
        raise ValueError("cuts and texts are of different numbers")
    places, offsets = flat(given)
    for text, (first, last) in zip(texts.to_pylist(), pairwise(offsets.tolist()), strict=True):
        yield text or "", _in_characters(text or "", places[first:last].tolist())


def _cuts(text: str, start: int, end: int) -> Iterator[int]:
    """Yield the cuts between two places with no white space between them."""
    before = ""  # the kind of the last letter or digit
    at = start
    while at < end:
        kind = _kind(text[at])
        stop = at + 1
        if kind == "letter":
            while stop < end and _kind(text[stop]) == "letter":
                stop += 1
            if before:
                yield at
            yield from divide(text, at, stop)
        elif kind and before == "letter":
            yield at
        before, at = kind or before, stop


def divide(text: str, start: int, end: int) -> Iterator[int]:
    """Yield where words begin between two places with only letters, and their marks, of scripts without spaces."""
    return (at for at in range(start + 1, end) if text[at].isalpha())


def _kind(character: str) -> str:
    """Return "letter" for those of scripts without spaces, "other" for other letters and digits, "" for all else."""
    if character.isdigit():
        return "other"
    if _LETTER.match(character):
        return "" if unicodedata.category(character)[0] in "PS" else "letter"
    return "other" if character.isalpha() else ""


def _in_bytes(text: str, places: Sequence[int]) -> list[int]:
    """Return places of characters as those of UTF-8 bytes."""
    return list(accumulate(len(text[start:end].encode()) for start, end in pairwise([0, *places])))


def _in_characters(text: str, places: Sequence[int]) -> list[int]:
    """Return the inverse of ``_in_bytes``. Raises ValueError unless places rise and lie between characters."""
    data, found, at = text.encode(), [], 0
    for start, end in pairwise([0, *places]):
        if end < start or end > len(data):
            raise ValueError(f"no cut of a text of {len(data)} bytes: {end}")
        at += len(data[start:end].decode())
        found.append(at)
    return found
