"""The words of a text, also in scripts that put no white space between them.

A word is what lies between white space (``str.split``). Where that has letters of a script without spaces (Thai, Lao,
Tibetan, Burmese, Khmer, Han, kana, …), it is divided further: letters of such scripts form words of their own, by the
dictionary of their script, and letters and digits of other scripts between them form others. Han letters are read as
Japanese in a line with kana, else as Chinese. All else (punctuation, symbols, combining marks) belongs to the word
before it, or to the first word where none is before it.

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

from refinery.kernels.reference.dictionaries import Letter, divide
from refinery.kernels.reference.ragged import flat, lists_of, offsets_of
from refinery.kernels.reference.spaceless import (
    BINDING,
    DEPENDENT,
    DOT_BELOW,
    FINAL,
    JOINERS,
    KATAKANA,
    NUMERALS,
    SPACELESS,
    is_japanese,
    script_of,
)

SEGMENTER = "2-3d47c8f0"
"""The version of the rules, and the digest of the dictionaries."""

DIVIDED_AT_ONCE = 4096
"""Letters after which a division ends at the next word, so that its memory stays small."""

WAYS = {"han": "chinese", "kana": "japanese", "tibetan": "", "other": "letters"}
"""Dictionaries of scripts that have another name; "" divides no letters, and ``letters`` makes each one a word."""

_LINE, _RUN = re.compile(r"[^\n]+"), re.compile(r"\S+")

Span = tuple[int, int]


def word_cuts(texts: pa.StringArray) -> pa.ListArray:
    """Return where words begin without white space before them: ``list<uint32>`` of UTF-8 bytes; none for null."""
    found = [in_bytes(text or "", cuts(text or "")) for text in texts.to_pylist()]
    values = np.array([cut for each in found for cut in each], np.uint32)
    return lists_of(values, offsets_of(np.array([*map(len, found)], np.int64)))


def word_spans(texts: pa.StringArray, cuts: pa.ListArray | None = None) -> list[list[Span]]:
    """Return starts and ends of the words of each text, in characters, as its cuts divide it; null has none."""
    return [divided(text, places) for text, places in cuts_of(texts, cuts)]


def words(text: str, *, japanese: bool = False) -> list[Span]:
    """Return starts and ends of the words of a text, in characters; if ``japanese``, as in lines with kana."""
    return divided(text, cuts(text, japanese=japanese))


def divisions(phrase: str) -> list[list[str]]:
    """Return the words that a phrase has alone, and those that it has in a line of Japanese."""
    spans = (words(phrase, japanese=japanese) for japanese in (False, True))
    return [[phrase[start:end] for start, end in each] for each in spans]


def cuts(text: str, *, japanese: bool = False) -> list[int]:
    """Return where words begin without white space before them, in characters; ``japanese`` is as for ``words``."""
    if not SPACELESS.search(text):
        return []
    found = []
    for line in _LINE.finditer(text):
        kana = japanese or is_japanese(line[0])
        for run in _RUN.finditer(text, *line.span()):
            found += _Divider(kana).cuts(text, *run.span())
    return found


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


class _Divider:
    """Finds the cuts of what lies between white space, in a line of Japanese or not."""

    def __init__(self, japanese: bool) -> None:
        self._japanese = japanese
        self._found: list[int] = []
        self._letters: list[Letter] = []
        """Letters that are not divided yet."""
        self._way = ""
        self._bound = False
        """True if the last character binds the next letter."""
        self._before = ""
        """The kind of the last letter or digit: ``spaceless``, ``other``, or none."""

    def cuts(self, text: str, start: int, end: int) -> list[int]:
        """Return where words begin between two places, but for the first."""
        for at, character in enumerate(text[start:end], start):
            is_letter = not character.isdigit() and unicodedata.category(character)[0] not in "PS"
            script = script_of(character) if is_letter else ""
            if script:
                self._letter(at, character, script)
            elif JOINERS.match(character) and self._letters:
                self._push(at, character, opened=False)
            else:
                self._divide()
                self._other(at, character)
        self._divide()
        return self._found

    def _letter(self, at: int, letter: str, script: str) -> None:
        """Take a letter or a mark of a script without spaces."""
        is_letter = letter.isalpha() or letter in NUMERALS
        opened = is_letter and not self._bound and letter not in DEPENDENT
        self._bound = letter in BINDING or (self._bound and not is_letter)
        if opened:
            self._open(at, WAYS.get("kana" if script == "han" and self._japanese else script, script))
        elif not self._letters:
            return  # it belongs to the word before it
        if letter == FINAL:
            consonant = next((one for one in reversed(self._letters) if one.letter != DOT_BELOW), self._letters[0])
            consonant.opened = False
        self._push(at, letter, opened=opened)
        self._before = "spaceless"

    def _open(self, at: int, way: str) -> None:
        """Begin a word with the next letter if it cannot be divided together with those before it."""
        if not self._letters and self._before:
            self._found.append(at)
        elif self._letters and (way != self._way or len(self._letters) >= DIVIDED_AT_ONCE):
            self._divide()
            self._found.append(at)
        self._way = way

    def _push(self, at: int, letter: str, *, opened: bool) -> None:
        katakana = bool(KATAKANA.match(letter)) if opened else bool(self._letters) and self._letters[-1].katakana
        self._letters.append(Letter(at, letter, opened, katakana))

    def _other(self, at: int, character: str) -> None:
        """Take a character of another script, or of none."""
        if character.isalpha() or character.isdigit():
            if self._before == "spaceless" and not self._bound:
                self._found.append(at)
            self._before = "other"
        self._bound = False

    def _divide(self) -> None:
        """Divide the letters."""
        if self._way == "letters":
            self._found += [letter.at for letter in self._letters[1:] if letter.opened]
        elif self._way and len(self._letters) > 1:
            self._found += divide(self._letters, self._way)
        self._letters = []


def in_bytes(text: str, places: Sequence[int]) -> list[int]:
    """Return places of characters as those of UTF-8 bytes."""
    return list(accumulate(len(text[start:end].encode()) for start, end in pairwise([0, *places])))


def _in_characters(text: str, places: Sequence[int]) -> list[int]:
    """Return the inverse of ``in_bytes``. Raises ValueError unless places rise and lie between characters."""
    data, found, at = text.encode(), [], 0
    for start, end in pairwise([0, *places]):
        if end < start or end > len(data):
            raise ValueError(f"no cut of a text of {len(data)} bytes: {end}")
        at += len(data[start:end].decode())
        found.append(at)
    return found
