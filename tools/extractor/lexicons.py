"""Weights of words, of texts and of class names, by logistic regression.

Trees learn from scores that the words' own page had no part in, or they would trust them too much: the scores of a
fold's pages come from a lexicon of the other folds.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse
from sklearn.linear_model import SGDClassifier

from tools.extractor.pages import Page, weights

DOMAINS = 5
"""A word has a weight only if so many registered domains have it: none may stand for a site."""

LARGEST = 127
"""Weights are written as integers up to this."""

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Lexicon:
    """Tokens, ascending, and their weights."""

    tokens: npt.NDArray[np.uint32]
    weights: Array

    @property
    def scale(self) -> float:
        """What one is worth in the integers of ``packed``."""
        return float(np.abs(self.weights).max(initial=1e-6)) / LARGEST

    @property
    def packed(self) -> npt.NDArray[np.int8]:
        """The weights as integers."""
        return np.round(self.weights / self.scale).astype(np.int8)

    def scores(self, lists: list[list[int]]) -> Array:
        """The scores of blocks given by their tokens, as the native extractor has them."""
        words = dict(zip(self.tokens.tolist(), self.packed.tolist(), strict=True))
        found = [[words[token] for token in tokens if token in words] for tokens in lists]
        return np.array([sum(known) * self.scale / max(1, len(known)) ** 0.5 for known in found], np.float32)


class Corpus:
    """The tokens of all blocks as a sparse matrix."""

    def __init__(self, pages: list[Page], lists: list[list[int]]) -> None:
        sizes = [len(page.texts) for page in pages]
        domains = sorted({page.domain for page in pages})
        numbers = {domain: number for number, domain in enumerate(domains)}
        self._domains = np.repeat([numbers[page.domain] for page in pages], sizes)
        self._labels = np.concatenate([page.labels for page in pages])
        self._weights = weights(pages)
        self.folds = np.repeat([page.fold for page in pages], sizes)
        flat = np.concatenate([np.array(tokens, np.uint32) for tokens in lists])
        self._tokens, columns = np.unique(flat, return_inverse=True)
        starts = np.r_[0, np.cumsum([len(tokens) for tokens in lists])]
        ones = np.ones(len(flat), np.float32)
        self._matrix = scipy.sparse.csr_matrix((ones, columns, starts), (len(lists), len(self._tokens)))
        self._matrix.sum_duplicates()
        self._known: dict[frozenset[int], Lexicon] = {}

    def lexicon(self, left_out: Collection[int]) -> Lexicon:
        """The weights that the blocks outside of some folds give."""
        key = frozenset(left_out)
        if key not in self._known:
            self._known[key] = self._fitted(left_out)
        return self._known[key]

    def _fitted(self, left_out: Collection[int]) -> Lexicon:
        rows = np.flatnonzero(~np.isin(self.folds, list(left_out)))
        columns = self._frequent(rows)
        model = SGDClassifier(loss="log_loss", alpha=2e-6, max_iter=4, tol=None, average=True, random_state=1)
        model.fit(self._rows(rows, columns), self._labels[rows], sample_weight=self._weights[rows])
        return Lexicon(self._tokens[columns], model.coef_[0].astype(np.float32))

    def scores(self, lexicon: Lexicon, fold: int) -> tuple[npt.NDArray[np.int64], Array]:
        """The blocks of a fold, and their scores."""
        rows = np.flatnonzero(self.folds == fold)
        columns = np.searchsorted(self._tokens, lexicon.tokens)
        return rows, self._rows(rows, columns) @ (lexicon.packed * np.float32(lexicon.scale))

    def _frequent(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        some = self._matrix[rows].tocoo()
        pairs = np.unique(some.col.astype(np.int64) << 32 | self._domains[rows][some.row])
        counts = np.bincount(pairs >> 32, minlength=self._matrix.shape[1])
        return np.flatnonzero(counts >= DOMAINS)

    def _rows(self, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]) -> scipy.sparse.csr_matrix:
        some = self._matrix[rows][:, columns]
        known = np.maximum(1, np.asarray(some.sum(axis=1)).ravel())
        return scipy.sparse.diags((1 / np.sqrt(known)).astype(np.float32)) @ some


def fold_scores(corpus: Corpus, folds: Collection[int], left_out: Collection[int]) -> Array:
    """The score of each block by a lexicon that saw neither its fold nor those left out; 0 in other folds."""
    scores = np.zeros(len(corpus.folds), np.float32)
    for fold in folds:
        rows, found = corpus.scores(corpus.lexicon({fold, *left_out}), fold)
        scores[rows] = found
    return scores
