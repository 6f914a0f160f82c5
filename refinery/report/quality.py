"""The page about scores of quality: each score by language, with its yield, samples and other metrics, and pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from refinery.inspect.quality_scores import (
    DomainScores,
    LanguageScores,
    MetricAgainst,
    QualityScore,
    ScoredDocument,
    ScorePair,
    quality_scores,
    score_pairs,
)
from refinery.inspect.reader import RootReader
from refinery.inspect.rows import Document, document, row_at
from refinery.report import charts, limits
from refinery.report.score_charts import share_above, tier_map
from refinery.report.view import StageView, View
from refinery.stage.documents import STRUCTURE, TEXT

CELLS = 20
"""Cells between the scores 0 and 1."""


@dataclass(frozen=True)
class ScoredText:
    """A document of a tier, or near the threshold, with the beginning of its text; "" where that is not stored."""

    scored: ScoredDocument
    document: Document
    text: str


@dataclass(frozen=True)
class ScoreView:
    """A score. ``stage`` is the one whose rows were read; ``cells`` is None for a score without a scale of 0 to 1."""

    score: QualityScore
    stage: StageView
    languages: tuple[LanguageScores, ...]
    cells: Markup | None
    curves: Markup
    domains: tuple[DomainScores, ...]
    against: tuple[MetricAgainst, ...]
    ladder: tuple[ScoredText, ...]
    nearest: tuple[ScoredText, ...]


@dataclass(frozen=True)
class PairView:
    """Two scores, and the chart of their tiers."""

    pair: ScorePair
    chart: Markup


def quality(view: View) -> tuple[list[ScoreView], list[PairView]]:
    """Return the scores of a root and their pairs."""
    scores = quality_scores(view.reader, limits.PARTS_READ)
    pairs = [PairView(pair, tier_map(pair)) for pair in score_pairs(scores, limits.CHART_LANGUAGES)]
    return [_view(view, score) for score in scores], pairs


def _view(view: View, score: QualityScore) -> ScoreView:
    languages = score.languages(limits.CHART_LANGUAGES)
    threshold = None if score.rule is None else score.rule.number
    return ScoreView(
        score=score,
        stage=next(stage for stage in view.stages if stage.name == score.rows.entry.name),
        languages=tuple(languages),
        cells=_cells(score, languages) if score.metric.scale == "ratio" else None,
        curves=share_above(languages, score.metric.scale, score.name, threshold),
        domains=tuple(score.domains(limits.HEAVIEST_DOMAINS)),
        against=tuple(score.against()),
        ladder=tuple(_scored_text(view.reader, one) for one in score.ladder()),
        nearest=tuple(_scored_text(view.reader, one) for one in score.nearest(limits.NEAREST)),
    )


def _cells(score: QualityScore, languages: list[LanguageScores]) -> Markup:
    """Draw a row of cells for each language, dark where its documents are."""
    cells, thresholds = [], {}
    for one in languages:
        thresholds[one.language] = 0.0
        if score.rule is not None:
            thresholds[one.language] = float(score.rule.by_language.get(one.language, score.rule.number or 0))
        places = np.clip(np.floor(one.values * CELLS + 1e-9), 0, CELLS - 1).astype(np.int64)
        kept, removed = (np.bincount(places[side], minlength=CELLS).tolist() for side in (one.kept, ~one.kept))
        for place, (stay, go) in enumerate(zip(kept, removed, strict=True)):
            if stay + go:
                side, share = "kept" if stay >= go else "removed", (stay + go) / len(places)
                cells.append(charts.Cell(one.language, place / CELLS, (place + 1) / CELLS, share, side, stay, go))
    return charts.cells(cells, thresholds, score.name, f"documents by language and {score.name}")


def _scored_text(reader: RootReader, scored: ScoredDocument) -> ScoredText:
    unread = [*(step.column for step in reader.pipeline.steps), STRUCTURE.name]
    row = row_at(reader, scored.spot, unread)
    text = row.column(TEXT.name)[0].as_py() if TEXT.name in row.schema.names else None
    return ScoredText(scored, document(row), " ".join((text or "")[: limits.EXCERPT].split()))
