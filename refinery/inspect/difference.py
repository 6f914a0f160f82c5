"""Comparing two roots: recipes, counts, reasons, and every document that has another outcome.

A document's outcome is that it was kept by the last stage that both roots have, or the stage and rule that removed it.
Rows that both roots have under one content id are not read; the others are compared in shares that fit the memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from refinery.inspect.counts import read_counts
from refinery.inspect.reader import RootReader, open_root
from refinery.inspect.rows import Document
from refinery.inspect.stored_outcomes import (
    ABSENT,
    Key,
    OutcomeReader,
    OutcomeRows,
    columns_of,
    documents_of,
    rows_until,
    shares_of,
    unstored,
)
from refinery.recipe import Setting, changes
from refinery.root.statistics import Statistics


@dataclass(frozen=True)
class StageDifference:
    """A stage's documents and tokens kept, and the documents by reason, in both roots; None where it has no results."""

    stage: str
    kept: tuple[int | None, int | None]
    tokens: tuple[int | None, int | None]
    reasons: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class ChangedDocument:
    """A document with two outcomes: ``kept``, ``absent``, or ``stage rule`` of its removal."""

    document: Document
    left: str
    right: str


@dataclass(frozen=True)
class OutcomeChange:
    """Documents that went from one outcome to another, how many, and some of them."""

    left: str
    right: str
    documents: int
    samples: tuple[ChangedDocument, ...]


@dataclass(frozen=True)
class RootDifference:
    """Differences of two roots. ``until`` is the stage whose kept rows were compared, or "" with a ``note``."""

    left: str
    right: str
    recipe: tuple[Setting, ...]
    stages: tuple[StageDifference, ...]
    until: str
    note: str
    outcome_changes: tuple[OutcomeChange, ...]

    @property
    def same(self) -> bool:
        """True if recipes, counts, reasons and outcomes are the same."""
        counts = all(s.kept[0] == s.kept[1] and s.tokens[0] == s.tokens[1] for s in self.stages)
        reasons = all(a == b for stage in self.stages for a, b in stage.reasons.values())
        return not self.recipe and not self.outcome_changes and counts and reasons


def diff(left: str, right: str, count: int = 5) -> RootDifference:
    """Compare the roots at two paths, with ``count`` samples of each movement.

    Raises UsageError where there is no root, StorageError where a file is damaged.
    """
    roots = open_root(left), open_root(right)
    until, note = _until(*roots)
    outcome_changes = _outcome_changes(*roots, until, count) if until else ()
    stages = tuple(_stages(left, right))
    return RootDifference(
        left, right, changes(*(root.head.recipe for root in roots)), stages, until, note, outcome_changes
    )


# ------------------------------------------------------------------------------------------------------------- records


def _stages(left: str, right: str) -> Iterator[StageDifference]:
    mine, its = ({stage.name: stage.counts for stage in read_counts(path).stages} for path in (left, right))
    for name in dict.fromkeys([*mine, *its]):
        pair = mine.get(name), its.get(name)
        rules = sorted({rule for counts in pair if counts for rule in counts.reasons})
        reasons = {rule: (_reason(pair[0], rule), _reason(pair[1], rule)) for rule in rules}
        yield StageDifference(name, (_kept(pair[0]), _kept(pair[1])), (_tokens(pair[0]), _tokens(pair[1])), reasons)


def _kept(counts: Statistics | None) -> int | None:
    return None if counts is None else counts.documents.get("kept", 0)


def _tokens(counts: Statistics | None) -> int | None:
    return None if counts is None else counts.tokens.get("kept", 0)


def _reason(counts: Statistics | None, rule: str) -> int:
    return 0 if counts is None else counts.reasons.get(rule, 0)


def _until(left: RootReader, right: RootReader) -> tuple[str, str]:
    """The last stage that both have and whose documents can be distinguished; or none, and why."""
    for entry in reversed(left.stages):
        other = next((one for one in right.stages if one.name == entry.name), None)
        if other is None or not all("id" in columns_of(*pair) for pair in ((left, entry), (right, other))):
            continue
        note = unstored(left, entry) or unstored(right, other)
        return ("", note) if note else (entry.name, "")
    return "", "they have no stage in common whose rows are stored with ids"


# ------------------------------------------------------------------------------------------------------------ outcomes


def _outcome_changes(left: RootReader, right: RootReader, until: str, count: int) -> tuple[OutcomeChange, ...]:
    """Return the changes of outcomes, those of most documents first. Rows that both roots have are not read."""
    roots = left, right
    mine, its = (list(rows_until(reader, reader.stage(until))) for reader in roots)
    offsets = all("offset" in columns_of(reader, reader.stage(until)) for reader in roots)
    rows = _without_shared(mine, its), _without_shared(its, mine)
    readers = [OutcomeReader(reader, own, offsets) for reader, own in zip(roots, rows, strict=True)]
    counts: Counter[tuple[str, str]] = Counter()
    best: dict[tuple[str, str], list[Key]] = {}
    shares = shares_of(rows)
    for share in range(shares):
        before, after = (dict(reader.outcomes(share, shares)) for reader in readers)
        for key in before.keys() | after.keys():
            pair = before.get(key, ABSENT), after.get(key, ABSENT)
            if pair[0] != pair[1]:
                counts[pair] += 1
                best.setdefault(pair, []).append(key)
        best = {pair: sorted(keys)[:count] for pair, keys in best.items()}
    documents = documents_of(readers, {key for keys in best.values() for key in keys})
    return tuple(
        OutcomeChange(*pair, number, tuple(ChangedDocument(documents[key], *pair) for key in best[pair]))
        for pair, number in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )


def _without_shared(mine: Sequence[OutcomeRows], its: Sequence[OutcomeRows]) -> list[OutcomeRows]:
    """The rows without those of receipts whose content the other root has at the same stage and side."""
    there = {
        (rows.entry.name, rows.side): {receipt.contents.get(rows.side) for receipt in rows.receipts} for rows in its
    }
    return [
        replace(
            rows,
            receipts=tuple(
                r for r in rows.receipts if r.contents.get(rows.side) not in there.get((rows.entry.name, rows.side), ())
            ),
        )
        for rows in mine
    ]
