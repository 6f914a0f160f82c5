"""Classifiers by boosted trees over features of a text and a linear score of its n-grams, from ``refinery train``.

The linear score is the sum of the weights of the text's buckets, each times the root of its share of the n-grams, plus
the bias. Trees read it as one more feature. The leaves that a text falls in add up to the log-odds of the positive
label, in 32 bits and in the order of the trees.

A file is of the format safetensors. Arrays: ``weights`` of the buckets and ``bias``; of each tree the number of nodes
(``sizes``); of all nodes ``numbers`` (the threshold, or the value of a leaf), ``features``, ``left`` (the place of the
left child in the tree, with the right one next to it; 0 for a leaf) and ``values``, what a text that comes through the
node has on average. Metadata: ``format``, ``labels`` (the positive one and the other), and the features' names.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery.kernels.reference.features import FEATURES, VERSION, text_features
from refinery.kernels.reference.ngrams import ngrams, text_ngrams
from refinery.kernels.reference.ragged import offsets_of
from refinery.kernels.reference.safetensors import Arrays, begins_safetensors, decode, encode

FORMAT = "refinery trees 1"
LINEAR = "ngrams"
"""The name of the linear score among the features."""

LEAVES = 32
"""The most leaves of a tree."""

BITS = range(1, 25)
LARGEST = 1e6
"""No weight or value is further from 0."""

_LOG2_E, _LN_2 = 1.4426950408889634, 0.6931471805599453

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.uint32]
Shorts = npt.NDArray[np.uint16]


class TreeArrays(NamedTuple):
    """The arrays of a file."""

    weights: Floats
    bias: Floats
    sizes: Ints
    numbers: Floats
    features: Shorts
    left: Shorts
    values: Floats


class TreesModel:
    """A model of two labels. Raises ValueError where the file is no such model, or damaged."""

    @staticmethod
    def begins(head: bytes) -> bool:
        """Return True for the first bytes of a file of this kind."""
        return begins_safetensors(head)

    def __init__(self, path: str) -> None:
        labels, self.arrays = read_model(path)
        self.labels: tuple[str, ...] = labels
        self.positive: str | None = labels[0]
        self.bits = len(self.arrays.weights).bit_length() - 1

    def scores(self, texts: pa.StringArray, labels: Sequence[int]) -> Floats:
        """Return the probabilities of the labels with these numbers, one row a text."""
        positive = self.probabilities(texts)
        return np.stack([1 - positive if label else positive for label in labels], axis=1).astype(np.float32)

    def probabilities(self, texts: pa.StringArray) -> npt.NDArray[np.float64]:
        """Return the probability of the positive label of each text."""
        rows = self._rows(texts)
        sums = np.zeros(len(rows), np.float32)
        for first, size in self._trees():
            sums += self.arrays.numbers[self._leaves(rows, first, size)]
        return np.array([probability(float(one)) for one in sums], np.float64)

    def contributions(self, text: str, label: int, count: int) -> list[tuple[str, float, int]]:
        """Return what moves the log-odds most: ``[feature]`` by what trees add for it, n-grams by their part of it."""
        rows, sign = self._rows(pa.array([text])), -1.0 if label else 1.0
        found = dict.fromkeys((*FEATURES, LINEAR), 0.0)
        for first, _ in self._trees():
            for feature, change in self._path(rows[0], first):
                found[(*FEATURES, LINEAR)[feature]] += change
        parts = [(f"[{name}]", sign * change, 1) for name, change in found.items() if change and name != LINEAR]
        parts += [(name, sign * part, times) for name, part, times in self._parts(text, found[LINEAR])]
        return sorted(parts, key=lambda part: (-abs(part[1]), part[0]))[:count]

    def _rows(self, texts: pa.StringArray) -> Floats:
        return np.column_stack([text_features(texts), linear_scores(texts, self.arrays.weights, self.arrays.bias)])

    def _trees(self) -> list[tuple[int, int]]:
        return list(zip(self._firsts, self.arrays.sizes.tolist(), strict=True))

    @cached_property
    def _firsts(self) -> list[int]:
        return offsets_of(self.arrays.sizes)[:-1].tolist()  # type: ignore[no-any-return]

    def _leaves(self, rows: Floats, first: int, size: int) -> npt.NDArray[np.int64]:
        """Return the leaf of a tree that each row falls in."""
        numbers, features, left = self.arrays.numbers, self.arrays.features, self.arrays.left
        at, places = np.full(len(rows), first), np.arange(len(rows))
        for _ in range(size):
            inner = left[at] > 0
            if not inner.any():
                break
            right = rows[places, features[at]] > numbers[at]
            at = np.where(inner, first + left[at].astype(np.int64) + right, at)
        return at

    def _path(self, row: Floats, first: int) -> Iterator[tuple[int, float]]:
        """Yield the feature of each node that a row comes through, and how the average changes there."""
        at = first
        while left := int(self.arrays.left[at]):
            feature = int(self.arrays.features[at])
            child = first + left + int(row[feature] > self.arrays.numbers[at])
            yield feature, float(self.arrays.values[child]) - float(self.arrays.values[at])
            at = child

    def _parts(self, text: str, change: float) -> Iterator[tuple[str, float, int]]:
        """Yield the n-grams of a text, each with its share of what the trees add for all of them."""
        found = list(ngrams(text, self.bits))
        counts, buckets = Counter(found), Counter(bucket for _, bucket in found)
        part = {
            (ngram, bucket): float(self.arrays.weights[bucket]) * count / math.sqrt(buckets[bucket])
            for (ngram, bucket), count in counts.items()
        }
        whole = sum(map(abs, part.values()))
        for (ngram, bucket), weight in part.items():
            if weight:
                yield ngram, weight / whole * abs(change), counts[ngram, bucket]


def linear_scores(texts: pa.StringArray, weights: Floats, bias: Floats) -> Floats:
    """Return the linear score of each text."""
    sizes, buckets, counts = text_ngrams(texts, len(weights).bit_length() - 1)
    found = []
    for start, end in zip(offsets_of(sizes)[:-1], offsets_of(sizes)[1:], strict=True):
        total = 0.0  # added one by one, as in native code
        for bucket, count in zip(buckets[start:end].tolist(), counts[start:end].tolist(), strict=True):
            total += float(weights[bucket]) * math.sqrt(count)
        every = int(counts[start:end].sum(dtype=np.int64))
        found.append(float(bias[0]) + (total / math.sqrt(every) if every else 0.0))
    return np.array(found, np.float32)


def probability(log_odds: float) -> float:
    """Return the probability for log-odds, from additions and multiplications alone: the same on every machine."""
    return 1.0 / (1.0 + _exp(-log_odds))


def _exp(x: float) -> float:
    x = min(max(x, -700.0), 700.0)
    turns = x * _LOG2_E
    whole = math.trunc(turns)
    whole += (turns - whole >= 0.5) - (turns - whole <= -0.5)
    rest = x - whole * _LN_2
    total = 1.0
    for n in range(13, 0, -1):
        total = 1.0 + total * rest / n
    return math.ldexp(total, whole)


def read_model(path: str) -> tuple[tuple[str, str], TreeArrays]:
    """Return the labels of a file, the positive one first, and its arrays.

    Raises ValueError where it is no such model, or damaged.
    """
    metadata, arrays = decode(memoryview(np.memmap(path, np.uint8, mode="r").data))
    if metadata.get("format") != FORMAT:
        raise ValueError(f"a safetensors file of the format {metadata.get('format', '')[:80]!r}, expected {FORMAT!r}")
    if metadata.get("features") != features_key():
        raise ValueError("the model was trained for other features of texts: train it again")
    try:
        labels = json.loads(metadata.get("labels", ""))
    except (json.JSONDecodeError, RecursionError) as error:
        raise _damaged("its labels are no JSON list") from error
    if not isinstance(labels, list) or len(labels) != 2 or not all(isinstance(label, str) for label in labels):
        raise _damaged("it has not two labels")
    return (labels[0], labels[1]), _checked(arrays)


def write_model(labels: tuple[str, str], arrays: TreeArrays) -> bytes:
    """Return the bytes of a file."""
    metadata = {"format": FORMAT, "labels": json.dumps(labels), "positive": labels[0], "features": features_key()}
    return encode(metadata, arrays._asdict())


def features_key() -> str:
    """Return the names of the features that trees read, and their version."""
    return f"{VERSION} {' '.join((*FEATURES, LINEAR))}"


def _checked(arrays: Arrays) -> TreeArrays:
    types = {"sizes": "<u4", "features": "<u2", "left": "<u2"}
    for name in TreeArrays._fields:
        found = arrays.get(name)
        if found is None or found.ndim != 1 or found.dtype != np.dtype(types.get(name, "<f4")):
            raise _damaged(f"its array {name!r} is missing or of another type")
        if found.dtype == np.float32 and not np.all(np.abs(found) <= LARGEST):
            raise _damaged(f"its array {name!r} has numbers that are too large, or none")
    checked = TreeArrays(**{name: arrays[name] for name in TreeArrays._fields})
    if len(checked.weights) not in {1 << bits for bits in BITS} or len(checked.bias) != 1:
        raise _damaged(f"{len(checked.weights)} weights and {len(checked.bias)} biases")
    nodes = {len(array) for array in (checked.numbers, checked.features, checked.left, checked.values)}
    if nodes != {int(checked.sizes.sum(dtype=np.int64))} or len(checked.sizes) >= 2**16:
        raise _damaged("its trees do not have the nodes that there are")
    for number, first in enumerate(offsets_of(checked.sizes)[:-1].tolist()):
        _check_tree(checked, number, slice(first, first + int(checked.sizes[number])))
    return checked


def _check_tree(arrays: TreeArrays, number: int, nodes: slice) -> None:
    left, features = arrays.left[nodes].astype(np.int64), arrays.features[nodes]
    inner = left > 0
    places = np.arange(len(left))[inner]
    children = np.concatenate([left[inner], left[inner] + 1, [0]])
    right = len(left) > 0 and np.all(left[inner] > places) and np.all(features[inner] <= len(FEATURES))
    if not right or sorted(children.tolist()) != list(range(len(left))) or np.sum(~inner) > LEAVES:
        raise _damaged(f"tree {number} is no tree of at most {LEAVES} leaves")


def _damaged(why: str) -> ValueError:
    return ValueError(f"damaged model: {why}")
