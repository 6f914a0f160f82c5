"""Classifiers of texts by the native kernels.

A model's file is read and checked as a whole. Numbers that are stored as they are used (``.bin``) stay in the file's
memory pages, which all processes share: a model in use must not be overwritten in place.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery.kernels import _native
from refinery.kernels.native_trees import NativeTrees
from refinery.kernels.reference import textmodel as reference
from refinery.kernels.reference.fasttext_model import FastTextModel


class NativeFastText:
    """A fastText model with labels."""

    positive: str | None = None

    def __init__(self, path: str) -> None:
        self._model = _native.FastText(pa.array(np.memmap(path, np.uint8, mode="r")))
        self.labels = tuple(self._model.labels)

    @staticmethod
    def begins(head: bytes) -> bool:
        return FastTextModel.begins(head)

    def scores(self, texts: pa.StringArray, labels: Sequence[int]) -> npt.NDArray[np.float32]:
        return self._model.scores(texts, list(labels))

    def contributions(self, text: str, label: int, count: int) -> list[tuple[str, float, int]]:
        return self._model.contributions(text, label, count)


class TextModel(reference.TextModel):
    """A classifier by the native kernels."""

    kinds = (NativeFastText, NativeTrees)
