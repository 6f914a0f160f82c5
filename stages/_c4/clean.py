"""C4's rules for lines, of all lines of a batch at once: which go, and what is cut from the others.

A line goes with the separator after it, or behind the last line that stays with the one before it. So lines that stay
keep the separators between them, and cuts never change a character.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from refinery.kernels import SPANS, word_ids, word_spans
from refinery.stages._c4.lines import Flags, LineTable, Places
from refinery.stages._cuts import cut_out, range_lists
from refinery.stages._lines import BLANKS

LINE_KINDS = ("long_word", "no_punctuation", "few_words", "javascript", "policy")
"""Why a line goes, in the order of the rules."""

BREAK, SPACE, CITATION = "break", "space", "citation"
"""Why a blank line, white space at the ends of a line, or a citation goes."""

POLICIES = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")
ELLIPSIS = "..."

STAYS = len(LINE_KINDS)
"""The number of a line that no rule discards, in place of that of a kind."""

_REASONS = pa.array([*LINE_KINDS, "", BREAK, SPACE, CITATION])
_CITATION = re.compile(r"\[(?:\d*|edit|citation needed)\]")


@dataclass(frozen=True)
class LineLimits:
    """The rules that are applied, of ``LINE_KINDS``, and their parameters."""

    kinds: frozenset[str]
    marks: str
    min_words: int
    max_word: int
    citations: bool


@dataclass(frozen=True)
class Cleaned:
    """Texts after the cuts; counts of each text before them, lines by kind; and the cuts, of type ``SPANS``."""

    texts: pa.StringArray
    lines: Mapping[str, pa.UInt32Array]
    citations: pa.UInt32Array
    lorem_ipsum: pa.UInt32Array
    curly_bracket: pa.UInt32Array
    removed: pa.ListArray


class _Cuts(NamedTuple):
    """Starts and ends of cuts, the number of the text of each, and that of its reason in ``_REASONS``."""

    start: Places
    end: Places
    text: Places
    reason: Places


def clean(texts: pa.StringArray, cuts: pa.ListArray | None, limits: LineLimits) -> Cleaned:
    """Apply the rules; ``cuts`` are where words begin without white space before them. A null text is empty."""
    texts = pc.fill_null(texts, "")
    if not len(texts):
        none = pa.array([], pa.uint32())
        return Cleaned(texts, dict.fromkeys(LINE_KINDS, none), none, none, none, pa.array([], SPANS))
    lines = LineTable.of(texts)
    citations = _citations(lines) if limits.citations else {}
    content = _without(lines.content, citations)
    phrases = _Phrases(texts, lines, content, citations)
    kinds, lorem, bracket = _kinds(content, phrases, _words(lines, cuts, limits.max_word), limits)
    blank = lines.core == lines.core_end
    stays = kinds == STAYS
    taken = {line: spans for line, spans in citations.items() if stays[line]}
    reasons = np.where(blank & ~stays, _number(BREAK), kinds)
    rest, removed = _cut(texts, lines.firsts, [*_line_cuts(lines, reasons, stays), _citation_cuts(lines, taken)])
    counted = {kind: lines.text[(kinds == number) & ~blank] for number, kind in enumerate(LINE_KINDS)}
    cited = [line for line, spans in taken.items() for _ in spans]
    return Cleaned(
        rest,
        {kind: _counts(each, len(texts)) for kind, each in counted.items()},
        _counts(lines.text[np.array(cited, np.int64)], len(texts)),
        _counts(lines.text[lorem], len(texts)),
        _counts(lines.text[bracket], len(texts)),
        removed,
    )


def _inside(lines: LineTable, cuts: pa.ListArray | None) -> tuple[Places, Places, Places]:
    """Return all cuts of words as places of the data, and for each line the first one inside, and the first behind."""
    if cuts is None:
        none = np.zeros(len(lines.start), np.int64)
        return none[:0], none, none
    places = cuts.flatten().to_numpy() + np.repeat(lines.firsts[:-1], pc.list_value_length(cuts).to_numpy())
    return places, np.searchsorted(places, lines.core, side="right"), np.searchsorted(places, lines.core_end)


def _words(lines: LineTable, cuts: pa.ListArray | None, max_word: int) -> tuple[Places, Flags]:
    """Return the number of words of each line, and True for lines with one of more than ``max_word`` characters."""
    places, first, behind = _inside(lines, cuts)
    words = pc.list_value_length(word_ids(lines.content)).to_numpy() + np.maximum(behind - first, 0)
    found = np.array(pc.greater(pc.utf8_length(lines.content), max_word).to_numpy(zero_copy_only=False))
    for line in np.flatnonzero(found).tolist():
        content = lines.content[line].as_py()
        found[line] = any(len(word) > max_word for word in content.split())
        if found[line] and cuts is not None:  # hardly any
            inside = places[first[line] : behind[line]] - lines.core[line]
            spans = word_spans(pa.array([content]), pa.array([inside], pa.list_(pa.uint32())))[0]
            found[line] = any(end - start > max_word for start, end in spans)
    return words, found


def _kinds(
    content: pa.StringArray, has: Callable[[str], Flags], words: tuple[Places, Flags], limits: LineLimits
) -> tuple[Places, Flags, Flags]:
    """Return why each line goes, and which lines that the rules before keep have lorem ipsum or a bracket."""
    marks = pc.is_in(pc.utf8_slice_codeunits(content, -1), value_set=pa.array(list(limits.marks)))
    count, long = words
    tests = {
        "long_word": long,
        "no_punctuation": ~_flags(marks) | _flags(pc.ends_with(content, ELLIPSIS)),
        "few_words": count < limits.min_words,
        "javascript": has("javascript"),
        "policy": np.logical_or.reduce([has(policy) for policy in POLICIES]),
    }
    kinds = np.full(len(content), STAYS)
    for number, kind in reversed(list(enumerate(LINE_KINDS))):
        if kind in limits.kinds:
            kinds[tests[kind]] = number
    lorem = has("lorem ipsum") & (kinds >= LINE_KINDS.index("javascript"))
    bracket = has("{") & (kinds >= LINE_KINDS.index("policy"))
    return kinds, lorem, bracket


class _Phrases:
    """Finds lines with a phrase in ASCII, in any case, in the bytes of all texts at once."""

    def __init__(self, texts: pa.StringArray, lines: LineTable, content: pa.StringArray, cited: Iterable[int]) -> None:
        first, last = (int(lines.firsts[place]) for place in (0, -1))
        data = texts.buffers()[2]
        self._data = data[first:last].to_pybytes().lower() if data else b""
        self._first, self._lines = first, lines
        self._cited = {line: content[line].as_py().lower() for line in cited}
        """Lines that differ from the texts."""

    def __call__(self, phrase: str) -> Flags:
        found = np.zeros(len(self._lines.start), np.bool_)
        places = np.fromiter(self._places(phrase.encode()), np.int64) + self._first
        line = np.searchsorted(self._lines.start, places, side="right") - 1
        found[line[places + len(phrase) <= self._lines.end[line]]] = True
        for number, content in self._cited.items():
            found[number] = phrase in content
        return found

    def _places(self, phrase: bytes) -> Iterator[int]:
        place = self._data.find(phrase)
        while place >= 0:
            yield place
            place = self._data.find(phrase, place + len(phrase))


def _flags(array: pa.BooleanArray) -> Flags:
    flags: Flags = array.to_numpy(zero_copy_only=False)
    return flags


# ------------------------------------------------------------------------------------------------------------ citations


def _citations(lines: LineTable) -> dict[int, list[tuple[int, int]]]:
    """Return the citations of lines that have any, in characters of their content."""
    found = {}
    for line in np.flatnonzero(_flags(pc.match_substring(lines.content, "["))).tolist():
        if spans := [each.span() for each in _CITATION.finditer(lines.content[line].as_py())]:
            found[line] = spans
    return found


def _without(content: pa.StringArray, citations: Mapping[int, list[tuple[int, int]]]) -> pa.StringArray:
    if not citations:
        return content
    mask = np.zeros(len(content), np.bool_)
    mask[[*citations]] = True
    return pc.replace_with_mask(
        content, pa.array(mask), pa.array([_CITATION.sub("", content[line].as_py()) for line in citations])
    )


# ----------------------------------------------------------------------------------------------------------------- cuts


def _line_cuts(lines: LineTable, reasons: Places, stays: Flags) -> list[_Cuts]:
    """Return lines that go with a separator, and white space at the ends of the others."""
    number = np.arange(len(stays))
    last = np.full(len(lines.firsts) - 1, len(stays))
    last[lines.text[stays]] = number[stays]
    behind = number > last[lines.text]
    start = np.where(behind, np.append(0, lines.end[:-1]), lines.start)
    end = np.where(behind, lines.end, lines.next)
    space = np.full(len(stays), _number(SPACE))
    cuts = [
        (start, end, ~stays, reasons),
        (lines.start, lines.core, stays, space),
        (lines.core_end, lines.end, stays, space),
    ]
    return [_Cuts(a[some], b[some], lines.text[some], why[some]) for a, b, some, why in cuts]


def _citation_cuts(lines: LineTable, citations: Mapping[int, list[tuple[int, int]]]) -> _Cuts:
    found = []
    for line, spans in citations.items():
        content, place, passed = lines.content[line].as_py(), lines.core[line], 0
        for start, end in spans:
            place += len(content[passed:start].encode())
            size = len(content[start:end].encode())
            found.append((line, place, place + size))
            place, passed = place + size, end
    number, starts, ends = np.array(found, np.int64).reshape(-1, 3).T
    return _Cuts(starts, ends, lines.text[number], np.full(len(number), _number(CITATION)))


def _cut(texts: pa.StringArray, firsts: Places, cuts: list[_Cuts]) -> tuple[pa.StringArray, pa.ListArray]:
    """Return the texts without what goes and without white space at their ends, and what went as ``SPANS``."""
    rest, removed = _taken_out(texts, firsts, cuts)
    blank = _flags(pc.not_equal(pc.utf8_trim(rest, BLANKS), rest))
    if blank.any():  # beside a citation that was the first or the last of its text
        cuts = [*cuts, _edges(np.flatnonzero(blank), rest, removed, firsts)]
        rest, removed = _taken_out(texts, firsts, cuts)
    return rest, removed


def _edges(rows: Places, rest: pa.StringArray, removed: pa.ListArray, firsts: Places) -> _Cuts:
    """Return the white space at the ends of what is left of some texts."""
    found = []
    for row in rows.tolist():
        text, size = rest[row].as_py(), int(firsts[row + 1] - firsts[row])
        total, left = (len(each.encode()) for each in (text, text[: len(text) - len(text.lstrip())]))
        right = len(text.rstrip().encode()) if left < total else total
        spans = [(span["offset"], span["offset"] + span["length"]) for span in removed[row].as_py()]
        passed = 0  # bytes of the rest
        for (_, start), (end, _) in pairwise([(0, 0), *spans, (size, size)]):
            inner = (start + min(max(left - passed, 0), end - start), start + min(max(right - passed, 0), end - start))
            found += [(row, start, inner[0]), (row, max(inner), end)]
            passed += end - start
    number, starts, ends = np.array(found, np.int64).reshape(-1, 3).T
    return _Cuts(starts + firsts[number], ends + firsts[number], number, np.full(len(number), _number(SPACE)))


def _taken_out(texts: pa.StringArray, firsts: Places, cuts: list[_Cuts]) -> tuple[pa.StringArray, pa.ListArray]:
    start, end, text, reason = (np.concatenate(each) for each in zip(*cuts, strict=True))
    order = np.argsort(start, kind="stable")
    order = order[start[order] < end[order]]
    start, end, text, reason = (each[order] for each in (start, end, text, reason))
    ranges = range_lists(start - firsts[text], end - firsts[text], text, len(texts))
    return cut_out(texts, ranges, _REASONS.take(pa.array(reason)))


def _number(reason: str) -> int:
    return int(_REASONS.index(reason).as_py())


def _counts(texts: Places, number: int) -> pa.UInt32Array:
    return pa.array(np.bincount(texts, minlength=number).astype(np.uint32))
