"""The documents nearest to a threshold, on both sides of it."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from refinery.inspect.rows import Document, document
from refinery.root.receipts import SIDES
from refinery.stage.rules import Rule, Verdict


@dataclass(frozen=True)
class Near:
    """A document near the threshold of its language."""

    score: float
    language: str
    document: Document


@dataclass(frozen=True)
class Neighbours:
    """The documents that the threshold of a rule just keeps, and those that it alone just removes, nearest first."""

    stage: str
    rule: str
    metric: str
    threshold: str
    kept: tuple[Near, ...]
    removed: tuple[Near, ...]


@dataclass
class NearDraw:
    """Keeps the ``count`` documents of each side that are nearest to the threshold of a rule."""

    stage: str
    rule: Rule
    count: int
    _nearest: Mapping[str, list[tuple[float, str, Near]]] = field(default_factory=lambda: {side: [] for side in SIDES})

    def add(self, rows: pa.RecordBatch, verdict: Verdict, languages: pa.StringArray) -> None:
        """Draw from documents and their verdicts."""
        alone = pc.and_(
            pc.equal(pc.list_value_length(verdict.failed), 1),
            pc.fill_null(pc.equal(verdict.first, self.rule.id), False),
        )
        values = pc.struct_field(verdict.metrics, self.rule.metric).cast(pa.float64())
        scores = pc.fill_null(values, np.nan).to_numpy(zero_copy_only=False)
        codes = pc.fill_null(languages, "").dictionary_encode()
        names = codes.dictionary.to_pylist()
        thresholds = np.array([self.rule.by_language.get(name, self.rule.number or 0.0) for name in names] or [0.0])
        away = np.abs(scores - thresholds[codes.indices.to_numpy()])
        for side, chosen in zip(SIDES, (verdict.kept, alone), strict=True):
            distance = np.where(chosen.to_numpy(zero_copy_only=False) & np.isfinite(away), away, np.inf)
            for row in np.argsort(distance, kind="stable")[: self.count].tolist():
                if np.isfinite(distance[row]):
                    who = document(rows.slice(row, 1))
                    near = Near(float(scores[row]), names[codes.indices[row].as_py()], who)
                    self._nearest[side].append((float(distance[row]), who.id, near))
            self._nearest[side][:] = heapq.nsmallest(self.count, self._nearest[side], key=lambda one: one[:2])

    def neighbours(self) -> Neighbours:
        """Return the documents."""
        kept, removed = (tuple(near for _, _, near in self._nearest[side]) for side in SIDES)
        return Neighbours(self.stage, self.rule.id, self.rule.metric, self.rule.threshold, kept, removed)
