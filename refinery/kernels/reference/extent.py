"""The range of a text in which a copy of a piece of an item is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from refinery.kernels.reference.plain import LETTERS, Unit

BETWEEN, MISSING = 1, 2
"""At the ends of a copy: other words before the next one of the piece, and words of the piece that are not there."""

_LETTERS_BEFORE = 2


class Seed(NamedTuple):
    """A trigram of a text in a piece, and its weight."""

    unit: int
    at: int
    weight: int


def extent(
    units: Sequence[Unit], words: Sequence[str], piece: Sequence[str], hits: Sequence[Seed], window: range
) -> tuple[int, int, bool]:
    """Return the first and the last word of the copy of a piece, and True if it is there word by word.

    A copy with other words is the range of its trigrams, and what continues them in the order of the piece. ``words``
    are those of ``units``, "" where an other copy is.
    """
    size = len(piece)
    starts = sorted({hit.unit - hit.at for hit in hits if hit.unit >= hit.at})
    exact = next((start for start in starts if _is_exact(units[start:], words[start : start + size], piece)), None)
    if exact is not None:
        return exact, exact + size - 1, True
    first, last = hits[0].unit, hits[-1].unit + 2
    first -= _continued(words[window.start : first][::-1], piece[: hits[0].at][::-1])
    last += _continued(words[last + 1 : window.stop], piece[hits[-1].at + 3 :])
    return first - _letters_before(units[first]), last, False


def _is_exact(units: Sequence[Unit], words: Sequence[str], piece: Sequence[str]) -> bool:
    """Return True for a piece word by word. Its first letters are those that are part of the word after them."""
    skips = (skipped for skipped in range(_LETTERS_BEFORE + 1) if (*words[skipped:],) == (*piece[skipped:],))
    return any(_letters_before(units[skipped]) == skipped for skipped in skips)


def _letters_before(unit: Unit) -> int:
    """Return how many letters before a word are part of it, in a script without spaces."""
    return len(unit.word) - 1 if unit.kind == LETTERS else 0


def _continued(words: Sequence[str], piece: Sequence[str]) -> int:
    """Return how many words there are to the last one that continues a copy."""
    count = 0
    for place, word in enumerate(words, 1):
        if place - count > BETWEEN + 1:
            break
        if word in piece[: MISSING + 1]:
            count, piece = place, piece[piece.index(word) + 1 :]
    return count
