"""The check of indexes: what they have copied is what receipts and statistics have."""

from __future__ import annotations

from collections.abc import Iterator

from refinery.errors import StorageError
from refinery.inspect.reader import Finding, StageEntry
from refinery.root.briefs import FilesBrief
from refinery.root.receipt_index import IndexFile, ReceiptIndex
from refinery.root.receipts import Receipt
from refinery.root.root import Root
from refinery.root.statistics import merged


def check_indexes(root: Root, entry: StageEntry) -> Iterator[Finding]:
    """Compare the rows that count with receipts, and sums with the statistics of parts. Reads every receipt."""
    index = root.index(entry.folder)
    for file in index.files:
        path = file.path.removeprefix(f"{root.path}/")
        wrong = _wrong_rows(root, entry, index, file)
        if wrong:
            yield Finding(f"its copy of the receipt {wrong[:8]} is another; delete the file", entry.name, file=path)
        elif not _is_sum(root, entry, index, file):
            yield Finding("its sum is not that of the statistics of its parts; delete the file", entry.name, file=path)


def _wrong_rows(root: Root, entry: StageEntry, index: ReceiptIndex, file: IndexFile) -> str:
    """Return the key of the first receipt that differs from its copies, "" for none."""
    keys = index.valid(file)
    rows = index.rows(keys)
    copies = zip(index.receipts(rows), index.briefs(rows, FilesBrief), strict=True)
    for key, own, (receipt, brief) in zip(keys, root.own_receipts(entry.folder, keys), copies, strict=True):
        if isinstance(own, Receipt) and (own != receipt or FilesBrief.of(own) != brief):
            return key
    return ""


def _is_sum(root: Root, entry: StageEntry, index: ReceiptIndex, file: IndexFile) -> bool:
    """Return True if a sum that counts is that of the statistics."""
    keys = index.keys_of(file)
    for total, places in index.sums(index.rows(keys)):
        receipts = zip(places, root.own_receipts(entry.folder, [keys[place] for place in places]), strict=True)
        try:
            parts = [root.statistics(one, place) for place, one in receipts if isinstance(one, Receipt)]
        except StorageError:
            continue  # a finding of the counts
        if merged(parts) != total:
            return False
    return True
