"""The receipts of a root for a planner: each is fetched once.

A receipt counts only while the files that it names exist in their sizes. Files are not read.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from itertools import count
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from refinery.errors import StorageError
from refinery.identity import part_key
from refinery.root.briefs import Brief, FilesBrief
from refinery.root.keys import Keys
from refinery.root.receipt_index import ROWS, ReceiptIndex, Rows
from refinery.root.receipt_sequence import Receipts
from refinery.root.receipts import Receipt
from refinery.root.root import Root
from refinery.store import is_remote

F = TypeVar("F", Receipt, FilesBrief)

Metrics = dict[tuple[str, ...], tuple[str, ...]]
"""The files with the metrics that a filter measured, by the contents that it measured."""

UNSEEN, COUNTS, OWN = range(3)
"""A row of an index: nobody looked for its files yet, they are there, or the receipt is among those in memory."""

ABSENT = np.iinfo(np.int64).min
"""The row of a receipt that does not exist."""


class ReceiptCache:
    """The receipts in the stages' folders of one root, and those that tasks have committed since."""

    def __init__(self, root: Root, folders: Sequence[str]) -> None:
        self._root = root
        self._folders = folders
        self._known: dict[tuple[str, str], Receipt] = {}
        self._indexes: dict[str, ReceiptIndex] = {}
        self._states: dict[str, npt.NDArray[np.int8]] = {}
        """By row of an index: UNSEEN, COUNTS or OWN."""
        self._listed: dict[str, set[str]] = {}
        self._last: tuple[ReceiptIndex | None, Sequence[str], Rows] = (None, (), np.zeros(0, np.int64))
        self._statistics: tuple[str, frozenset[str]] = ("", frozenset())
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
            self._take_up(folder, self._root.index(folder))
            if self._indexes[folder].files:
                self._listed.setdefault(folder, set(self._indexes[folder].loose))
        return self._indexes[folder]

    def reindex(self, folder: str) -> None:
        """Take up the index files that were written since, and let go of the receipts that they have."""
        counting = self.index(folder).keys(np.flatnonzero(self._states[folder] == COUNTS))
        known = [key for place, key in self._known if place == folder]
        index = self._root.index(folder)
        for key, row in zip(known, index.rows(known).tolist(), strict=True):
            if row >= 0:
                del self._known[folder, key]
        self._take_up(folder, index, counting + Keys(known))
        self._listed[folder] = set(index.loose)

    def _take_up(self, folder: str, index: ReceiptIndex, counting: Sequence[str] = ()) -> None:
        """Use an index. The files of the receipts with the keys ``counting`` were looked for already."""
        self._indexes[folder], self._states[folder] = index, np.zeros(len(index), np.int8)
        own = [key for receipts in (self._known, self._gone) for place, key in receipts if place == folder]
        for keys, state in ((counting, COUNTS), (own, OWN)):
            rows = index.rows(keys)
            self._states[folder][rows[rows >= 0]] = state

    def find(self, folder: str, key: str) -> Receipt | None:
        """Return the receipt of a key, if there is one and its files exist."""
        return next(self.find_all(folder, [key]))

    def find_all(self, folder: str, keys: Sequence[str]) -> Iterator[Receipt | None]:
        """Yield for each key what ``find`` returns. Receipts that an index has are not remembered."""
        return self._each(folder, keys, self.index(folder).receipts, lambda receipt: receipt)

    def briefs(self, folder: str, keys: Sequence[str]) -> Iterator[Brief | None]:
        """Yield the briefs of the receipts that ``find_all`` yields."""
        index = self.index(folder)
        return self._each(folder, keys, lambda rows: index.briefs(rows, FilesBrief), FilesBrief.of)

    def _each(
        self, folder: str, keys: Sequence[str], read: Callable[[Rows], Iterator[F]], of: Callable[[Receipt], F]
    ) -> Iterator[F | None]:
        """Yield what an index has of the receipts that count, and the same ``of`` those that no index has."""
        every = self._rows(folder, keys)
        for start in range(0, len(keys), ROWS):
            rows = every[start : start + ROWS]
            there = rows[rows >= 0]
            values = list(read(there))
            self._look_for_files(folder, there, values)
            counting = self._counting(folder, rows)
            if counting.all():
                yield from values
                continue
            some = iter(values)
            for place, row, counts in zip(count(start), rows.tolist(), counting.tolist(), strict=False):
                value = next(some) if row >= 0 else None
                receipt = None if counts else self._own(folder, keys[place])
                yield value if counts else None if receipt is None else of(receipt)

    def _rows(self, folder: str, keys: Sequence[str]) -> Rows:
        """Return the rows of keys in an index. Those that were just looked up are often asked for again."""
        index, (last, known, rows) = self.index(folder), self._last
        if last is not index or known != keys:
            rows = index.rows(keys)
            self._last = index, keys[:], rows  # a list may grow
        return rows

    def _counting(self, folder: str, rows: Rows) -> npt.NDArray[np.bool_]:
        """Return for each row True if it counts: its files are there, and no task has committed it anew."""
        counting = rows >= 0
        counting[counting] = self._states[folder][rows[counting]] != OWN
        return counting

    def _look_for_files(self, folder: str, rows: Rows, values: Sequence[F]) -> None:
        """Find the receipts of an index that do not count, for lack of a file."""
        states = self._states[folder]
        every = zip(rows.tolist(), values, (states[rows] == UNSEEN).tolist(), strict=True)
        new = [(row, value) for row, value, is_new in every if is_new]
        lacking = self._root.missing([value for _, value in new], self._statistics_in(folder) if new else ())
        for (row, _), path in zip(new, lacking, strict=True):
            states[row] = OWN if path else COUNTS
            if path:
                (receipt,) = self.index(folder).receipts(np.array([row]))
                self._gone[folder, receipt.key] = receipt, path

    def _statistics_in(self, folder: str) -> Container[str]:
        """Return the paths of the statistics of a local folder: a list of it takes a fifth of a look at each."""
        if self._statistics[0] != folder:
            names = () if is_remote(self._root.path) else self._root.store.names(self._root.full(f"{folder}/stats"))
            self._statistics = folder, frozenset(f"{folder}/stats/{name}" for name in names)
        return self._statistics[1]

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
        rows = self._rows(folder, keys).copy()
        own = np.flatnonzero(~self._counting(folder, rows))
        rows[own] = -1 - np.arange(len(own))
        return Receipts(self.index(folder), rows, [self._known[folder, keys[place]] for place in own.tolist()])

    def named(self, folder: str, keys: Sequence[str]) -> Receipts:
        """Return the receipts with these keys that exist, whether their files do or not; each is read once.

        Raises StorageError for a damaged one.
        """
        rows = self.index(folder).rows(keys)
        own = np.flatnonzero(~self._counting(folder, rows))
        wanted = [keys[place] for place in own.tolist()]
        known = {key: receipt for key in wanted if (receipt := self._read(folder, key)) is not None}
        unread = [key for key in dict.fromkeys(wanted) if key not in known]
        for key, one in zip(unread, self._root.own_receipts(folder, unread), strict=True):
            if isinstance(one, StorageError):
                raise one
            known |= {key: one} if one else {}
        places = {key: -1 - place for place, key in enumerate(known)}
        rows[own] = [places.get(key, ABSENT) for key in wanted]
        return Receipts(self.index(folder), rows[rows != ABSENT], [*known.values()])

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
        if folder in self._indexes:
            rows = self._indexes[folder].rows([receipt.key])
            self._states[folder][rows[rows >= 0]] = OWN

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
