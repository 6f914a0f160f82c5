"""The shadow audit as text: what each stage and rule would remove by itself, and which of them overlap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from refinery.cli._output import columns, percent
from refinery.inspect import Audit
from refinery.inspect.statistics import Rules, Tally

TOP = 12
"""Pairs of rules that are shown."""


def audit_text(audit: Audit, names: Sequence[str], *, every: bool) -> str:
    """What the audit of stages in the order of ``names`` says; with ``every`` their overlap and all rules as well."""
    whole = audit.documents["in"]
    order = [name for name in names if name in _counts(audit.stages.any)]
    title = f"audit: 1 document in {audit.one_in:,} ({whole:,}) through all row stages"
    if not order:
        return f"{title}: no stage would remove any of them"
    found = [title, columns(_rows("stage", order, audit.stages, whole), right=(1, 2, 3, 4, 5, 6))]
    if every:
        rules = [str(name) for name, _, _ in sorted(audit.rules.any, key=lambda row: (-row[1], row[0]))]
        found.append(_matrix(audit, order))
        found.append(columns(_rows("rule", rules, audit.rules, whole), right=(1, 2, 3, 4, 5, 6)))
        pairs = sorted(audit.overlap, key=lambda row: (-row[1], row[0]))[:TOP]
        found.append(columns([("rules together", "documents"), *((str(n), f"{d:,}") for n, d, _ in pairs)], right=(1,)))
    return "\n\n".join(found)


def _rows(title: str, names: Sequence[str], rules: Rules, whole: int) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [(title, "first", "", "alone", "", "only it", "")]
    tallies = [_counts(tally) for tally in (rules.first, rules.any, rules.only)]
    for name in names:
        counts = [tally.get(name, 0) for tally in tallies]
        rows.append((name, *(cell for count in counts for cell in (f"{count:,}", percent(count, whole)))))
    return rows


def _matrix(audit: Audit, order: Sequence[str]) -> str:
    """Documents that both stages would remove; on the diagonal those that the one would."""
    any_, pairs = _counts(audit.stages.any), _counts(audit.pairs)
    rows = [("both", *order)]
    for one in order:
        cells = (any_[one] if one == other else pairs.get(" & ".join(sorted((one, other))), 0) for other in order)
        rows.append((one, *(f"{cell:,}" for cell in cells)))
    return columns(rows, right=tuple(range(1, len(order) + 1)))


def _counts(tally: Tally) -> Mapping[str, int]:
    return {str(name): documents for name, documents, _ in tally}
