"""Blocklists: look-up in millions of domains and pages without loading them. Where lists come from is not known here.

A built list is an Arrow IPC file of one batch: ``entry`` (sorted by bytes, unique) and ``category``. It is
memory-mapped, so that all processes of a machine share it, and searched by bisection: exact, about 15 µs a look-up. An
entry with a slash is a page, any other a host. A plain text file, one entry a line, works as well, for short lists.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from refinery import AssetError
from stages._url import words
from stages._url.address import parse

LISTED = "listed"
"""The category of entries whose source gives none."""

SCHEMA = pa.schema([("entry", pa.large_string()), ("category", pa.dictionary(pa.int8(), pa.string()))])
_MAGIC = b"ARROW1"


class Blocklist:
    """A sorted list of entries, each with a category."""

    def __init__(self, table: pa.Table) -> None:
        batch = table.combine_chunks()
        entries = batch.column("entry").chunk(0) if batch.num_rows else pa.array([], pa.large_string())
        self._entries = _Sorted(entries)
        self._categories = batch.column("category")

    def __len__(self) -> int:
        return len(self._entries)

    def category(self, entry: str) -> str | None:
        """The category of a canonical host or page; None where it is not listed."""
        key = entry.encode()
        place = bisect_left(self._entries, key)
        if place == len(self._entries) or self._entries[place] != key:
            return None
        return str(self._categories[place].as_py())


class _Sorted(Sequence[bytes]):
    """A string array as a sequence of bytes, for bisection without a Python object for each entry."""

    def __init__(self, entries: pa.LargeStringArray) -> None:
        _, offsets, data = entries.buffers()
        self._bounds = np.frombuffer(offsets, np.int64)[entries.offset :] if len(entries) else np.zeros(1, np.int64)
        self._data = memoryview(data or b"")
        self._length = len(entries)

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, place: int) -> bytes: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[bytes]: ...
    def __getitem__(self, place: int | slice) -> bytes | Sequence[bytes]:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(self._length))]
        return bytes(self._data[self._bounds[place] : self._bounds[place + 1]])


def load(path: str) -> Blocklist:
    """The list in a built file or a text file; opened once a process. Raises AssetError for anything else."""
    state = os.stat(path)
    return _load(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=32)
def _load(path: str, size: int, mtime_ns: int) -> Blocklist:
    del size, mtime_ns  # part of the cache key only
    with open(path, "rb") as stream:
        built = stream.read(len(_MAGIC)) == _MAGIC
    return Blocklist(_open_built(path) if built else _read_text(path))


def _open_built(path: str) -> pa.Table:
    try:
        table = pa.ipc.open_file(pa.memory_map(path)).read_all()
    except (pa.ArrowInvalid, OSError) as error:
        raise AssetError(
            f"{path}: not a built blocklist: {error}", hint="make it again: refinery assets get NAME"
        ) from error
    if table.schema != SCHEMA or table.column("entry").num_chunks > 1:
        raise AssetError(f"{path}: an Arrow file, but no blocklist", hint="make it again: refinery assets get NAME")
    return table


def _read_text(path: str) -> pa.Table:
    found = []
    for number, line in enumerate(words.entries(path), 1):
        if line:
            entry = canonical_entry(line)
            if not entry:
                raise AssetError(f"{path}:{number}: {line[:60]!r} is no domain or URL", hint="one entry a line")
            found.append(entry)
    return sorted_table(pa.array(found, pa.large_string()), pa.array([0] * len(found), pa.int8()), [LISTED])


def canonical_entry(text: str) -> str:
    """A domain or page, with or without scheme, as it is looked up; "" for what is neither.

    The root page stands for its domain here: people who copy ``https://example.com/`` mean the site.
    """
    return page_entry(text).removesuffix("/")


def page_entry(text: str) -> str:
    """A page, with or without scheme, as it is looked up; "" for what is none."""
    page = parse(text if "://" in text else f"http://{text}").page
    return "" if re.search(r"\s", page) else page


def sorted_table(entries: Any, codes: Any, categories: Sequence[str]) -> pa.Table:
    """Entries sorted, each once, with the smallest of its category codes."""
    table = pa.table({"entry": entries, "code": codes}).sort_by([("entry", "ascending"), ("code", "ascending")])
    table = table.combine_chunks()
    if table.num_rows > 1:
        column = table.column("entry").chunk(0)
        first = pc.not_equal(column.slice(1), column.slice(0, len(column) - 1))
        table = table.filter(pa.chunked_array([pa.array([True]), first]))
    table = table.combine_chunks()
    code = table.column("code").combine_chunks()
    category = pa.DictionaryArray.from_arrays(code, pa.array(categories, pa.string()))
    return pa.Table.from_arrays([table.column("entry"), category], schema=SCHEMA)
