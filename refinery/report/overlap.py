"""Overlap of stages and rules: the audit for its page, and the rules of one stage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from refinery.report import limits
from refinery.report.view import Pair, StageView
from refinery.root.statistics import AuditStatistics, RuleCounts, Tally
from refinery.statistics.audit import stage_of

LEVELS = 5
"""Shades of a cell; the style sheet has a class for each."""

Cell = tuple[int, float | None, int]
"""Documents, their share of the row, and its shade; the diagonal has no share."""

Matrix = tuple[tuple[str, tuple[Cell, ...]], ...]
"""A row of cells for each name, in the order of the names."""


@dataclass(frozen=True)
class Row:
    """A stage or rule: documents and tokens that it removes first, would remove, and alone removes; and its page."""

    name: str
    page: str
    first: Pair
    any: Pair
    only: Pair


@dataclass(frozen=True)
class Overlap:
    """The audit. ``matrix`` has a row of cells for each stage, in the order of ``stages``; ``pairs`` are of rules."""

    folder: str
    one_in: int
    documents: int
    tokens: int
    kept: int
    stages: tuple[Row, ...]
    rules: tuple[Row, ...]
    matrix: Matrix
    pairs: tuple[tuple[str, str, int, int], ...]


def overlap(audit: AuditStatistics, stages: Sequence[StageView], folder: str) -> Overlap:
    """Return the audit of stages in their order, without stages that would remove nothing."""
    pages = {stage.name: stage.page for stage in stages}
    by_stage = _tally(audit.stages.any)
    names = [stage.name for stage in stages if stage.name in by_stage]
    ordered = sorted(_tally(audit.rules.any).items(), key=lambda item: (-item[1][0], item[0]))
    pairs = sorted(audit.overlap, key=lambda row: (-row[1], row[0]))[: limits.RULE_PAIRS]
    return Overlap(
        folder=folder,
        one_in=audit.one_in,
        documents=audit.documents["in"],
        tokens=audit.tokens["in"],
        kept=audit.documents["kept"],
        stages=tuple(_rows(audit.stages, {name: pages[name] for name in names})),
        rules=tuple(_rows(audit.rules, {rule: pages.get(stage_of(rule), "") for rule, _ in ordered})),
        matrix=matrix_of(names, by_stage, _tally(audit.pairs)),
        pairs=tuple((*_two(str(name)), documents, tokens) for name, documents, tokens in pairs),
    )


def _two(pair: str) -> tuple[str, str]:
    one, _, other = pair.partition(" & ")
    return one, other


def _rows(rules: RuleCounts, pages: Mapping[str, str]) -> Iterator[Row]:
    tallies = [_tally(tally) for tally in (rules.first, rules.any, rules.only)]
    for name, page in pages.items():
        yield Row(name, page, *(tally.get(name, (0, 0)) for tally in tallies))


def rules_of(stage: StageView) -> Matrix:
    """Return the documents that two rules of a stage both remove, in the order of rules; empty without overlap."""
    counts = stage.counts
    both = {name: (documents, 0) for name, documents in counts.overlap.items()}
    paired = {rule for pair in both for rule in _two(pair)}
    failing = sorted(paired & set(counts.failing), key=lambda rule: (-counts.failing[rule], rule))[
        : limits.MATRIX_RULES
    ]
    order = {rule.id: place for place, rule in enumerate(stage.step.stage.rules())}
    names = sorted(failing, key=lambda rule: (order.get(rule, len(order)), rule))
    return matrix_of(names, {rule: (counts.failing[rule], 0) for rule in names}, both)


def matrix_of(names: Sequence[str], alone: Mapping[str, Pair], both: Mapping[str, Pair]) -> Matrix:
    """Return a row of cells for each name: documents of each pair, and their share of those of the row."""
    return tuple((name, tuple(_cells(name, names, alone, both))) for name in names)


def _cells(row: str, names: Sequence[str], alone: Mapping[str, Pair], both: Mapping[str, Pair]) -> Iterator[Cell]:
    whole = alone[row][0]
    for name in names:
        if name == row:
            yield whole, None, 0
        else:
            count = both.get(" & ".join(sorted((row, name))), (0, 0))[0]
            share = count / whole if whole else 0.0
            yield count, share, min(LEVELS, int(share * LEVELS + 0.999))


def _tally(tally: Tally) -> dict[str, Pair]:
    return {str(name): (documents, tokens) for name, documents, tokens in tally}
