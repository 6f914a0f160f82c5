"""Costs of words: 8 times the negative natural logarithm of their share, between 1 and 255."""

from __future__ import annotations

import math
from collections.abc import Mapping

SCALE = 8.0
LONGEST = 12
"""Letters beyond which a word of unknown frequency gets no cheaper."""

Costs = dict[str, int]


def cost(value: float) -> int:
    """Return a negative logarithm as a cost."""
    return max(1, min(255, round(SCALE * value)))


def by_frequency(counts: Mapping[str, float]) -> Costs:
    """Return the costs of words by their counts."""
    total = sum(counts.values())
    return {word: cost(math.log(total / count)) for word, count in counts.items()}


def by_length(words: list[str]) -> Costs:
    """Return costs for words of unknown frequency.

    Few words are cheaper than many, and of as many words, those of unequal lengths: a long one is seldom by chance.
    """
    return {word: cost(10 - 0.03 * min(len(word), LONGEST) ** 2) for word in words}
