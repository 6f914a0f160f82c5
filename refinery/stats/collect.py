"""What is counted for every stage without its author doing anything: documents, sizes, reasons, metrics."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from refinery.judge import Verdict
from refinery.part import Receipt, Root
from refinery.stage import Metric, Stage
from refinery.stats.measures import Histogram

SIDES = ("kept", "removed")
UNITS = ("tokens", "characters", "bytes")


class StageStatistics:
    """Sums over the documents of a stage.

    ``documents``: in, kept, removed, edited. ``tokens``, ``characters`` and ``bytes`` of the text: in, kept, removed,
    and cut (what edits took from kept documents; negative where they added). ``reasons``: first violated rule, records
    that are no documents by kind included. ``failing``: every violated rule; ``overlap``: pairs of them.
    ``metrics`` and ``labels``: histogram or value counts of each metric, split into kept and removed.
    """

    def __init__(self, stage: type[Stage]) -> None:
        self._metrics: dict[str, Metric] = {m.name: m for m in stage.metrics}
        self.documents: Counter[str] = Counter()
        self.sizes: dict[str, Counter[str]] = {unit: Counter() for unit in UNITS}
        self.reasons: Counter[str] = Counter()
        self.failing: Counter[str] = Counter()
        self.overlap: Counter[str] = Counter()
        self.metrics: dict[str, dict[str, Histogram]] = {}
        self.labels: dict[str, dict[str, Counter[str]]] = {}
        for metric in stage.metrics:
            if metric.scale == "label":
                self.labels[metric.name] = {side: Counter() for side in SIDES}
            else:
                self.metrics[metric.name] = {side: Histogram(metric.scale) for side in SIDES}

    # ------------------------------------------------------------------------------------------------------- counting

    def skip(self, kinds: Mapping[str, int]) -> None:
        """Count records that are no documents."""
        for kind, count in kinds.items():
            self.documents.update({"in": count, "removed": count})
            self.reasons[kind] += count

    def add(self, before: pa.RecordBatch, after: pa.RecordBatch, verdict: Verdict) -> None:
        """Count a batch: ``before`` holds all its rows as they came, ``after`` the kept ones as they go on."""
        self.documents.update({"in": len(before), "kept": len(after), "removed": len(before) - len(after)})
        self._add_sizes(before, after, verdict.kept)
        self.reasons.update(rule for rule in verdict.first.to_pylist() if rule)
        for failed in verdict.failed.to_pylist():
            self.failing.update(failed)
            self.overlap.update(" & ".join(pair) for pair in combinations(sorted(failed), 2))
        masks = {"kept": verdict.kept, "removed": pc.invert(verdict.kept)}
        for name, metric in self._metrics.items():
            self._add_metric(metric, pc.struct_field(verdict.facts, name), masks)

    def _add_sizes(self, before: pa.RecordBatch, after: pa.RecordBatch, kept: pa.BooleanArray) -> None:
        for unit, counter in self.sizes.items():
            old, new = _sizes(unit, before), _sizes(unit, after)
            passed = 0 if new is None else _sum(new)
            if old is None:
                counter.update({"in": passed, "kept": passed})
            else:
                given, went = _sum(old), _sum(old.filter(pc.invert(kept)))
                counter.update({"in": given, "kept": passed, "removed": went, "cut": given - went - passed})
        if "text" in before.schema.names and "text" in after.schema.names:
            changed = pc.not_equal(before.column("text").filter(kept), after.column("text"))
            self.documents["edited"] += _sum(changed)

    def _add_metric(self, metric: Metric, values: pa.Array, masks: Mapping[str, pa.Array]) -> None:
        for side, mask in masks.items():
            chosen = values.filter(mask)
            if metric.scale == "label":
                self.labels[metric.name][side].update(label for label in chosen.to_pylist() if label is not None)
            else:
                self.metrics[metric.name][side].add(chosen)

    # -------------------------------------------------------------------------------------------------------- merging

    def merge(self, other: StageStatistics) -> None:
        """Add the statistics of other documents of the same stage."""
        for mine, theirs in zip(self._counters(), other._counters(), strict=True):
            for name, count in theirs.items():
                mine[name] += count
        for name, sides in self.metrics.items():
            for side in SIDES:
                sides[side].merge(other.metrics[name][side])

    def _counters(self) -> Iterable[Counter[str]]:
        yield from (self.documents, *self.sizes.values(), self.reasons, self.failing, self.overlap)
        for sides in self.labels.values():
            yield from sides.values()

    def to_json(self) -> dict[str, Any]:
        """Plain values, keys sorted."""
        return {
            "documents": {side: self.documents[side] for side in ("in", "kept", "removed", "edited")},
            **{unit: {s: c[s] for s in ("in", "kept", "removed", "cut")} for unit, c in self.sizes.items()},
            "reasons": _sorted(self.reasons),
            "failing": _sorted(self.failing),
            "overlap": _sorted(self.overlap),
            "metrics": {
                name: {"scale": self._metrics[name].scale, **{side: sides[side].to_json() for side in SIDES}}
                for name, sides in self.metrics.items()
            },
            "labels": {n: {side: _sorted(sides[side]) for side in SIDES} for n, sides in self.labels.items()},
        }

    @classmethod
    def read(cls, stage: type[Stage], root: Root, receipt: Receipt) -> StageStatistics:
        """The statistics that a part's receipt names."""
        return cls.from_json(stage, json.loads(root.store.read(root.full(receipt.statistics))))

    @classmethod
    def from_json(cls, stage: type[Stage], data: Mapping[str, Any]) -> StageStatistics:
        """The inverse of ``to_json``."""
        new = cls(stage)
        new.documents.update(data["documents"])
        for unit, counter in new.sizes.items():
            counter.update(data[unit])
        for name in ("reasons", "failing", "overlap"):
            cast("Counter[str]", getattr(new, name)).update(data[name])
        for name, sides in new.metrics.items():
            for side in SIDES:
                sides[side] = Histogram.from_json(new._metrics[name].scale, data["metrics"][name][side])
        for name, counters in new.labels.items():
            for side in SIDES:
                counters[side].update(data["labels"][name][side])
        return new


def _sizes(unit: str, batch: pa.RecordBatch) -> pa.Array | None:
    names = batch.schema.names
    if unit == "tokens":
        return batch.column("tokens") if "tokens" in names else None
    if "text" not in names:
        return None
    text = batch.column("text")
    return pc.utf8_length(text) if unit == "characters" else pc.binary_length(text)


def _sum(array: pa.Array) -> int:
    return int(pc.sum(array).as_py() or 0)


def _sorted(counter: Counter[str]) -> dict[str, int]:
    return {name: counter[name] for name in sorted(counter) if counter[name]}
