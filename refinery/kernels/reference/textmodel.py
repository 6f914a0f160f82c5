"""Classifiers of texts: the probability of each label, and what in a text adds to it.

A model is read from a file. The first bytes of the file decide which kind of model it is; each kind is a class with the
same members. To add a kind, write such a class and add it to ``KINDS``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery.kernels.reference.fasttext_model import FastTextModel
from refinery.kernels.reference.trees import TreesModel

POSITIVE_LABELS = ("positive", "hq", "pos", "good", "clean", "1", "true")
"""Labels of good texts, where neither a file nor its reader names one."""

HEAD = 16
"""Bytes of a file that identify its kind."""

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Contribution:
    """A part of a text, such as a word, and what all its occurrences add to the log-odds of a label."""

    feature: str
    weight: float
    occurrences: int


class ModelKind(Protocol):
    """Members of each kind of model. Raises ValueError where the file is no such model, or damaged."""

    def __init__(self, path: str) -> None: ...

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels in the order of the file."""
        ...

    @property
    def positive(self) -> str | None:
        """The label that the file names as the positive one."""
        ...

    @staticmethod
    def begins(head: bytes) -> bool:
        """Return True for the first bytes of a file of this kind."""
        ...

    def scores(self, texts: pa.StringArray, labels: Sequence[int]) -> Scores:
        """Return the probabilities of the labels with these numbers, one row a text."""
        ...

    def contributions(self, text: str, label: int, count: int) -> list[tuple[str, float, int]]:
        """Return features with what they add and how often they occur, the furthest from 0 first."""
        ...


KINDS: tuple[type[ModelKind], ...] = (FastTextModel, TreesModel)
"""The kinds of models, each with its readable implementation."""


class TextModel:
    """A classifier of texts, from a file of any kind. A model may be used by several threads.

    ``labels`` are in the order of the file; ``positive`` is the one that the file names as the positive one, if any.
    Raises ValueError, which begins with the path, where the file is no model or damaged.
    """

    kinds: Sequence[type[ModelKind]] = KINDS

    def __init__(self, path: str) -> None:
        try:
            with open(path, "rb") as stream:
                head = stream.read(HEAD)
            kind = next((kind for kind in self.kinds if kind.begins(head)), None)
            self._model = _no_kind() if kind is None else kind(path)
        except (OSError, ValueError) as error:
            raise ValueError(f"{path}: {error}") from error
        self.labels: tuple[str, ...] = self._model.labels
        self.positive: str | None = self._model.positive

    def scores(self, texts: pa.StringArray, labels: Sequence[int] | None = None) -> Scores:
        """Return the probabilities of all labels, or of those with these numbers: one row a text, one column a label.

        A null text counts as empty. A text is read as one line: newlines are spaces. Linear in the length of the texts.
        Raises ValueError where what the model computes is no number.
        """
        wanted = list(range(len(self.labels)) if labels is None else labels)
        return np.asarray(self._model.scores(texts, wanted), np.float32).reshape(len(texts), len(wanted))

    def contributions(self, text: str, label: int, count: int) -> list[Contribution]:
        """Return the ``count`` features of a text that move the log-odds of a label most, the strongest first.

        Features are words, n-grams of words, and ``</s>`` for what every text adds. For people: weights are rounded as
        the machine does it. Of a text with many words, the first 100,000 are looked at.
        """
        return [Contribution(*one) for one in self._model.contributions(text, label, count)]


def _no_kind() -> ModelKind:
    raise ValueError("neither a fastText model nor another one that is known")
