"""Counting the shadow audit: the stages and rules that a document violates when every one of them is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

import pyarrow as pa

from refinery.root.statistics import AuditStatistics, RuleCounts
from refinery.stage.documents import TOKENS
from refinery.stage.rules import FAILED
from refinery.statistics.measures import NameCounter

ENTRIES = ("first", "any", "only")
"""Of a stage's reasons: documents by the first violated rule, by any, and by the only one."""


class AuditCounter:
    """Counts audited documents, 1 in ``one_in``."""

    def __init__(self, one_in: int) -> None:
        self._one_in = one_in
        self._documents: Counter[str] = Counter()
        self._tokens: Counter[str] = Counter()
        self._stages, self._rules = rule_counters(), rule_counters()
        self._pairs, self._overlap = NameCounter(), NameCounter()

    def add(self, failed: Iterable[Sequence[str]], tokens: Iterable[int]) -> None:
        """Count documents: the rules that each violates, in the order of the stages, and its tokens."""
        for rules, size in zip(failed, tokens, strict=True):
            stages = list(dict.fromkeys(stage_of(rule) for rule in rules))
            for side in ("in",) if rules else ("in", "kept"):
                self._documents[side] += 1
                self._tokens[side] += size
            for counters, pairs, names in ((self._stages, self._pairs, stages), (self._rules, self._overlap, rules)):
                count_rules(counters, names, size)
                for pair in combinations(sorted(names), 2):
                    pairs.add(" & ".join(pair), 1, size)

    def counted(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Count the rows of an audit, and yield them."""
        for batch in batches:
            self.add(batch.column(FAILED.name).to_pylist(), batch.column(TOKENS.name).fill_null(0).to_pylist())
            yield batch

    def statistics(self) -> AuditStatistics:
        """Return what was counted."""
        return AuditStatistics(
            one_in=self._one_in,
            documents={side: self._documents[side] for side in ("in", "kept")},
            tokens={side: self._tokens[side] for side in ("in", "kept")},
            stages=rule_counts(self._stages),
            rules=rule_counts(self._rules),
            pairs=self._pairs.tally(),
            overlap=self._overlap.tally(),
        )


def rule_counters() -> dict[str, NameCounter]:
    """Return a counter for each of ENTRIES."""
    return {entry: NameCounter() for entry in ENTRIES}


def count_rules(counters: dict[str, NameCounter], rules: Sequence[str], tokens: int) -> None:
    """Count a document by the rules that it violates."""
    for entry, chosen in (("first", rules[:1]), ("any", rules), ("only", rules if len(rules) == 1 else ())):
        for rule in chosen:
            counters[entry].add(rule, 1, tokens)


def rule_counts(counters: dict[str, NameCounter]) -> RuleCounts:
    """Return the counts of all entries."""
    return RuleCounts(**{entry: counter.tally() for entry, counter in counters.items()})


def stage_of(rule: str) -> str:
    """Return the stage of a rule that is named with it."""
    return rule.partition(".")[0]
