"""The measurements of a batch, checked against what the stage declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from refinery.stage.base import Records, Stage, Values
from refinery.stage.documents import Docs
from refinery.stage.rules import Trouble
from refinery.task.tasks import StepRun


@dataclass(frozen=True)
class Measured:
    """New columns and metrics of a batch, before rules are applied."""

    columns: Mapping[str, pa.Array]
    metrics: pa.StructArray
    trouble: Trouble

    def slice(self, start: int, length: int) -> Measured:
        """Return rows ``start`` to ``start + length``."""
        return self._each(lambda array: array.slice(start, length))

    def filter(self, mask: pa.BooleanArray) -> Measured:
        """Return the rows where ``mask`` is true."""
        return self._each(lambda array: array.filter(mask))

    def _each(self, change: Callable[[pa.Array], pa.Array]) -> Measured:
        columns = {name: change(array) for name, array in self.columns.items()}
        return Measured(columns, change(self.metrics), Trouble(change(self.trouble.rule), change(self.trouble.note)))

    def batch(self) -> pa.RecordBatch:
        """Return all as one batch, of which ``of_batch`` makes measurements again."""
        arrays = [*self.columns.values(), self.metrics, self.trouble.rule, self.trouble.note]
        return pa.RecordBatch.from_arrays(arrays, names=[*self.columns, "", "", ""])

    @staticmethod
    def of_batch(batch: pa.RecordBatch) -> Measured:
        """Return the measurements of which ``batch`` was made."""
        *columns, metrics, rule, note = batch.columns
        return Measured(dict(zip(batch.schema.names, columns, strict=False)), metrics, Trouble(rule, note))

    @staticmethod
    def joined(pieces: Sequence[Measured]) -> Measured:
        """Return the measurements of batches that follow each other, at least one."""
        return Measured(
            {name: pa.concat_arrays([piece.columns[name] for piece in pieces]) for name in pieces[0].columns},
            pa.concat_arrays([piece.metrics for piece in pieces]),
            Trouble(
                pa.concat_arrays([piece.trouble.rule for piece in pieces]),
                pa.concat_arrays([piece.trouble.note for piece in pieces]),
            ),
        )


def measured_from(stage: Stage, columns: Values, metrics: Values, rows: int) -> Measured:
    """Check what a stage returned against what it declares. Raises ValueError or TypeError where they differ."""
    added = {f.name: _array(f"column {f.name}", columns.get(f.name), f.type, rows) for f in stage.added()}
    kind = stage.metrics_type()
    fields = [_array(f"metric {f.name}", metrics.get(f.name), f.type, rows) for f in kind]
    struct = pa.StructArray.from_arrays(fields, fields=list(kind)) if fields else pa.nulls(rows, kind)
    return Measured(added, struct, Trouble.none(rows))


def source_batch(run: StepRun, records: Records) -> tuple[Docs, Measured]:
    """Return the records of a source as a batch of the declared schema, and what the source measured."""
    given = run.flow.given
    arrays = [records.columns[f.name] for f in given]
    arrays = [a if isinstance(a, pa.Array) else pa.array(a, f.type) for a, f in zip(arrays, given, strict=True)]
    docs = Docs(pa.RecordBatch.from_arrays(arrays, schema=given))
    stage = run.step.stage
    return docs, measured_from(stage, {f.name: docs.column(f.name) for f in stage.added()}, records.metrics, len(docs))


def _array(label: str, values: Any, kind: pa.DataType, rows: int) -> pa.Array:
    if values is None:
        raise ValueError(f"the stage declares {label} and returned none")
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    array = values.cast(kind) if isinstance(values, pa.Array) else pa.array(values, kind, from_pandas=False)
    if len(array) != rows:
        raise ValueError(f"the stage returned {len(array)} values for {label} of {rows} documents")
    return array
