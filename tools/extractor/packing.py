"""The weights file. A layout change goes with one of ``native/src/extract/model.rs``, which reads it."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

import lightgbm
import numpy as np

from tools.extractor.kinds import Kinds
from tools.extractor.lexicons import Lexicon
from tools.extractor.trees import extractor_without_weights

MAGIC = b"refinery extractor 2\n"


def packed(booster: lightgbm.Booster, lexicons: Iterable[Lexicon], kinds: Kinds) -> bytes:
    """The weights file: magic, digest of the features' names, lexicons, trees of blocks, trees of each kind of page."""
    parts = [MAGIC, struct.pack("<Q", extractor_without_weights().feature_names()[1])]
    for lexicon in lexicons:
        parts.append(struct.pack("<If", len(lexicon.tokens), lexicon.scale))
        parts += [struct.pack("<Ib", *word) for word in zip(lexicon.tokens, lexicon.packed, strict=True)]
    trees = _trees(booster, list(range(booster.num_feature())))
    of_kinds = _trees(kinds.booster, kinds.columns)
    count = kinds.booster.num_model_per_iteration()
    for forest in [trees, *(of_kinds[kind::count] for kind in range(count))]:
        parts.append(struct.pack("<fH", 0.0, len(forest)))
        for tree in forest:
            parts.append(struct.pack("<H", len(tree)))
            parts += [struct.pack("<fHH", *row) for row in tree]
    return b"".join(parts)


def _trees(booster: lightgbm.Booster, columns: list[int]) -> list[list[tuple[float, int, int]]]:
    return [_tree(tree["tree_structure"], columns) for tree in booster.dump_model()["tree_info"]]


def _tree(root: dict[str, Any], columns: list[int]) -> list[tuple[float, int, int]]:
    """Rows of threshold or value, feature, and place of the left child, next to which is the right one; 0 in a leaf."""
    made: list[tuple[float, int, int]] = [(0.0, 0, 0)]
    queue = [(0, root)]
    for at, node in queue:
        if "leaf_value" in node:
            made[at] = (node["leaf_value"], 0, 0)
            continue
        left = len(made)
        made[at] = (_not_above(node["threshold"]), columns[node["split_feature"]], left)
        made += [(0.0, 0, 0)] * 2
        queue += [(left, node["left_child"]), (left + 1, node["right_child"])]
    return made


def _not_above(threshold: float) -> float:
    """The greatest single that is not above a double: singles compare alike with both."""
    single = np.float32(threshold)
    return float(single if float(single) <= threshold else np.nextafter(single, np.float32(-np.inf)))
