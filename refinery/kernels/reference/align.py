"""Cuts that respect what they cut: between characters as people see them, words, lines or sentences.

Where a text may be cut, by what must stay whole:

``char``: between grapheme clusters, of Unicode Standard Annex 29 or larger ones: a letter and its marks, a syllable, an
emoji of several code points, a flag, a carriage return with its newline.
``word``: there as well, but not between two characters that are not white space, unless a word is cut there; without
cuts, unless one of them is of a script that puts no space between words (Han, kana, Thai, Lao, Khmer, Burmese).
``line``: after a newline, a carriage return, or both.
``sentence``: where a line may be cut, and behind a full stop, question or exclamation mark or ellipsis with the closing
quotes and the white space that follow; Chinese marks need no white space. What is an abbreviation is not known, so a
sentence may be taken for two.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from enum import IntFlag, auto
from itertools import zip_longest
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery.kernels.reference.ragged import Offsets, Spans, flat_spans, spans_of

Whole = Literal["char", "word", "line", "sentence"]

Codes = npt.NDArray[np.uint32]
Places = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_RETURN, _NEWLINE, _JOINER = 0x0D, 0x0A, 0x200D
_VIRAMA = 9  # the combining class
_BLOCK = 256
_MARKS = ("Mn", "Me", "Mc")

_FLAGS = ((0x1F1E6, 0x1F1FF),)
# Beside marks: emoji modifiers, tags, half-width voiced marks, vowels and finals of Hangul, sara am.
_EXTENDING = (
    *((0xE33, 0xE33), (0xEB3, 0xEB3)),
    *((0x200C, 0x200D), (0x1F3FB, 0x1F3FF), (0xE0020, 0xE007F), (0xFF9E, 0xFF9F), (0x1160, 0x11FF), (0xD7B0, 0xD7FB)),
)
_PREPENDED = (
    *((0x600, 0x605), (0x6DD, 0x6DD), (0x70F, 0x70F), (0x890, 0x891), (0x8E2, 0x8E2), (0xD4E, 0xD4E)),
    *((0x110BD, 0x110BD), (0x110CD, 0x110CD), (0x111C2, 0x111C3), (0x113D1, 0x113D1), (0x1193F, 0x1193F)),
    *((0x11941, 0x11941), (0x11A3A, 0x11A3A), (0x11A84, 0x11A89), (0x11D46, 0x11D46), (0x11F02, 0x11F02)),
)
_LEADING = ((0x1100, 0x115F), (0xA960, 0xA97C))
_LED = (*_LEADING, (0xAC00, 0xD7A3))
_UNSPACED = (
    *((0xE01, 0xEFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3001, 0x312F), (0x31F0, 0x31FF), (0x3400, 0x4DBF)),
    *((0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0xFF01, 0xFF9F), (0x20000, 0x3FFFF)),
)
_SENTENCE = re.compile(
    r"(?<![.!?…؟।])[.!?…؟।]++[\"')\]}’”»]*+\s++"
    r"|(?<![。！？])[。！？]++[\"')\]}’”」』）》]*+\s*+"
    r"|\r\n|\n|\r"
)


def aligned(
    texts: pa.StringArray, cuts: pa.ListArray, kept: pa.ListArray, whole: Whole, words: pa.ListArray | None = None
) -> pa.ListArray:
    """Return the byte ranges ``cuts`` of each text, moved to where it may be cut; same type.

    ``char`` makes a range smaller: what is partly in it stays. ``word``, ``line`` and ``sentence`` make it larger: what
    is partly in it goes, unless that is partly in a range of ``kept`` as well: then it stays. Ranges that meet become
    one, and those in which nothing is left are dropped. Both are in order and overlap nowhere. ``words`` are cuts of
    words, as of ``segmenter.word_cuts``.
    """
    (ranges, firsts), (stays, bounds) = flat_spans(cuts), flat_spans(kept)
    open_ends = _open_ends(texts, ranges, firsts) if whole == "char" else np.ones(len(ranges), np.bool_)
    unclear = np.flatnonzero(np.diff(np.append(0, np.cumsum(open_ends))[firsts]))
    found = {i: ranges[firsts[i] : firsts[i + 1]] for i in unclear.tolist()}
    for i, text in zip(found, texts.take(pa.array(unclear)).to_pylist(), strict=True):
        stay = stays[bounds[i] : bounds[i + 1]]
        places = boundaries(text, whole, None if words is None else words[i].as_py())
        found[i] = _moved(places, found[i], stay, grow=whole != "char")
    edges = [0, *(edge for i in found for edge in (i, i + 1)), len(texts)]
    pieces = [ranges[firsts[a] : firsts[b]] for a, b in zip(edges[::2], edges[1::2], strict=True)]
    counts = np.diff(firsts)
    counts[unclear] = [len(mine) for mine in found.values()]
    mixed = [piece for pair in zip_longest(pieces, found.values()) for piece in pair if piece is not None]
    return spans_of(np.concatenate(mixed), counts)


def _open_ends(texts: pa.StringArray, ranges: Spans, firsts: Offsets) -> Flags:
    """Return True for ranges with an end between two characters that may be joined, from those two alone."""
    data = np.frombuffer(texts.buffers()[2] or b"", np.uint8)
    offsets = np.frombuffer(texts.buffers()[1] or bytes(4), np.int32)[texts.offset : texts.offset + len(texts) + 1]
    text = np.repeat(np.arange(len(texts)), np.diff(firsts))
    found = np.zeros(len(ranges), np.bool_)
    for places in ranges.T:
        inside = np.flatnonzero((places > 0) & (places < np.diff(offsets)[text]))
        place = (offsets[text] + places)[inside]
        before, after = data[place - 1], data[place]
        found[inside] |= (before == _RETURN) & (after == _NEWLINE)
        beyond = np.flatnonzero((before | after) >= 0x80)
        found[inside[beyond]] |= _may_join(data, place[beyond])
    return found


def _may_join(data: npt.NDArray[np.uint8], places: Places) -> Flags:
    """Return True where the characters on either side of a place in UTF-8 may belong to one grapheme cluster."""
    starts = places - 1
    for _ in range(3):
        starts = starts - ((data[starts] & 0xC0) == 0x80)
    before, after = _TABLE.of(_codes_at(data, starts)), _TABLE.of(_codes_at(data, places))
    joining = before & (_Kinds.EXTENDS | _Kinds.PREPENDED | _Kinds.LEADING) > 0
    found: Flags = joining | (after & (_Kinds.EXTENDS | _Kinds.FLAG) > 0) | ((data[places] & 0xC0) == 0x80)
    return found


def _codes_at(data: npt.NDArray[np.uint8], places: Places) -> Codes:
    """The code points that begin at places in UTF-8."""
    first = data[places].astype(np.uint32)
    more = np.searchsorted(np.array([0xC0, 0xE0, 0xF0]), first, side="right")  # bytes behind the first
    codes = np.where(more, first & (0x3F >> more), first)
    for count in (1, 2, 3):
        longer = np.flatnonzero(more >= count)
        codes[longer] = codes[longer] << 6 | data[places[longer] + count] & 0x3F
    return codes.astype(np.uint32)


def boundaries(text: str, whole: Whole, words: Sequence[int] | None = None) -> Places:
    """Return the byte offsets where a text may be cut: its ends, and places between. ``words`` are cuts of words."""
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    sizes = np.searchsorted(np.array([0x80, 0x800, 0x10000]), codes, side="right") + 1
    offsets: Places = np.append(0, np.cumsum(sizes))
    if whole == "sentence":
        free = np.zeros(len(codes) + 1, np.bool_)
        free[[match.end() for match in _SENTENCE.finditer(text)]] = True
        free[:-1] &= ~_graphemes(codes)
    elif whole == "word" and words is not None:
        free = np.append(~_joined(codes, _Kinds.SPACE), True)
        free[np.searchsorted(offsets, np.array(words, np.int64))] = True
        free[:-1] &= ~_graphemes(codes)
    else:
        free = np.append(~_JOINED[whole](codes), True)
    free[0] = free[-1] = True
    return offsets[free]


def _moved(places: Places, ranges: Places, kept: Places, *, grow: bool) -> Places:
    starts, ends = ranges[:, 0], ranges[:, 1]
    before = places[np.searchsorted(places, starts, side="right") - 1]
    after = places[np.searchsorted(places, ends, side="left")]
    inner_start = places[np.searchsorted(places, starts, side="left")]
    inner_end = places[np.searchsorted(places, ends, side="right") - 1]
    if grow:
        kept_ends, kept_starts = np.append(-1, kept[:, 1]), np.append(kept[:, 0], places[-1] + 1)
        free_start = kept_ends[np.searchsorted(kept[:, 1], starts, side="right")] <= before
        free_end = kept_starts[np.searchsorted(kept[:, 0], ends, side="left")] >= after
        inner_start = np.where(free_start, before, inner_start)
        inner_end = np.where(free_end, after, inner_end)
    return _joined_ranges(inner_start, inner_end)


def _joined_ranges(starts: Places, ends: Places) -> Places:
    left = starts < ends
    starts, ends = starts[left], ends[left]
    new = np.append(True, starts[1:] > ends[:-1])[: len(starts)]
    last = np.append(new[1:], True)[: len(ends)]
    return np.stack([starts[new], ends[last]], axis=1)


# ------------------------------------------------------------------------ which characters go with the one before them


class _Kinds(IntFlag):
    """Properties of a character. Joiners are controls in Unicode's categories, but not here."""

    EXTENDS = auto()
    VIRAMA = auto()
    CONTROL = auto()
    ALPHA = auto()
    SPACE = auto()
    PREPENDED = auto()
    LEADING = auto()
    LED = auto()
    FLAG = auto()
    UNSPACED = auto()


_RANGES = {
    _Kinds.EXTENDS: _EXTENDING,
    _Kinds.PREPENDED: _PREPENDED,
    _Kinds.LEADING: _LEADING,
    _Kinds.LED: _LED,
    _Kinds.FLAG: _FLAGS,
    _Kinds.UNSPACED: _UNSPACED,
}


def _kinds_of(character: str) -> int:
    """Return the properties that Python knows of a character; the others are in ``_RANGES``."""
    category = unicodedata.category(character)
    found = _Kinds.EXTENDS.value if category in _MARKS else 0
    found |= _Kinds.VIRAMA.value if unicodedata.combining(character) == _VIRAMA else 0
    found |= _Kinds.CONTROL.value if category in ("Cc", "Zl", "Zp") else 0
    found |= _Kinds.ALPHA.value if character.isalpha() else 0
    return found | (_Kinds.SPACE.value if character.isspace() else 0)


class _Table:
    """The kinds of all characters, filled a block at a time as they are met."""

    def __init__(self) -> None:
        self._kinds = np.zeros(0x110000, np.uint16)
        self._known = np.zeros(len(self._kinds) // _BLOCK, np.bool_)
        for kind, ranges in _RANGES.items():
            for first, last in ranges:
                self._kinds[first : last + 1] |= kind.value

    def of(self, codes: Codes) -> npt.NDArray[np.uint16]:
        met = np.zeros(len(self._known), np.bool_)
        met[codes // _BLOCK] = True
        for block in np.flatnonzero(met & ~self._known).tolist():
            inside = range(block * _BLOCK, (block + 1) * _BLOCK)
            self._kinds[inside.start : inside.stop] |= np.array([_kinds_of(chr(code)) for code in inside], np.uint16)
            self._known[block] = True
        kinds: npt.NDArray[np.uint16] = self._kinds[codes]
        return kinds


_TABLE = _Table()


def _graphemes(codes: Codes) -> Flags:
    kinds, before = _TABLE.of(codes), _TABLE.of(_before(codes))
    joined: Flags = (kinds & _Kinds.EXTENDS > 0) | (_before(codes) == _JOINER) | (before & _Kinds.PREPENDED > 0)
    joined |= (before & _Kinds.LEADING > 0) & (kinds & _Kinds.LED > 0)
    joined |= _linked(kinds) & (kinds & _Kinds.ALPHA > 0)
    joined &= (kinds | before) & _Kinds.CONTROL == 0
    joined |= _second_flags(kinds & _Kinds.FLAG > 0) | ((_before(codes) == _RETURN) & (codes == _NEWLINE))
    return joined


def _words(codes: Codes) -> Flags:
    return _joined(codes, _Kinds.SPACE | _Kinds.UNSPACED)


def _joined(codes: Codes, parting: _Kinds) -> Flags:
    """Return True for characters that go with the one before: of its cluster, or neither of a kind that parts."""
    inside = _TABLE.of(codes) & parting == 0
    joined: Flags = _graphemes(codes) | (inside & np.append(False, inside[:-1])[: len(codes)])
    return joined


def _lines(codes: Codes) -> Flags:
    before = _before(codes)
    joined: Flags = (before != _NEWLINE) & ((before != _RETURN) | (codes == _NEWLINE))
    return joined


_JOINED = {"char": _graphemes, "word": _words, "line": _lines}


def _linked(kinds: npt.NDArray[np.uint16]) -> Flags:
    """Return True where a virama is among the marks before a character."""
    place = np.arange(len(kinds))
    virama = np.maximum.accumulate(np.where(kinds & _Kinds.VIRAMA > 0, place, -1))
    other = np.maximum.accumulate(np.where(kinds & _Kinds.EXTENDS > 0, -1, place))
    return np.append(False, virama > other)[: len(kinds)]


def _second_flags(flags: Flags) -> Flags:
    """Return True for regional indicators that are second in a pair, counted from the start of each run."""
    place = np.arange(len(flags))
    start = np.maximum.accumulate(np.where(flags & ~np.append(False, flags[:-1])[: len(flags)], place, 0))
    second: Flags = flags & ((place - start) % 2 == 1)
    return second


def _before(codes: Codes) -> Codes:
    return np.append(np.uint32(_NEWLINE), codes[:-1])[: len(codes)]
