"""The phrase that is cut from the words of a line: the longest that stands alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set as AbstractSet
from itertools import pairwise

from refinery.kernels.reference.text import bare, stripped

Phrase = tuple[str, ...]

DELIMITERS = frozenset(".!?…:;|¦·•●▪‣«»‹›<>←→▶►▸❯–—―-()[]{}/\\。！？：；・｜＞")
"""Marks that part a phrase from the rest of its line: they end sentences, enclose, or separate items."""


def find_phrase(
    words: Sequence[str], phrases: Mapping[str, AbstractSet[Phrase]], longest: int
) -> tuple[str, int, int] | None:
    """Return place and range of the longest phrase that stands alone at the start, else at the end, else anywhere."""
    places = [position for position, word in enumerate(words) if bare(word)]
    core = tuple(bare(words[position]) for position in places)
    begins, ends = _edges(words, places)
    sizes = range(min(longest, len(core)), 0, -1)
    for place in ("start", "end", "anywhere"):
        for size in sizes:
            for first in _firsts(place, size, len(core)):
                last = first + size
                if begins[first] and ends[last] and core[first:last] in phrases[place]:
                    start = 0 if not first else places[first] if last < len(core) else places[first - 1] + 1
                    return place, start, places[last] if last < len(core) else len(words)
    return None


def _firsts(place: str, size: int, words: int) -> Iterable[int]:
    """Return the places where a phrase of ``size`` words can begin."""
    return {"start": (0,), "end": (words - size,), "anywhere": range(words - size + 1)}[place]


def _edges(words: Sequence[str], places: Sequence[int]) -> tuple[list[bool], list[bool]]:
    """Return whether a phrase may begin at each of the words at ``places``, and whether it may end before each.

    The last value of each refers to the end of the line.
    """
    ends = [True] + [True] * len(places)
    begins = [True] * (len(places) + 1)
    for number, (left, right) in enumerate(pairwise(places), 1):
        between = [_marks(words[left])[1], *words[left + 1 : right], _marks(words[right])[0]]
        ends[number] = not DELIMITERS.isdisjoint("".join(between))
        begins[number] = ends[number] or not any(map(str.isalpha, words[left]))
    return begins, ends


def _marks(word: str) -> tuple[str, str]:
    """The punctuation and symbols that a word begins with, and those that it ends with."""
    before, _, after = word.partition(stripped(word))
    return before, after
