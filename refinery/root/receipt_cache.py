"""The receipts of a root for a planner: each is fetched once.

A receipt counts only while the files that it names exist in their sizes. Files are not read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from refinery.identity import part_key
from refinery.root.receipts import Receipt
from refinery.root.root import Root
from refinery.store import is_remote

Metrics = dict[tuple[str, ...], tuple[str, ...]]
"""The files with the metrics that a filter measured, by the contents that it measured."""


class ReceiptCache:
    """The receipts in the stages' folders of one root, and those that tasks have committed since."""

    def __init__(self, root: Root, folders: Sequence[str]) -> None:
        self._root = root
        self._folders = folders
        self._known: dict[tuple[str, str], Receipt] = {}
        self._listed: dict[str, set[str]] = {}
        self._gone: dict[tuple[str, str], tuple[Receipt, str]] = {}
        self._fresh: set[str] = set()
        self._metrics: dict[tuple[str, str], Metrics] = {}
        self.lost: dict[str, Receipt] = {}
        """Receipts that were looked up and do not count, by the first file that each lacks."""

    def fetch(self) -> None:
        """Fetch the receipts of a remote root many at a time, once: each by itself would be a request."""
        for folder in self._folders if is_remote(self._root.path) else ():
            if folder not in self._listed:
                listed = self._root.readable(folder)
                self._listed[folder] = set(listed)
                self._take(folder, {key: receipt for key, receipt in listed.items() if receipt is not None})

    def find(self, folder: str, key: str) -> Receipt | None:
        """Return the receipt of a key, if there is one and its files exist."""
        place = folder, key
        if place not in self._known and place not in self._gone and key in self._listed.get(folder, {key}):
            receipt = self._root.receipt(folder, key)
            self._take(folder, {} if receipt is None else {key: receipt})
        if place in self._gone:
            receipt, path = self._gone[place]
            self.lost[path] = receipt
        return self._known.get(place)

    def named(self, folder: str, keys: Sequence[str]) -> list[Receipt]:
        """Return the receipts with these keys that exist, whether their files do or not; each is read once.

        Raises StorageError for a damaged one.
        """
        known = {key: receipt for key in keys if (receipt := self._read(folder, key)) is not None}
        unread = [key for key in keys if key not in known]
        known |= {receipt.key: receipt for receipt in self._root.receipts(folder, unread)}
        return [known[key] for key in keys if key in known]

    def _read(self, folder: str, key: str) -> Receipt | None:
        place = folder, key
        return self._gone[place][0] if place in self._gone else self._known.get(place)

    def _take(self, folder: str, receipts: Mapping[str, Receipt]) -> None:
        """Sort receipts into those that count and those that lack a file."""
        for (key, receipt), path in zip(receipts.items(), self._root.missing(list(receipts.values())), strict=True):
            if path:
                self._gone[folder, key] = receipt, path
            else:
                self._known[folder, key] = receipt

    def add(self, folder: str, receipt: Receipt) -> None:
        """Add a receipt that a task has committed."""
        self._fresh.add(receipt.key)
        self._gone.pop((folder, receipt.key), None)
        self._known[folder, receipt.key] = receipt

    def is_fresh(self, key: str) -> bool:
        """Return True if a task committed it in this run."""
        return key in self._fresh

    def made_from(self, folder: str, identity: str) -> dict[int, set[str]]:
        """Return the inputs of each part of a source, by all its receipts of one identity."""
        known = [receipt for (place, _), receipt in self._known.items() if place == folder]
        receipts = known if is_remote(self._root.path) else self._root.readable(folder).values()
        inputs: dict[int, set[str]] = {}
        for receipt in receipts:
            if receipt is not None and receipt.key == part_key(identity, receipt.inputs):
                inputs.setdefault(receipt.part, set()).add(receipt.inputs[0])
        return inputs

    def metrics(self, folder: str, measure: str) -> Metrics:
        """Return the metrics that a filter of this measure identity has stored, under any thresholds."""
        if (folder, measure) not in self._metrics:
            manifests = [each for each in self._root.manifests_of(folder) if each.measure == measure]
            receipts = [each for one in manifests for each in self._root.receipts(folder, one.parts)]
            stored = [each for each in receipts if "removed" in each.files]
            lacking = self._root.missing(stored)
            whole = (each for each, path in zip(stored, lacking, strict=True) if not path)
            self._metrics[folder, measure] = {
                each.inputs: tuple(file.path for side in ("kept", "removed") for file in each.files[side])
                for each in whole
            }
        return self._metrics[folder, measure]
