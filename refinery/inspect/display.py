"""Documents, their outcomes and texts as HTML for notebooks."""

from __future__ import annotations

from collections.abc import Sequence

from refinery.formatting import rest
from refinery.html import paragraph, preformatted, table
from refinery.inspect.evidence import Mark, marked
from refinery.inspect.outcomes import MetricValue, StageOutcome
from refinery.inspect.rows import Document

TEXT = 2_000
"""Characters of a text that are displayed."""


def of_document(who: Document) -> str:
    """Return a line that identifies a document."""
    place = f" · {who.warc} @ {who.offset}" if who.warc is not None else ""
    return paragraph(f"{who.url or '(no URL stored)'} · id {who.id}{f' · {who.date}' if who.date else ''}{place}")


def of_metrics(outcome: StageOutcome) -> str:
    """Return a table of all values beside their thresholds."""
    rows = [_row(metric) for metric in outcome.metrics if metric.value not in (None, [])]
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
    """Return the beginning of a text, with cuts struck out and evidence for the removal highlighted."""
    pieces = [
        (piece, "" if mark is None else "del" if mark.cut else "mark") for piece, mark in marked(text, marks, TEXT)
    ]
    return preformatted([*pieces, (f"… ({rest(text, TEXT)})" if len(text) > TEXT else "", "")])
