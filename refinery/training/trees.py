"""Training of the kind ``trees``: boosted trees over features of texts and a linear score of their n-grams.

The trees are grown on linear scores of texts whose domains the linear classifier did not see, as the scores of new
texts will be. LightGBM grows them, with one thread, so that the same examples and seed make the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from refinery.errors import UsageError
from refinery.kernels import text_features
from refinery.kernels.reference.trees import TreeArrays, write_model
from refinery.training.examples import Examples
from refinery.training.linear import NgramRows, fit
from refinery.training.split import fold_numbers

FOLDS = 4
TREES = 300
SETTINGS: dict[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "use_missing": False,
    "feature_pre_filter": False,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbose": -1,
}
LEAST_IN_LEAF = 20

Rows = npt.NDArray[np.float32]
Node = tuple[float, int, int, float]
"""The threshold or the value of a leaf, the feature, the place of the left child, and the average of the examples."""


def train_trees(examples: Examples, labels: tuple[str, str], seed: int) -> bytes:
    """Return the file of a model. Raises UsageError where LightGBM is not installed."""
    ngrams, rows = NgramRows(examples.texts), np.arange(len(examples))
    folds = fold_numbers(examples.domains, FOLDS, seed)
    unseen = np.zeros(len(examples), np.float32)
    for fold in range(FOLDS):
        others, own = rows[folds != fold], rows[folds == fold]
        unseen[own] = fit(ngrams, examples.positive, others, seed).scores(ngrams, own)
    linear = fit(ngrams, examples.positive, rows, seed)
    trees = _grow(np.column_stack([text_features(examples.texts), unseen]), examples.positive, seed)
    nodes = [node for tree in trees for node in tree]
    numbers, features, left, values = zip(*nodes, strict=True)
    arrays = TreeArrays(
        weights=linear.weights,
        bias=np.array([linear.bias], np.float32),
        sizes=np.array([len(tree) for tree in trees], np.uint32),
        numbers=np.array(numbers, np.float32),
        features=np.array(features, np.uint16),
        left=np.array(left, np.uint16),
        values=np.array(values, np.float32),
    )
    return write_model(labels, arrays)


def _grow(rows: Rows, positive: npt.NDArray[np.bool_], seed: int) -> list[list[Node]]:
    try:
        import lightgbm
    except (ImportError, OSError) as error:  # OSError: a library of the system is missing
        raise UsageError(
            f"the kind trees needs LightGBM: {error}", hint="install it: pip install 'crawl-refinery[train]'"
        ) from error
    settings = {**SETTINGS, "seed": seed, "min_data_in_leaf": min(LEAST_IN_LEAF, max(1, len(rows) // 50))}
    data = lightgbm.Dataset(rows.astype(np.float64), positive.astype(np.float64), params=settings)
    model = lightgbm.train(settings, data, TREES)
    return [list(_nodes(tree["tree_structure"])) for tree in model.dump_model()["tree_info"]]


def _nodes(root: dict[str, Any]) -> Iterator[Node]:
    """Yield the nodes of a tree: children after their parents, the right one next to the left one."""
    waiting, places = [root], 1
    while waiting:
        node = waiting.pop(0)
        if "split_feature" not in node:
            yield float(node["leaf_value"]), 0, 0, float(node["leaf_value"])
            continue
        waiting += [node["left_child"], node["right_child"]]
        yield _rounded_down(node["threshold"]), node["split_feature"], places, _average(node)[0]
        places += 2


def _average(node: dict[str, Any]) -> tuple[float, int]:
    """Return the mean value of the examples that come through a node, and how many these are."""
    if "split_feature" not in node:
        return float(node["leaf_value"]), int(node.get("leaf_count", 1))
    (one, few), (other, many) = _average(node["left_child"]), _average(node["right_child"])
    return (one * few + other * many) / max(few + many, 1), few + many


def _rounded_down(threshold: float) -> float:
    """Return the largest number of 32 bits that is not above a threshold: the same numbers are above both."""
    near = np.float32(threshold)
    return float(np.nextafter(near, np.float32(-np.inf)) if float(near) > threshold else near)
