"""From measured facts to a verdict: which rules a document violates, and why it was removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from refinery.schema import FAILED, WHY
from refinery.stage import Rule

ERROR = "error"
"""Reason of a document on which the stage raised an exception."""

QUARANTINED = "quarantined"
"""Reason of a document that killed its worker."""


@dataclass(frozen=True)
class Trouble:
    """Documents that could not be measured: ``rule`` is ERROR, QUARANTINED or null; ``note`` says what happened."""

    rule: pa.StringArray
    note: pa.StringArray

    @classmethod
    def none(cls, rows: int) -> Trouble:
        """No trouble in a batch of ``rows``."""
        return cls(pa.nulls(rows, pa.string()), pa.nulls(rows, pa.string()))


@dataclass(frozen=True)
class Verdict:
    """The judgement of a batch: the ``first`` violated rule or null, all ``failed`` ones, and what was judged."""

    first: pa.StringArray
    failed: pa.ListArray
    facts: pa.StructArray
    trouble: Trouble

    @property
    def kept(self) -> pa.BooleanArray:
        """True for documents that go on."""
        return pc.is_null(self.first)


def judge(rules: Sequence[Rule], facts: pa.StructArray, trouble: Trouble) -> Verdict:
    """Hold every rule against the facts. A document in trouble fails with that alone."""
    rows = len(facts)
    able = pc.is_null(trouble.rule)
    marks = [pc.and_(rule.violated(pc.struct_field(facts, rule.metric)), able) for rule in rules]
    marks.append(pc.invert(able))
    violated = np.column_stack([np.asarray(m.to_numpy(zero_copy_only=False), dtype=bool) for m in marks])
    names = pa.array([rule.id for rule in rules] + [None], pa.string())
    doc, place = np.nonzero(violated)
    offsets = np.zeros(rows + 1, dtype=np.int32)
    np.cumsum(violated.sum(axis=1), out=offsets[1:])
    flat = pc.coalesce(names.take(pa.array(place)), trouble.rule.take(pa.array(doc)))
    failed = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), flat.cast(pa.string()))
    firsts = np.where(violated.any(axis=1), offsets[:-1], -1)
    first = flat.take(pa.array(firsts, mask=firsts < 0))
    return Verdict(first, failed.cast(FAILED.type), facts, trouble)


def explain(stage: str, rules: Sequence[Rule], verdict: Verdict) -> pa.StructArray:
    """The ``why`` of every document of a batch; null for kept ones."""
    by_id = {rule.id: rule for rule in rules}
    gone = np.flatnonzero(verdict.first.is_valid())
    reasons = verdict.first.take(pa.array(gone)).to_pylist()
    values = {rule.metric: pc.struct_field(verdict.facts, rule.metric) for rule in rules}
    rows: list[dict[str, str | None]] = []
    for row, reason in zip(gone.tolist(), reasons, strict=True):
        rule = by_id.get(reason)
        if rule is None:
            rows.append({"stage": stage, "rule": reason, "note": verdict.trouble.note[row].as_py()})
        else:
            value = values[rule.metric][row].as_py()
            shown = f"{value:.6g}" if isinstance(value, float) else str(value)
            rows.append({"stage": stage, "rule": reason, "metric": rule.metric, "value": shown, "bound": rule.bound})
    places = np.full(len(verdict.first), len(gone))
    places[gone] = np.arange(len(gone))
    return pa.array([*rows, None], WHY.type).take(pa.array(places))
