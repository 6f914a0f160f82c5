"""Survival by domain, suffix, language or month, as a table and as JSON."""

from __future__ import annotations

from typing import Any

from refinery.cli._output import columns
from refinery.formatting import safe, shortened
from refinery.inspect.groups import Count, GroupCounts, Survival, documents, survived, tokens

GROUPS = 20
"""Groups that are printed without -v."""

REASONS = 2
"""Reasons of a group that are printed without -v."""

NAME = 60
"""Characters of a name that are printed."""


def survival_text(survival: Survival, *, every: bool) -> str:
    """Return one line per group: documents survival and kept, tokens, and the most frequent removal reasons."""
    if not survival.stages:
        return f"{survival.dataset}: no stage that has run records the {survival.by} of a document"
    rows: list[tuple[str, ...]] = [(survival.by, "read", "kept", "", "tokens", "most frequent removal reasons")]
    rows += [_row(_name(group.name), group, every=every) for group in survival.groups]
    rows += [_row("(all others)", survival.others, every=every)] if survival.others else []
    more = survival.names - len(survival.groups)
    lines = [columns(rows, right=(1, 2, 3, 4))]
    lines += [f"  {more:,} more; -v shows all"] if more else []
    if survival.others:
        lines.append(f"  ≈ lower bound: only {survival.names:,} names are counted exactly; --json has the upper bounds")
    return "\n".join(lines)


def _name(name: str) -> str:
    return shortened(safe(name), NAME) or "(none)"


def _row(name: str, group: GroupCounts, *, every: bool) -> tuple[str, ...]:
    reasons = [one for one in group.reasons if one[2].documents]
    texts = [f"{stage}.{reason} {documents(count)}" for stage, reason, count in reasons[: None if every else REASONS]]
    more = [f"{len(reasons) - len(texts)} more"] if len(reasons) > len(texts) else []
    return (
        name,
        documents(group.read),
        documents(group.kept),
        survived(group),
        tokens(group.kept),
        "  ".join(texts + more),
    )


def survival_json(survival: Survival) -> dict[str, Any]:
    """Return all counts of every group; estimates have an upper bound, ``at_most``."""
    return {
        "dataset": survival.dataset,
        "by": survival.by,
        "stages": list(survival.stages),
        "names": survival.names,
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
