"""Answers of a tokenizer of words that looks at each chunk between white space on its own.

Such a tokenizer (spaCy's) is slow, and texts repeat their chunks. Therefore it is asked once for each *key*, and the
answers are kept. A chunk whose letters and digits cannot matter to the tokenizer is looked up by its *form*, in which
runs of letters and of digits are shortened: "(well-known," and "(self-made," have the form "(qqq-qqq,". All other
chunks are their own keys. Forms are right for tokenizers whose rules see classes of letters only, around punctuation;
whole words that they know ("don't") are given as ``exceptions``, and no chunk with a part of one has a form.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from refinery.kernels.reference.ragged import lists_of, offsets_of
from refinery.kernels.reference.segmenter import in_bytes

LONGEST = 256
"""Characters of the longest key; a longer chunk is divided after as many, as a tokenizer's time may grow with them."""
LONGEST_RUN = 60
MOST_RUNS, MOST_MARKS = 4, 8
MOST_KEPT = 1 << 20
"""Keys that are kept from batch to batch."""

MARKS = frozenset(",.;:!?()[]\"“”…-–—/%$'’")
APOSTROPHES = frozenset("'’")
CURRENCY = "$"
"""After letters it may be a part of a currency, such as "US$"."""
INSIDE_NUMBERS = frozenset(".:")
"""Between letters they may be a part of an address, whose letters matter."""

DIGITS = frozenset("0123456789")


class ChunkPart(NamedTuple):
    """A run of letters or digits, or one mark, as the chunk has it and as the form has it."""

    text: str
    form: str


class Chunks:
    """Answers of one tokenizer.

    ``exceptions`` are the chunks that it knows by heart; with ``forms`` false each chunk is its own key.
    """

    def __init__(self, exceptions: Collection[str], *, forms: bool = True) -> None:
        self._known: dict[str, list[int]] = {}
        self._parts = {part for each in exceptions for part in _parts(each)}
        self._forms = forms

    def cuts(self, texts: pa.StringArray) -> tuple[pa.ListArray, list[str]]:
        """Return where words begin without white space before them, as ``word_cuts``, and the keys that are not known.

        The cuts are right once no key is unknown: let ``learn`` have the answers, and ask again.
        """
        if len(self._known) > MOST_KEPT:
            self._known.clear()
        unknown: dict[str, None] = {}
        found = [in_bytes(text or "", self._cuts(text or "", unknown)) for text in texts.to_pylist()]
        values = np.array([cut for each in found for cut in each], np.uint32)
        return lists_of(values, offsets_of(np.array([*map(len, found)], np.int64))), list(unknown)

    def learn(self, keys: Sequence[str], answers: Sequence[Sequence[int]]) -> None:
        """Take the places, in characters, where the tokenizer begins the words of each key but the first."""
        self._known.update((key, list(answer)) for key, answer in zip(keys, answers, strict=True))

    def _cuts(self, text: str, unknown: dict[str, None]) -> list[int]:
        found = []
        for piece in re.finditer(rf"\S{{1,{LONGEST}}}", text):
            at = piece.start()
            if at and not text[at - 1].isspace():
                found.append(at)
            found += [at + cut for cut in self._of(piece[0], unknown)]
        return found

    def _of(self, chunk: str, unknown: dict[str, None]) -> Iterator[int]:
        """Yield the cuts of a chunk, in characters."""
        runs = self._runs(chunk) if self._forms else None
        if runs is not None:
            key = "".join(run.form for run in runs)
            if key not in self._known:
                unknown[key] = None
                return
            places = list(self._moved(runs, self._known[key]))
            if -1 not in places:
                yield from places
                return
        if chunk in self._known:
            yield from self._known[chunk]
        else:
            unknown[chunk] = None

    @staticmethod
    def _moved(runs: list[ChunkPart], answer: list[int]) -> Iterator[int]:
        """Yield the cuts of a form as those of the chunk, -1 for one within a run."""
        ends, at, end = {}, 0, 0
        for run in runs:
            ends[end] = at
            at, end = at + len(run.text), end + len(run.form)
        yield from (ends.get(cut, -1) for cut in answer)

    def _runs(self, chunk: str) -> list[ChunkPart] | None:
        """Return the runs of a chunk that has a form, or None."""
        parts = _parts(chunk)
        words = [at for at, part in enumerate(parts) if part[0].isalpha() or part[0] in DIGITS]
        marks = len(parts) - len(words)
        if not words or len(words) > MOST_RUNS or marks > MOST_MARKS:
            return None
        found, dots = [], 0
        for at, part in enumerate(parts):
            before, after = (parts[at - 1] if at else ""), (parts[at + 1] if at + 1 < len(parts) else "")
            if at in words:
                follows, precedes = before in APOSTROPHES, after in APOSTROPHES
                form = _form(part, literal=follows, ends=precedes)
                odd = (follows and len(part) > 3) or (precedes and not part.isascii()) or at - 1 in words
                if odd or len(part) > LONGEST_RUN or not self._parts.isdisjoint((part, form)):
                    return None
                found.append(ChunkPart(part, form))
                continue
            if part not in MARKS or (part == CURRENCY and at - 1 in words):
                return None
            if part in INSIDE_NUMBERS and words[0] < at < words[-1]:
                dots += 1
                if dots > 1 or not (before[0] in DIGITS and after[0] in DIGITS):
                    return None
            found.append(ChunkPart(part, part))
        return found


def _parts(chunk: str) -> list[str]:
    """Return runs of letters and of digits, and all other characters one by one."""
    kinds = groupby(enumerate(chunk), lambda item: _kind(*item))
    return ["".join(character for _, character in group) for _, group in kinds]


def _kind(at: int, character: str) -> int:
    """Return the same number for characters of one run, one below 0, and different numbers for all others."""
    return -1 if character.isalpha() else -2 if character in DIGITS else at


def _form(run: str, *, literal: bool, ends: bool) -> str:
    """Return a run shortened to its first character and its last two, with one letter for all of ASCII of its case."""
    if literal:
        return run
    short = run if len(run) <= 3 else run[0] + run[-2:]
    kept = len(short) - 2 if ends else len(short)
    return "".join(map(_letter, short[:kept])) + short[kept:]


def _letter(character: str) -> str:
    if not character.isascii():
        return character
    return "7" if character.isdigit() else "Q" if character.isupper() else "q"
