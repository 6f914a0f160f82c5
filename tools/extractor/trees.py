"""Boosted trees over the native extractor's features, and the weights file.

A layout change goes with one of ``native/src/extract/model.rs``, which reads the file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import cache
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery.kernels.native_extract import BETAS, extractor
from tools.extractor.lexicons import Lexicon
from tools.extractor.pages import Page, weights

TREES = 250
SETTINGS = {
    "objective": "binary",
    "learning_rate": 0.07,
    "num_leaves": 31,
    "max_depth": 9,
    "max_bin": 127,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.25,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "verbose": -1,
    "num_threads": 1,
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,
}
MAGIC = b"refinery extractor 1\n"
LEAST = 0.3
"""What a block without words weighs when blocks are chosen, as in the native decoder."""

Array = npt.NDArray[np.float32]


@cache
def _extractor() -> Any:
    return extractor(None)


def features(page: Page, scores: tuple[Array, Array]) -> Array:
    """A row for each block, given the scores of its text and of the names around it."""
    made = _extractor().features(page.html, page.url, scores[0].tolist(), scores[1].tolist())
    return np.asarray(pa.array(made)).reshape(len(page.texts), len(_extractor().feature_names()[0]))


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


def extracted(page: Page, found: Array, booster: lightgbm.Booster) -> str:
    """The text of the blocks with the best expected F-score, as the native decoder chooses them."""
    if not page.texts:
        return ""
    probability, mass = np.asarray(booster.predict(found, num_threads=1)), page.terms + LEAST
    order = np.argsort(-probability, kind="stable")
    hits, kept = np.cumsum((probability * mass)[order]), np.cumsum(mass[order])
    best = int(np.argmax(hits / (kept + BETAS["balance"] ** 2 * (probability * mass).sum())))
    return "\n".join(page.texts[at] for at in sorted(order[: best + 1]))


def packed(booster: lightgbm.Booster, lexicons: Iterable[Lexicon]) -> bytes:
    """The weights file: magic, digest of the features' names, lexicons, base, trees."""
    trees = [_tree(tree["tree_structure"]) for tree in booster.dump_model()["tree_info"]]
    parts = [MAGIC, struct.pack("<Q", _extractor().feature_names()[1])]
    for lexicon in lexicons:
        parts.append(struct.pack("<If", len(lexicon.tokens), lexicon.scale))
        parts += [struct.pack("<Ib", *word) for word in zip(lexicon.tokens, lexicon.packed, strict=True)]
    parts.append(struct.pack("<fH", 0.0, len(trees)))
    for tree in trees:
        parts.append(struct.pack("<H", len(tree)))
        parts += [struct.pack("<fHH", *row) for row in tree]
    return b"".join(parts)


def _tree(root: dict[str, Any]) -> list[tuple[float, int, int]]:
    """Rows of threshold or value, feature, and place of the left child, next to which is the right one; 0 in a leaf."""
    made: list[tuple[float, int, int]] = [(0.0, 0, 0)]
    queue = [(0, root)]
    for at, node in queue:
        if "leaf_value" in node:
            made[at] = (node["leaf_value"], 0, 0)
            continue
        left = len(made)
        made[at] = (_not_above(node["threshold"]), node["split_feature"], left)
        made += [(0.0, 0, 0)] * 2
        queue += [(left, node["left_child"]), (left + 1, node["right_child"])]
    return made


def _not_above(threshold: float) -> float:
    """The greatest single that is not above a double: singles compare alike with both."""
    single = np.float32(threshold)
    return float(single if float(single) <= threshold else np.nextafter(single, np.float32(-np.inf)))
