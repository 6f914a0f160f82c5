"""Language identification by the native kernel.

A model's file is read and checked as a whole, once per process. Numbers that are stored as they are used (``.bin``)
stay in the file's memory pages, which all processes share: a model in use must not be overwritten in place.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pyarrow as pa

from refinery.kernels import _native
from refinery.kernels.reference.langid import NO_LANGUAGE


def identify_languages(texts: pa.StringArray, model: str) -> tuple[pa.StringArray, pa.DoubleArray]:
    return _load(model).identify(texts, NO_LANGUAGE)


@lru_cache(maxsize=4)
def _load(path: str) -> _native.LanguageModel:
    try:
        return _native.LanguageModel(pa.array(np.memmap(path, np.uint8, mode="r")))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
