"""Words as other programs and standards define them, by the native kernels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery.kernels import _native
from refinery.kernels.native_text import character_classes
from refinery.kernels.reference import chunks as reference
from refinery.kernels.reference.unicode_words import break_classes


def unicode_cuts(texts: pa.StringArray) -> pa.ListArray:
    return _native.unicode_cuts(texts, break_classes(), character_classes())


class Chunks(reference.Chunks):
    """The native kernel keeps the answers."""

    def __init__(self) -> None:
        self._native = _native.PreparedChunks(reference.LONGEST, reference.MOST_KEPT)

    def cuts(self, texts: pa.StringArray) -> tuple[pa.ListArray, list[str]]:
        return self._native.cuts(texts, character_classes())

    def learn(self, chunks: Sequence[str], starts: npt.NDArray[np.uint64]) -> None:
        self._native.learn(list(chunks), starts)
