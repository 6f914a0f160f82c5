"""The audit as text: documents that each stage and rule would remove alone, and their overlap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from refinery.cli._output import columns, percent
from refinery.root.statistics import AuditStatistics, RuleCounts, Tally

TOP = 12
"""Pairs of rules that are printed."""


def audit_text(audit: AuditStatistics, names: Sequence[str], *, every: bool) -> str:
    """Return the audit of the stages in the order of ``names``; with ``every``, also all rules and the overlap."""
    whole = audit.documents["in"]
    order = [name for name in names if name in _counts(audit.stages.any)]
    title = f"audit: 1 document in {audit.one_in:,} ({whole:,}) passed through all row stages"
    if not order:
        return f"{title}; no stage would remove any of them"
    blocks = [title, columns(_rows("stage", order, audit.stages, whole), right=(1, 2, 3, 4, 5, 6))]
    if every:
        rules = [str(name) for name, _, _ in sorted(audit.rules.any, key=lambda row: (-row[1], row[0]))]
        blocks.append(_matrix(audit, order))
        blocks.append(columns(_rows("rule", rules, audit.rules, whole), right=(1, 2, 3, 4, 5, 6)))
        pairs = sorted(audit.overlap, key=lambda row: (-row[1], row[0]))[:TOP]
        blocks.append(
            columns([("rules that overlap", "documents"), *((str(n), f"{d:,}") for n, d, _ in pairs)], right=(1,))
        )
    return "\n\n".join(blocks)


def _rows(title: str, names: Sequence[str], rules: RuleCounts, whole: int) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [(title, "removes first", "", "would remove", "", "only this", "")]
    tallies = [_counts(tally) for tally in (rules.first, rules.any, rules.only)]
    for name in names:
        counts = [tally.get(name, 0) for tally in tallies]
        rows.append((name, *(cell for count in counts for cell in (f"{count:,}", percent(count, whole)))))
    return rows


def _matrix(audit: AuditStatistics, order: Sequence[str]) -> str:
    """Return the documents that both stages would remove; the diagonal has those that one stage would."""
    any_, pairs = _counts(audit.stages.any), _counts(audit.pairs)
    rows = [("both", *order)]
    for one in order:
        cells = (any_[one] if one == other else pairs.get(" & ".join(sorted((one, other))), 0) for other in order)
        rows.append((one, *(f"{cell:,}" for cell in cells)))
    return columns(rows, right=tuple(range(1, len(order) + 1)))


def _counts(tally: Tally) -> Mapping[str, int]:
    return {str(name): documents for name, documents, _ in tally}
