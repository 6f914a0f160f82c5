"""The columns that a recipe's steps pass on: exact Parquet schemas, known before anything runs."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import pyarrow as pa

from refinery.errors import UsageError
from refinery.stage.documents import LANG, POINTER, TEXT, TOKENS, TRANSIENT, field_at
from refinery.stage.global_stage import begins_segment
from refinery.stage.rules import FAILED, WHY

if TYPE_CHECKING:
    from refinery.recipe import Step


@dataclass(frozen=True)
class Flow:
    """Schemas of a step's input and output: ``passed`` in memory, ``kept`` and ``removed`` in Parquet."""

    given: pa.Schema
    passed: pa.Schema
    kept: pa.Schema
    removed: pa.Schema

    def __reduce__(self) -> tuple[Callable[[bytes], Flow], tuple[bytes]]:
        """Pickle the schemas once for all tasks of a phase, and unpickle them once in a worker.

        They are most of a task, and each field of them is an object to ``pickle``.
        """
        return _unpickled, (self._pickled,)

    @cached_property
    def _pickled(self) -> bytes:
        return pickle.dumps((self.given, self.passed, self.kept, self.removed), pickle.HIGHEST_PROTOCOL)

    @property
    def has_language(self) -> bool:
        """True if this step, or one before it, identifies languages."""
        return LANG.name in self.removed.names


@lru_cache(maxsize=256)
def _unpickled(schemas: bytes) -> Flow:
    return Flow(*pickle.loads(schemas))  # noqa: S301 - within a task, which is from the parent alone


def flows(steps: Sequence[Step]) -> list[Flow]:
    """Return one flow per step. Raises UsageError if a step reads a column that no step before it provides."""
    given = pa.schema([])
    result = []
    for position, step in enumerate(steps):
        if position == 0:
            given = pa.schema([*POINTER, *step.stage.added()])
        elif begins_segment(step.stage):
            given = _stored(given)
        _check_reads(step, given)
        passed = _passed(step, given)
        removed = pa.schema([*_stored(_with_metrics(step, _with_language(step, given))), WHY, FAILED])
        result.append(Flow(given, passed, _stored(passed), removed))
        given = passed
    return result


def _check_reads(step: Step, given: pa.Schema) -> None:
    missing = [name for name in step.stage.wants() if not _given(name, given)]
    if missing:
        raise UsageError(
            f"stage {step.name!r} reads {', '.join(missing)}, which no stage before it provides",
            hint=f"its input has the columns {', '.join(given.names)}",
        )


def _given(name: str, schema: pa.Schema) -> bool:
    column, _, metric = name.partition(".")
    if column not in schema.names:
        return False
    kind = schema.field(column).type
    return not metric or (pa.types.is_struct(kind) and kind.get_field_index(metric) >= 0)


def _with_metrics(step: Step, given: pa.Schema) -> pa.Schema:
    metrics = step.stage.metrics_type()
    if step.column in given.names:
        raise UsageError(f"stage {step.name!r} has the name of a column", hint="rename it with `as:`")
    return given.append(pa.field(step.column, metrics)) if metrics.num_fields else given


def _with_language(step: Step, given: pa.Schema) -> pa.Schema:
    return given.append(LANG) if step.stage.language_metric and LANG.name not in given.names else given


def _passed(step: Step, given: pa.Schema) -> pa.Schema:
    fields = {f.name: f for f in given if f.name not in step.stage.outdates()}
    for added in step.stage.added():
        fields[added.name] = added
        if added.name == TEXT.name:
            fields.setdefault(TOKENS.name, TOKENS)
    fields |= {f.name: f for f in _with_metrics(step, _with_language(step, pa.schema([])))}
    fields |= {f.name: f for f in step.lost_marks(given.names)}
    available = pa.schema(list(fields.values()))
    return pa.schema([field_at(available, path) for path in step.stage.selects(list(fields))])


def _stored(schema: pa.Schema) -> pa.Schema:
    return pa.schema([f for f in schema if f.name not in TRANSIENT])
