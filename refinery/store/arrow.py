"""A store as a pyarrow file system, for reading the Parquet files of a root as one dataset."""

from __future__ import annotations

from typing import Any, NoReturn

import pyarrow as pa
from pyarrow import fs

from refinery.store.base import Store


def file_system(store: Store) -> fs.FileSystem:
    """Return a read-only file system with the store's paths."""
    return fs.PyFileSystem(_StoreHandler(store))


class _StoreHandler(fs.FileSystemHandler):  # type: ignore[misc]
    """The methods that a pyarrow dataset calls on its file system."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _StoreHandler) and other._store is self._store

    def __hash__(self) -> int:
        return id(self._store)

    def get_type_name(self) -> str:
        return "refinery"

    def normalize_path(self, path: str) -> str:
        return path

    def get_file_info(self, paths: list[str]) -> list[fs.FileInfo]:
        return [fs.FileInfo(path, fs.FileType.File, size=self._store.stat(path).size) for path in paths]

    def open_input_file(self, path: str) -> pa.NativeFile:
        return pa.PythonFile(self._store.open(path), mode="r")

    def open_input_stream(self, path: str) -> pa.NativeFile:
        return pa.PythonFile(self._store.stream(path), mode="r")

    def get_file_info_selector(self, selector: Any) -> NoReturn:
        raise NotImplementedError("listing is not supported: name each file")

    def create_dir(self, path: str, recursive: bool) -> NoReturn:
        raise NotImplementedError("read only")

    delete_dir = delete_dir_contents = delete_root_dir_contents = delete_file = move = copy_file = create_dir
    open_output_stream = open_append_stream = create_dir
