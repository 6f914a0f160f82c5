"""Classifiers of texts by fastText models: probabilities by fastText's own C++ code, contributions by the model's rows.

A text is one line for fastText, so newlines become spaces. The line ends where the word ``</s>`` stands. What the model
sees is the mean of the rows of the text's words, of their n-grams of characters, and of n-grams of words.

Source: Joulin et al. 2017, arXiv 1607.01759; the file format is that of ``saveModel`` in
https://github.com/facebookresearch/fastText.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import takewhile

import fasttext
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery.kernels.reference.fasttext_file import END, TREE, UNKNOWN, FastTextFile, string_hash

LABEL = "__label__"
MAGIC = b"\xba\x16\x4f\x2f"
LONGEST = 100_000
"""Words of a text whose contributions are computed."""

_SPACE = re.compile("[ \n\r\t\v\f\0]+")
_WORD_FACTOR = 116_049_371

Vector = npt.NDArray[np.float64]


class FastTextModel:
    """A fastText model with labels."""

    positive: str | None = None

    def __init__(self, path: str) -> None:
        self._file = FastTextFile(path)
        self._model = fasttext.load_model(path)
        self.labels = tuple(label.removeprefix(LABEL) for label in self._file.labels)

    @staticmethod
    def begins(head: bytes) -> bool:
        return head.startswith(MAGIC)

    def scores(self, texts: pa.StringArray, labels: Sequence[int]) -> npt.NDArray[np.float32]:
        """Return probabilities: 0 for a label that fastText does not return, and where it knows nothing in a text."""
        found = np.zeros((len(texts), len(labels)), np.float32)
        for row, text in enumerate(texts.to_pylist()):
            try:
                answer = self._model.predict((text or "").replace("\n", " "), k=-1)
            except RuntimeError as error:
                raise ValueError(str(error)) from error
            scores = dict(zip(*answer, strict=True))
            found[row] = [scores.get(self._file.labels[label], 0.0) for label in labels]
        if np.isnan(found).any():
            raise ValueError("the fastText model computes NaN")
        return found

    def contributions(self, text: str, label: int, count: int) -> list[tuple[str, float, int]]:
        words = list(takewhile(lambda word: word != END, filter(None, _SPACE.split(text))))
        rows = [row for _, found in self._features(words) for row in found]
        if not rows:
            return []
        inputs = self._file.inputs
        direction = self._direction(inputs.rows(rows).mean(axis=0), label)
        shares: dict[str, float] = {}
        counts: Counter[str] = Counter()
        for feature, found in self._features(words[:LONGEST]):
            if found:
                counts[feature] += 1
                shares.setdefault(feature, float((inputs.rows(found) @ direction).sum()))
        weights = [(name, shares[name] * number / len(rows), number) for name, number in counts.items()]
        return sorted(weights, key=lambda one: (-abs(one[1]), one[0].encode()))[:count]

    def _features(self, words: Sequence[str]) -> Iterator[tuple[str, list[int]]]:
        """Yield the words of a text, its end, and n-grams of words, each with its rows."""
        file = self._file
        known = []
        for word in (*words, END):
            number = file.number(word)
            if number is not None:
                known.append(word)
                own = [] if number == UNKNOWN else [number]
                yield word, own + [row for gram in _grams(word, file.least, file.most) for row in file.bucket(gram)]
        hashes = [string_hash(word) for word in known]
        for start, first in enumerate(hashes):
            gram = _signed(first)
            for end in range(start + 1, min(start + file.word_ngrams, len(hashes))):
                gram = (gram * _WORD_FACTOR + _signed(hashes[end])) % 2**64
                yield " ".join(known[start : end + 1]), file.bucket(gram)

    def _direction(self, mean: Vector, label: int) -> Vector:
        """Return the direction in which the log-odds of a label grow most; of a tree, those of the decisions to it."""
        outputs = self._file.outputs.rows(range(len(self.labels)))
        factors = np.zeros(len(self.labels))
        if self._file.loss == TREE:
            for node, sign in _decisions(self._file.counts, label).items():
                factors[node] = sign
        elif self._file.is_softmax and len(factors) > 1:
            products = outputs @ mean
            products[label] = -math.inf
            factors = np.exp(products - products.max())
            factors /= -factors.sum()
        if self._file.loss != TREE:
            factors[label] = 1
        direction: Vector = factors @ outputs
        return direction


def _grams(word: str, least: int, most: int) -> Iterator[int]:
    """Yield the hashes of n-grams of characters, the ends of the word being characters too."""
    marked = f"<{word}>"
    for start in range(len(marked) if word != END else 0):
        for end in range(start + max(least, 1), min(start + most, len(marked)) + 1):
            if end - start > 1 or (start > 0 and end < len(marked)):
                yield string_hash(marked[start:end])


def _signed(number: int) -> int:
    """Return a hash of 32 bits as fastText widens it: as if it were signed."""
    return (number - 2**32 if number >= 2**31 else number) % 2**64


def _decisions(counts: Sequence[int], label: int) -> dict[int, int]:
    """Return the inner nodes on the way to a label in the Huffman tree, each with 1 for right or -1 for left."""
    totals, parents = list(counts), dict[int, tuple[int, int]]()
    leaf, node = len(counts) - 1, len(counts)
    for inner in range(len(counts) - 1):
        pair = []
        for _ in "lr":
            is_leaf = leaf >= 0 and totals[leaf] < (totals[node] if node < len(totals) else math.inf)
            pair.append(leaf if is_leaf else node)
            leaf, node = (leaf - 1, node) if is_leaf else (leaf, node + 1)
        parents |= {pair[0]: (inner, -1), pair[1]: (inner, 1)}
        totals.append(totals[pair[0]] + totals[pair[1]])
    found = {}
    below = label
    while below in parents:
        inner, sign = parents[below]
        found[inner] = sign
        below = len(counts) + inner
    return found
