"""Documents, their judgements and texts as HTML for notebooks."""

from __future__ import annotations

from collections.abc import Sequence

from refinery.formatting import rest
from refinery.html import paragraph, preformatted, table
from refinery.inspect.evidence import Mark, marked
from refinery.inspect.find import Document
from refinery.inspect.judgement import Judgement, MetricValue

TEXT = 2_000
"""Characters of a text that are shown."""


def of_document(who: Document) -> str:
    """Who a document is."""
    place = f" · {who.warc} @ {who.offset}" if who.warc is not None else ""
    return paragraph(f"{who.url or '(no URL stored)'} · id {who.id}{f' · {who.date}' if who.date else ''}{place}")


def of_metrics(judged: Judgement) -> str:
    """Every value beside its thresholds."""
    rows = [_row(metric) for metric in judged.metrics if metric.value not in (None, [])]
    return table(("metric", "value", "unit", "threshold", "violates"), rows)


def _row(metric: MetricValue) -> tuple[str, ...]:
    value = f"{metric.value:.6g}" if isinstance(metric.value, float) else str(metric.value)
    thresholds = ", ".join(rule.threshold for rule in metric.rules)
    return (
        metric.name,
        value,
        metric.unit,
        thresholds,
        ", ".join(rule.rule for rule in metric.rules if rule.fails),
    )


def of_text(text: str, marks: Sequence[Mark]) -> str:
    """The beginning of a text: what was cut struck out, what the document was removed for marked."""
    pieces = [
        (piece, "" if mark is None else "del" if mark.cut else "mark") for piece, mark in marked(text, marks, TEXT)
    ]
    return preformatted([*pieces, (f"… ({rest(text, TEXT)})" if len(text) > TEXT else "", "")])
