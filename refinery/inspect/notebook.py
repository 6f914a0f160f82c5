"""A root for notebooks: manifests and statistics, counts as Arrow tables, and the Parquet files that are current."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
import pyarrow.dataset as ds

from refinery.errors import UsageError
from refinery.html import paragraph, table
from refinery.inspect.reader import RootReader, StageEntry, open_root
from refinery.root.manifests import StageManifest
from refinery.root.receipts import SHARDS, SIDES
from refinery.root.statistics import Statistics
from refinery.store import is_remote
from refinery.store.arrow import file_system

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

_FUNNEL = ("stage", "unit", "in", "kept", "removed")
_RULES = ("stage", "rule", "counted", "documents", "tokens")


Side = Literal["kept", "removed", "shards"]


class StageOutput:
    """The current Parquet files of one stage.

    >>> export = refinery.open("demo/root").stage("export")
    >>> export.to_duckdb().aggregate("count(*), sum(tokens)")
    """

    def __init__(self, reader: RootReader, entry: StageEntry) -> None:
        self._reader = reader
        self._entry = entry

    def files(self, side: Side = "kept") -> list[str]:
        """Return the paths of the files, in order of parts. Raises StorageError where a receipt is lost.

        An export in another format than Parquet has its kept rows in ``shards``.
        """
        if side not in (*SIDES, SHARDS):
            raise UsageError(f"side {side!r}: not one of {', '.join(SIDES)}", hint='files("kept") or files("removed")')
        receipts = self._reader.receipts(self._entry)
        paths = {file.path: None for receipt in receipts for file in receipt.files.get(side, ())}
        return [self._reader.root.full(path) for path in paths]

    def dataset(self, side: Side = "kept") -> ds.Dataset:
        """Return the files as one data set of pyarrow, which reads only the columns and rows that are asked for.

        Raises UsageError where the recipe lets the stage write none, and as `files`.
        """
        files = self.files(side) if side in SIDES else []
        if not files and self.files("shards"):
            raise UsageError(
                f"stage {self._entry.name!r} wrote its rows in another format than Parquet",
                hint='files("shards") returns the paths',
            )
        if not files:
            settings = "`write: every`" if side == "kept" else "`keep_removed: metrics` and `write: every`"
            raise UsageError(
                f"stage {self._entry.name!r} wrote no {side} documents", hint=f"{settings} in the recipe writes them"
            )
        system = file_system(self._reader.root.store) if is_remote(files[0]) else None
        return ds.dataset(files, format="parquet", filesystem=system)

    def to_duckdb(self, side: Side = "kept", connection: DuckDBPyConnection | None = None) -> DuckDBPyRelation:
        """Return the files as a relation of DuckDB, in the given connection or a new one.

        Raises UsageError where duckdb is not installed, and as `dataset`.
        """
        try:
            import duckdb
        except ImportError as error:
            raise UsageError("to_duckdb needs duckdb", hint='pip install "crawl-refinery[dashboard]"') from error
        return (connection or duckdb.connect()).from_arrow(self.dataset(side))


class OpenRoot:
    """A root that is open for notebooks. Tables are Arrow: ``to_pandas()`` or ``polars.from_arrow`` converts them."""

    def __init__(self, reader: RootReader) -> None:
        self._reader = reader

    def _repr_html_(self) -> str:
        rows = [[row[name] for name in _FUNNEL] for row in self.funnel().to_pylist() if row["unit"] == "documents"]
        return paragraph(f"{self._reader.head.dataset}: {self._reader.root.path}") + table(_FUNNEL, rows)

    @property
    def name(self) -> str:
        """The name of the dataset."""
        return self._reader.head.dataset

    @property
    def stages(self) -> list[str]:
        """Names of the stages with results, in order."""
        return [entry.name for entry in self._reader.stages]

    def manifest(self, stage: str) -> StageManifest:
        """Return the manifest of a stage: configuration and keys of parts. Raises UsageError for an unknown stage."""
        return self._reader.stage(stage).manifest

    def statistics(self, stage: str) -> Statistics:
        """Return all that was counted of a stage. Raises UsageError for an unknown stage."""
        return self._reader.stage(stage).manifest.statistics

    def stage(self, name: str) -> StageOutput:
        """Return the output of a stage. Raises UsageError for an unknown stage."""
        return StageOutput(self._reader, self._reader.stage(name))

    def funnel(self) -> pa.Table:
        """Return a row a stage and unit (documents, tokens, characters, bytes): in, kept, removed."""
        rows: list[tuple[Any, ...]] = []
        for stage in self.stages:
            counts = self.statistics(stage)
            for unit in ("documents", "tokens", "characters", "bytes"):
                sides = counts.unit(unit)
                rows.append((stage, unit, *(sides.get(side, 0) for side in ("in", "kept", "removed"))))
        return _table(_FUNNEL, rows)

    def rules(self) -> pa.Table:
        """Return a row a rule and way of counting (``first`` violated, ``any``, ``only``): documents and tokens."""
        rows: list[tuple[Any, ...]] = []
        for stage in self.stages:
            rules = self.statistics(stage).rules
            for counted, tally in (("first", rules.first), ("any", rules.any), ("only", rules.only)):
                rows += [(stage, str(rule), counted, documents, tokens) for rule, documents, tokens in tally]
        return _table(_RULES, rows)


def _table(names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> pa.Table:
    kinds = [pa.string() if name in ("stage", "unit", "rule", "counted") else pa.int64() for name in names]
    columns = [[row[number] for row in rows] for number in range(len(names))]
    return pa.table({n: pa.array(c, k) for n, c, k in zip(names, columns, kinds, strict=True)})


def open(path: str) -> OpenRoot:  # noqa: A001 - `refinery.open`, as `webbrowser.open`
    """Open the root at ``path`` for reading. Raises UsageError where there is none, StorageError if it is damaged."""
    return OpenRoot(open_root(path))
