"""Text as deduplication compares it, and where each piece of it lies in the original text.

In this order (RefinedWeb, G.3.1), with what the paper leaves open decided here:

1. Punctuation is removed, not replaced: the Unicode categories P. Symbols (S: ``$ + < = > ^ ` | ~``, emoji) stay.
2. Lower case, character by character: a capital sigma at the end of a word becomes the ordinary small one.
3. NFD: letters with accents, and Hangul syllables, come apart.
4. Accents are removed: the categories Mn and Me, and all else that has a combining class, so that the order into
   which NFD brings them does not matter.
5. Runs of white space (``str.isspace``) become one space; none is left at either end.

Each step looks at one character at a time, so the whole is one table from character to string. Control and format
characters, NUL included, are kept. Which characters are what depends on ``UNICODE``, the version of Python's tables.

Source: Penedo et al. 2023, arXiv 2306.01116, section G.3.1.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery.kernels.reference.ragged import lists_of, offsets_of
from refinery.kernels.reference.segmenter import cuts_of

UNICODE = unicodedata.unidata_version

UNIT = pa.struct([("normal", pa.uint64()), ("start", pa.uint64()), ("end", pa.uint64())])
"""The end of a unit in the normalised text (it begins at the end of the last one), and its range in the original."""

_KEPT, _SPACE, _MARK, _PUNCTUATION = range(4)

Ints = npt.NDArray[np.int64]


def normalise(texts: pa.StringArray) -> pa.StringArray:
    """The normalised texts; null becomes "". Linear in the length of the texts."""
    return pa.array([" ".join((text or "").translate(PIECES).split()) for text in texts.to_pylist()], pa.string())


def normalised_cuts(texts: pa.StringArray, cuts: pa.ListArray) -> pa.ListArray:
    """Return cuts of the texts, as of ``word_cuts``, as those of the normalised texts; white space is after a cut."""
    found = [[*_moved(text, places)] for text, places in cuts_of(texts, cuts)]
    values = np.array([cut for each in found for cut in each], np.uint32)
    return lists_of(values, offsets_of(np.array([*map(len, found)], np.int64)))


def alignment(texts: pa.StringArray) -> pa.ListArray:
    """The units of each text in order, as ``list<UNIT>``; all offsets are in UTF-8 bytes.

    A unit is the least that can be cut: a kept character with the combining marks behind it, or a whole run of white
    space with the punctuation inside it. Units never overlap; what lies between them is punctuation with its marks.
    White space, punctuation and marks at the ends of a text are in no unit.
    """
    return _lists([_units(text or "") for text in texts.to_pylist()])


def characters(texts: pa.StringArray) -> pa.ListArray:
    """``alignment`` for texts that were not normalised: each code point is a unit."""
    sizes = [_utf8_sizes(_code_points(text or "")) for text in texts.to_pylist()]
    ends = [np.cumsum(size) for size in sizes]
    return _lists([(end, end - size, end) for end, size in zip(ends, sizes, strict=True)])


class _Pieces(dict[int, str]):
    """From code point to what it is normalised to, filled as characters are met."""

    def __missing__(self, code: int) -> str:
        self[code] = piece = _piece(chr(code))
        return piece


def _piece(character: str) -> str:
    if character.isspace():
        return " "
    if unicodedata.category(character).startswith("P"):
        return ""
    return "".join(c for c in unicodedata.normalize("NFD", character.lower()) if not _is_mark(c))


def _is_mark(character: str) -> bool:
    return unicodedata.combining(character) > 0 or unicodedata.category(character) in ("Mn", "Me")


def unchanged(characters: Sequence[str]) -> bool:
    """Return True if each is normalised to itself and none is white space: tested together, as most are."""
    text = "".join(characters)
    categories = set(map(unicodedata.category, text))
    return (
        text.lower() == text
        and unicodedata.is_normalized("NFD", text)
        and not any(map(str.isspace, text))
        and not any(map(unicodedata.combining, text))
        and not any(category.startswith("P") or category in ("Mn", "Me") for category in categories)
    )


PIECES = _Pieces()


def _units(text: str) -> tuple[Ints, Ints, Ints]:
    """Ends in the normalised text, and starts and ends in the original, of the units of one text."""
    codes = _code_points(text)
    kinds, widths = _kinds(codes)
    ends = np.cumsum(_utf8_sizes(codes))
    heads = np.flatnonzero(kinds != _MARK)
    starts = (ends - _utf8_sizes(codes))[heads]
    stops = np.append(starts[1:], ends[-1:])[: len(heads)]  # marks belong to the character before them
    kinds, widths = kinds[heads], widths[heads]

    shown = np.flatnonzero(kinds != _PUNCTUATION)
    space = kinds[shown] == _SPACE
    first = np.flatnonzero(~(space & np.append(False, space[:-1])[: len(space)]))  # of each run of white space
    last = np.append(first[1:], len(shown))[: len(first)] - 1
    units = slice(int(space[:1].sum()), len(first) - int(len(first) > 1 and space[-1]))
    return (
        np.cumsum(widths[shown][first][units]),
        starts[shown][first][units],
        stops[shown][last][units],
    )


def _kinds(codes: npt.NDArray[np.uint32]) -> tuple[Ints, Ints]:
    """Return the kind of each character, and the number of bytes it is normalised to."""
    distinct, inverse = np.unique(codes, return_inverse=True)
    kinds = np.array([kind_of(chr(code)) for code in distinct.tolist()], np.int64)
    widths = np.array([len(PIECES[code].encode()) for code in distinct.tolist()], np.int64)
    return kinds[inverse], widths[inverse]


def kind_of(character: str) -> int:
    """Return the kind of a character in normalised text: the codes that ``alignment`` uses."""
    piece = PIECES[ord(character)]
    if piece == " ":
        return _SPACE
    if piece:
        return _KEPT
    return _PUNCTUATION if unicodedata.category(character).startswith("P") else _MARK


def _moved(text: str, places: Sequence[int]) -> Iterator[int]:
    """Yield the bytes of the normalised text before each of the places."""
    size, blank = 0, False  # bytes without white space at the end, and whether there is some
    for start, end in pairwise([0, *places]):
        piece = text[start:end].translate(PIECES)
        words = piece.split()
        if words:
            size += len(" ".join(words).encode()) + (size > 0 and (blank or piece[0].isspace()))
        if piece:
            blank = piece[-1].isspace() or (blank and not words)
        yield size


def _code_points(text: str) -> npt.NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)


def _utf8_sizes(codes: npt.NDArray[np.uint32]) -> Ints:
    return np.searchsorted(np.array([0x80, 0x800, 0x10000]), codes, side="right").astype(np.int64) + 1


def _lists(units: list[tuple[Ints, Ints, Ints]]) -> pa.ListArray:
    empty: Any = np.empty(0, np.int64)
    columns = [np.concatenate([empty, *(unit[i] for unit in units)]).astype(np.uint64) for i in range(UNIT.num_fields)]
    values = pa.StructArray.from_arrays([pa.array(column) for column in columns], fields=list(UNIT))
    offsets = offsets_of(np.fromiter((len(unit[0]) for unit in units), np.int64, len(units)))
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values)
