"""Dictionaries of scripts without spaces, and the cheapest way to divide letters into their words.

The files are made by ``tools/make_segmenter.py``: a line a word with its cost, or a letter with the letter that it is
read as. ``words/NOTICE.txt`` names their sources and licences.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import cast

FOLDER = Path(__file__).resolve().parents[1] / "words"

UNKNOWN, KATAKANA_RUN = 150, 220
"""Costs of letters that no word has, up to the next letter where a word may begin, and of a whole run of katakana.

The unit is an eighth of a nat, as in the dictionaries.
"""

Best = tuple[int, int, bool]
"""The cost of the cheapest division up to a letter, where its last word starts, and whether that is known."""


@dataclass(frozen=True)
class Dictionary:
    """Costs of words, and letters by the code points of those that are read as them."""

    costs: dict[str, int]
    readings: dict[int, str]
    longest: int


@dataclass
class Letter:
    """A letter at a place of a text."""

    at: int
    letter: str
    opened: bool
    """True if a word may begin with it."""
    katakana: bool


@lru_cache(maxsize=8)
def dictionary(name: str) -> Dictionary:
    """Return a dictionary by its name."""
    with gzip.open(FOLDER / f"{name}.txt.gz", "rt", encoding="utf-8") as file:
        pairs = [line.rstrip("\n").split("\t") for line in file]
    costs = {word: int(value) for word, value in pairs if value.isdecimal()}
    readings = {ord(letter): value for letter, value in pairs if not value.isdecimal()}
    return Dictionary(costs, readings, max(map(len, costs)))


def divide(letters: list[Letter], name: str) -> list[int]:
    """Return where words begin after the first letter: at the least sum of costs.

    Of ways that cost the same, the one whose last word is longest wins. Unknown letters side by side are one word.
    """
    best: list[Best | None] = [(0, 0, True), *[None] * len(letters)]
    used = dictionary(name)
    text = "".join(letter.letter for letter in letters).translate(used.readings)
    for start in range(len(letters)):
        so_far = best[start]
        for end, cost, known in _words(letters, start, text, used) if so_far else ():
            total, rival = cast(Best, so_far)[0] + cost, best[end]
            if rival is None or total < rival[0]:
                best[end] = (total, start, known)
    found, at, known = [], len(letters), True
    while at > 0:
        _, start, is_known = cast(Best, best[at])
        if at < len(letters) and (known or is_known):
            found.append(letters[at].at)
        at, known = start, is_known
    return found[::-1]


def _words(letters: list[Letter], start: int, text: str, used: Dictionary) -> Iterator[tuple[int, int, bool]]:
    """Yield the words that may start at a letter: where each ends, its cost, and whether it is known."""
    later = range(start + 1, len(letters))
    yield next((end for end in later if letters[end].opened), len(letters)), UNKNOWN, False
    if letters[start].katakana and not (start and letters[start - 1].katakana):
        yield next((end for end in later if not letters[end].katakana), len(letters)), KATAKANA_RUN, True
    for end in range(start + 1, min(start + used.longest, len(letters)) + 1):
        cost = used.costs.get(text[start:end])
        if cost is not None and (end == len(letters) or letters[end].opened):
            yield end, cost, True
