"""Identification of languages as stages share it: the models, groups of close languages, and the codes of labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pyarrow as pa

from refinery import Asset, AssetError
from refinery.kernels import identify_languages, model_labels
from refinery.stages._codes import language_of

OWN = "languages.ftz"
"""The model of the package, which knows letters only."""
MODELS = (OWN, "lid.176.ftz")
"""The models that can be named without a path."""

CLOSE = (("bs", "hr", "sr"), ("id", "ms"), ("da", "nb", "nn"), ("es", "gl", "pt"), ("cs", "sk"))
"""Groups of languages between which the model of the package divides the probability of a text, and its lines."""

Result = TypeVar("Result")


def model_languages(model: Asset) -> set[str]:
    """Return the languages of a model. Raises AssetError where it cannot be read."""
    return {language_of(label) for label in _valid(model, model_labels)}


def languages_of(labels: pa.StringArray) -> pa.StringArray:
    """Return the languages of a model's labels."""
    coded = labels.dictionary_encode()
    languages = pa.array([language_of(label) for label in coded.dictionary.to_pylist()], pa.string())
    return languages.take(coded.indices)


def are_close(one: str, other: str) -> bool:
    """Return True for languages of one group, and for the same one."""
    return one == other or any(one in group and other in group for group in CLOSE)


def identified(texts: pa.StringArray, model: Asset) -> tuple[pa.StringArray, pa.DoubleArray, pa.DoubleArray]:
    """Return labels, scores and main shares. Raises AssetError where the model cannot be read."""
    is_own = model == OWN
    return _valid(model, lambda path: identify_languages(texts, path, letters=is_own, groups=CLOSE if is_own else ()))


def _valid(model: Asset, use: Callable[[str], Result]) -> Result:
    """Return the result of using a model's file, or raise an AssetError with the defect."""
    try:
        return use(model.path())
    except ValueError as error:
        raise AssetError(f"asset {model}: {error}", hint="set it to a fastText model with labels") from error
