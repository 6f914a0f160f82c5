"""A linear classifier of hashed n-grams by logistic regression, one example at a time.

The steps are AdaGrad's: of each weight the smaller, the more it has moved. Source: Duchi et al. 2011,
https://jmlr.org/papers/v12/duchi11a.html.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery.kernels import text_ngrams
from refinery.kernels.reference.ragged import offsets_of

BITS = 18
EPOCHS = 5
RATE = 1.0
"""Length of a weight's first steps."""
BIAS_RATE = 0.1
START = 0.01
"""Of each sum of squares; it keeps first steps from being too long."""

Rows = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float32]


class Linear(NamedTuple):
    """Weights of the buckets, and the bias."""

    weights: Weights
    bias: float

    def scores(self, ngrams: NgramRows, rows: Rows) -> Weights:
        """Return the scores of some examples."""
        return np.array([_score(self, *ngrams.of(row)) for row in rows.tolist()], np.float32)


class NgramRows:
    """The buckets of texts, each with the root of its share of the text's n-grams."""

    def __init__(self, texts: pa.StringArray) -> None:
        sizes, self._buckets, counts = text_ngrams(texts, BITS)
        self._offsets = offsets_of(sizes).tolist()
        owners = np.repeat(np.arange(len(sizes)), sizes)
        totals = np.bincount(owners, counts, len(sizes))
        self._values = np.sqrt(counts / totals[owners]).astype(np.float32)

    def of(self, row: int) -> tuple[npt.NDArray[np.uint32], Weights]:
        """Return the buckets and values of one text."""
        some = slice(self._offsets[row], self._offsets[row + 1])
        return self._buckets[some], self._values[some]


def fit(ngrams: NgramRows, positive: npt.NDArray[np.bool_], rows: Rows, seed: int) -> Linear:
    """Return the classifier of some examples. It is the same for the same arguments."""
    weights, squares = np.zeros(1 << BITS, np.float32), np.full(1 << BITS, START, np.float32)
    bias, bias_squares = _log_odds(float(positive[rows].mean())), START
    chance = np.random.default_rng(seed)
    for _ in range(EPOCHS):
        for row in chance.permutation(rows).tolist():
            buckets, values = ngrams.of(row)
            score = bias + float((weights[buckets] * values).sum())
            error = 1 / (1 + math.exp(-min(max(score, -30.0), 30.0))) - positive[row]
            slope = (error * values).astype(np.float32)
            squares[buckets] += slope * slope
            weights[buckets] -= RATE * slope / np.sqrt(squares[buckets])
            bias_squares += error * error
            bias -= BIAS_RATE * error / math.sqrt(bias_squares)
    return Linear(weights, bias)


def _score(linear: Linear, buckets: npt.NDArray[np.uint32], values: Weights) -> float:
    return linear.bias + float((linear.weights[buckets] * values).sum())


def _log_odds(share: float) -> float:
    share = min(max(share, 1e-6), 1 - 1e-6)
    return math.log(share / (1 - share))
