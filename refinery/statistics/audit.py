"""What the shadow audit counts: which stages and rules a document violates when every one of them is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import pyarrow as pa

from refinery.root.receipts import Receipt
from refinery.root.root import Root
from refinery.stage.documents import TOKENS
from refinery.stage.rules import FAILED
from refinery.statistics.measures import Tally
from refinery.statistics.stored import parsed

ENTRIES = ("first", "any", "only")
"""Of a stage's reasons: documents by the first violated rule, by any, and by the only one."""


class AuditStatistics:
    """Sums over audited documents, by rules named ``stage.rule``.

    ``documents`` and ``tokens`` (of the first text of each): all of them, and those that every stage keeps. ``stages``
    and ``rules``: documents and tokens by the first one that removes a document, by any that would, and by the only
    one. ``pairs`` of stages and ``overlap`` of rules: documents and tokens that both would remove.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.stages = {entry: Tally() for entry in ENTRIES}
        self.rules = {entry: Tally() for entry in ENTRIES}
        self.pairs = Tally()
        self.overlap = Tally()

    def add(self, failed: Iterable[Sequence[str]], tokens: Iterable[int]) -> None:
        """Count documents: the rules that each violates, in the order of the stages, and its tokens."""
        for rules, size in zip(failed, tokens, strict=True):
            stages = list(dict.fromkeys(stage_of(rule) for rule in rules))
            self.counts.update({"documents": 1, "tokens": size})
            if not rules:
                self.counts.update({"kept documents": 1, "kept tokens": size})
            for tallies, pairs, names in ((self.stages, self.pairs, stages), (self.rules, self.overlap, rules)):
                for entry, chosen in (("first", names[:1]), ("any", names), ("only", names if len(names) == 1 else ())):
                    for name in chosen:
                        tallies[entry].add(name, 1, size)
                for pair in combinations(sorted(names), 2):
                    pairs.add(" & ".join(pair), 1, size)

    def passing(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The rows of an audit, counted on their way."""
        for batch in batches:
            self.add(batch.column(FAILED.name).to_pylist(), batch.column(TOKENS.name).fill_null(0).to_pylist())
            yield batch

    @property
    def documents(self) -> int:
        """How many were counted."""
        return self.counts["documents"]

    def merge(self, other: AuditStatistics) -> None:
        """Add the statistics of other documents."""
        self.counts.update(other.counts)
        for mine, its in zip(self._tallies(), other._tallies(), strict=True):
            mine.merge(its)

    def merge_part(self, root: Root, receipt: Receipt) -> None:
        """Add those of a part by its receipt. Raises StorageError where they are missing or damaged."""
        parsed(root, receipt, lambda data: self.merge(self.from_json(data)))

    def _tallies(self) -> list[Tally]:
        return [*self.stages.values(), *self.rules.values(), self.pairs, self.overlap]

    def to_json(self) -> dict[str, Any]:
        """Plain values, names sorted."""
        return {
            "documents": {side: self.counts[name] for side, name in (("in", "documents"), ("kept", "kept documents"))},
            "tokens": {side: self.counts[name] for side, name in (("in", "tokens"), ("kept", "kept tokens"))},
            "stages": {entry: tally.to_json() for entry, tally in self.stages.items()},
            "rules": {entry: tally.to_json() for entry, tally in self.rules.items()},
            "pairs": self.pairs.to_json(),
            "overlap": self.overlap.to_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> AuditStatistics:
        """The inverse of ``to_json``."""
        new = cls()
        for unit in ("documents", "tokens"):
            new.counts.update({unit: data[unit]["in"], f"kept {unit}": data[unit]["kept"]})
        new.stages = {entry: Tally.from_json(data["stages"][entry]) for entry in ENTRIES}
        new.rules = {entry: Tally.from_json(data["rules"][entry]) for entry in ENTRIES}
        new.pairs, new.overlap = Tally.from_json(data["pairs"]), Tally.from_json(data["overlap"])
        return new


def stage_of(rule: str) -> str:
    """The stage of a rule that is named with it."""
    return rule.partition(".")[0]
