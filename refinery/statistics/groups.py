"""Documents and tokens by registered domain, public suffix, language and month, and by what became of them at a stage.

Counts are a table of sums, so merging parts is adding: exact, and the same in any order, up to LIMIT names of a kind.
Beyond that the names with the fewest documents are left out, and the error of a count has an upper bound: the summary
is SpaceSaving's, merged as Cafaro, Pulimeno and Tempesta do (https://arxiv.org/abs/1401.0702). Of N documents no count
lacks more than N / LIMIT, whatever was merged with what.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

KINDS = ("domain", "suffix", "language", "month")

KEPT = "kept"
"""The outcome of documents that were kept; other outcomes are the reasons of removals."""

LIMIT = 1 << 18
"""Names of a kind that are counted each for itself."""

CHUNK = 1 << 14
"""Documents that are counted at once: a fixed number, so that batch sizes leave no trace."""

PENDING = 4 * LIMIT
"""Rows of tables that wait to be added up."""

SCHEMA = pa.schema(
    [
        pa.field("kind", pa.string(), nullable=False),
        pa.field("name", pa.string()),
        pa.field("outcome", pa.string()),
        pa.field("documents", pa.int64(), nullable=False),
        pa.field("tokens", pa.int64(), nullable=False),
    ]
)
"""``documents`` and ``tokens`` of a name with an outcome. Rows without a name are of all names that were left out.

Rows without an outcome are there where names were left out. Without a name, such a row has the error bound: the most
that a name may have which is not in the table. With a name it has the part of it that does not apply: the counts of
that name may lack the error bound less this.
"""

_KEYS = ("kind", "name", "outcome")
_UNITS = ("documents", "tokens")


class Groups:
    """Sums by kind, name and outcome, of at most ``limit`` names a kind (LIMIT)."""

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit or LIMIT
        self._tables: list[pa.Table] = [SCHEMA.empty_table()]
        self._pending = 0
        self._waiting: list[pa.RecordBatch] = []

    def add(self, documents: pa.RecordBatch) -> None:
        """Count documents: a column of names for each of KINDS ("" for none), ``outcome`` and ``tokens``."""
        self._waiting.append(documents)
        while sum(map(len, self._waiting)) >= CHUNK:
            rows = pa.Table.from_batches(self._waiting)
            self._waiting = rows.slice(CHUNK).combine_chunks().to_batches()
            self._count(rows.slice(0, CHUNK))

    def merge(self, counts: pa.Table) -> None:
        """Add the table of other documents, in the form of SCHEMA."""
        self._tables.append(counts)
        self._pending += counts.num_rows
        if self._pending >= PENDING:
            self._sum()

    def table(self) -> pa.Table:
        """All that was counted, in the form of SCHEMA, ordered by kind, name and outcome."""
        if self._waiting:
            rows = pa.Table.from_batches(self._waiting)
            self._waiting = []
            self._count(rows)
        self._sum()
        return self._tables[0].sort_by([(key, "ascending") for key in _KEYS]).combine_chunks()

    def _count(self, rows: pa.Table) -> None:
        for kind in KINDS:
            sums = rows.group_by([kind, "outcome"], use_threads=False).aggregate([([], "count_all"), ("tokens", "sum")])
            kinds = pa.array([kind], pa.string()).take(pa.array(np.zeros(len(sums), np.int64)))
            names = [sums[name] for name in (kind, "outcome", "count_all", "tokens_sum")]
            self.merge(pa.Table.from_arrays([kinds, *names], SCHEMA.names).cast(SCHEMA))

    def _sum(self) -> None:
        total = _added(pa.concat_tables(self._tables))
        if len(total) > self._limit:
            total = pa.concat_tables([_cut(total.filter(pc.equal(total["kind"], kind)), self._limit) for kind in KINDS])
        self._tables = [total]
        self._pending = 0


def _added(rows: pa.Table) -> pa.Table:
    sums = rows.group_by(list(_KEYS), use_threads=len(rows) >= LIMIT).aggregate([(unit, "sum") for unit in _UNITS])
    columns = [sums[name] for name in (*_KEYS, *(f"{unit}_sum" for unit in _UNITS))]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def largest_error(counts: pa.Table) -> tuple[int, int]:
    """Return the most documents and tokens of a name that is not in the table of a kind; 0 where all names are."""
    rows = counts.filter(pc.and_(pc.is_null(counts["name"]), pc.is_null(counts["outcome"])))
    return (rows["documents"][0].as_py(), rows["tokens"][0].as_py()) if len(rows) else (0, 0)


def _cut(counts: pa.Table, limit: int) -> pa.Table:
    """The table of a kind with the ``limit`` names that may have most documents."""
    without_name = pc.is_null(counts["name"])
    named, others = counts.filter(pc.invert(without_name)), counts.filter(without_name)
    names = named["name"].combine_chunks().dictionary_encode()
    size = len(names.dictionary)
    if size <= limit:
        return counts
    code, known = names.indices.to_numpy(), named["outcome"].is_valid().to_numpy()
    before = np.array(largest_error(counts))
    values = np.stack([named[unit].to_numpy() for unit in _UNITS], axis=1)
    credit = _sums(code[~known], values[~known], size)
    most = _sums(code[known], values[known], size) + before - credit
    stays = _largest(names.dictionary, most, limit)
    after = np.maximum(before, most[~stays].max(axis=0))
    listed = np.flatnonzero(stays)
    kind = counts["kind"][0].as_py()
    decided = others.filter(pc.is_valid(others["outcome"]))
    return pa.concat_tables(
        [
            named.filter(pa.array(known & stays[code])),
            _added(pa.concat_tables([_nameless(named.filter(pa.array(known & ~stays[code]))), decided])),
            _table(kind, names.dictionary.take(pa.array(listed)), credit[listed] + after - before),
            _table(kind, pa.nulls(1, pa.string()), after[None]),
        ]
    )


def _largest(names: pa.StringArray, most: npt.NDArray[np.int64], limit: int) -> npt.NDArray[np.bool_]:
    """True for the ``limit`` names of most documents, then tokens; by name where both are equal, in whatever order."""
    order = np.lexsort((-most[:, 1], -most[:, 0]))
    tied = np.flatnonzero((most == most[order[limit - 1]]).all(axis=1))
    stays = np.zeros(len(names), bool)
    stays[order[:limit]] = True
    room = int(stays[tied].sum())
    stays[tied] = False
    stays[tied[pc.sort_indices(names.take(pa.array(tied))).to_numpy()[:room]]] = True
    return stays


def _sums(code: npt.NDArray[np.int32], values: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.int64]:
    sums = np.zeros((size, values.shape[1]), np.int64)
    np.add.at(sums, code, values)
    return sums


def _nameless(rows: pa.Table) -> pa.Table:
    return rows.set_column(1, SCHEMA.field("name"), pa.nulls(len(rows), pa.string()))


def _table(kind: str, names: pa.Array, values: npt.NDArray[np.int64]) -> pa.Table:
    """Rows without an outcome."""
    size = len(names)
    columns = [pa.array([kind] * size, pa.string()), names, pa.nulls(size, pa.string()), *map(pa.array, values.T)]
    return pa.Table.from_arrays(columns, schema=SCHEMA)
