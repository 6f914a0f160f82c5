"""Metrics and rules: the first rule that a document violates is the reason of its removal.

A stage measures; nothing else decides which documents are removed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Scale = Literal["ratio", "log", "count", "label"]


Damage = Literal["", "record", "end"]


@dataclass(frozen=True)
class Metric:
    """A figure measured for each document and stored as a metric of the stage.

    ``scale`` fixes the histogram: ``ratio`` 0 to 1, ``log`` and ``count`` for sizes, ``label`` for few-valued strings.
    A null value means "not measured" and violates no rule; NaN is a defect.
    """

    name: str
    type: pa.DataType = field(default_factory=pa.float64)
    scale: Scale = "ratio"
    unit: str = ""
    help: str = ""

    @property
    def field(self) -> pa.Field:
        return pa.field(self.name, self.type)


@dataclass(frozen=True)
class Rule:
    """A threshold on a metric; a document that violates it is removed with the rule's ``id`` as reason.

    Exactly one of the thresholds is given. ``at_least`` and ``at_most`` include the threshold itself. ``by_language``
    has numbers in their place for documents of some languages; all others have the general threshold.

        Rule("too_few_words", "words", "Too short.", at_least=50, by_language={"th": 30})
    """

    id: str
    metric: str
    because: str = ""
    at_least: float | None = None
    at_most: float | None = None
    is_in: tuple[str, ...] | None = None
    not_in: tuple[str, ...] | None = None
    damage: Damage = ""
    """Of a source: the violation means that the input is damaged, in one ``record`` or from there to its ``end``."""
    by_language: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        given = [b for b in (self.at_least, self.at_most, self.is_in, self.not_in) if b is not None]
        if len(given) != 1:
            raise ValueError(f"rule {self.id!r} needs exactly one threshold, not {len(given)}")
        if self.by_language and self.number is None:
            raise ValueError(f"rule {self.id!r} compares no number, so it has no thresholds by language")

    @property
    def number(self) -> float | None:
        """The general threshold, if the rule compares numbers."""
        return self.at_least if self.at_least is not None else self.at_most

    @property
    def threshold(self) -> str:
        """The general threshold as people read it: ``≥ 0.65``, ``in en, de``."""
        if self.number is not None:
            return self._compared(self.number)
        if self.is_in is not None:
            return f"in {', '.join(self.is_in)}"
        return f"not {', '.join(self.not_in or ())}"

    def threshold_in(self, language: str | None) -> str:
        """The threshold of a document's language: ``≥ 40 (de)``; the general one where the language has none."""
        own = self.by_language.get(language or "")
        return self.threshold if own is None else f"{self._compared(own)} ({language})"

    def _compared(self, number: float) -> str:
        return f"{'≤' if self.at_least is None else '≥'} {number:g}"

    def violated(self, values: pa.Array, languages: pa.DictionaryArray | None = None) -> pa.BooleanArray:
        """True where a value violates the threshold of its language; null values violate nothing."""
        if self.at_least is not None:
            bad = pc.less(_numbers(values), self._thresholds(self.at_least, languages))
        elif self.at_most is not None:
            bad = pc.greater(_numbers(values), self._thresholds(self.at_most, languages))
        else:
            listed = pc.is_in(values, value_set=pa.array(self.is_in or self.not_in or (), values.type))
            bad = pc.invert(listed) if self.is_in is not None else listed
            bad = pc.if_else(pc.is_valid(values), bad, False)
        return pc.fill_null(bad, False)

    def _thresholds(self, general: float, languages: pa.DictionaryArray | None) -> pa.Scalar | pa.Array:
        """The threshold of each document, or one for all."""
        if not self.by_language or languages is None:
            return pa.scalar(general, pa.float64())
        names = languages.dictionary.to_pylist()
        numbers = [*(self.by_language.get(name, general) for name in names), general]
        return pa.array(numbers, pa.float64()).take(pc.fill_null(languages.indices, len(names)))


def _numbers(values: pa.Array) -> pa.Array:
    """As floats; whole numbers beyond 2**53 are rounded, where Arrow's own comparison would raise."""
    return pc.cast(values, pa.float64(), safe=False)


WHY = pa.field(
    "why",
    pa.struct(
        [
            pa.field("stage", pa.string()),
            pa.field("rule", pa.string()),
            pa.field("metric", pa.string()),
            pa.field("value", pa.string()),
            pa.field("threshold", pa.string()),
            pa.field("note", pa.string()),
        ]
    ),
)
"""Why a document was removed: the first rule it violates in its stage. ``note`` is the error, where there was one."""


FAILED = pa.field("failed", pa.list_(pa.string()))
"""Every rule of the stage that the document violates, in the stage's order."""


ERROR = "error"
"""Reason of a document on which the stage raised an exception."""


QUARANTINED = "quarantined"
"""Reason of a document that killed its worker."""


@dataclass(frozen=True)
class Trouble:
    """Documents that could not be measured: ``rule`` is ERROR, QUARANTINED or null; ``note`` is the error."""

    rule: pa.StringArray
    note: pa.StringArray

    @classmethod
    def none(cls, rows: int) -> Trouble:
        """No trouble in a batch of ``rows``."""
        return cls(pa.nulls(rows, pa.string()), pa.nulls(rows, pa.string()))


@dataclass(frozen=True)
class Verdict:
    """The ``rules`` that each document of a batch violates: the ``first`` or null, all ``failed`` ones; its metrics.

    ``languages`` are those whose thresholds apply; None if no rule has thresholds by language.
    """

    rules: tuple[Rule, ...]
    first: pa.StringArray
    failed: pa.ListArray
    metrics: pa.StructArray
    trouble: Trouble
    languages: pa.StringArray | None = None

    @property
    def kept(self) -> pa.BooleanArray:
        """True for documents that violate no rule."""
        return pc.is_null(self.first)

    @property
    def measured(self) -> pa.BooleanArray:
        """True for documents that could be measured."""
        return pc.is_null(self.trouble.rule)


def apply_rules(
    rules: Sequence[Rule], metrics: pa.StructArray, trouble: Trouble, languages: pa.StringArray | None = None
) -> Verdict:
    """Apply every rule to the metrics. A document in trouble fails with that alone.

    ``languages`` are those of the documents, null where not known. Without them all have the general thresholds.
    """
    rows = len(metrics)
    able = pc.is_null(trouble.rule)
    languages = languages if any(rule.by_language for rule in rules) else None
    coded = None if languages is None else languages.dictionary_encode()
    marks = [pc.and_(rule.violated(pc.struct_field(metrics, rule.metric), coded), able) for rule in rules]
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
    return Verdict(tuple(rules), first, failed.cast(FAILED.type), metrics, trouble, languages)


def explain(stage: str, verdict: Verdict) -> pa.StructArray:
    """The ``why`` of every document of a batch; null for kept ones."""
    by_id = {rule.id: rule for rule in verdict.rules}
    gone = np.flatnonzero(verdict.first.is_valid())
    reasons = verdict.first.take(pa.array(gone)).to_pylist()
    values = {rule.metric: pc.struct_field(verdict.metrics, rule.metric) for rule in verdict.rules}
    rows: list[dict[str, str | None]] = []
    for row, reason in zip(gone.tolist(), reasons, strict=True):
        rule = by_id.get(reason)
        if rule is None:
            rows.append({"stage": stage, "rule": reason, "note": verdict.trouble.note[row].as_py()})
        else:
            value = values[rule.metric][row].as_py()
            shown = f"{value:.6g}" if isinstance(value, float) else str(value)
            threshold = rule.threshold_in(None if verdict.languages is None else verdict.languages[row].as_py())
            rows.append({"stage": stage, "rule": reason, "metric": rule.metric, "value": shown, "threshold": threshold})
    places = np.full(len(verdict.first), len(gone))
    places[gone] = np.arange(len(gone))
    return pa.array([*rows, None], WHY.type).take(pa.array(places))
