"""Small fastText models of any shape, written by the file format: what training would give does not matter to a law.

Format: version 12 of ``fasttext``'s ``saveModel``, https://github.com/facebookresearch/fastText.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

TREE, NEGATIVES, SOFTMAX, ONE_VS_ALL = 1, 2, 3, 4
CENTROIDS = 256


@dataclass(frozen=True)
class Toy:
    """A model with random numbers. ``pruned`` maps buckets to rows, and needs ``width``: dimensions of a code's part."""

    words: Sequence[str] = ("</s>", "a", "été", "the")
    labels: Sequence[str] = ("__label__en", "__label__fr", "other")
    counts: Sequence[int] = (30, 20, 10)
    dimensions: int = 16
    loss: int = SOFTMAX
    word_ngrams: int = 1
    buckets: int = 50
    shortest: int = 2
    longest: int = 4
    scale: float = 1.0
    width: int = 0
    norms: bool = False
    coded_output: bool = False
    pruned: dict[int, int] | None = None
    seed: int = 0
    version: int = 12
    kind: int = 3
    random: np.random.Generator = field(init=False, repr=False, compare=False)

    def __bytes__(self) -> bytes:
        object.__setattr__(self, "random", np.random.default_rng(self.seed))
        extra = self.buckets if self.pruned is None else max(self.pruned.values(), default=-1) + 1
        inputs = self._matrix(len(self.words) + extra, coded=self.width > 0)
        outputs = self._matrix(len(self.labels), coded=self.width > 0 and self.coded_output)
        flags = struct.pack("<?", self.width > 0), struct.pack("<?", self.coded_output)
        return self._head() + self._dictionary() + flags[0] + inputs + flags[1] + outputs

    def _head(self) -> bytes:
        training = (5, 1, 1, 5)
        numbers = (self.word_ngrams, self.loss, self.kind, self.buckets, self.shortest, self.longest, 100)
        return struct.pack("<iii4i7id", 793712314, self.version, self.dimensions, *training, *numbers, 1e-4)

    def _dictionary(self) -> bytes:
        pruned = self.pruned or {}
        left = -1 if self.pruned is None else len(pruned)
        sizes = (len(self.words) + len(self.labels), len(self.words), len(self.labels))
        words = [_entry(word, 7, 0) for word in self.words]
        labels = [_entry(label, count, 1) for label, count in zip(self.labels, self.counts, strict=True)]
        pairs = [struct.pack("<ii", *pair) for pair in pruned.items()]
        return b"".join([struct.pack("<iiiqq", *sizes, 1000, left), *words, *labels, *pairs])

    def _matrix(self, rows: int, *, coded: bool) -> bytes:
        shape = struct.pack("<qq", rows, self.dimensions)
        if not coded:
            return shape + self._numbers(rows * self.dimensions)
        parts = -(-self.dimensions // self.width)
        codes = self.random.integers(0, 256, rows * parts, dtype=np.uint8).tobytes()
        made = struct.pack("<?", self.norms) + shape + struct.pack("<i", len(codes)) + codes
        made += self._quantiser(self.dimensions, self.width)
        if self.norms:
            made += self.random.integers(0, 256, rows, dtype=np.uint8).tobytes() + self._quantiser(1, 1)
        return made

    def _quantiser(self, dimensions: int, width: int) -> bytes:
        parts = -(-dimensions // width)
        shape = struct.pack("<4i", dimensions, parts, width, dimensions - (parts - 1) * width)
        return shape + self._numbers(dimensions * CENTROIDS)

    def _numbers(self, count: int) -> bytes:
        numbers: npt.NDArray[np.float32] = (self.random.standard_normal(count) * self.scale).astype("<f4")
        return numbers.tobytes()


def _entry(word: str, count: int, kind: int) -> bytes:
    return word.encode() + b"\0" + struct.pack("<qb", count, kind)
