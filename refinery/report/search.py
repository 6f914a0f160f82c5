"""Search for documents by words in their URL or text, each with its outcome."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from refinery.inspect.reader import RootReader, StageEntry
from refinery.report import limits
from refinery.root.parquet import open_parquet, read_batches
from refinery.root.receipts import SIDES
from refinery.store import is_remote

BATCH = 8192
"""Rows of a remote file that are in memory at a time."""


@dataclass(frozen=True)
class Hit:
    """A document and its last stored row: ``stage`` removed it by ``rule``, or kept it."""

    id: str
    url: str
    stage: str
    side: str
    rule: str
    final: bool
    """False if rows after ``stage`` are not stored or not written yet, so the outcome is unknown."""


def search(reader: RootReader, words: str, *, text: bool) -> list[Hit]:
    """Return the first documents whose URL or ``text`` contains ``words``, ignoring case, in the order of stages."""
    with duckdb.connect() as database:
        urls = _matching(database, reader, words, "text" if text else "url")
        return list(_outcomes(database, reader, urls))


def _matching(database: duckdb.DuckDBPyConnection, reader: RootReader, words: str, column: str) -> dict[str, str]:
    """Return id → URL of the matching documents."""
    found: dict[str, str] = {}
    for entry, side in [(entry, side) for entry in reader.stages for side in SIDES]:
        rows = _rows(database, reader, entry, side, {"id", "url", column}) if len(found) < limits.SEARCH_HITS else None
        if rows is not None:
            where = f"contains(lower({column}), lower($1))"
            query = f"select hex(id), url from rows where {where} order by 1 limit {limits.SEARCH_HITS}"  # noqa: S608 - our own names
            for identity, url in database.execute(query, [words]).fetchall():
                found.setdefault(identity.lower(), url or "")
    return dict(list(found.items())[: limits.SEARCH_HITS])


def _outcomes(database: duckdb.DuckDBPyConnection, reader: RootReader, urls: dict[str, str]) -> Iterator[Hit]:
    """Yield the last row of each document, searching from the last stage backwards."""
    last: dict[str, tuple[StageEntry, str, str]] = {}
    for entry, side in [(entry, side) for entry in reversed(reader.stages) for side in SIDES]:
        missing = [identity for identity in urls if identity not in last]
        rule, columns = ("why.rule", {"id", "why"}) if side == "removed" else ("''", {"id"})
        rows = _rows(database, reader, entry, side, columns) if missing else None
        if rows is not None:
            query = f"select hex(id), {rule} from rows where id in (select unhex(unnest($1::varchar[])))"  # noqa: S608
            for identity, reason in database.execute(query, [missing]).fetchall():
                last.setdefault(identity.lower(), (entry, side, reason or ""))
    end = len(reader.names) - 1
    for identity, url in urls.items():
        entry, side, reason = last[identity]
        yield Hit(identity, url, entry.name, side, reason, side == "removed" or entry.position == end)


def _rows(
    database: duckdb.DuckDBPyConnection, reader: RootReader, entry: StageEntry, side: str, columns: set[str]
) -> Any:
    """Return the kept or removed rows of a stage for a query; None if there are none, or if a column is missing.

    DuckDB reads local files itself.
    """
    root = reader.root
    files = [file.path for receipt in reader.receipts(entry) for file in receipt.files.get(side, ())]
    if not files:
        return None
    if not is_remote(root.path):
        rows = database.read_parquet([root.full(path) for path in files], union_by_name=True)
        return rows if columns <= set(rows.columns) else None
    with open_parquet(root, files[0]) as file:
        schema = file.schema_arrow
    if not columns <= set(schema.names):
        return None
    wanted = pa.schema([schema.field(name) for name in sorted(columns)])
    batches = (batch.select(wanted.names) for batch in read_batches(root, files, BATCH, wanted.names))
    return pa.RecordBatchReader.from_batches(wanted, batches)
