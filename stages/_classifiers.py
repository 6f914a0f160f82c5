"""Classifiers of texts: the model, its positive labels, and texts as it was trained on them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from refinery import Asset, AssetError
from refinery.kernels import POSITIVE_LABELS, TextModel

Normalise = Literal["newlines", "dclm", "lower", "words"]

FIX = "set it to a fastText model with labels (.bin, .ftz), or to a model of `refinery train`"


class Classifier(NamedTuple):
    """A model, and the numbers of the labels whose probability is the score."""

    model: TextModel
    wanted: tuple[int, ...]


def classifier(asset: Asset, label: tuple[str, ...] | None) -> Classifier:
    """Return the model and the labels by number. Raises AssetError where the file is no model or has other labels."""
    path = asset.path()
    state = os.stat(path)
    try:
        model = _load(path, state.st_size, state.st_mtime_ns)
    except ValueError as error:
        raise AssetError(f"asset {asset}: {_reason(error, path)}", hint=FIX) from error
    names = label or _positive(asset, model)
    return Classifier(model, tuple(_number(asset, model, name) for name in names))


def guarded(asset: Asset, use: Callable[[], npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """Return the probabilities of a model. Raises AssetError where what it computes is no number."""
    try:
        return use()
    except ValueError as error:
        raise AssetError(f"asset {asset}: {error}", hint=FIX) from error


def as_trained(texts: pa.StringArray, normalise: Normalise) -> pa.StringArray:
    """Return texts as a model was trained on them; newlines are spaces to any model."""
    if normalise == "newlines":
        return texts
    if normalise == "lower":
        return pc.utf8_lower(texts)
    change = _dclm if normalise == "dclm" else _words
    return pa.array([None if text is None else change(text) for text in texts.to_pylist()], pa.string())


def occurrences(text: str, features: Sequence[str]) -> list[tuple[int, int]]:
    """Return the spans of words and n-grams of words in a text, without overlaps."""
    spelled = [r"\s+".join(map(re.escape, feature.split())) for feature in sorted(features, key=len, reverse=True)]
    pattern = "|".join(filter(None, spelled))
    return (
        [found.span() for found in re.finditer(rf"(?<!\w)(?:{pattern})(?!\w)", text, re.IGNORECASE)] if pattern else []
    )


@lru_cache(maxsize=8)
def _load(path: str, size: int, mtime_ns: int) -> TextModel:
    del size, mtime_ns  # a model that was replaced is read again
    return TextModel(path)


def _reason(error: ValueError, path: str) -> str:
    return str(error).removeprefix(f"{path}: ")


def _positive(asset: Asset, model: TextModel) -> tuple[str, ...]:
    if model.positive is not None:
        return (model.positive,)
    found = [label for label in model.labels if label in POSITIVE_LABELS]
    if len(found) != 1:
        raise AssetError(f"asset {asset}: no label of it is known as the positive one", hint=_choice(model))
    return (found[0],)


def _number(asset: Asset, model: TextModel, name: str) -> int:
    name = name.removeprefix("__label__")
    found = model.labels.count(name)
    if found != 1:
        problem = "it has no label" if not found else f"{found} of its labels are"
        raise AssetError(f"asset {asset}: {problem} {name[:80]!r}", hint=_choice(model))
    return model.labels.index(name)


def _choice(model: TextModel) -> str:
    some = ", ".join(repr(label[:40]) for label in model.labels[:20])
    more = len(model.labels) - 20
    return f"set `label` to one of {some}{f' and {more:,} more' if more > 0 else ''}"


def _dclm(text: str) -> str:
    return " ".join(text.strip().splitlines())


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text)).lower()
