"""Identification of languages and scripts by the native kernels.

A model's file is read and checked as a whole, once per process. Numbers that are stored as they are used (``.bin``)
stay in the file's memory pages, which all processes share: a model in use must not be overwritten in place.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pyarrow as pa

from refinery.kernels import _native
from refinery.kernels.native_text import character_classes, lower_case
from refinery.kernels.reference.langid import NO_LANGUAGE, Groups
from refinery.kernels.reference.scripts import LATIN, SCRIPTS, script_blocks


def identify_languages(
    texts: pa.StringArray, model: str, *, letters: bool = False, groups: Groups = ()
) -> tuple[pa.StringArray, pa.DoubleArray, pa.DoubleArray]:
    return _load(model, letters, groups).identify(texts, NO_LANGUAGE)


def model_labels(model: str) -> list[str]:
    return sorted(_load(model, letters=False, groups=()).labels)


def main_scripts(texts: pa.StringArray) -> pa.StringArray:
    return _native.main_scripts(texts, script_blocks(), list(SCRIPTS), LATIN)


@lru_cache(maxsize=4)
def _load(path: str, letters: bool, groups: Groups) -> _native.LanguageModel:
    try:
        file = pa.array(np.memmap(path, np.uint8, mode="r"))
        return (
            _native.LanguageModel(file, character_classes(), lower_case(), groups)
            if letters
            else _native.LanguageModel(file, groups=groups)
        )
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
