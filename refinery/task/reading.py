"""Reads the input of a part by its source: a file, or the files that a list names, whole or some records of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from refinery.root.input_lists import ListedFile, list_content, read_list
from refinery.stage.base import Records, Source, Watch
from refinery.stage.documents import FILE_HEAD
from refinery.stage.pointed import PointedSource, Pointers
from refinery.store import store_for
from refinery.store.spans import merged


def input_files(path: str) -> Iterator[ListedFile]:
    """Yield the files that an input of a part leads to: those of a list, or the file itself. Raises StorageError."""
    return read_list(path) if list_content(path) else iter([ListedFile(path)])


def read_input(source: Source, file: ListedFile, watch: Watch | None = None) -> Iterator[Records]:
    """Yield the records of a file, in its order; with ``watch``, as ``Source.read_watched``. Raises StorageError."""
    store = store_for(file.path)
    if len(file.offsets):
        assert isinstance(source, PointedSource)  # as preflight found
        return _chosen(source, file, watch)
    return source.read(file.path, store) if watch is None else source.read_watched(file.path, store, watch)


def _chosen(source: PointedSource, file: ListedFile, watch: Watch | None) -> Iterator[Records]:
    """Yield the chosen records of a file."""
    spans = merged(file.offsets, file.lengths, FILE_HEAD)
    pointers = Pointers(file.offsets, file.lengths)
    with closing(store_for(file.path).open_spans(file.path, spans)) as stream:
        yield from source.read_records(file.path, pointers, stream, watch)
