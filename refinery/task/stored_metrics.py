"""Metrics that an earlier run stored, looked up by document id, so that other thresholds need no measuring."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from refinery.root.parquet import read_batches
from refinery.root.root import Root
from refinery.stage.documents import Docs
from refinery.stage.rules import ERROR, QUARANTINED, WHY, Trouble
from refinery.task.measured import Measured
from refinery.task.tasks import StepRun


def stored_trouble(why: pa.StructArray) -> Trouble:
    """Return the trouble of removed documents: those that could not be measured, by the reasons that are stored."""
    rule, note = pc.struct_field(why, "rule"), pc.struct_field(why, "note")
    troubled = pc.is_in(rule, value_set=pa.array([ERROR, QUARANTINED]))
    nothing = pa.nulls(len(why), pa.string())
    return Trouble(pc.if_else(troubled, rule, nothing), pc.if_else(troubled, note, nothing))


class StoredMetrics:
    """The metrics in the kept and removed files of one part of one stage."""

    def __init__(self, root: Root, run: StepRun) -> None:
        self._kind = run.step.stage.metrics_type()
        self._name = run.step.column
        pieces = [self._columns(batch) for batch in read_batches(root, run.stored, 65_536)]
        schema = pa.schema(
            [("id", pa.binary(16)), ("metrics", self._kind), ("rule", pa.string()), ("note", pa.string())]
        )
        self._table = pa.Table.from_batches(pieces, schema=schema).combine_chunks()
        ids = self._table.column("id")
        self._unique = pc.count_distinct(ids).as_py() == len(ids)

    def _columns(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        removed = WHY.name in batch.schema.names
        trouble = stored_trouble(batch.column(WHY.name)) if removed else Trouble.none(len(batch))
        metrics = batch.column(self._name).cast(self._kind)  # Parquet knows no seconds: times come back finer
        columns = [batch.column("id"), metrics, trouble.rule, trouble.note]
        return pa.RecordBatch.from_arrays(columns, names=["id", "metrics", "rule", "note"])

    def lookup(self, docs: Docs) -> Measured | None:
        """Return the metrics of a batch; None where one is missing or ids are not unique: it must be measured."""
        if not self._unique:
            return None
        places = pc.index_in(docs.column("id"), value_set=self._table.column("id"))
        if places.null_count:
            return None
        rows = self._table.take(places).combine_chunks()
        metrics, rule, note = (rows.column(name).combine_chunks() for name in ("metrics", "rule", "note"))
        return Measured({}, metrics, Trouble(rule, note))
