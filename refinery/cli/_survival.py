"""Survival by domain, suffix, language or month, as a table and as JSON."""

from __future__ import annotations

from typing import Any

from refinery.cli._output import columns, percent
from refinery.formatting import safe, shortened
from refinery.inspect.group_counts import Count
from refinery.inspect.groups import GroupCounts, Survival, documents, survived, tokens

GROUPS = 20
"""Groups that are printed without -v."""

REASONS = 2
"""Reasons of a group that are printed without -v."""

NAME = 60
"""Characters of a name that are printed."""


def survival_text(survival: Survival, *, every: bool) -> str:
    """Return one line per group: documents read and kept, tokens and their share of all, frequent removal reasons.

    Of languages, a second table has the share that is left after each stage.
    """
    if not survival.stages:
        return f"{survival.dataset}: no stage that has run records the {survival.by} of a document"
    titles = (survival.by, "read", "kept", "", "tokens", "of all", "most frequent removal reasons")
    rows: list[tuple[str, ...]] = [titles]
    rows += [_row(_name(group.name), survival, group, every=every) for group in survival.groups]
    rows += [_row("(all others)", survival, survival.others, every=every)] if survival.others else []
    more = survival.names - len(survival.groups)
    lines = [columns(rows, right=(1, 2, 3, 4, 5))]
    lines += [f"  {more:,} more; -v shows all"] if more else []
    if survival.others:
        lines.append(f"  ≈ lower bound: only {survival.names:,} names are counted exactly; --json has the upper bounds")
    if survival.by == "language":
        lines += ["", "  kept of the documents read, after each stage", _funnels(survival)]
    return "\n".join(lines)


def _funnels(survival: Survival) -> str:
    rows: list[tuple[str, ...]] = [(survival.by, *survival.stages)]
    rows += [
        (_name(group.name), *(percent(one.kept.documents, group.read.documents) for one in group.stages))
        for group in survival.groups
        if group.stages[0].kept.documents
    ]
    return columns(rows, right=range(1, len(rows[0])))


def _name(name: str) -> str:
    return shortened(safe(name), NAME) or "(none)"


def _row(name: str, survival: Survival, group: GroupCounts, *, every: bool) -> tuple[str, ...]:
    reasons = [one for one in group.reasons if one[2].documents]
    texts = [f"{stage}.{reason} {documents(count)}" for stage, reason, count in reasons[: None if every else REASONS]]
    share = survival.share(group)
    more = [f"{len(reasons) - len(texts)} more"] if len(reasons) > len(texts) else []
    return (
        name,
        documents(group.read),
        documents(group.kept),
        survived(group),
        tokens(group.kept),
        "–" if share is None else f"{share:.1%}",
        "  ".join(texts + more),
    )


def survival_json(survival: Survival) -> dict[str, Any]:
    """Return all counts of every group; estimates have an upper bound, ``at_most``."""
    return {
        "dataset": survival.dataset,
        "by": survival.by,
        "stages": list(survival.stages),
        "names": survival.names,
        "kept": _count(survival.kept),
        "exact": survival.others is None,
        "groups": [_group(group) for group in survival.groups],
        "others": survival.others and _group(survival.others),
    }


def _group(group: GroupCounts) -> dict[str, Any]:
    stages = {
        one.stage: {
            "in": one.given.documents,
            "kept": _count(one.kept),
            "removed": {reason: _count(count) for reason, count in one.removed.items()},
        }
        for one in group.stages
    }
    return {"name": group.name, "read": _count(group.read), "kept": _count(group.kept), "stages": stages}


def _count(count: Count) -> dict[str, Any]:
    bounds = {"at_most": dict(zip(("documents", "tokens"), count.most, strict=True))} if count.most else {}
    return {"documents": count.documents, "tokens": count.tokens, **bounds}
