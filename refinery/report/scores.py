"""Documents by language and score, and the documents nearest to the threshold.

Counts near the threshold come from merged statistics; documents by language and score from the rows of the first parts.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from refinery.inspect.near import Near
from refinery.inspect.rows import WHO, Document, document, pieces
from refinery.report import charts, limits
from refinery.report.curves import bars, numeric
from refinery.report.view import MetricView, StageView, View
from refinery.root.receipts import SIDES
from refinery.stage.rules import Rule

CELLS = 20
"""Bins of a score between 0 and 1; the chart has one cell per bin."""

ZONE = 0.05
"""Width of the zone on either side of a threshold."""

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Scores:
    """Documents of a stage that identifies languages. ``chart`` is None if none of its rows are stored.

    If languages have their own thresholds, all counts are of the rows that were read, else of all parts.
    """

    stage: StageView
    metric: str
    threshold: float
    languages: int
    """Languages with another threshold."""
    chart: Markup | None
    parts: int
    of: int
    above: int
    """Documents kept with a score from the threshold to ``ZONE`` above it."""
    below: int
    """Documents with a score up to ``ZONE`` below that no other rule removes."""
    kept: tuple[Near, ...]
    removed: tuple[Near, ...]


def scores(view: View) -> dict[str, Scores]:
    """Return the scores of each stage that identifies languages and has a minimum score, by name."""
    made = {}
    for stage in view.stages:
        label = stage.step.stage.language_metric
        limited = [(m, rule) for m in stage.metrics if m.metric.scale == "ratio" for rule in _thresholds(m)]
        if label and limited:
            made[stage.name] = _scores(view, stage, label, *limited[0])
    return made


def _thresholds(metric: MetricView) -> list[Rule]:
    return [rule for rule in numeric(metric.rules, metric.metric.name) if rule.at_least is not None]


def _scores(view: View, stage: StageView, label: str, metric: MetricView, rule: Rule) -> Scores:
    threshold = float(rule.at_least or 0)
    reading = _Reading(view, stage, label, metric.metric.name, rule)
    reading.read()
    above, below = reading.close.values() if rule.by_language else _counted(metric, threshold)
    return Scores(
        stage=stage,
        metric=metric.metric.name,
        threshold=threshold,
        languages=len(rule.by_language),
        chart=reading.chart(),
        parts=len(reading.receipts),
        of=stage.totals.done,
        above=above,
        below=below,
        kept=tuple(reading.nearest("kept")),
        removed=tuple(reading.nearest("removed")),
    )


def _counted(metric: MetricView, threshold: float) -> tuple[int, int]:
    """Return how many documents of all parts are kept close to the threshold, and how many only this metric removes."""
    edge = threshold - 1e-9, ZONE + 1e-9  # sums of floats are not what their decimals add up to
    above = (b for b in bars("ratio", metric.counts.kept) if edge[0] <= b.low and b.high <= threshold + edge[1])
    below = (
        b for b in bars("ratio", metric.counts.sole) if b.high <= threshold + 1e-9 and b.low >= threshold - edge[1]
    )
    return sum(one.documents for one in above), sum(one.documents for one in below)


class _Reading:
    """Reads the stage's rows once, counts them, and keeps the nearest documents."""

    def __init__(self, view: View, stage: StageView, label: str, metric: str, rule: Rule) -> None:
        self._reader, self._entry = view.reader, view.reader.stage(stage.name)
        self._label, self._metric, self._rule = label, metric, rule
        self._stage = stage
        self._column = stage.step.column
        self.close = dict.fromkeys(SIDES, 0)
        """Documents kept and removed, these by no other rule, at most ``ZONE`` from the threshold of their language."""
        self.receipts = [one for one in self._reader.receipts(self._entry) if one.files][: limits.PARTS_READ]
        self._counts: dict[str, dict[str, Counts]] = {}
        self._near: dict[str, list[tuple[float, str, str, float, Document]]] = {side: [] for side in SIDES}

    def read(self) -> None:
        """Read the rows."""
        names = [*WHO, f"{self._column}.{self._label}", f"{self._column}.{self._metric}", "failed"]
        for piece in pieces(self._reader, self._entry, SIDES, names, self.receipts):
            if self._column in piece.batch.schema.names:
                metrics = piece.batch.column(self._column)
                languages = pc.fill_null(pc.struct_field(metrics, self._label), "").dictionary_encode()
                values = pc.fill_null(pc.struct_field(metrics, self._metric).cast(pa.float64()), np.nan).to_numpy()
                self._count(piece.side, languages, values)
                self._draw(piece.side, piece.batch, languages, values)

    def _count(self, side: str, languages: pa.DictionaryArray, values: npt.NDArray[np.float64]) -> None:
        codes, there = languages.indices.to_numpy(), np.isfinite(values)
        cells = np.clip(np.floor(np.nan_to_num(values) * CELLS + 1e-9), 0, CELLS - 1).astype(np.int64)
        for code, name in enumerate(languages.dictionary.to_pylist()):
            mine = cells[(codes == code) & there]
            if len(mine):
                sides = self._counts.setdefault(name, {one: np.zeros(CELLS, np.int64) for one in SIDES})
                sides[side] += np.bincount(mine, minlength=CELLS)

    def _draw(
        self, side: str, batch: pa.RecordBatch, languages: pa.DictionaryArray, values: npt.NDArray[np.float64]
    ) -> None:
        """Keep the documents nearest to the threshold; of removed ones, those that no other rule removes."""
        thresholds = np.array([self._threshold(name) for name in languages.dictionary.to_pylist()] or [0.0])
        away = np.abs(values - thresholds[languages.indices.to_numpy()])
        away[~np.isfinite(away)] = np.inf
        if side == "removed":
            only = [failed == [self._rule.id] for failed in _lists(batch)]
            away[~np.array(only, bool)] = np.inf
        self.close[side] += int((away <= ZONE + 1e-9).sum())
        for row in np.argsort(away, kind="stable")[: limits.NEAREST].tolist():
            if np.isfinite(away[row]):
                who = document(batch.slice(row, 1))
                entry = (float(away[row]), who.id, languages[row].as_py(), float(values[row]), who)
                self._near[side] = heapq.nsmallest(limits.NEAREST, [*self._near[side], entry], key=lambda one: one[:2])

    def nearest(self, side: str) -> Iterator[Near]:
        """Yield the documents of a side, nearest first."""
        for _, _, language, score, who in self._near[side]:
            yield Near(score, language, who)

    def _threshold(self, language: str) -> float:
        return float(self._rule.by_language.get(language, self._rule.number or 0))

    def chart(self) -> Markup | None:
        """Draw a row of cells for each language."""
        totals = {name: sum(int(counts.sum()) for counts in sides.values()) for name, sides in self._counts.items()}
        chosen = sorted(totals, key=lambda name: (-totals[name], name))[: limits.CHART_LANGUAGES]
        if not chosen:
            return None
        cells = [cell for name in chosen for cell in self._cells(name, totals[name])]
        thresholds = {name: self._threshold(name) for name in chosen}
        texts = ", ".join(dict.fromkeys(self._rule.threshold_in(name) for name in chosen))
        label_text = f"{self._stage.name}: documents by language and {self._metric}, kept if {texts}"
        return charts.cells(cells, thresholds, self._metric, label_text)

    def _cells(self, name: str, total: int) -> Iterator[charts.Cell]:
        kept, removed = (self._counts[name][side].tolist() for side in SIDES)
        for place, (stay, go) in enumerate(zip(kept, removed, strict=True)):
            if stay + go:
                side = "kept" if stay >= go else "removed"
                yield charts.Cell(name, place / CELLS, (place + 1) / CELLS, (stay + go) / total, side, stay, go)


def _lists(batch: pa.RecordBatch) -> Sequence[list[str] | None]:
    if "failed" not in batch.schema.names:
        return [None] * len(batch)
    found: list[list[str] | None] = batch.column("failed").to_pylist()
    return found
