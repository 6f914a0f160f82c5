"""The outcome of one document at one stage: every value beside its thresholds, the verdict, and the cuts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from refinery.recipe import Step
from refinery.stage.base import Stage
from refinery.stage.cuts import has_spans
from refinery.stage.documents import ID, LANG
from refinery.stage.rules import FAILED, WHY, Rule


@dataclass(frozen=True)
class RuleResult:
    """A rule on a value, with its threshold in words; ``fails`` if the value violates it."""

    rule: str
    threshold: str
    fails: bool


@dataclass(frozen=True)
class MetricValue:
    """A metric or evidence of a document. ``value`` can be JSON: ids are hexadecimal, dates ISO 8601."""

    name: str
    value: Any
    unit: str
    rules: tuple[RuleResult, ...]


@dataclass(frozen=True)
class Cut:
    """A span that an edit cuts: offset and length in UTF-8 bytes of the text before, the reason, and the cut text.

    ``text`` is None where nothing was cut, ``cut`` false where the document is removed, so that its text stays as it
    was. Offset and length in characters, the group that spans of one text share, the text in their place, and what
    kind of span it is, are None where the stage does not record them.
    """

    offset: int
    length: int
    reason: str
    text: str | None
    char: int | None = None
    chars: int | None = None
    group: int | None = None
    cut: bool | None = None
    replacement: str | None = None
    category: str | None = None


@dataclass(frozen=True)
class StageOutcome:
    """The outcome of a document. ``rule`` is the reason of a removal, ``failed`` all rules that it violates."""

    verdict: str
    """``kept`` or ``removed``."""
    rule: str
    failed: tuple[str, ...]
    note: str
    """The error, where the stage failed on the document."""
    metrics: tuple[MetricValue, ...]
    cut: tuple[Cut, ...]


def stored_outcome(step: Step, side: str, row: Mapping[str, Any]) -> StageOutcome:
    """Return the outcome in a row of the stage's kept or removed file."""
    why = row.get(WHY.name) or {}
    failed = tuple(row.get(FAILED.name) or ())
    values, language = row.get(step.column) or {}, row.get(LANG.name)
    rule, note = (str(why.get(name) or "") for name in ("rule", "note"))
    return stage_outcome(step, side, values, rule, failed, note, language)


def stage_outcome(
    step: Step,
    verdict: str,
    values: Mapping[str, Any],
    rule: str,
    failed: Sequence[str],
    note: str,
    language: str | None,
) -> StageOutcome:
    """Return the outcome with a stage's metrics and failed rules, and the thresholds of the document's language."""
    rules = step.stage.applied_rules([language] if language else ())
    spans = cut_fields(step.stage)
    metrics = tuple(
        MetricValue(name, plain_value(value), _unit(step.stage, name), _results(rules, name, failed, language))
        for name, value in values.items()
        if name not in spans
    )
    cut = tuple(Cut(**span) for name in spans for span in values.get(name) or ())
    return StageOutcome(verdict, rule, tuple(failed), note, metrics, cut)


def cut_fields(stage: Stage) -> list[str]:
    """Return the evidence that contains spans of the text before: of type ``SPANS``, or with further fields."""
    return [field.name for field in stage.evidence if has_spans(field.type)]


def id_fields(stage: Stage) -> list[str]:
    """Return the evidence that names other documents."""
    return [field.name for field in stage.evidence if field.type == ID.type]


def plain_value(value: Any) -> Any:
    """Return a value as JSON can represent it."""
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


def _results(rules: Sequence[Rule], metric: str, failed: Sequence[str], language: str | None) -> tuple[RuleResult, ...]:
    return tuple(
        RuleResult(rule.id, rule.threshold_in(language), rule.id in failed) for rule in rules if rule.metric == metric
    )
