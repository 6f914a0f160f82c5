"""Choices that are the same everywhere: from hashes, not from a generator that a Python release may change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


class Chance:
    """A stream of choices that depends on nothing but its ``seeds``."""

    def __init__(self, *seeds: object) -> None:
        self._numbers = _numbers("/".join(map(str, seeds)))

    def below(self, end: int) -> int:
        """A number from 0 to ``end`` - 1."""
        return next(self._numbers) * end >> 32

    def pick(self, values: Sequence[T]) -> T:
        """One of ``values``."""
        return values[self.below(len(values))]

    def shuffled(self, values: Sequence[T]) -> list[T]:
        """All of ``values`` in another order."""
        mixed = list(values)
        for place in range(len(mixed) - 1, 0, -1):
            other = self.below(place + 1)
            mixed[place], mixed[other] = mixed[other], mixed[place]
        return mixed


def _numbers(seed: str) -> Iterator[int]:
    block = seed.encode()
    while True:
        block = hashlib.sha256(block).digest()
        yield from (int.from_bytes(block[i : i + 4], "big") for i in range(0, 28, 4))


def digest(*parts: object) -> bytes:
    """32 bytes that depend on nothing but ``parts``."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).digest()
