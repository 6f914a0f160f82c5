"""Words as other programs and standards define them, by the native kernels."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pyarrow as pa

from refinery.kernels import _native
from refinery.kernels.native_text import character_classes
from refinery.kernels.reference import chunks as reference
from refinery.kernels.reference.segmenter import in_bytes
from refinery.kernels.reference.unicode_words import break_classes


def unicode_cuts(texts: pa.StringArray) -> pa.ListArray:
    return _native.unicode_cuts(texts, break_classes(), character_classes())


class Chunks(reference.Chunks):
    """The native kernel keeps the answers; the twin prepares the exceptions."""

    def __init__(self, exceptions: Collection[str], *, forms: bool = True) -> None:
        super().__init__(exceptions, forms=forms)
        self._native = _native.PreparedChunks(self._parts, forms, reference.LONGEST, reference.MOST_KEPT)

    def cuts(self, texts: pa.StringArray) -> tuple[pa.ListArray, list[str]]:
        return self._native.cuts(texts, character_classes())

    def learn(self, keys: Sequence[str], answers: Sequence[Sequence[int]]) -> None:
        self._native.learn(list(keys), [in_bytes(key, answer) for key, answer in zip(keys, answers, strict=True)])
