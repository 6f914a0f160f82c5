"""The content of a fastText model's file: settings, words, labels, and the two matrices.

Numbers are little-endian. Rows of a matrix are numbers of 32 bits, or codes of a product quantiser: each part of a row
is one of 256 centroids, and a row may have a factor. Only what a text's contributions need is read.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

END = "</s>"
TREE, NEGATIVES, SOFTMAX, ONE_VS_ALL = 1, 2, 3, 4
"""Losses: hierarchical softmax, negative sampling, softmax, and independent labels."""
UNKNOWN = -1
"""The number of a word without a row of its own."""

Number = TypeVar("Number", bound=np.generic)

_SUPERVISED = 3
_CENTROIDS = 256
_LABEL = b"__label__"


@dataclass(frozen=True)
class FastTextMatrix:
    """Rows as numbers; ``codes`` and ``parts`` of a quantised one."""

    numbers: npt.NDArray[np.float32] | None
    codes: npt.NDArray[np.uint8] | None = None
    parts: tuple[npt.NDArray[np.float32], ...] = ()
    factors: npt.NDArray[np.float32] | None = None

    def rows(self, wanted: Sequence[int]) -> npt.NDArray[np.float64]:
        """Return some rows."""
        if self.numbers is not None:
            return self.numbers[list(wanted)].astype(np.float64)
        assert self.codes is not None
        codes = self.codes[list(wanted)]
        found = np.hstack([part[codes[:, place]] for place, part in enumerate(self.parts)])
        if self.factors is not None:
            found = found * self.factors[list(wanted), None]
        return found.astype(np.float64)


class FastTextFile:
    """A model's file. Raises ValueError where it is none, and OSError where it cannot be read."""

    def __init__(self, path: str) -> None:
        with open(path, "rb") as stream:
            self._data = stream.read()
        self._at = 0
        try:
            self._read()
        except (struct.error, IndexError, UnicodeDecodeError) as error:
            raise ValueError(f"damaged fastText model: {error}") from error

    def _read(self) -> None:
        _, version, *_ = self._take("<3i")
        *_, self.word_ngrams, self.loss, kind, self.buckets, self.least, most, _, _ = self._take("<11id")
        if kind != _SUPERVISED:
            raise ValueError("the fastText model has word vectors only, no labels")
        self.most = 0 if version == 11 else most
        self.is_softmax = self.loss == SOFTMAX
        entries, self.words, _, _, pruned = self._take("<3i2q")
        self.labels: list[str] = []
        self.counts: list[int] = []
        self._numbers: dict[bytes, int] = {}
        for number in range(entries):
            self._read_entry(number)
        self._rows = dict(self._take("<2i") for _ in range(pruned)) if pruned >= 0 else None
        (coded,) = self._take("<?")
        self.inputs = self._matrix(coded=coded)
        (coded_output,) = self._take("<?")
        self.outputs = self._matrix(coded=coded and coded_output)

    def number(self, word: str) -> int | None:
        """Return the row of a word, ``UNKNOWN`` if it has none, None if it is a label."""
        spelling = word.encode()
        found = self._numbers.get(spelling, UNKNOWN)
        is_label = found >= self.words or (found == UNKNOWN and spelling.startswith(_LABEL))
        return None if is_label else found

    def bucket(self, gram: int) -> list[int]:
        """Return the row of an n-gram by its hash, or none."""
        bucket = gram % self.buckets
        if self._rows is None:
            return [self.words + bucket]
        return [self.words + self._rows[bucket]] if bucket in self._rows else []

    def _read_entry(self, number: int) -> None:
        end = self._data.find(b"\0", self._at)
        if end < 0:
            raise ValueError("damaged fastText model: it ends inside a word")
        word = self._data[self._at : end]
        self._at = end + 1
        count, _ = self._take("<qb")
        self._numbers[word] = number
        if number >= self.words:
            self.labels.append(word.decode())
            self.counts.append(count)

    def _matrix(self, *, coded: bool) -> FastTextMatrix:
        if not coded:
            rows, columns = self._take("<2q")
            return FastTextMatrix(self._array(rows * columns, np.float32).reshape(rows, columns))
        with_factors, rows, columns, size = self._take("<?2qi")
        codes = self._array(size, np.uint8).reshape(rows, size // max(rows, 1))
        parts = self._quantiser()
        if not with_factors:
            return FastTextMatrix(None, codes, parts)
        factor_codes = self._array(rows, np.uint8)
        return FastTextMatrix(None, codes, parts, self._quantiser()[0][factor_codes, 0])

    def _quantiser(self) -> tuple[npt.NDArray[np.float32], ...]:
        """Return the centroids of each part."""
        columns, parts, width, last = self._take("<4i")
        numbers = self._array(columns * _CENTROIDS, np.float32)
        ends = [width * _CENTROIDS * part for part in range(1, parts)]
        sizes = [width] * (parts - 1) + [last]
        return tuple(part.reshape(-1, size) for part, size in zip(np.split(numbers, ends), sizes, strict=True))

    def _take(self, form: str) -> tuple[Any, ...]:
        found = struct.unpack_from(form, self._data, self._at)
        self._at += struct.calcsize(form)
        return found

    def _array(self, count: int, kind: type[Number]) -> npt.NDArray[Number]:
        found = np.frombuffer(self._data, kind, count, self._at)
        self._at += found.nbytes
        return found


def string_hash(word: str) -> int:
    """Return fastText's hash of 32 bits: FNV-1a, but that it takes bytes as signed."""
    found = 2_166_136_261
    for byte in word.encode():
        found = (found ^ (byte if byte < 128 else byte | 0xFFFFFF00)) * 16_777_619 % 2**32
    return found
