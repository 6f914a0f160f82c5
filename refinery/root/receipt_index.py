"""Indexes of receipts: copies of a thousand in one file, so that readers of many parts do not open each.

A receipt stays the commit, and an index is never more than a copy. A row of it counts while the receipt has the tag
that it had when it was copied: whoever replaces, moves or deletes a receipt need not know of indexes. Without indexes,
and where none has a receipt, receipts are read one by one. Runs write them (``refinery.runner.indexes``).
"""

from __future__ import annotations

import contextlib
import glob
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import eq
from typing import Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import ValidationError

from refinery.errors import StorageError
from refinery.root.briefs import AMOUNTS, Brief, FilesBrief, amounts
from refinery.root.keys import Column, Keys, column_of
from refinery.root.receipts import Receipt, decoded, encoded
from refinery.root.statistics import Statistics
from refinery.store import Store

ROWS = 1000
"""Receipts in an index file. Fewer that no index has are left as they are."""

LARGEST = 1 << 16
"""Bytes of the largest receipt in an index: that of a round over all parts names a file of each."""

_KEPT = 8
"""Index files of a folder whose receipts are in memory, compressed no more."""

_RUN = 16
"""Keys in the order of rows from which on they are looked for together: a search takes as long as to compare many."""

_SUM = b"statistics"
_NAMES = ("key", "tag", "statistics", "counted", "brief", "receipt")
_FIELDS = [pa.field(name, pa.binary() if name in _NAMES[4:] else pa.string()) for name in _NAMES]
_SCHEMA = pa.schema([*_FIELDS, *AMOUNTS])
_DECODERS: dict[type[Brief], msgspec.msgpack.Decoder[Any]] = {
    kind: msgspec.msgpack.Decoder(kind) for kind in (Brief, FilesBrief)
}

B = TypeVar("B", bound=Brief)
V = TypeVar("V", bound=Brief | Receipt)

Rows = npt.NDArray[np.int64]
"""Numbers of rows, from 0 in the order of the files."""


@dataclass(frozen=True)
class Entry:
    """A receipt in an index, with its tag, and the tag of its statistics where the sum of the file has these."""

    receipt: Receipt
    tag: str
    counted: str | None = None


@dataclass(frozen=True)
class IndexFile:
    """The rows of one file: the first one and their number."""

    path: str
    first: int
    rows: int


class ReceiptIndex:
    """The index files of a folder, and which of their rows count."""

    def __init__(self, store: Store, folder: str) -> None:
        self._store, self._folder = store, folder
        paths = store.list(f"{glob.escape(folder)}/index/*.arrow") if folder else []
        listed = store.tags(f"{folder}/receipts") if paths else {}
        own = {name[:-5]: tag for name, tag in listed.items() if name.endswith(".json") and name[0] != "."}
        del listed
        self.files: list[IndexFile] = []
        self.damaged: list[str] = []
        """Files that cannot be read."""
        names, valid = [np.zeros(0, "S1")], [np.zeros(0, np.bool_)]
        for path, data in zip(paths, store.find_all(paths), strict=True):
            read = _read(data, ("key", "tag"))
            if read is None:
                self.damaged.append(path)
                continue
            keys, tags = (column.to_pylist() for column in read.columns)
            first = sum(map(len, names))
            names.append(column_of(keys))
            valid.append(np.array([*map(eq, map(own.get, keys), tags)], np.bool_))
            self.files.append(IndexFile(path, first, len(keys)))
        self._keys, self._valid = np.concatenate(names), np.concatenate(valid)
        self._order: Rows = np.lexsort((~self._valid, self._keys))
        """All rows by key; of one that has several, those that count are first."""
        again = self._keys[self._order[1:]] == self._keys[self._order[:-1]]
        self._valid[self._order[1:][again]] = False  # two runs may have copied one receipt
        self.loose = frozenset(own.keys() - set(Keys(self._keys[self._valid])))
        """Keys of the receipts that no row has; empty without index files."""
        self._firsts = np.array([file.first for file in self.files], np.int64)
        self._columns: OrderedDict[tuple[str, int], list[bytes | None] | None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._keys)

    def rows(self, keys: Sequence[str]) -> Rows:
        """Return the row of each key, -1 for none."""
        found, place = np.full(len(keys), -1), 0
        wanted = column_of(keys) if len(self) else self._keys
        while place < len(wanted):  # keys in the order of parts are in the order of a file's rows
            some = wanted[place : place + ROWS]
            (first,) = self._search(some[:1])
            count = self._equal(first, some)
            found[place : place + count] = np.arange(first, first + count)
            if count < min(len(some), _RUN):
                found[place : place + len(some)] = self._search(some)
                count = len(some)
            place += count
        return found

    def _search(self, wanted: Column) -> Rows:
        """Return the row of each key, -1 for none."""
        places = np.minimum(np.searchsorted(self._keys, wanted, sorter=self._order), len(self) - 1)
        rows: Rows = self._order[places]
        return np.where((self._keys[rows] == wanted) & self._valid[rows], rows, -1)

    def _equal(self, first: int, wanted: Column) -> int:
        """Return how many rows from the ``first`` on are those of the keys, one after another."""
        rows = slice(first, first + len(wanted)) if first >= 0 else slice(0)
        keys = self._keys[rows]
        same = (keys == wanted[: len(keys)]) & self._valid[rows]
        return len(keys) if same.all() else int(same.argmin())

    def valid(self, file: IndexFile) -> Keys:
        """Return the keys of a file's rows that count."""
        return self.keys(file.first + np.flatnonzero(self._valid[file.first : file.first + file.rows]))

    def keys_of(self, file: IndexFile) -> Keys:
        """Return the keys of all rows of a file."""
        return self.keys(np.arange(file.first, file.first + file.rows))

    def every(self) -> Iterator[Receipt]:
        """Yield all receipts that count."""
        return self.receipts(np.flatnonzero(self._valid))

    def keys(self, rows: Rows, others: Sequence[str] = ()) -> Keys:
        """Return the keys of rows; a negative row stands for one of the ``others``, -1 for the first."""
        if not others:
            return Keys(self._keys[rows])
        # Behind the keys of rows, in reverse order, others are where negative numbers lead.
        return Keys(np.concatenate([self._keys, column_of(others[::-1])])[rows])

    def receipts(self, rows: Rows) -> Iterator[Receipt]:
        """Yield the receipts of rows. Raises StorageError where one was deleted meanwhile."""
        return self._read("receipt", rows, decoded, lambda receipt: receipt)

    def briefs(self, rows: Rows, kind: type[B]) -> Iterator[B]:
        """Yield the briefs of the receipts of rows. Raises StorageError where one was deleted meanwhile."""
        return self._read("brief", rows, _DECODERS[kind].decode, kind.of)

    def amounts(self, rows: Rows) -> pa.Table:
        """Return the ``AMOUNTS`` of the receipts of rows, file after file. Raises StorageError as ``briefs``."""
        rows, pieces = np.sort(rows), [amounts([])]
        for file in self.files:
            some = rows[slice(*np.searchsorted(rows, (file.first, file.first + file.rows)))]
            read = _read(self._store.find(file.path), ("key", *AMOUNTS.names)) if len(some) else None
            if read is not None and Keys(read["key"].to_pylist()) == self.keys_of(file):
                pieces.append(read.select(AMOUNTS.names).take(pa.array(some - file.first)))
            elif len(some):
                pieces.append(amounts(self.briefs(some, Brief)))  # damaged, or written by an older version
        return pa.concat_tables(pieces)

    def _read(self, column: str, rows: Rows, decode: Callable[[bytes], V], of: Callable[[Receipt], V]) -> Iterator[V]:
        """Yield the values of rows in a column; those that are damaged, or of other receipts, ``of`` their receipts."""
        for keys, values in self._values(column, rows):
            for key, value in zip(keys, _each_decoded(values, decode), strict=True):
                yield value if value is not None and value.key == key else of(self._own(key))

    def _values(self, column: str, rows: Rows) -> Iterator[tuple[Keys, list[bytes | None]]]:
        """Yield keys of rows, and their values in a column: consecutive ones of a file, None in a damaged one."""
        numbers = np.searchsorted(self._firsts, rows, side="right") - 1
        starts = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(rows)] if len(rows) else [0]
        try:
            for start, stop in pairwise(starts):  # rows of one file
                file, some = self.files[numbers[start]], rows[start:stop]
                values = self._column(column, int(numbers[start]))
                places = (some - file.first).tolist()
                yield self.keys(some), [None if values is None else values[place] for place in places]
        finally:
            self._keep(1)  # each stage has an index

    def _own(self, key: str) -> Receipt:
        """Return a receipt as its own file has it: its index file is damaged, or is gone since a run wrote others."""
        path = f"{self._folder}/receipts/{key}.json"
        data = self._store.find(path)
        receipt = _decoded(data, decoded)
        if receipt is None:
            raise StorageError(f"{path}: the receipt was deleted or damaged", hint="wait for the run that is at work")
        return receipt

    def _column(self, name: str, number: int) -> list[bytes | None] | None:
        """Return a column of a file, None if the file is damaged."""
        place = name, number
        if place not in self._columns:
            file = self.files[number]
            read = _read(self._store.find(file.path), (name,))
            same = read is not None and read.num_rows == file.rows
            self._columns[place] = read.column(name).to_pylist() if read is not None and same else None
            self._keep(_KEPT)
        return self._columns[place]

    def _keep(self, columns: int) -> None:
        while len(self._columns) > columns:
            self._columns.popitem(last=False)

    def sums(self, rows: Rows) -> Iterator[tuple[Statistics, list[int]]]:
        """Yield sums of parts that are all among ``rows``, each once, and their places in ``rows``.

        Not those whose statistics were replaced since.
        """
        found = rows[rows >= 0]
        places = dict(zip(found.tolist(), np.flatnonzero(rows >= 0).tolist(), strict=True))
        once = np.bincount(found, minlength=len(self)) == 1
        tags = self._store.tags(f"{self._folder}/stats") if len(found) else {}
        for file in self.files:
            total, counted = self._sum(file)
            numbers = [file.first + row for row in counted]
            current = all(tags.get(name) == tag for name, tag in counted.values())
            if total is not None and numbers and current and once[numbers].all():
                yield _placed(total, file.first, places), [places[number] for number in numbers]

    def _sum(self, file: IndexFile) -> tuple[Statistics | None, Mapping[int, tuple[str, str]]]:
        """Return the merged statistics in a file, and by row the name and the tag of those that are in it."""
        read = _read(self._store.find(file.path), ("statistics", "counted"))
        if read is None or read.num_rows != file.rows:
            return None, {}
        pairs = zip(*(column.to_pylist() for column in read.columns), strict=True)
        counted = {row: (name, tag) for row, (name, tag) in enumerate(pairs) if name is not None and tag is not None}
        total = (read.schema.metadata or {}).get(_SUM, b"")
        try:
            return Statistics.model_validate_json(total) if total else None, counted
        except ValidationError:
            return None, {}


def _placed(total: Statistics, first: int, places: Mapping[int, int]) -> Statistics:
    """Return a sum with the places of its parts instead of their rows."""
    samples = {
        name: tuple((one, places.get(first + row, -1)) for one, row in drawn) for name, drawn in total.samples.items()
    }
    return total.model_copy(update={"samples": samples})


def index_file(entries: Sequence[Entry], total: Statistics | None) -> bytes:
    """Return an index file of receipts, with the sum of the statistics of those that are ``counted``."""
    rows = [
        (
            one.receipt.key,
            one.tag,
            one.receipt.statistics.rpartition("/")[2] if one.counted is not None else None,
            one.counted,
            msgspec.msgpack.encode(FilesBrief.of(one.receipt)),
            encoded(one.receipt),
        )
        for one in entries
    ]
    metadata = {} if total is None else {_SUM: total.model_dump_json().encode()}
    arrays = [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), _FIELDS, strict=True)]
    arrays += amounts(Brief.of(one.receipt) for one in entries).combine_chunks().to_batches()[0].columns
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(sink, _SCHEMA.with_metadata(metadata), options=options) as writer:
        writer.write_batch(pa.record_batch(arrays, schema=_SCHEMA.with_metadata(metadata)))
    return bytes(sink.getvalue())


def _read(data: bytes | None, names: Sequence[str]) -> pa.Table | None:
    """Return some columns of an index file, None for a damaged one."""
    if data is None:
        return None
    try:
        options = pa.ipc.IpcReadOptions(
            included_fields=[_SCHEMA.get_field_index(name) for name in names], use_threads=False
        )
        with pa.ipc.open_file(pa.py_buffer(data), options=options) as reader:
            table = reader.read_all()
        table.validate(full=True)
        fields = pa.schema([_SCHEMA.field(name) for name in names])
        known = table["key"].to_pylist() if "key" in names else ()
        ascii_only = all(key is not None and key.isascii() for key in known)
    except (pa.ArrowException, OSError, ValueError, KeyError):
        return None
    return table if table.schema.equals(fields) and ascii_only else None


def _each_decoded(values: Sequence[bytes | None], decode: Callable[[bytes], V]) -> list[V | None]:
    """Return decoded values, None for damaged ones."""
    with contextlib.suppress(ValueError):
        if None not in values:
            return [decode(value) for value in values if value is not None]
    return [_decoded(value, decode) for value in values]


def _decoded(data: bytes | None, decode: Callable[[bytes], V]) -> V | None:
    try:
        return None if data is None else decode(data)
    except ValueError:
        return None
