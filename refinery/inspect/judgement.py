"""One document at one stage as people read it: every value beside its thresholds, the verdict, and what was cut out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from refinery.kernels import SPANS
from refinery.recipe import Step
from refinery.stage.base import Stage
from refinery.stage.documents import ID
from refinery.stage.rules import FAILED, WHY, Rule


@dataclass(frozen=True)
class RuleResult:
    """A rule about a value: its threshold in words, and whether the value violates it."""

    rule: str
    threshold: str
    fails: bool


@dataclass(frozen=True)
class MetricValue:
    """What a stage knows of a document. ``value`` is JSON-able: ids are hexadecimal, dates ISO 8601."""

    name: str
    value: Any
    unit: str
    rules: tuple[RuleResult, ...]


@dataclass(frozen=True)
class Cut:
    """A span that an edit found: place and size in UTF-8 bytes of the text before, why, and what was removed there.

    ``text`` is None where nothing was, ``cut`` false where the document is removed, so that its text stays as it came.
    Place and size in characters, and the group that spans of the same text share, are None where the stage does not
    record them.
    """

    offset: int
    length: int
    reason: str
    text: str | None
    char: int | None = None
    chars: int | None = None
    group: int | None = None
    cut: bool | None = None


@dataclass(frozen=True)
class Judgement:
    """A stage's verdict on a document. ``rule`` is the reason of a removal, ``failed`` all rules that it violates."""

    verdict: str
    """``kept`` or ``removed``."""
    rule: str
    failed: tuple[str, ...]
    note: str
    """What went wrong, where the stage failed on the document."""
    metrics: tuple[MetricValue, ...]
    cut: tuple[Cut, ...]


def stored_judgement(step: Step, side: str, row: Mapping[str, Any]) -> Judgement:
    """The judgement in a row of the stage's kept or removed file."""
    why = row.get(WHY.name) or {}
    failed = tuple(row.get(FAILED.name) or ())
    return judgement(
        step, side, row.get(step.column) or {}, str(why.get("rule") or ""), failed, str(why.get("note") or "")
    )


def judgement(
    step: Step, verdict: str, values: Mapping[str, Any], rule: str, failed: Sequence[str], note: str
) -> Judgement:
    """The judgement that a stage's metrics and failed rules make."""
    rules = step.stage.rules()
    spans = cut_fields(step.stage)
    metrics = tuple(
        MetricValue(name, plain_value(value), _unit(step.stage, name), _results(rules, name, failed))
        for name, value in values.items()
        if name not in spans
    )
    cut = tuple(Cut(**span) for name in spans for span in values.get(name) or ())
    return Judgement(verdict, rule, tuple(failed), note, metrics, cut)


def cut_fields(stage: Stage) -> list[str]:
    """The evidence that holds spans of the text before: of type ``SPANS``, or with further fields."""
    return [field.name for field in stage.evidence if pa.types.is_list(field.type) and _has_spans(field.type)]


def _has_spans(lists: pa.ListType) -> bool:
    fields = set(lists.value_type) if pa.types.is_struct(lists.value_type) else set()
    return set(SPANS.value_type) <= fields


def id_fields(stage: Stage) -> list[str]:
    """The evidence that names other documents."""
    return [field.name for field in stage.evidence if field.type == ID.type]


def plain_value(value: Any) -> Any:
    """A value as JSON can hold it."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain_value(item) for key, item in value.items()}
    return [plain_value(item) for item in value] if isinstance(value, list | tuple) else value


def _unit(stage: Stage, name: str) -> str:
    return next((metric.unit for metric in stage.metrics if metric.name == name), "")


def _results(rules: Sequence[Rule], metric: str, failed: Sequence[str]) -> tuple[RuleResult, ...]:
    return tuple(RuleResult(rule.id, rule.threshold, rule.id in failed) for rule in rules if rule.metric == metric)
