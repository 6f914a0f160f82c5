"""Evidence for a threshold on a score that orders documents by quality, from the rows of the first parts.

Documents, tokens and samples by tier of each language, the other metrics of the documents, and how far two scores
agree. A score is read from the rows of its stage, or of a later one where these are not stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import pyarrow as pa

from refinery.inspect.orders import TIERS, Floats, Numbers, agreement, places, tier_table, tiers
from refinery.inspect.reader import RootReader, StageEntry
from refinery.inspect.rows import Spot
from refinery.inspect.score_rows import ScoreRows, first_parts
from refinery.inspect.stored_outcomes import columns_of
from refinery.recipe import Step
from refinery.root.receipts import SIDES
from refinery.stage.rules import Metric, Rule

SHARES = (0.01, 0.05, 0.1, 0.3, 0.5)
"""Shares of the documents of a language whose yield is listed."""

BANDS = 5
"""Groups of tiers whose medians are listed."""


@dataclass(frozen=True)
class ShareYield:
    """The best documents of a language: the lowest score of them, and their share of the language's tokens."""

    score: float
    tokens: float | None


@dataclass(frozen=True)
class LanguageScores:
    """The scores of the documents of a language, which of these are kept, and the yields at ``SHARES``.

    A yield is None where the language has too few documents for the share.
    """

    language: str
    values: Floats
    kept: Numbers
    yields: tuple[ShareYield | None, ...]


@dataclass(frozen=True)
class DomainScores:
    """A domain: its documents, their median tier, and the shares of them and of their tokens among the best.

    Each of ``best`` is for one of ``SHARES`` of the documents of a language; None where no tokens are counted.
    """

    domain: str
    documents: int
    tier: float
    best: tuple[tuple[float, float | None], ...]


@dataclass(frozen=True)
class MetricAgainst:
    """Another metric of the documents: Spearman's correlation within languages, and medians from low to high tiers."""

    name: str
    correlation: float | None
    medians: tuple[float | None, ...]


@dataclass(frozen=True)
class ScoredDocument:
    """A document with its score, the tier of that in its language, and its side: kept or removed."""

    score: float
    tier: int
    language: str
    side: str
    spot: Spot


@dataclass(frozen=True)
class ScorePair:
    """Two scores of the same rows: documents by tier of each, and Spearman's correlation within languages, and in each.

    ``languages`` have the number of documents and the correlation, None where a score is the same for all.
    """

    left: str
    right: str
    documents: int
    correlation: float | None
    languages: tuple[tuple[str, int, float | None], ...]
    tiers: Numbers


@dataclass(frozen=True)
class QualityScore:
    """A score, ``stage.metric``, in the rows of a stage, and the rule that compares it, if there is one."""

    name: str
    metric: Metric
    declared: Rule | None
    rows: ScoreRows

    @cached_property
    def rule(self) -> Rule | None:
        """The rule, unless no document is below its threshold: a minimum of 0 is none."""
        return self.declared if self.declared is not None and (self._above(self.declared) < 0).any() else None

    def _above(self, rule: Rule) -> Floats:
        """Return how far each score is above the threshold of its language."""
        thresholds = [rule.by_language.get(name, rule.number or 0.0) for name in self.rows.names]
        above: Floats = self.values - np.array(thresholds, float)[self.groups]
        return above

    @cached_property
    def scored(self) -> Numbers:
        """The rows that have a score."""
        return np.flatnonzero(np.isfinite(self.rows.metric(self.name)))

    @cached_property
    def values(self) -> Floats:
        """The score of each of ``scored``; ``groups`` are their languages."""
        return self.rows.metric(self.name)[self.scored]

    @cached_property
    def groups(self) -> Numbers:
        """The language of each, as its place in ``rows.names``."""
        return self.rows.languages[self.scored]

    @cached_property
    def tiers(self) -> Numbers:
        """The tier of each in its language."""
        return tiers(self.values, self.groups, self.rows.hashes[self.scored])

    def languages(self, count: int) -> list[LanguageScores]:
        """Return the languages with most documents."""
        return [self._language(code) for code, _ in _largest(self.groups, self.rows.names, count)]

    def _language(self, code: int) -> LanguageScores:
        mine = np.flatnonzero(self.groups == code)
        rows, values = self.scored[mine], self.values[mine]
        from_above = 1 - places(values, np.zeros(len(mine)), self.rows.hashes[rows])
        best = [from_above <= share + 1e-9 for share in SHARES]
        yields = (_yield(values, self.rows.tokens[rows], some) if some.any() else None for some in best)
        return LanguageScores(self.rows.names[code], values, self.rows.kept[rows], tuple(yields))

    def domains(self, count: int) -> list[DomainScores]:
        """Return the domains with most documents."""
        codes = self.rows.domains()
        found = codes.indices.to_numpy()[self.scored]
        names = codes.dictionary.to_pylist()
        from_above = 1 - places(self.values, self.groups, self.rows.hashes[self.scored])
        return [
            self._domain(names[code], np.flatnonzero(found == code), from_above)
            for code, _ in _largest(found, names, count)
        ]

    def _domain(self, name: str, mine: Numbers, from_above: Floats) -> DomainScores:
        tokens = self.rows.tokens[self.scored[mine]]
        best = [from_above[mine] <= share + 1e-9 for share in SHARES]
        whole = tokens.sum()
        shares = ((float(some.mean()), float(tokens[some].sum() / whole) if whole else None) for some in best)
        return DomainScores(name, len(mine), float(np.median(self.tiers[mine])), tuple(shares))

    def against(self) -> list[MetricAgainst]:
        """Return the other metrics, those that agree most first."""
        found = [self._against(name) for name in self.rows.metrics if name != self.name]
        return sorted(found, key=lambda one: (-abs(one.correlation or 0), one.name))

    def _against(self, name: str) -> MetricAgainst:
        values = self.rows.metric(name)[self.scored]
        band = np.where(np.isfinite(values), (self.tiers - 1) * BANDS // TIERS, -1)
        bands = (values[band == number] for number in range(BANDS))
        medians = tuple(float(np.median(some)) if len(some) else None for some in bands)
        return MetricAgainst(name, agreement(self.values, values, self.groups), medians)

    def ladder(self) -> list[ScoredDocument]:
        """Return a document of each tier of the language with most documents, the highest tier first."""
        mine = self.groups == next((code for code, _ in _largest(self.groups, self.rows.names, 1)), -1)
        hashes = self.rows.hashes[self.scored]
        by_tier = (np.flatnonzero(mine & (self.tiers == tier)) for tier in range(TIERS, 0, -1))
        return [self._document(int(rows[np.argmin(hashes[rows])])) for rows in by_tier if len(rows)]

    def nearest(self, count: int) -> list[ScoredDocument]:
        """Return the documents nearest to the threshold of their language, on both sides, from high to low."""
        if self.rule is None:
            return []
        away, kept = self._above(self.rule), self.rows.kept[self.scored]
        sides = np.where(kept & (away >= 0), away, np.inf), np.where(~kept & (away < 0), -away, np.inf)
        above, below = ([n for n in np.argsort(s, kind="stable")[:count] if np.isfinite(s[n])] for s in sides)
        return [self._document(int(place)) for place in (*above[::-1], *below)]

    def _document(self, place: int) -> ScoredDocument:
        row = int(self.scored[place])
        side = SIDES[0] if self.rows.kept[row] else SIDES[1]
        language = self.rows.names[int(self.groups[place])]
        return ScoredDocument(float(self.values[place]), int(self.tiers[place]), language, side, self.rows.spot(row))


def _largest(codes: Numbers, names: Sequence[str], count: int) -> list[tuple[int, int]]:
    """Return the most frequent codes, each with its number of rows; of equally frequent ones, by name."""
    sizes = np.bincount(codes, minlength=len(names)).tolist()
    found = sorted((code for code, size in enumerate(sizes) if size), key=lambda code: (-sizes[code], names[code]))
    return [(code, sizes[code]) for code in found[:count]]


def _yield(values: Floats, tokens: Floats, best: Numbers) -> ShareYield:
    part = float(tokens[best].sum() / tokens.sum()) if tokens.any() else None
    return ShareYield(float(values[best].min()), part)


def quality_scores(reader: RootReader, parts: int) -> list[QualityScore]:
    """Return the scores that stages of a root declare, from the rows of at most so many parts of a stage."""
    steps = {step.column: step for step in reader.pipeline.steps}
    entries = {name: entry for name in _names(reader) if (entry := _entry(reader, name.partition(".")[0]))}
    rows = {entry.position: _rows(reader, entry, list(entries), parts) for entry in entries.values()}
    found = []
    for name, entry in entries.items():
        stage = steps[name.partition(".")[0]].stage
        metric = next(one for one in stage.metrics if one.name == name.partition(".")[2])
        rules = [one for one in stage.applied_rules() if one.metric == metric.name and one.at_least is not None]
        found.append(QualityScore(name, metric, rules[0] if rules else None, rows[entry.position]))
    return [score for score in found if len(score.scored)]


def score_pairs(scores: Sequence[QualityScore], count: int) -> Iterator[ScorePair]:
    """Yield each pair of scores, from the rows of the later one's stage."""
    for pair in combinations(scores, 2):
        left, right = (one.name for one in pair)
        rows = max((one.rows for one in pair), key=lambda rows: rows.entry.position)
        if {left, right} <= set(rows.metrics):
            yield _pair(rows, left, right, count)


def _pair(rows: ScoreRows, left: str, right: str, count: int) -> ScorePair:
    values = [rows.metric(name) for name in (left, right)]
    both = np.flatnonzero(np.isfinite(values[0]) & np.isfinite(values[1]))
    a, b, groups, hashes = values[0][both], values[1][both], rows.languages[both], rows.hashes[both]
    languages = []
    for code, size in _largest(groups, rows.names, count):
        mine = groups == code
        languages.append((rows.names[code], size, agreement(a[mine], b[mine], groups[mine])))
    table = tier_table(tiers(a, groups, hashes), tiers(b, groups, hashes))
    return ScorePair(left, right, len(both), agreement(a, b, groups), tuple(languages), table)


def _names(reader: RootReader) -> list[str]:
    """Return the scores of all stages as ``stage.metric``, each once."""
    names = [(step, name) for step in reader.pipeline.steps for name in step.stage.quality_scores()]
    return list(dict.fromkeys(name if "." in name else f"{step.column}.{name}" for step, name in names))


def _entry(reader: RootReader, column: str) -> StageEntry | None:
    """Return the first stage whose stored rows have a column of metrics."""
    return next((entry for entry in reader.stages if column in columns_of(reader, entry)), None)


def _rows(reader: RootReader, entry: StageEntry, scores: Sequence[str], parts: int) -> ScoreRows:
    present = set(columns_of(reader, entry))
    steps = [step for step in reader.pipeline.steps if step.column in present]
    metrics = [name for step in steps for name in _metrics(step, scores)]
    return ScoreRows(reader, entry, first_parts(reader.receipts(entry), parts), metrics)


def _metrics(step: Step, scores: Sequence[str]) -> list[str]:
    """Return the numbers that a step measures; of a stage with scores only these, for its others follow from them."""
    names = [f"{step.column}.{metric.name}" for metric in step.stage.metrics if _is_number(metric.type)]
    return [name for name in names if name in scores] if step.stage.quality_scores() else names


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))
