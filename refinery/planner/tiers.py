"""Tiers: many sorted files become few, group by group, so that no task opens more than about ``FAN_IN`` files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TypeVar

T = TypeVar("T")

FAN_IN = 400
"""Files that a task reads at most. Results and keys do not depend on it."""


def groups(files: Sequence[T], most: int, fan_in: int) -> Iterator[Sequence[T]]:
    """Divide files into consecutive groups of at most ``fan_in``: into ``most`` if that is enough, and not too many."""
    count = max(-(-len(files) // fan_in), min(most, len(files) // 2))
    for start, end in pairwise(len(files) * number // count for number in range(count + 1)):
        yield files[start:end]
