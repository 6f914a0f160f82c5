"""Documents whose URL or text contains some words, each with its outcome: where it was removed, or that it was kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from refinery.inspect.reader import RootReader, StageEntry
from refinery.root.parquet import open_parquet, read_batches
from refinery.root.receipts import SIDES
from refinery.store import is_remote

FOUND = 50
"""Documents that a search returns at most."""

BATCH = 8192
"""Rows of a remote file that are in memory at once."""


@dataclass(frozen=True)
class Hit:
    """A document and its last row: ``stage`` removed it by ``rule``, or kept it."""

    id: str
    url: str
    stage: str
    side: str
    rule: str
    final: bool
    """False where rows behind ``stage`` are not stored or not made yet, so that the outcome is not known."""


def search(holdings: RootReader, words: str, *, text: bool) -> list[Hit]:
    """The first ``FOUND`` documents whose URL, or ``text``, contains ``words`` in whatever case, in order of stages."""
    with duckdb.connect() as database:
        urls = _matching(database, holdings, words, "text" if text else "url")
        return list(_outcomes(database, holdings, urls))


def _matching(database: duckdb.DuckDBPyConnection, holdings: RootReader, words: str, column: str) -> dict[str, str]:
    """URLs by id."""
    found: dict[str, str] = {}
    for held, side in [(held, side) for held in holdings.stages for side in SIDES]:
        rows = _rows(database, holdings, held, side, {"id", "url", column}) if len(found) < FOUND else None
        if rows is not None:
            where = f"contains(lower({column}), lower($1))"
            query = f"select hex(id), url from rows where {where} order by 1 limit {FOUND}"  # noqa: S608 - our own names
            for identity, url in database.execute(query, [words]).fetchall():
                found.setdefault(identity.lower(), url or "")
    return dict(list(found.items())[:FOUND])


def _outcomes(database: duckdb.DuckDBPyConnection, holdings: RootReader, urls: dict[str, str]) -> Iterator[Hit]:
    """The last row of each document, which is looked for from the last stage backwards."""
    last: dict[str, tuple[StageEntry, str, str]] = {}
    for held, side in [(held, side) for held in reversed(holdings.stages) for side in SIDES]:
        missing = [identity for identity in urls if identity not in last]
        rule, columns = ("why.rule", {"id", "why"}) if side == "removed" else ("''", {"id"})
        rows = _rows(database, holdings, held, side, columns) if missing else None
        if rows is not None:
            query = f"select hex(id), {rule} from rows where id in (select unhex(unnest($1::varchar[])))"  # noqa: S608
            for identity, reason in database.execute(query, [missing]).fetchall():
                last.setdefault(identity.lower(), (held, side, reason or ""))
    end = len(holdings.names) - 1
    for identity, url in urls.items():
        held, side, reason = last[identity]
        yield Hit(identity, url, held.name, side, reason, side == "removed" or held.position == end)


def _rows(
    database: duckdb.DuckDBPyConnection, holdings: RootReader, held: StageEntry, side: str, columns: set[str]
) -> Any:
    """The rows of one side of a stage, for a query; None where there are none, or a column is missing.

    DuckDB reads local files itself.
    """
    root = holdings.root
    files = [file.path for receipt in holdings.receipts(held) for file in receipt.files.get(side, ())]
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
