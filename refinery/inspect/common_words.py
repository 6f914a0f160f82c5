"""The common words of a language, from texts of which a fifth may be junk or of other languages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import pyarrow as pa

from refinery.kernels import bare, word_cuts, word_spans

MOST = 100
"""Words of a language that are listed at most."""

CAP = 0.1
"""A word counts as at most this share of one text, so that a text that repeats it does not decide."""

OFTEN = 0.25
"""Least share of the texts that contain a word: more than a fifth of junk, or texts on one topic, have in common."""

LISTED = 0.1
"""Least share for a word that a list of stop words has."""


class WordCounts:
    """Sums over texts, from which the common words follow; the order of the texts does not matter."""

    def __init__(self) -> None:
        self.texts = 0
        self._in: Counter[str] = Counter()
        self._shares: Counter[str] = Counter()

    def add(self, texts: Sequence[str]) -> None:
        """Add texts. Of their words, those of letters alone count."""
        column = pa.array(texts, pa.string())
        for text, spans in zip(texts, word_spans(column, word_cuts(column)), strict=True):
            words = (bare(text[start:end]) for start, end in spans)
            self._add(Counter(word for word in words if word and _is_word(word)))

    def _add(self, counts: Counter[str]) -> None:
        total = counts.total()
        if total:
            self.texts += 1
            self._in.update(counts.keys())
            # Whole numbers, so that sums are the same in any order.
            self._shares.update({word: int(1e9 * min(count / total, CAP)) for word, count in counts.items()})

    def common(self, listed: Collection[str] = ()) -> tuple[str, ...]:
        """Return the words with the largest mean share of a text; those that are ``listed`` may be in fewer texts."""
        enough = [
            word for word, texts in self._in.items() if texts >= self.texts * (LISTED if word in listed else OFTEN)
        ]
        return tuple(sorted(enough, key=lambda word: (-self._shares[word], word))[:MOST])


def _is_word(word: str) -> bool:
    """Return True for letters with their marks, and what stands between them: hyphens, apostrophes, joiners."""
    return word[0].isalpha() and not any(character.isnumeric() for character in word)
