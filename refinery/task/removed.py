"""The rows of removed documents: their reasons, and as much of their text as the recipe keeps."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from refinery.kernels import CUT, with_cut
from refinery.stage.documents import TEXT, id_bytes
from refinery.stage.rules import FAILED, WHY, explain
from refinery.task.step import Split, metrics_columns
from refinery.task.tasks import StepRun

SAMPLE = 256 // 100
"""``keep_removed: sample`` keeps the text of ids whose last byte is below this, about 1 %."""


def removed_rows(run: StepRun, split: Split, keep_removed: str) -> pa.RecordBatch:
    """Return the removed documents of a batch with ``why`` and ``failed``."""
    stage, schema = run.step.stage, run.flow.removed
    columns = {WHY.name: explain(run.step.name, split.verdict), FAILED.name: split.verdict.failed}
    columns |= metrics_columns(run, split.verdict.metrics)
    gone = pc.invert(split.verdict.kept)
    rows = split.before.with_columns(columns).batch.select(schema.names).filter(gone).cast(schema)
    if any(_may_be_cut(field.type) for field in stage.metrics_type()):
        rows = _replaced(rows, run.step.column, _uncut(rows.column(run.step.column)))
    if TEXT.name in schema.names and keep_removed != "text":
        keep = pa.array(id_bytes(rows.column("id"))[:, -1] < SAMPLE) if keep_removed == "sample" else pa.scalar(False)
        rows = _replaced(rows, TEXT.name, pc.if_else(keep, rows.column(TEXT.name), pa.nulls(len(rows), pa.string())))
    return rows


def _replaced(rows: pa.RecordBatch, name: str, column: pa.Array) -> pa.RecordBatch:
    place = rows.schema.get_field_index(name)
    return rows.set_column(place, rows.schema.field(place), column)


def _uncut(metrics: pa.StructArray) -> pa.StructArray:
    """Return the metrics of removed documents: nothing is cut out of the text that is stored with them."""
    columns = [
        with_cut(each, cut=False) if _may_be_cut(field.type) else each
        for field, each in zip(metrics.type, metrics.flatten(), strict=True)
    ]
    return pa.StructArray.from_arrays(columns, fields=list(metrics.type), mask=metrics.is_null())


def _may_be_cut(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) and pa.types.is_struct(kind.value_type) and CUT in list(kind.value_type)
