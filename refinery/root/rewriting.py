"""Files of a root written again without some of their rows, under new names, to which a receipt is then switched."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from refinery.root.document_list import DocumentList, ids_of
from refinery.root.parquet import TableWriter, Written, open_parquet, schema_of, write_batches
from refinery.root.partitions import Contents, partition_of
from refinery.root.receipts import SIDES, FileRef
from refinery.root.root import Root
from refinery.stage.documents import ID, URL

RowNumbers = npt.NDArray[np.int64]

_PLACE = re.compile(r"(.*/)?([^/.]+?)(?:-t[0-9]+)?(\.[^/]*)")


def rewritten_path(path: str, takedown: int) -> str:
    """Return the path of a file that a takedown writes again: ``part-00000-3f2a91c4-t2.parquet``."""
    place = _PLACE.fullmatch(path)
    assert place is not None  # a run gives every file a suffix
    return f"{place[1] or ''}{place[2]}-t{takedown}{place[3]}"


@dataclass(frozen=True)
class MatchingRows:
    """The numbers of the rows of a file that match a list; with ``by_id`` False its documents have no ids of the root.

    Then only URLs were compared, if there are any (``by_url``).
    """

    rows: RowNumbers
    by_id: bool
    by_url: bool


def matching_rows(root: Root, path: str, listed: DocumentList) -> MatchingRows:
    """Find the rows of a Parquet file that match a list."""
    by_id, found, row = True, [np.zeros(0, np.int64)], 0
    with open_parquet(root, path) as file:
        names = [name for name in (ID.name, URL.name) if name in file.schema_arrow.names]
        for batch in _batches(file, names) if names else ():
            found.append(row + np.flatnonzero(listed.mask(batch).to_numpy(zero_copy_only=False)))
            by_id = by_id and ids_of(batch) is not None
            row += len(batch)
    return MatchingRows(np.concatenate(found), by_id and ID.name in names, URL.name in names)


def matching_documents(root: Root, path: str, listed: DocumentList) -> Iterator[tuple[bytes, str]]:
    """Yield the ids of the matching documents of a Parquet file, each with the entry that it matches."""
    with open_parquet(root, path) as file:
        names = [name for name in (ID.name, URL.name) if name in file.schema_arrow.names]
        for batch in _batches(file, names) if ID.name in names else ():
            ids = ids_of(batch) or ()
            yield from ((one, entry) for one, entry in zip(ids, listed.matches(batch), strict=False) if entry)


def without_rows(root: Root, file: FileRef, name: str, rows: RowNumbers, takedown: int) -> FileRef:
    """Write a Parquet file again without some rows, as a run writes files of this name."""
    with open_parquet(root, file.path) as source:
        batches = _others(_batches(source), rows)
        if name in SIDES:
            writer = TableWriter(root, source.schema_arrow, write=True)
            for batch in batches:
                writer.add(batch)
            _, (written,) = writer.close()
        else:
            group = source.metadata.row_group(0).num_rows if source.metadata.num_row_groups else 1
            _, (written,) = write_batches(root, source.schema_arrow, batches, group)
    return _published(root, file, written, takedown)


def has_texts(root: Root, path: str) -> bool:
    """Return True if the index of a map has values of variable length, which may be texts."""
    return any(_varies(field.type) for field in schema_of(root, path))


def emptied(root: Root, file: FileRef, rows: RowNumbers, takedown: int) -> FileRef:
    """Write a file of a map again with empty values, where they may be texts, in some rows.

    Hashes, numbers and ids stay, and so does the number of each row.
    """
    with open_parquet(root, file.path) as source:
        schema = source.schema_arrow
        columns = [field.name for field in schema if _varies(field.type)]
        group = source.metadata.row_group(0).num_rows if source.metadata.num_row_groups else 1
        batches = _emptied(_batches(source), columns, rows)
        _, (written,) = write_batches(root, schema, batches, group)
    return _published(root, file, written, takedown)


def _varies(kind: pa.DataType) -> bool:
    of_texts = (pa.types.is_string, pa.types.is_binary, pa.types.is_list, pa.types.is_struct)
    return any(is_kind(kind) for is_kind in of_texts)


def content_of(root: Root, files: Sequence[FileRef]) -> str:
    """Return the content id of all rows of the files of a name."""
    content: Contents | None = None
    for file in files:
        with open_parquet(root, file.path) as source:
            content = content or Contents(source.schema_arrow)
            for batch in _batches(source):
                content.update(batch, partition_of(file.path))
    assert content is not None  # a name has a file at least
    return content.id()


def _published(root: Root, file: FileRef, written: Written, takedown: int) -> FileRef:
    path = rewritten_path(file.path, takedown)
    root.store.publish(written.temporary, root.full(path))
    return written.at(path)


def _batches(file: pq.ParquetFile, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    for group in range(file.metadata.num_row_groups):
        yield from file.read_row_group(group, columns=columns, use_threads=False).combine_chunks().to_batches()


def _others(batches: Iterator[pa.RecordBatch], rows: RowNumbers) -> Iterator[pa.RecordBatch]:
    start = 0
    for batch in batches:
        mask = np.ones(len(batch), bool)
        mask[_inside(rows, start, len(batch))] = False
        start += len(batch)
        yield batch if mask.all() else batch.filter(pa.array(mask))


def _emptied(batches: Iterator[pa.RecordBatch], columns: Sequence[str], rows: RowNumbers) -> Iterator[pa.RecordBatch]:
    start = 0
    for batch in batches:
        here = _inside(rows, start, len(batch))
        start += len(batch)
        values = [
            _without_values(batch.column(name), here) if name in columns and len(here) else batch.column(name)
            for name in batch.schema.names
        ]
        yield pa.RecordBatch.from_arrays(values, schema=batch.schema)


def _without_values(column: pa.Array, rows: RowNumbers) -> pa.Array:
    """Return the column with the empty value in some rows."""
    kind: Any = column.type
    if pa.types.is_struct(kind):
        nothing = pa.nulls(1, kind)
    else:
        nothing = pa.array([[] if pa.types.is_list(kind) else "" if pa.types.is_string(kind) else b""], kind)
    places = np.arange(len(column))
    places[rows] = len(column)
    return pa.concat_arrays([column, nothing]).take(pa.array(places))


def _inside(rows: RowNumbers, start: int, count: int) -> RowNumbers:
    return rows[(rows >= start) & (rows < start + count)] - start
