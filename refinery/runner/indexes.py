"""Writing indexes of receipts (``refinery.root.receipt_index``), with the sums of their parts' statistics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from refinery.errors import StorageError
from refinery.identity import digest
from refinery.root.receipt_index import LARGEST, ROWS, Entry, index_file
from refinery.root.receipts import Receipt, encoded
from refinery.root.root import Root
from refinery.root.statistics import Statistics, merged

_AT_ONCE = 20
"""Files' worth of receipts in memory: those of consecutive parts come into one file."""


def write_indexes(root: Root, folder: str) -> None:
    """Index the receipts of a stage that no index has, if they are many; delete files of which few rows count.

    Others may commit, replace and delete receipts meanwhile: tags are older than what is read.
    """
    index = root.index(folder)
    stale = [file for file in index.files if 2 * len(index.valid(file)) < file.rows]
    loose = sorted(index.loose) if index.files else root.receipt_keys(folder)
    loose += [key for file in stale for key in index.valid(file)]
    for entries, total in _files(root, folder, loose):
        name = digest([[one.receipt.key, one.tag, one.counted] for one in entries])[:16]
        root.store.put(root.full(f"{folder}/index/{name}.arrow"), index_file(entries, total))
    for path in (*index.damaged, *(file.path for file in stale)):
        root.store.delete(path)


def _files(root: Root, folder: str, keys: Sequence[str]) -> Iterator[tuple[list[Entry], Statistics | None]]:
    """Yield the receipts of each index file, in order of parts, and the sum of their statistics."""
    tags = [root.store.tags(root.full(f"{folder}/{name}")) for name in ("receipts", "stats")]
    left: list[Receipt] = []
    for start in range(0, len(keys), _AT_ONCE * ROWS):
        read = root.own_receipts(folder, keys[start : start + _AT_ONCE * ROWS])
        left += [one for one in read if isinstance(one, Receipt) and len(encoded(one)) <= LARGEST]
        left.sort(key=lambda one: (one.kind, one.part, one.key))
        while len(left) >= ROWS:
            some, left = left[:ROWS], left[ROWS:]
            there = [one for one in some if f"{one.key}.json" in tags[0]]
            if there:
                yield _entries(root, there, *tags)


def _entries(
    root: Root, receipts: Sequence[Receipt], own: Mapping[str, str], counted: Mapping[str, str]
) -> tuple[list[Entry], Statistics | None]:
    entries, statistics = [], []
    for row, receipt in enumerate(receipts):
        tag = counted.get(receipt.statistics.rpartition("/")[2]) if receipt.kind == "stage" else None
        if tag is not None:
            try:
                statistics.append(root.statistics(receipt, row))
            except StorageError:  # the next run makes the part again
                tag = None
        entries.append(Entry(receipt, own[f"{receipt.key}.json"], tag))
    return entries, merged(statistics) if statistics else None
