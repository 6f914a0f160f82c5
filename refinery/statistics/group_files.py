"""Counts by group in a root: Parquet of each part, which its receipt names, and merged for a stage beside its manifest.

The merged file saves reading all parts. It is used only where it is of exactly the parts that a manifest names.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence

import pyarrow as pa

from refinery.errors import StorageError
from refinery.identity import digest
from refinery.root.parquet import publish, read_rows, schema_of, write_table
from refinery.root.receipts import FileRef, Receipt
from refinery.root.root import Root
from refinery.statistics.groups import SCHEMA, Groups

ROW_GROUP = 1 << 16
PARTS, COUNTS = b"parts", b"counts"
"""The metadata of a merged file: digests of the keys of its parts, and of the content ids of their counts."""


def merged_path(folder: str, identity: str) -> str:
    """Return where the merged counts of a stage lie, below the root."""
    return f"{folder}/groups-{identity[:8]}.parquet"


def publish_groups(root: Root, counts: pa.Table, folder: str, part: int, key: str) -> tuple[str, FileRef]:
    """Write the counts of a part; return their content id and their file."""
    content, files = write_table(root, counts, ROW_GROUP)
    return content, publish(root, files, f"{folder}/stats/groups", part, key)[0]


def merge(root: Root, receipts: Iterable[Receipt]) -> pa.Table:
    """Add up the counts of parts, in their order. Raises StorageError where a part has none, or damaged ones."""
    total = Groups()
    for receipt in receipts:
        if receipt.groups is None:
            raise StorageError(
                f"{receipt.stage}, part {receipt.part}: its receipt names no counts by group",
                hint=f"`refinery run --from {receipt.stage}` makes it again",
            )
        total.merge(_read(root, receipt.groups.path))
    return total.table()


def write_merged(root: Root, folder: str, identity: str, receipts: Sequence[Receipt]) -> None:
    """Write the merged counts of a stage's parts, unless they are there."""
    marks = {
        PARTS: _digest([r.key for r in receipts]),
        COUNTS: _digest([r.contents.get("groups", "") for r in receipts]),
    }
    path = merged_path(folder, identity)
    with contextlib.suppress(StorageError):  # a damaged file is replaced
        if root.store.exists(root.full(path)) and _marks(root, path) == marks:
            return
    _, (file,) = write_table(root, merge(root, receipts).replace_schema_metadata(marks), ROW_GROUP)
    root.store.publish(file.temporary, root.full(path))


def read_merged(root: Root, folder: str, identity: str, keys: Sequence[str]) -> pa.Table | None:
    """Read the merged counts of the parts with these keys; None where there are none, or those of other parts."""
    path = merged_path(folder, identity)
    if not root.store.exists(root.full(path)) or _marks(root, path).get(PARTS) != _digest(keys):
        return None
    return _read(root, path)


def _read(root: Root, path: str) -> pa.Table:
    table = read_rows(root, path).replace_schema_metadata()
    if table.schema != SCHEMA:
        raise StorageError(f"{root.full(path)}: not counts by group", hint="`refinery verify` names all such")
    return table


def _marks(root: Root, path: str) -> dict[bytes, bytes]:
    metadata = schema_of(root, path).metadata or {}
    return {name: value for name, value in metadata.items() if name in (PARTS, COUNTS)}


def _digest(values: Sequence[str]) -> bytes:
    return digest(list(values)).encode()
