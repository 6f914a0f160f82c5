"""Reproducible random choices from hashes, independent of the Python version."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


class SeededRandom:
    """Random choices that depend only on ``seeds``."""

    def __init__(self, *seeds: object) -> None:
        self._numbers = _numbers("/".join(map(str, seeds)))

    def below(self, end: int) -> int:
        """Return a number from 0 to ``end`` - 1."""
        return next(self._numbers) * end >> 32

    def pick(self, values: Sequence[T]) -> T:
        """Return one of ``values``."""
        return values[self.below(len(values))]

    def shuffled(self, values: Sequence[T]) -> list[T]:
        """Return ``values`` in random order."""
        mixed = list(values)
        for index in range(len(mixed) - 1, 0, -1):
            other = self.below(index + 1)
            mixed[index], mixed[other] = mixed[other], mixed[index]
        return mixed


def _numbers(seed: str) -> Iterator[int]:
    block = seed.encode()
    while True:
        block = hashlib.sha256(block).digest()
        yield from (int.from_bytes(block[i : i + 4], "big") for i in range(0, 28, 4))


def digest(*parts: object) -> bytes:
    """Return 32 bytes that depend only on ``parts``."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).digest()
