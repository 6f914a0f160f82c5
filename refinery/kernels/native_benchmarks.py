"""Items of benchmarks by the native kernels, with Python's Unicode tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery.kernels import _native
from refinery.kernels.reference.plain import folds, numerals


class Benchmarks:
    """Items of benchmarks by the native kernel."""

    def __init__(
        self,
        texts: pa.StringArray,
        kinds: npt.NDArray[np.uint8],
        groups: npt.NDArray[np.uint32],
        common: Sequence[str] = (),
    ) -> None:
        words, values = numerals()
        self._native = _native.PreparedBenchmarks(
            texts, kinds, groups, folds(), words, np.array(values, np.uint64), list(common)
        )

    def matches(self, texts: pa.StringArray) -> pa.ListArray:
        return self._native.matches(texts)
