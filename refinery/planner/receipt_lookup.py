"""The look-ups of a walk: what tasks have committed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from refinery.root.briefs import Brief
from refinery.root.receipts import Receipt


class ReceiptLookup(Protocol):
    """Finds what tasks have committed."""

    def find(self, folder: str, key: str) -> Receipt | None:
        """The receipt of a key, if there is one and its files are there."""

    def find_all(self, folder: str, keys: Sequence[str]) -> Iterator[Receipt | None]:
        """The receipts of many keys, one after another."""

    def briefs(self, folder: str, keys: Sequence[str]) -> Iterator[Brief | None]:
        """The briefs of the receipts of many keys, one after another."""

    def sequence(self, folder: str, keys: Sequence[str]) -> Sequence[Receipt]:
        """The receipts of keys that have one, which need not be in memory."""

    def is_fresh(self, key: str) -> bool:
        """True if a task of this run committed it, so that a forced stage is not run again."""

    def metrics(self, folder: str, measure: str) -> Mapping[tuple[str, ...], tuple[str, ...]]:
        """Files with the metrics of a filter, by the contents that it measured."""
