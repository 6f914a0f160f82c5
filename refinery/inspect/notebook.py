"""A root for notebooks: manifests and statistics, counts as Arrow tables, and the Parquet files that are current."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from refinery.inspect.holdings import Holdings, open_root
from refinery.inspect.statistics import Statistics, stage_statistics
from refinery.part import StageManifest

_FUNNEL = ("stage", "unit", "in", "kept", "removed")
_RULES = ("stage", "rule", "counted", "documents", "tokens")


class Opened:
    """What a root holds. Tables are Arrow; ``to_pandas()``, or ``polars.from_arrow``, makes them others'."""

    def __init__(self, holdings: Holdings) -> None:
        self._holdings = holdings

    @property
    def stages(self) -> list[str]:
        """The stages that are made, in order."""
        return [held.name for held in self._holdings.stages]

    def manifest(self, stage: str) -> StageManifest:
        """What a stage was made with, and the keys of its parts. Raises UsageError for an unknown stage."""
        return self._holdings.stage(stage).manifest

    def statistics(self, stage: str) -> Statistics:
        """All that was counted of a stage. Raises UsageError for an unknown stage, StorageError for damaged counts."""
        held = self._holdings.stage(stage)
        return stage_statistics(held.folder, held.manifest.statistics)

    def files(self, stage: str, side: str = "kept") -> list[str]:
        """The paths of a stage's current Parquet files, in order of parts, for any reader. Raises as ``manifest``."""
        receipts = self._holdings.receipts(self._holdings.stage(stage))
        found = {file.path: None for receipt in receipts for file in receipt.files.get(side, ())}
        return [self._holdings.root.full(path) for path in found]

    def funnel(self) -> pa.Table:
        """A row a stage and unit (documents, tokens, characters, bytes): in, kept, removed."""
        rows: list[tuple[Any, ...]] = []
        for stage in self.stages:
            counts = self.statistics(stage)
            for unit in ("documents", "tokens", "characters", "bytes"):
                sides = counts.unit(unit)
                rows.append((stage, unit, *(sides.get(side, 0) for side in ("in", "kept", "removed"))))
        return _table(_FUNNEL, rows)

    def rules(self) -> pa.Table:
        """A row a rule and way of counting (``first`` violated, ``any``, ``only``): documents and tokens."""
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


def open(path: str) -> Opened:  # noqa: A001 - `refinery.open`, as `webbrowser.open`
    """Open the root at ``path`` for reading. Raises UsageError where there is none, StorageError if it is damaged."""
    return Opened(open_root(path))
