"""The receipts of a root for a planner: each is fetched once.

A receipt counts only while the files that it names exist in their sizes. Files are not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from refinery.errors import StorageError
from refinery.identity import part_key
from refinery.root.briefs import Brief
from refinery.root.receipt_index import ROWS, ReceiptIndex, Rows
from refinery.root.receipt_sequence import Receipts
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
        self._indexes: dict[str, ReceiptIndex] = {}
        self._checked: dict[str, npt.NDArray[np.bool_]] = {}
        """By row of an index: True once the files that the receipt names were looked for."""
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
                index = self.index(folder)
                keys = sorted(index.loose) if index.files else self._root.receipt_keys(folder)
                self._listed[folder] = set(keys)
                read = zip(keys, self._root.own_receipts(folder, keys), strict=True)
                self._take(folder, {key: receipt for key, receipt in read if isinstance(receipt, Receipt)})

    def index(self, folder: str) -> ReceiptIndex:
        """Return the index of a folder, as it was when it was first asked for."""
        if folder not in self._indexes:
            self._indexes[folder] = index = self._root.index(folder)
            self._checked[folder] = np.zeros(len(index), np.bool_)
            if index.files:
                self._listed.setdefault(folder, set(index.loose))
        return self._indexes[folder]

    def reindex(self, folder: str) -> None:
        """Take up the index files that were written since, and let go of the receipts that they have."""
        before = self._indexes.pop(folder, None)
        checked = self._checked.pop(folder, None)
        known = [key for place, key in self._known if place == folder]
        if before is not None and checked is not None:
            known += before.keys(np.flatnonzero(checked))
        index = self.index(folder)
        self._listed[folder] = set(index.loose)
        rows = index.rows(known)
        for key, row in zip(known, rows.tolist(), strict=True):
            if row >= 0:
                self._known.pop((folder, key), None)
        self._checked[folder][rows[rows >= 0]] = True

    def find(self, folder: str, key: str) -> Receipt | None:
        """Return the receipt of a key, if there is one and its files exist."""
        return next(self.find_all(folder, [key]))

    def find_all(self, folder: str, keys: Sequence[str]) -> Iterator[Receipt | None]:
        """Yield for each key what ``find`` returns. Receipts that an index has are not remembered."""
        index = self.index(folder)
        for some, rows in self._batches(folder, keys):
            unseen = rows[rows >= 0]
            unseen = unseen[~self._checked[folder][unseen]]
            self._look_for_files(folder, unseen, list(index.briefs(unseen)))
            indexed = self._indexed(folder, some, rows)
            receipts = index.receipts(rows[indexed])
            if indexed.all():
                yield from receipts
                continue
            for key, is_indexed in zip(some, indexed.tolist(), strict=True):
                yield next(receipts) if is_indexed else self._own(folder, key)

    def briefs(self, folder: str, keys: Sequence[str]) -> Iterator[Brief | None]:
        """Yield the briefs of the receipts that ``find_all`` yields."""
        for some, rows in self._batches(folder, keys):
            there = rows[rows >= 0]
            read = list(self.index(folder).briefs(there))
            self._look_for_files(folder, there, read)
            indexed, briefs = self._indexed(folder, some, rows), iter(read)
            if indexed.all():
                yield from read
                continue
            for key, row, is_indexed in zip(some, rows.tolist(), indexed.tolist(), strict=True):
                brief = next(briefs) if row >= 0 else None
                receipt = None if is_indexed else self._own(folder, key)
                yield brief if is_indexed else None if receipt is None else Brief.of(receipt)

    def _batches(self, folder: str, keys: Sequence[str]) -> Iterator[tuple[Sequence[str], Rows]]:
        rows = self.index(folder).rows(keys)
        for start in range(0, len(keys), ROWS):
            yield keys[start : start + ROWS], rows[start : start + ROWS]

    def _indexed(self, folder: str, keys: Sequence[str], rows: Rows) -> npt.NDArray[np.bool_]:
        """Return for each key True if its row counts: its files are there, and no task has committed it anew."""
        if not self._known and not self._gone:
            return rows >= 0
        own = [(folder, key) in self._known or (folder, key) in self._gone for key in keys]
        return (rows >= 0) & ~np.array(own, np.bool_)

    def _look_for_files(self, folder: str, rows: Rows, briefs: Sequence[Brief]) -> None:
        """Find the receipts of an index that do not count, for lack of a file."""
        checked = self._checked[folder]
        every = zip(rows.tolist(), briefs, checked[rows].tolist(), strict=True)
        new = [(row, brief) for row, brief, done in every if not done]
        for (row, _), path in zip(new, self._root.missing([brief for _, brief in new]), strict=True):
            if path:
                (receipt,) = self.index(folder).receipts(np.array([row]))
                self._gone[folder, receipt.key] = receipt, path
        checked[rows] = True

    def _own(self, folder: str, key: str) -> Receipt | None:
        """Return the receipt of a key that no index has."""
        place = folder, key
        if place not in self._known and place not in self._gone and key in self._listed.get(folder, {key}):
            receipt = self._root.receipt(folder, key)
            self._take(folder, {} if receipt is None else {key: receipt})
        if place in self._gone:
            receipt, path = self._gone[place]
            self.lost[path] = receipt
        return self._known.get(place)

    def sequence(self, folder: str, keys: Sequence[str]) -> Receipts:
        """Return the receipts of keys of which ``find_all`` yielded all, to be read again when they are asked for."""
        own = [(folder, key) in self._known for key in keys]
        rows = self.index(folder).rows(keys)
        others = [self._known[folder, key] for key, known in zip(keys, own, strict=True) if known]
        rows[np.flatnonzero(own)] = -1 - np.arange(len(others))
        return Receipts(self.index(folder), rows, others)

    def named(self, folder: str, keys: Sequence[str]) -> Receipts:
        """Return the receipts with these keys that exist, whether their files do or not; each is read once.

        Raises StorageError for a damaged one.
        """
        rows = self.index(folder).rows(keys)
        own = [key for key, row in zip(keys, rows.tolist(), strict=True) if row < 0 or (folder, key) in self._known]
        known = {key: receipt for key in own if (receipt := self._read(folder, key)) is not None}
        unread = [key for key in own if key not in known]
        read = zip(unread, self._root.own_receipts(folder, unread), strict=True)
        for key, one in read:
            if isinstance(one, StorageError):
                raise one
            known |= {key: one} if one else {}
        places = {key: -1 - place for place, key in enumerate(known)}
        wanted = set(own)
        there = [(k, row) for k, row in zip(keys, rows.tolist(), strict=True) if k in known or k not in wanted]
        return Receipts(
            self.index(folder), np.array([places.get(key, row) for key, row in there], np.int64), [*known.values()]
        )

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
        remote = is_remote(self._root.path)
        receipts = [*known, *self.index(folder).every()] if remote else self._root.readable(folder).values()
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
