"""Figures of a classifier on labelled texts that it did not see."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

YIELDS = (0.01, 0.05, 0.1, 0.3)
"""Shares of the texts, those with the highest scores, whose precision is reported."""

BINS = 10
LEAST = 5
"""Positive and negative texts that a language needs for figures of its own."""
DOMAINS = 10
"""Domains with the highest scores that are reported, and as many with the lowest."""
TEXTS_OF_DOMAIN = 3
"""Texts that a domain needs to be reported."""

Scores = npt.NDArray[np.float64]
Labels = npt.NDArray[np.bool_]


class CardRecord(BaseModel):
    """A record of a card."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LanguageFigures(CardRecord):
    """AUC among the texts of one language; None where it has too few positive or negative ones."""

    language: str
    texts: int
    positive: int
    auc: float | None


class CalibrationBin(CardRecord):
    """The texts with scores from ``low``: their mean score, and the share that is positive."""

    low: float
    texts: int
    mean_score: float
    positive: float


class YieldFigures(CardRecord):
    """The texts with the highest scores, a ``share`` of all: the least score, and how many of them are positive."""

    share: float
    texts: int
    min_score: float
    precision: float
    recall: float


class DomainFigures(CardRecord):
    """The mean score of a domain's texts."""

    domain: str
    texts: int
    positive: int
    mean_score: float


class Figures(CardRecord):
    """All figures of a classifier. The AUC of the mean language counts each language as much."""

    texts: int
    positive: int
    auc: float
    mean_language_auc: float | None
    languages: tuple[LanguageFigures, ...]
    calibration: tuple[CalibrationBin, ...]
    calibration_error: float
    yields: tuple[YieldFigures, ...]
    highest_domains: tuple[DomainFigures, ...]
    lowest_domains: tuple[DomainFigures, ...]


def figures(scores: Scores, positive: Labels, domains: Sequence[str], languages: Sequence[str]) -> Figures:
    """Return the figures of the scores of some texts, of which some are positive and some are not."""
    by_language = tuple(_languages(scores, positive, languages))
    known = [one.auc for one in by_language if one.auc is not None]
    bins = tuple(calibration(scores, positive))
    ranked = sorted(_domains(scores, positive, domains), key=lambda one: (-one.mean_score, one.domain))
    return Figures(
        texts=len(scores),
        positive=int(positive.sum()),
        auc=auc(scores, positive),
        mean_language_auc=sum(known) / len(known) if known else None,
        languages=by_language,
        calibration=bins,
        calibration_error=sum(one.texts * abs(one.mean_score - one.positive) for one in bins) / len(scores),
        yields=tuple(_yield(scores, positive, share) for share in YIELDS),
        highest_domains=tuple(ranked[:DOMAINS]),
        lowest_domains=tuple(ranked[::-1][: min(DOMAINS, len(ranked) - DOMAINS) if len(ranked) > DOMAINS else 0]),
    )


def auc(scores: Scores, positive: Labels) -> float:
    """Return the share of pairs of a positive and a negative text in which the positive one has the higher score.

    An equal score counts as half. By ranks: Mann and Whitney 1947.
    """
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives = int(positive.sum())
    pairs = positives * (len(scores) - positives)
    return float((ranks[positive].sum() - positives * (positives + 1) / 2) / pairs)


def calibration(scores: Scores, positive: Labels) -> list[CalibrationBin]:
    """Return the bins of equal width that have texts."""
    bins = np.minimum((scores * BINS).astype(np.int64), BINS - 1)
    found = []
    for number in np.unique(bins).tolist():
        own = bins == number
        found.append(
            CalibrationBin(
                low=number / BINS,
                texts=int(own.sum()),
                mean_score=float(scores[own].mean()),
                positive=float(positive[own].mean()),
            )
        )
    return found


def _yield(scores: Scores, positive: Labels, share: float) -> YieldFigures:
    """Of equal scores at the end, an equal share of positive and negative texts is among the highest."""
    count = max(round(share * len(scores)), 1)
    least = np.sort(scores)[::-1][count - 1]
    above, equal = scores > least, scores == least
    chosen = positive[above].sum() + positive[equal].mean() * (count - above.sum())
    return YieldFigures(
        share=share,
        texts=count,
        min_score=float(least),
        precision=float(chosen / count),
        recall=float(chosen / positive.sum()),
    )


def _languages(scores: Scores, positive: Labels, languages: Sequence[str]) -> list[LanguageFigures]:
    named = np.array(languages, object)
    found = []
    for language, count in sorted(Counter(languages).items()):
        if not language:
            continue
        own = named == language
        positives = int(positive[own].sum())
        enough = min(positives, count - positives) >= LEAST
        value = auc(scores[own], positive[own]) if enough else None
        found.append(LanguageFigures(language=language, texts=count, positive=positives, auc=value))
    return found


def _domains(scores: Scores, positive: Labels, domains: Sequence[str]) -> list[DomainFigures]:
    rows = defaultdict(list)
    for row, domain in enumerate(domains):
        rows[domain].append(row)
    return [
        DomainFigures(
            domain=domain,
            texts=len(own),
            positive=int(positive[own].sum()),
            mean_score=float(scores[own].mean()),
        )
        for domain, own in sorted(rows.items())
        if len(own) >= TEXTS_OF_DOMAIN
    ]
