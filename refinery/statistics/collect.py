"""Counting for every stage, without its author doing anything: documents, sizes, reasons, metrics, groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from refinery.root.receipts import SIDES
from refinery.root.statistics import LENGTHS, SAMPLE, UNITS, Drawn, LengthCounts, MetricCounts, Statistics, draw
from refinery.stage.base import Stage, changes_text, languages_of
from refinery.stage.documents import ID, TEXT, TOKENS, Docs
from refinery.stage.rules import ERROR, Metric, Rule, Verdict
from refinery.statistics.audit import count_rules, rule_counters, rule_counts
from refinery.statistics.groups import KEPT, KINDS, Groups
from refinery.statistics.measures import BinCounter, Mask, NameCounter, Whole, bins
from refinery.statistics.origins import NONE, origins

GROUPS = (*SIDES, "sole")
"""Of a metric: documents that were kept, those removed, and of these the ones that fail by this metric alone."""

TOGETHER = 4_096
"""Documents that are counted at once."""


class StageCounter:
    """Counts the documents of a stage, see ``Statistics``. Counts by group are a table beside them."""

    def __init__(self, stage: type[Stage], rules: Sequence[Rule] = ()) -> None:
        self._stage = stage
        self._metrics: dict[str, Metric] = {m.name: m for m in stage.metrics}
        self._metric_of = {rule.id: rule.metric for rule in rules}
        self._edits = changes_text(stage)
        self._waiting: list[pa.RecordBatch] = []
        self._documents: Counter[str] = Counter()
        self._sizes: dict[str, Counter[str]] = {unit: Counter() for unit in UNITS}
        self._rules = rule_counters()
        self._overlap: Counter[str] = Counter()
        self._values = {name: {group: _counter(m) for group in GROUPS} for name, m in self._metrics.items()}
        self._lengths = {unit: {side: BinCounter("log") for side in SIDES} for unit in LENGTHS}
        self._samples: dict[str, tuple[Drawn, ...]] = {}
        self._groups = Groups()

    @property
    def documents(self) -> int:
        """Documents and other records that were counted."""
        return self._documents["in"]

    @property
    def errors(self) -> int:
        """Documents on which the stage raised an exception."""
        self._count()
        return self._rules["first"].documents(ERROR)

    def groups(self) -> pa.Table:
        """Return documents by domain, suffix, language and month, in the form of ``refinery.statistics.groups``."""
        self._count()
        return self._groups.table()

    # ------------------------------------------------------------------------------------------------------- counting

    def skip(self, kinds: Mapping[str, int]) -> None:
        """Count records that are no documents."""
        for kind, count in kinds.items():
            self._documents.update({"in": count, "removed": count})
            self._rules["first"].add(kind, count, 0)

    def add(self, before: Docs, after: Docs, verdict: Verdict) -> None:
        """Count a batch: ``before`` has all its rows as they came, ``after`` the kept ones as they go on."""
        self._documents.update({"in": len(before), "kept": len(after), "removed": len(before) - len(after)})
        old, new, places = _sizes(before), _sizes(after), before.view(origins)
        # A document comes from one place, whatever becomes of its text.
        after.adopt(origins, places.filter(verdict.kept))
        self._add_sizes(before, after, old, new, verdict.kept)
        groups = dict(zip(places.schema.names, places.columns, strict=True))
        groups["language"] = pc.fill_null(languages_of(self._stage, before, verdict.metrics), NONE)
        self._waiting.append(_rows(before, old, new, verdict, groups, list(self._metrics)))
        if sum(map(len, self._waiting)) >= TOGETHER:
            self._count()

    def _add_sizes(self, before: Docs, after: Docs, old: Sizes, new: Sizes, kept: pa.BooleanArray) -> None:
        for unit, counter in self._sizes.items():
            if unit not in old:
                passed = _sum(new[unit]) if unit in new else 0
                counter.update({"in": passed, "kept": passed})
            else:
                given, went = _sum(old[unit]), _sum(old[unit].filter(pc.invert(kept)))
                left_out = given - went if self._stage.last else 0  # the last stage selects columns, it ends no text
                passed = _sum(new[unit]) if unit in new else left_out
                counter.update({"in": given, "kept": passed, "removed": went, "cut": given - went - passed})
        if self._edits and TEXT.name in before.schema.names and TEXT.name in after.schema.names:
            changed = pc.not_equal(before.column(TEXT.name).filter(kept), after.column(TEXT.name))
            self._documents["edited"] += _sum(changed)

    def _count(self) -> None:
        """Count the documents that wait: many at once are cheaper than few."""
        if not self._waiting:
            return
        rows = pa.Table.from_batches(self._waiting).combine_chunks()
        self._waiting = []
        for batch in rows.to_batches():
            self._count_batch(batch)

    def _count_batch(self, rows: pa.RecordBatch) -> None:
        tokens = rows.column("tokens").fill_null(0).to_numpy(zero_copy_only=False)
        kept = _mask(pc.is_null(rows.column("first")))
        alone = self._count_rules(rows.column("failed"), tokens, kept)
        for number, name in enumerate(self._metrics):
            self._count_metric(name, rows.column(f"metric {number}"), tokens, kept, alone == name)
        for unit, sides in self._lengths.items():
            values = rows.column(unit)
            there, places = _mask(pc.is_valid(values)), bins("log", values)
            for side, mask in (("kept", there & kept), ("removed", there & ~kept)):
                sides[side].add(places[mask], tokens[mask])
        outcomes = pc.fill_null(rows.column("first"), KEPT)
        named = {kind: rows.column(kind) for kind in KINDS}
        self._groups.add(pa.RecordBatch.from_pydict({**named, "outcome": outcomes, "tokens": tokens}))
        if not rows.column("id").null_count:
            encoded = outcomes.dictionary_encode()
            places, hashes = encoded.indices.to_numpy(), rows.column("hash").to_numpy()
            for number, name in enumerate(encoded.dictionary.to_pylist()):
                self._draw(name, rows.column("id"), hashes, np.flatnonzero(places == number))

    def _draw(self, name: str, ids: pa.FixedSizeBinaryArray, hashes: npt.NDArray[np.uint64], rows: Whole) -> None:
        first = rows[np.argsort(hashes[rows], kind="stable")[:SAMPLE]].tolist()
        self._samples[name] = draw([*self._samples.get(name, ()), *((ids[row].as_py().hex(), 0) for row in first)])

    def _count_rules(self, failed: pa.ListArray, tokens: Whole, kept: Mask) -> npt.NDArray[np.object_]:
        """Count reasons; for each document the metric by which alone it fails, or None."""
        alone = np.full(len(kept), None, dtype=object)
        gone = np.flatnonzero(~kept)
        for row, rules in zip(gone.tolist(), failed.take(pa.array(gone)).to_pylist(), strict=True):
            size = int(tokens[row])
            count_rules(self._rules, rules, size)
            self._overlap.update(" & ".join(pair) for pair in combinations(sorted(rules), 2))
            metrics = {self._metric_of.get(rule) for rule in rules}
            alone[row] = metrics.pop() if len(metrics) == 1 else None
        return alone

    def _count_metric(self, name: str, values: pa.Array, tokens: Whole, kept: Mask, sole: Mask) -> None:
        there = _mask(pc.is_valid(values))
        scale = self._metrics[name].scale
        names = pc.fill_null(values, "").dictionary_encode() if scale == "label" else None
        places = bins(scale, values) if names is None else np.zeros(0, np.int64)
        for counts, mask in zip(self._values[name].values(), (there & kept, there & ~kept, there & sole), strict=True):
            if isinstance(counts, NameCounter):
                counts.add_all(names, tokens, mask)
            else:
                counts.add(places[mask], tokens[mask])

    # ---------------------------------------------------------------------------------------------------------- result

    def statistics(self) -> Statistics:
        """Return what was counted so far."""
        self._count()
        sizes: dict[str, Any] = {
            u: {side: c[side] for side in ("in", "kept", "removed", "cut")} for u, c in self._sizes.items()
        }
        metrics = {
            name: MetricCounts(scale=self._metrics[name].scale, **{g: c.tally() for g, c in groups.items()})
            for name, groups in self._values.items()
        }
        return Statistics(
            documents={side: self._documents[side] for side in ("in", "kept", "removed", "edited")},
            **sizes,
            rules=rule_counts(self._rules),
            overlap={name: self._overlap[name] for name in sorted(self._overlap)},
            metrics=metrics,
            lengths={u: LengthCounts(**{s: c.tally() for s, c in sides.items()}) for u, sides in self._lengths.items()},
            samples={name: self._samples[name] for name in sorted(self._samples)},
        )


def _counter(metric: Metric) -> NameCounter | BinCounter:
    return NameCounter() if metric.scale == "label" else BinCounter(metric.scale)


def _mask(array: pa.BooleanArray) -> Mask:
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=bool)


Sizes = Mapping[str, pa.Array]


def _rows(
    before: Docs, old: Sizes, new: Sizes, verdict: Verdict, groups: Mapping[str, pa.Array], metrics: Sequence[str]
) -> pa.RecordBatch:
    """A row for each document with all that is counted of it: verdict, lengths, metrics, groups."""
    ids = before.column(ID.name) if ID.name in before.schema.names else pa.nulls(len(before), ID.type)
    columns = {
        "first": verdict.first,
        "failed": verdict.failed,
        **{unit: _lengths_after(unit, old, new, verdict.kept) for unit in LENGTHS},
        **{f"metric {number}": pc.struct_field(verdict.metrics, name) for number, name in enumerate(metrics)},
        **groups,
        "id": ids,
    }
    return pa.RecordBatch.from_pydict(columns)


def _lengths_after(unit: str, old: Sizes, new: Sizes, kept: pa.BooleanArray) -> pa.Int64Array:
    """A kept text's length as it goes on, a removed one's as it came; null where there is no text."""
    before = old[unit].cast(pa.int64()) if unit in old else pa.nulls(len(kept), pa.int64())
    after = new[unit].cast(pa.int64()) if unit in new else pa.nulls(kept.true_count, pa.int64())
    return pc.replace_with_mask(before, kept, after)


def _sizes(docs: Docs) -> Sizes:
    """The size of each document's text in UNITS, as far as it has one; 0 for null."""
    names = docs.schema.names
    measured = docs.view(_text_sizes) if TEXT.name in names else None
    sizes = dict(zip(measured.schema.names, measured.columns, strict=True)) if measured is not None else {}
    return sizes | ({TOKENS.name: pc.fill_null(docs.column(TOKENS.name), 0)} if TOKENS.name in names else {})


def _text_sizes(docs: Docs) -> pa.RecordBatch:
    text = docs.column(TEXT.name)
    sizes = [pc.fill_null(length(text), 0) for length in (pc.utf8_length, pc.binary_length)]
    return pa.RecordBatch.from_arrays(sizes, names=["characters", "bytes"])


def _sum(array: pa.Array) -> int:
    return int(pc.sum(array).as_py() or 0)
