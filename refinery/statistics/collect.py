"""What is counted for every stage without its author doing anything: documents, sizes, reasons, metrics, groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from refinery.root.receipts import Receipt
from refinery.root.root import Root
from refinery.stage.base import Stage, changes_text
from refinery.stage.documents import ID, TEXT, TOKENS, Docs
from refinery.stage.rules import Metric, Rule, Verdict
from refinery.statistics.audit import ENTRIES
from refinery.statistics.groups import KEPT, KINDS, Groups
from refinery.statistics.measures import Histogram, Mask, Sample, Tally, Whole, bins
from refinery.statistics.origins import NONE, origins
from refinery.statistics.stored import parsed

SIDES = ("kept", "removed")
GROUPS = (*SIDES, "sole")
"""Of a metric: documents that were kept, those removed, and of these the ones that fail by this metric alone."""

UNITS = ("tokens", "characters", "bytes")
LENGTHS = ("characters", "tokens")

TOGETHER = 4_096
"""Documents that are counted at once."""


class StageStatistics:
    """Sums over the documents of a stage.

    ``documents``: in, kept, removed, edited. ``tokens``, ``characters`` and ``bytes`` of the text: in, kept, removed,
    and cut (what edits took from kept documents; negative where they added). ``rules``: documents and tokens by the
    first violated rule (records that are no documents by kind included), by any, and by the only one; ``overlap``:
    documents by pairs of them. ``metrics``: the histogram or labels of each metric by GROUPS, ``lengths`` those of
    texts. ``samples``: some documents, kept and of each reason, and which of the stage's parts they are in: 0 until
    merged, for parts are numbered anew where inputs change. Tokens are those a kept document goes on with, and those a
    removed one came with. Counts by group are a table of their own, and no part of the JSON.
    """

    def __init__(self, stage: type[Stage], rules: Sequence[Rule] = (), language: str = "") -> None:
        self._stage = stage
        self._language = language
        self._metrics: dict[str, Metric] = {m.name: m for m in stage.metrics}
        self._metric_of = {rule.id: rule.metric for rule in rules}
        self._edits = changes_text(stage)
        self._waiting: list[pa.RecordBatch] = []
        self.documents: Counter[str] = Counter()
        self.sizes: dict[str, Counter[str]] = {unit: Counter() for unit in UNITS}
        self.rules = {entry: Tally() for entry in ENTRIES}
        self.overlap: Counter[str] = Counter()
        self.metrics = {name: {group: _counts(m) for group in GROUPS} for name, m in self._metrics.items()}
        self.lengths = {unit: {side: Histogram("log") for side in SIDES} for unit in LENGTHS}
        self.samples: dict[str, Sample] = {}
        self._groups = Groups()

    @property
    def errors(self) -> int:
        """Documents on which the stage raised an exception."""
        self._count()
        return self.rules["first"].counts.get("error", (0, 0))[0]

    def groups(self) -> pa.Table:
        """Documents by domain, suffix, language and month, in the form of ``refinery.statistics.groups``."""
        self._count()
        return self._groups.table()

    # ------------------------------------------------------------------------------------------------------- counting

    def skip(self, kinds: Mapping[str, int]) -> None:
        """Count records that are no documents."""
        for kind, count in kinds.items():
            self.documents.update({"in": count, "removed": count})
            self.rules["first"].add(kind, count, 0)

    def add(self, before: Docs, after: Docs, verdict: Verdict) -> None:
        """Count a batch: ``before`` holds all its rows as they came, ``after`` the kept ones as they go on."""
        self.documents.update({"in": len(before), "kept": len(after), "removed": len(before) - len(after)})
        old, new, found = _sizes(before), _sizes(after), before.view(origins)
        # A document comes from one place, whatever becomes of its text.
        after.adopt(origins, found.filter(verdict.kept))
        self._add_sizes(before, after, old, new, verdict.kept)
        groups = dict(zip(found.schema.names, found.columns, strict=True))
        groups["language"] = self._languages(before, verdict)
        self._waiting.append(_rows(before, old, new, verdict, groups, list(self._metrics)))
        if sum(map(len, self._waiting)) >= TOGETHER:
            self._count()

    def _languages(self, before: Docs, verdict: Verdict) -> pa.StringArray:
        """The language of each document, "" where none has been identified."""
        column, _, name = self._language.partition(".")
        if column in before.schema.names:
            return pc.fill_null(before.column(self._language), NONE)
        if name in self._metrics:
            return pc.fill_null(pc.struct_field(verdict.metrics, name), NONE)
        return pa.array([NONE] * len(before), pa.string())

    def _add_sizes(self, before: Docs, after: Docs, old: Sizes, new: Sizes, kept: pa.BooleanArray) -> None:
        for unit, counter in self.sizes.items():
            passed = _sum(new[unit]) if unit in new else 0
            if unit not in old:
                counter.update({"in": passed, "kept": passed})
            else:
                given, went = _sum(old[unit]), _sum(old[unit].filter(pc.invert(kept)))
                counter.update({"in": given, "kept": passed, "removed": went, "cut": given - went - passed})
        if self._edits and TEXT.name in before.schema.names and TEXT.name in after.schema.names:
            changed = pc.not_equal(before.column(TEXT.name).filter(kept), after.column(TEXT.name))
            self.documents["edited"] += _sum(changed)

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
        for unit, sides in self.lengths.items():
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
                drawn = self.samples.setdefault(name, Sample())
                drawn.add(rows.column("id"), hashes, np.flatnonzero(places == number))

    def _count_rules(self, failed: pa.ListArray, tokens: Whole, kept: Mask) -> npt.NDArray[np.object_]:
        """Count reasons; for each document the metric by which alone it fails, or None."""
        alone = np.full(len(kept), None, dtype=object)
        gone = np.flatnonzero(~kept)
        for row, rules in zip(gone.tolist(), failed.take(pa.array(gone)).to_pylist(), strict=True):
            size = int(tokens[row])
            self.rules["first"].add(rules[0], 1, size)
            for rule in rules:
                self.rules["any"].add(rule, 1, size)
            if len(rules) == 1:
                self.rules["only"].add(rules[0], 1, size)
            self.overlap.update(" & ".join(pair) for pair in combinations(sorted(rules), 2))
            metrics = {self._metric_of.get(rule) for rule in rules}
            alone[row] = metrics.pop() if len(metrics) == 1 else None
        return alone

    def _count_metric(self, name: str, values: pa.Array, tokens: Whole, kept: Mask, sole: Mask) -> None:
        there = _mask(pc.is_valid(values))
        scale = self._metrics[name].scale
        names = pc.fill_null(values, "").dictionary_encode() if scale == "label" else None
        places = bins(scale, values) if names is None else np.zeros(0, np.int64)
        for counts, mask in zip(self.metrics[name].values(), (there & kept, there & ~kept, there & sole), strict=True):
            if isinstance(counts, Tally):
                counts.add_all(names, tokens, mask)
            else:
                counts.add(places[mask], tokens[mask])

    # -------------------------------------------------------------------------------------------------------- merging

    def merge(self, other: StageStatistics) -> None:
        """Add the statistics of other documents of the same stage."""
        self._count()
        other._count()
        for mine, theirs in zip(self._counters(), other._counters(), strict=True):
            for name, count in theirs.items():
                mine[name] += count
        for counts, its in zip(self._all_counts(), other._all_counts(), strict=True):
            counts.merge(its)
        self._groups.merge(other.groups())
        for name, sample in other.samples.items():
            self.samples.setdefault(name, Sample()).merge(sample)

    def _counters(self) -> Iterable[Counter[str]]:
        yield from (self.documents, *self.sizes.values(), self.overlap)

    def _all_counts(self) -> Iterator[Any]:
        yield from self.rules.values()
        for groups in self.metrics.values():
            yield from groups.values()
        for sides in self.lengths.values():
            yield from sides.values()

    def to_json(self) -> dict[str, Any]:
        """Plain values, keys sorted."""
        self._count()
        return {
            "documents": {side: self.documents[side] for side in ("in", "kept", "removed", "edited")},
            **{unit: {s: c[s] for s in ("in", "kept", "removed", "cut")} for unit, c in self.sizes.items()},
            "rules": {entry: tally.to_json() for entry, tally in self.rules.items()},
            "overlap": {name: self.overlap[name] for name in sorted(self.overlap) if self.overlap[name]},
            "metrics": {
                name: {"scale": self._metrics[name].scale, **{g: tally.to_json() for g, tally in groups.items()}}
                for name, groups in self.metrics.items()
            },
            "lengths": {
                unit: {s: tally.to_json() for s, tally in sides.items()} for unit, sides in self.lengths.items()
            },
            "samples": {name: self.samples[name].to_json() for name in sorted(self.samples)},
        }

    def merge_part(self, root: Root, receipt: Receipt, place: int) -> dict[str, int]:
        """Add those of the ``place``-th part by its receipt, and return the part's removed documents by reason.

        Raises StorageError where they are missing or damaged.
        """
        reasons: dict[str, int] = {}

        def read(data: Any) -> None:
            part = self.from_json(self._stage, data)
            for sample in part.samples.values():
                sample.place(place)
            self.merge(part)
            reasons.update({name: documents for name, (documents, _) in part.rules["first"].counts.items()})

        parsed(root, receipt, read)
        return reasons

    @classmethod
    def from_json(cls, stage: type[Stage], data: Mapping[str, Any]) -> StageStatistics:
        """The inverse of ``to_json``."""
        new = cls(stage)
        new.documents.update(data["documents"])
        for unit, counter in new.sizes.items():
            counter.update(data[unit])
        new.overlap.update(data["overlap"])
        new.rules = {entry: Tally.from_json(data["rules"][entry]) for entry in ENTRIES}
        new.metrics = {n: {g: _read(m, data["metrics"][n][g]) for g in GROUPS} for n, m in new._metrics.items()}
        new.lengths = {u: {s: Histogram.from_json("log", data["lengths"][u][s]) for s in SIDES} for u in LENGTHS}
        new.samples = {name: Sample.from_json(rows) for name, rows in data["samples"].items()}
        return new


def _counts(metric: Metric) -> Tally | Histogram:
    return Tally() if metric.scale == "label" else Histogram(metric.scale)


def _read(metric: Metric, rows: Any) -> Tally | Histogram:
    return Tally.from_json(rows) if metric.scale == "label" else Histogram.from_json(metric.scale, rows)


def _mask(array: pa.BooleanArray) -> Mask:
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=bool)


Sizes = Mapping[str, pa.Array]


def _rows(
    before: Docs, old: Sizes, new: Sizes, verdict: Verdict, groups: Mapping[str, pa.Array], metrics: Sequence[str]
) -> pa.RecordBatch:
    """What is counted of each document: its verdict, its lengths, its metrics, its groups."""
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
    found = dict(zip(measured.schema.names, measured.columns, strict=True)) if measured is not None else {}
    return found | ({TOKENS.name: pc.fill_null(docs.column(TOKENS.name), 0)} if TOKENS.name in names else {})


def _text_sizes(docs: Docs) -> pa.RecordBatch:
    text = docs.column(TEXT.name)
    sizes = [pc.fill_null(length(text), 0) for length in (pc.utf8_length, pc.binary_length)]
    return pa.RecordBatch.from_arrays(sizes, names=["characters", "bytes"])


def _sum(array: pa.Array) -> int:
    return int(pc.sum(array).as_py() or 0)
