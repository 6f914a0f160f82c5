"""Boosted trees over the native extractor's features."""

from __future__ import annotations

from functools import cache
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery.kernels.native_extract import extractor
from tools.extractor.pages import Page, weights

TREES = 450
SETTINGS = {
    "objective": "binary",
    "data_sample_strategy": "goss",
    "learning_rate": 0.055,
    "num_leaves": 31,
    "max_depth": 9,
    "max_bin": 127,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.25,
    "lambda_l2": 5.0,
    "verbose": -1,
    "num_threads": 1,
    "seed": 1,
    "deterministic": True,
    "force_col_wise": True,
}

Array = npt.NDArray[np.float32]


@cache
def extractor_without_weights() -> Any:
    """One that gives features."""
    return extractor(None)


def features(page: Page, scores: tuple[Array, Array]) -> Array:
    """A row for each block, given the scores of its text and of the names around it."""
    made = extractor_without_weights().features(page.html, page.url, scores[0].tolist(), scores[1].tolist())
    return np.asarray(pa.array(made)).reshape(len(page.texts), len(extractor_without_weights().feature_names()[0]))


def rows(pages: list[Page], scores: tuple[Array, Array]) -> list[Array]:
    """The features of pages, given the scores of all their blocks."""
    ends = np.cumsum([len(page.texts) for page in pages])
    each = zip(*(np.split(found, ends[:-1]) for found in scores), strict=True)
    return [features(page, (texts, names)) for page, (texts, names) in zip(pages, each, strict=True)]


def train(pages: list[Page], found: list[Array]) -> lightgbm.Booster:
    """Trees that tell main text by features."""
    table = np.concatenate(found)
    labels = np.concatenate([page.labels for page in pages]).astype(np.int8)
    return lightgbm.train(SETTINGS, lightgbm.Dataset(table, labels, weight=weights(pages)), TREES)
