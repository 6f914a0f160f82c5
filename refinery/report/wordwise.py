"""Compare two texts of one page word by word.

The cost is limited: only the first words of each text are compared, within its first characters. Very common words of a
long text only match next to other matches, by ``difflib``'s heuristic. White space is shown but not compared, because
engines differ in it everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from refinery.report import limits

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
"""Letters of scripts without spaces between words; each is compared as a word."""

_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+|[^\w\s]")

Piece = tuple[str, bool]
"""A piece of a text, and True if the other text does not have it."""


@dataclass(frozen=True)
class Difference:
    """Two texts in pieces, with the number of words compared and in common."""

    left: tuple[Piece, ...]
    right: tuple[Piece, ...]
    words: tuple[int, int]
    common: int
    rest: tuple[int, int]
    """Characters of each text that were not compared."""

    @property
    def share(self) -> float:
        """Share of words in common, of the longer text."""
        return self.common / max(self.words) if any(self.words) else 1.0


def compare(left: str, right: str) -> Difference:
    """Compare two texts, and mark the words that only one of them has."""
    texts = left[: limits.COMPARED_CHARACTERS], right[: limits.COMPARED_CHARACTERS]
    spans = [[found.span() for found in _WORD.finditer(text)][: limits.COMPARED_WORDS + 1] for text in texts]
    ends = [_end(text, words) for text, words in zip(texts, spans, strict=True)]
    cut = [words[: limits.COMPARED_WORDS] for words in spans]
    blocks = _blocks(*([text[start:end] for start, end in words] for text, words in zip(texts, cut, strict=True)))
    pieces = [
        tuple(
            piece
            for piece in _pieces(texts[side][: ends[side]], cut[side], [(block[side], block[2]) for block in blocks])
            if piece[0]
        )
        for side in (0, 1)
    ]
    return Difference(
        left=pieces[0],
        right=pieces[1],
        words=(len(cut[0]), len(cut[1])),
        common=sum(length for _, _, length in blocks),
        rest=(len(left) - ends[0], len(right) - ends[1]),
    )


def _end(text: str, words: Sequence[tuple[int, int]]) -> int:
    """Return the end of the compared text, before the first word beyond the limit."""
    return words[limits.COMPARED_WORDS][0] if len(words) > limits.COMPARED_WORDS else len(text)


def _blocks(left: Sequence[str], right: Sequence[str]) -> list[tuple[int, int, int]]:
    """Return the blocks of equal words: the position in each text, and the length."""
    shorter = min(len(left), len(right))
    head = next((n for n in range(shorter) if left[n] != right[n]), shorter)
    tail = next((n for n in range(shorter - head) if left[-1 - n] != right[-1 - n]), shorter - head)
    middle = SequenceMatcher(None, left[head : len(left) - tail], right[head : len(right) - tail])
    found = [(0, 0, head), *((head + a, head + b, size) for a, b, size in middle.get_matching_blocks())]
    return [*found, (len(left) - tail, len(right) - tail, tail)]


def _pieces(text: str, words: Sequence[tuple[int, int]], same: Sequence[tuple[int, int]]) -> Iterator[Piece]:
    """Yield a text in pieces. White space between two marked words is marked too."""
    at = place = 0
    for first, length in same:
        if not length:
            continue
        if first > place:
            yield text[at : words[place][0]], False
            yield text[words[place][0] : words[first - 1][1]], True
            at = words[first - 1][1]
        place = first + length
        yield text[at : words[place - 1][1]], False
        at = words[place - 1][1]
    if place < len(words):
        yield text[at : words[place][0]], False
        yield text[words[place][0] : words[-1][1]], True
        at = words[-1][1]
    yield text[at:], False
