"""The rows of a root that a takedown removes: which files have them, and those files written again without them.

All receipts of all stages are looked at, those of previous recipes included. A receipt is switched to the new files at
once, so a takedown that is killed is completed by doing it again: what it has done is recorded in the receipts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from msgspec import structs

from refinery.errors import Refused
from refinery.root.document_list import DocumentList
from refinery.root.partitions import partition_of
from refinery.root.receipts import SHARDS, FileRef, Receipt, TakenDown, TakenRows
from refinery.root.rewriting import (
    MatchingRows,
    RowNumbers,
    content_of,
    emptied,
    has_texts,
    matching_documents,
    matching_rows,
    without_rows,
)
from refinery.root.root import Root
from refinery.runner.exports import Exports

STAGE = re.compile(r"([0-9]{2,})-[a-z][a-z0-9_-]*")

OF_MAPS = ("index", "keys")
"""Names of files whose rows keep their number."""

NONE = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Removal:
    """Rows to remove from the files of one receipt, by the name of the files: their numbers in all files of a name."""

    folder: str
    receipt: Receipt
    rows: Mapping[str, RowNumbers]
    whole: bool = False
    """True if all files go and the receipt with them: what a previous recipe made, which cannot be made again."""

    @property
    def rewrites_shards(self) -> bool:
        """True if shards are written again, for which the stages of the recipe are needed."""
        return SHARDS in self.rows and not self.whole

    def files(self) -> Iterator[tuple[str, int | None]]:
        """Yield the path of each file that has some of the rows, with their number; None if it is to be deleted."""
        if self.whole:
            yield from ((file.path, None) for files in self.receipt.files.values() for file in files)
            return
        for name, rows in self.rows.items():
            yield from ((file.path, len(here)) for file, here in _by_file(self.receipt.files[name], rows) if len(here))


class RemovalSearch:
    """Finds the rows of documents in all receipts of a root; ``takedown`` numbers those that receipts record."""

    def __init__(self, root: Root, takedown: int, previous: frozenset[bytes] = frozenset()) -> None:
        self._root, self._takedown, self._previous = root, takedown, previous
        self._exports = Exports(root)
        folders = [name for name in root.store.folders(root.path) if STAGE.fullmatch(name)]
        self.receipts = {folder: _whole(root, root.receipts_of(folder)) for folder in folders}

    def read_recipe(self) -> None:
        """Read the recipe of the root. Raises RecipeError where it names files that nobody has allowed to open."""
        _ = self._exports.pipeline

    def documents(self, listed: DocumentList) -> dict[bytes, str]:
        """Return the documents that match, by their ids, each with the entry that it matches."""
        found: dict[bytes, str] = {}
        for _, receipt in self._all():
            for name in _names_of_rows(receipt) if receipt.kind != "map" else ():
                for file in receipt.files[name]:
                    for identity, entry in matching_documents(self._root, file.path, listed):
                        found.setdefault(identity, entry)
        return found

    def removals(self, listed: DocumentList) -> Iterator[Removal]:
        """Yield the rows of matching documents that are left. Raises Refused where they cannot be identified."""
        for folder, receipt in self._all():
            current = SHARDS not in receipt.files or self._exports.has(folder, receipt)
            try:
                rows = dict(self._rows(folder, receipt, listed))
            except Refused:
                if self._exports.has(folder, receipt):
                    raise
                rows, current = {"kept": NONE}, False
            if rows:
                yield Removal(folder, receipt, rows, whole=not current)

    def remove(self, removal: Removal, listed: DocumentList) -> None:
        """Write the files again without the rows, switch the receipt to them, and delete those that it named before."""
        receipt = removal.receipt
        if removal.whole:
            self._root.withdraw(removal.folder, receipt.key)
        else:
            self._root.commit(removal.folder, self._without(removal, listed))
        for path, _ in removal.files():
            self._root.store.delete(self._root.full(path))

    def _without(self, removal: Removal, listed: DocumentList) -> Receipt:
        """Write the files again, and return the receipt that names them."""
        receipt, root = removal.receipt, self._root
        files, taken = dict(receipt.files), dict(receipt.taken_down)
        for name, rows in removal.rows.items():
            if name == SHARDS:
                sources = self._input(removal.folder, receipt)
                files[name] = self._exports.rewritten(receipt, rows, sources, listed, self._takedown)
            else:
                files[name] = tuple(
                    _replaced(root, file, name, here, self._takedown) if len(here) else file
                    for file, here in _by_file(receipt.files[name], rows)
                )
            before = taken[name].taken if name in taken else ()
            now = TakenRows(takedown=self._takedown, rows=tuple(rows.tolist()))
            content = "" if name == SHARDS else content_of(root, files[name])
            taken[name] = TakenDown(content=content, taken=(*before, now))
        shown = any(len(removal.rows[name]) for name in ("kept", SHARDS) if name in removal.rows)
        previews = () if shown else receipt.previews
        return structs.replace(receipt, files=files, taken_down=taken, previews=previews)

    def _all(self) -> Iterator[tuple[str, Receipt]]:
        """Yield all receipts, what is made from others before these: the last stages, and shards before sorted runs."""
        for folder in sorted(self.receipts, reverse=True):
            yield from ((folder, one) for one in sorted(self.receipts[folder], key=lambda one: one.kind == "map"))

    def _rows(self, folder: str, receipt: Receipt, listed: DocumentList) -> Iterator[tuple[str, RowNumbers]]:
        names = [*_names_of_rows(receipt), *(name for name in ("index", SHARDS) if name in receipt.files)]
        for name in names:
            if name in receipt.taken_down and receipt.taken_down[name].by(self._takedown) is not None:
                continue
            rows = self._rows_of(folder, receipt, name, listed)
            if name in OF_MAPS and name in receipt.taken_down:
                emptied_before = [row for one in receipt.taken_down[name].taken for row in one.rows]
                rows = np.setdiff1d(rows, np.array(emptied_before, np.int64))
            if len(rows):
                yield name, rows

    def _rows_of(self, folder: str, receipt: Receipt, name: str, listed: DocumentList) -> RowNumbers:
        """Return the numbers of matching rows in all files of a name."""
        if name == "index":
            return self._mapped(folder, receipt, listed)
        if name == SHARDS:
            return self._gathered(folder, receipt, listed)
        found = [matching_rows(self._root, file.path, listed) for file in receipt.files[name]]
        if all(one.by_id or not file.rows for one, file in zip(found, receipt.files[name], strict=True)):
            return _together(receipt.files[name], found)
        if name == "kept" and (_keeps_order(receipt) or receipt.ranks is not None):
            return self._gathered(folder, receipt, listed)
        if all(one.by_url for one in found):
            return _together(receipt.files[name], found)
        raise _unidentified(folder)

    # ---------------------------------------------------------------------------------------------- rows by their place

    def _mapped(self, folder: str, receipt: Receipt, listed: DocumentList) -> RowNumbers:
        """Return the rows of a global stage's index: those of the documents that it mapped, as they were then."""
        source = self._source(folder, receipt.inputs[-1])
        if source is None or not has_texts(self._root, receipt.files["index"][0].path):
            return NONE
        rows = self._taken_from(source, listed)
        before = [one for one in _history(source) if one.takedown != self._takedown]
        left = source.rows["kept"]
        for number, one in enumerate(before):
            if left == receipt.rows["in"]:
                before = before[number:]
                break
            left -= len(one.rows)
        else:
            before = []
        for one in reversed(before):
            rows = as_before(rows, np.array(one.rows, np.int64))
        return rows

    def _gathered(self, folder: str, receipt: Receipt, listed: DocumentList) -> RowNumbers:
        """Return the rows of a stage that keeps all documents of some parts in their order."""
        known = self._input(folder, receipt)
        if receipt.ranks is not None and self._exports.has(folder, receipt):
            return self._exports.ranked(receipt, known, listed, self._previous)
        if len(known) != len(receipt.inputs) or not _keeps_order(receipt):
            raise _unidentified(folder)
        found, start = [NONE], 0
        for source in known:
            found.append(start + self._taken_from(source, listed))
            start += source.rows["kept"] - sum(
                len(one.rows) for one in _history(source) if one.takedown != self._takedown
            )
        return np.concatenate(found)

    def _input(self, folder: str, receipt: Receipt) -> list[Receipt]:
        """Return the receipts of the rows that a stage gathers: sorted runs, or kept rows of the stage before."""
        if receipt.ranks is not None and self._exports.has(folder, receipt):
            return self._exports.runs(self.receipts[folder])
        sources = [self._source(folder, content) for content in receipt.inputs]
        return [source for source in sources if source is not None]

    def _taken_from(self, source: Receipt, listed: DocumentList) -> RowNumbers:
        """Return the kept rows that this takedown removes from a receipt, or has removed."""
        done = source.taken_down["kept"].by(self._takedown) if "kept" in source.taken_down else None
        if done is not None:
            return np.array(done, np.int64)
        files = source.files.get("kept", ())
        return _together(files, [matching_rows(self._root, file.path, listed) for file in files])

    def _source(self, folder: str, content: str) -> Receipt | None:
        """Return the receipt whose kept rows have a content id, of the stage before if there is one."""
        candidates = self._by_content.get(content, [])
        position = _position(folder)
        return next(
            (one for other, one in candidates if _position(other) == position - 1),
            next((one for other, one in candidates if other != folder), None),
        )

    @cached_property
    def _by_content(self) -> dict[str, list[tuple[str, Receipt]]]:
        found: dict[str, list[tuple[str, Receipt]]] = {}
        for folder, receipt in self._all():
            if receipt.kind == "stage" and receipt.files.get("kept"):
                found.setdefault(receipt.contents["kept"], []).append((folder, receipt))
        return found


def as_before(rows: RowNumbers, taken: RowNumbers) -> RowNumbers:
    """Return the numbers that rows had before the rows ``taken``, which are sorted, were removed."""
    moved: RowNumbers = rows + np.searchsorted(taken - np.arange(len(taken)), rows, side="right")
    return moved


def _replaced(root: Root, file: FileRef, name: str, rows: RowNumbers, takedown: int) -> FileRef:
    if name in OF_MAPS:
        return emptied(root, file, rows, takedown)
    return without_rows(root, file, name, rows, takedown)


def _names_of_rows(receipt: Receipt) -> list[str]:
    """Return the names of a receipt's Parquet files of documents: those of a global stage's rounds have hashes."""
    if receipt.kind == "stage":
        return [name for name in ("kept", "removed") if name in receipt.files]
    if receipt.kind == "audit":
        return list(receipt.files)
    return ["keys"] if receipt.kind == "map" and "keys" in receipt.files and "index" not in receipt.files else []


def _whole(root: Root, receipts: list[Receipt]) -> list[Receipt]:
    """Return the receipts whose files are there: no other counts for a run."""
    return [receipt for receipt, lost in zip(receipts, root.missing(receipts), strict=True) if not lost]


def _keeps_order(receipt: Receipt) -> bool:
    folders = [partition_of(file.path) for file in receipt.files.get("kept", ())]
    return receipt.ranks is None and receipt.rows["in"] == receipt.rows["kept"] and not any(folders)


def _history(receipt: Receipt) -> tuple[TakenRows, ...]:
    return receipt.taken_down["kept"].taken if "kept" in receipt.taken_down else ()


def _together(files: tuple[FileRef, ...], matching: list[MatchingRows]) -> RowNumbers:
    rows, start = [NONE], 0
    for file, one in zip(files, matching, strict=True):
        rows.append(start + one.rows)
        start += file.rows
    return np.concatenate(rows)


def _by_file(files: tuple[FileRef, ...], rows: RowNumbers) -> Iterator[tuple[FileRef, RowNumbers]]:
    start = 0
    for file in files:
        yield file, rows[(rows >= start) & (rows < start + file.rows)] - start
        start += file.rows


def _position(folder: str) -> int:
    return int(folder.partition("-")[0])


def _unidentified(folder: str) -> Refused:
    return Refused(
        f"{folder}: its files have neither ids nor URLs, so the rows of a document cannot be found in them",
        hint="export with the column id or url; or delete the files of this stage and run it again afterwards",
    )
