"""Features of a document's text that contribute most to a metric, such as the words behind the score of a model."""

from __future__ import annotations

from dataclasses import dataclass

from refinery.kernels import Contribution
from refinery.stage.base import Stage
from refinery.stage.documents import TEXT, Docs

MOST = 25
"""Contributions to a metric that are computed."""


@dataclass(frozen=True)
class MetricContributions:
    """The features of a text that move a metric most, the strongest first; weights are log-odds."""

    metric: str
    contributions: tuple[Contribution, ...]


def contributions(stage: Stage, docs: Docs) -> tuple[MetricContributions, ...]:
    """Return what contributes to each metric of the only document; a metric without contributions is left out."""
    if TEXT.name not in docs.schema.names or len(docs) != 1:
        return ()
    [text] = docs.texts()
    found = ((metric.name, tuple(stage.contributions(text, metric.name, MOST))) for metric in stage.metrics)
    return tuple(MetricContributions(metric, parts) for metric, parts in found if parts)
