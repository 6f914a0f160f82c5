"""Stages that gather the documents of all parts in an order of their own, as ``export`` does to shuffle them."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from refinery.stage.base import Stage
from refinery.stage.documents import Docs


@dataclass(frozen=True)
class OrderRange:
    """A half-open range of the numbers that ``Ordered.order`` returns, for the documents of a split.

    Where a split has a range for each of several sources, each shard has an equal share of each, and their widths are
    one power of two, of which ``low`` is a multiple.
    """

    name: str
    low: int
    high: int
    source: str = ""

    @property
    def label(self) -> str:
        """The name by which the documents of the range are counted."""
        return f"{self.name}/{self.source}" if self.source else self.name


class Ordered(Stage):
    """A stage with ``shard_bytes`` that may sort the documents of the dataset. Nothing else may follow it.

    The segment before it writes the documents of each part sorted. Its own parts are ranges of ranks over all of them.
    """

    derived: ClassVar[frozenset[str]] = frozenset()
    """The fields that a source fills in before a run."""
    order_fields: ClassVar[tuple[str, ...]] = ()
    """The configuration fields that shape ``order``."""

    @abstractmethod
    def splits(self) -> tuple[OrderRange, ...]:
        """Return the ranges of ``order`` with files of their own; none to keep the order of the input."""

    def shard_estimate(self, documents: int, text: int, tokens: int) -> int:
        """Estimate the bytes in ``shard_column`` of documents with so many bytes of text, and tokens."""
        del documents, tokens
        return text

    @abstractmethod
    def order(self, docs: Docs) -> npt.NDArray[np.uint64]:
        """Return the numbers by which documents are sorted, uniform in each of the ``splits``; equal ones go by id.

        Documents of different sources are sorted by what is above the beginning of their range.
        """


def splits_of(stage: Stage) -> tuple[OrderRange, ...]:
    """Return the splits of a stage with an order of its own; none for another."""
    return stage.splits() if isinstance(stage, Ordered) else ()
