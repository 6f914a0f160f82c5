"""Features, n-grams and boosted trees of texts by the native kernels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery.kernels import _native
from refinery.kernels.native_text import character_classes
from refinery.kernels.reference.features import FEATURES
from refinery.kernels.reference.trees import TreesModel


def text_features(texts: pa.StringArray) -> npt.NDArray[np.float32]:
    return _native.text_features(texts, character_classes()).reshape(len(texts), len(FEATURES))


def text_ngrams(
    texts: pa.StringArray, bits: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    return _native.text_ngrams(texts, bits, character_classes())


class NativeTrees(TreesModel):
    """Boosted trees by the native kernels."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        arrays = self.arrays
        self._native = _native.Trees(
            arrays.weights, float(arrays.bias[0]), arrays.sizes, arrays.numbers, arrays.features, arrays.left
        )

    def probabilities(self, texts: pa.StringArray) -> npt.NDArray[np.float64]:
        return self._native.scores(texts, character_classes())
