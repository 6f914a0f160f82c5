"""Reads an input of a part by its source: a file, or the records of archives that a record list names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from refinery.root.record_lists import list_content, read_list
from refinery.stage.base import Records, Source, Watch
from refinery.stage.documents import FILE_HEAD
from refinery.stage.pointed import PointedSource, Pointers
from refinery.store import store_for
from refinery.store.spans import merged


def read_input(source: Source, path: str, watch: Watch | None = None) -> Iterator[Records]:
    """Yield the records of an input, in its order; with ``watch``, as ``Source.read_watched``. Raises StorageError."""
    if list_content(path):
        assert isinstance(source, PointedSource)  # as preflight found
        return _listed(source, path, watch)
    store = store_for(path)
    return source.read(path, store) if watch is None else source.read_watched(path, store, watch)


def _listed(source: PointedSource, path: str, watch: Watch | None) -> Iterator[Records]:
    """Yield the records that a list names, archive after archive."""
    row = 0
    for one in read_list(path):
        base = row

        def shifted(number: int, base: int = base) -> bool:
            return watch is None or watch(base + number)

        spans = merged(one.offsets, one.lengths, FILE_HEAD)
        pointers = Pointers(one.offsets, one.lengths)
        with closing(store_for(one.archive).open_spans(one.archive, spans)) as stream:
            for records in source.read_records(one.archive, pointers, stream, shifted if watch else None):
                row += len(next(iter(records.columns.values())))
                yield records
