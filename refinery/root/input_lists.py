"""Input lists: small files below a root that name what one part reads.

They name chosen records of some files, or several whole files.

    inputs/list-CONTENT.parquet     file, offset and length of each record, sorted; or whole files with their content id
    inputs/query-ID.parquet         the lists that a query of an index has, in order; written last

Not here: queries, and which files are put together.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, field, fields

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from refinery.errors import StorageError
from refinery.store import store_for

FOLDER = "inputs"
_NAME = re.compile(rf"(?:^|/){FOLDER}/list-([0-9a-f]{{32}})\.parquet")
_NAMES = pa.dictionary(pa.int32(), pa.string())
_LIST = pa.schema([("file", _NAMES), ("offset", pa.int64()), ("length", pa.int64()), ("content", pa.string())])

Positions = npt.NDArray[np.int64]


def _none() -> Positions:
    return np.empty(0, np.int64)


@dataclass(frozen=True)
class InputList:
    """An input list: its content id, the number of its files and chosen records, and what reading them takes.

    ``bytes`` are those of the records or whole files, ``fetched`` those of all ``requests``.
    """

    content: str
    files: int
    records: int
    bytes: int
    fetched: int
    requests: int


_LISTS = pa.schema([(f.name, pa.string() if f.name == "content" else pa.int64()) for f in fields(InputList)])


@dataclass(frozen=True)
class ListedFile:
    """Records of one file, sorted by their offsets; or all of it, then with its content id."""

    path: str
    offsets: Positions = field(default_factory=_none)
    lengths: Positions = field(default_factory=_none)
    content: str = ""


def list_path(folder: str, content: str) -> str:
    """Return the path of an input list; ``folder`` is a root, or a temporary folder."""
    return f"{folder}/{FOLDER}/list-{content}.parquet"


def list_content(path: str) -> str:
    """Return the content id in the path of an input list; "" for any other path."""
    match = _NAME.search(path)
    return match[1] if match else ""


def lists_below(folder: str) -> dict[str, str]:
    """Return the paths of all input lists in a folder by content id."""
    paths = store_for(folder).list(f"{glob.escape(folder)}/{FOLDER}/list-*.parquet")
    return {content: path for path in paths if (content := list_content(path))}


def list_paths(folder: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the paths of all input lists by content id, and the content ids in the lists of each query by path."""
    store = store_for(folder)
    paths = store.list(f"{glob.escape(folder)}/{FOLDER}/query-*.parquet")
    queries = {path: _table(path, store.read(path)).column("content").to_pylist() for path in paths}
    return lists_below(folder), queries


def write_list(folder: str, content: str, files: Sequence[ListedFile]) -> None:
    """Write an input list."""
    rows = [1 if one.content else len(one.offsets) for one in files]
    numbers = np.repeat(np.arange(len(files), dtype=np.int32), rows)
    names = pa.DictionaryArray.from_arrays(pa.array(numbers), pa.array([one.path for one in files], pa.string()))
    whole = np.array([bool(one.content) for one in files])[numbers]
    positions = (
        np.concatenate([np.zeros(1, np.int64) if one.content else getattr(one, name) for one in files])
        for name in ("offsets", "lengths")
    )
    contents = pa.array([one.content or None for one in files], pa.string()).take(pa.array(numbers))
    columns = [names, *(pa.array(some, mask=whole) for some in positions), contents]
    _put(list_path(folder, content), pa.table(columns, schema=_LIST))


def read_list(path: str) -> Iterator[ListedFile]:
    """Yield the files of a list. Raises StorageError where it is missing or damaged."""
    table = _table(path, store_for(path).read(path)).combine_chunks()
    names = table.column("file").cast(pa.string()).to_numpy(zero_copy_only=False)
    offsets, lengths = (pc.fill_null(table.column(name), 0).to_numpy() for name in ("offset", "length"))
    contents = table.column("content")
    cuts = np.flatnonzero(names[1:] != names[:-1]) + 1
    for start, stop in zip([0, *cuts.tolist()], [*cuts.tolist(), len(names)], strict=True):
        if content := contents[start].as_py():
            yield ListedFile(names[start], content=content)
        else:
            yield ListedFile(names[start], offsets[start:stop], lengths[start:stop])


def query_path(folder: str, query: str) -> str:
    """Return the path of the table of the lists of a query."""
    return f"{folder}/{FOLDER}/query-{query}.parquet"


def write_lists(folder: str, query: str, lists: Sequence[InputList]) -> None:
    """Record the lists of a query, all of which are written."""
    columns = zip(*map(astuple, lists), strict=True)
    _put(query_path(folder, query), pa.table([pa.array(c) for c in columns], schema=_LISTS))


def find_lists(folder: str, query: str) -> list[InputList]:
    """Return the lists of a query, in order; none if it was not asked yet."""
    path = query_path(folder, query)
    data = store_for(folder).find(path)
    return [] if data is None else [InputList(**row) for row in _table(path, data).to_pylist()]


def _put(path: str, table: pa.Table) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    store_for(path).put(path, sink.getvalue().to_pybytes())


def _table(path: str, data: bytes) -> pa.Table:
    try:
        return pq.read_table(pa.BufferReader(data), use_threads=False)
    except (pa.ArrowException, OSError) as error:
        hint = f"delete the folder `{FOLDER}` of the root: the next run writes it again"
        raise StorageError(f"{path}: {error}", hint=hint) from error
