"""Survival by domain, suffix, language or month: as a table, and as JSON."""

from __future__ import annotations

from typing import Any

from refinery.cli._output import columns
from refinery.formatting import safe, shortened
from refinery.inspect import Count, GroupCounts, Survival
from refinery.inspect.groups import documents, survived, tokens

SHOWN = 20
"""Groups that are shown without -v."""

REASONS = 2
"""Reasons of a group that are shown without -v."""

NAME = 60
"""Characters of a name that are shown."""


def survival_text(found: Survival, *, every: bool) -> str:
    """Return a line a group: found, kept, tokens, and the stages and rules that removed most."""
    if not found.stages:
        return f"{found.dataset}: no stage that is made knows the {found.by} of a document"
    rows: list[tuple[str, ...]] = [(found.by, "found", "kept", "", "tokens", "removed by, most often")]
    rows += [_row(_name(group.name), group, every=every) for group in found.groups]
    rows += [_row("all others", found.others, every=every)] if found.others else []
    more = found.names - len(found.groups)
    lines = [columns(rows, right=(1, 2, 3, 4))]
    lines += [f"  {more:,} more; -v shows all"] if more else []
    if found.others:
        lines.append(f"  ≈ at least so many: only {found.names:,} are counted by name; --json has upper bounds")
    return "\n".join(lines)


def _name(name: str) -> str:
    return shortened(safe(name), NAME) or "(none)"


def _row(name: str, group: GroupCounts, *, every: bool) -> tuple[str, ...]:
    reasons = [one for one in group.reasons if one[2].documents]
    shown = [f"{stage}.{reason} {documents(count)}" for stage, reason, count in reasons[: None if every else REASONS]]
    more = [f"{len(reasons) - len(shown)} more"] if len(reasons) > len(shown) else []
    return (
        name,
        documents(group.found),
        documents(group.kept),
        survived(group),
        tokens(group.kept),
        "  ".join(shown + more),
    )


def survival_json(found: Survival) -> dict[str, Any]:
    """Return all counts of every group; those that are estimates have ``at_most`` beside them."""
    return {
        "dataset": found.dataset,
        "by": found.by,
        "stages": list(found.stages),
        "names": found.names,
        "exact": found.others is None,
        "groups": [_group(group) for group in found.groups],
        "others": found.others and _group(found.others),
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
    return {"name": group.name, "found": _count(group.found), "kept": _count(group.kept), "stages": stages}


def _count(count: Count) -> dict[str, Any]:
    bounds = {"at_most": dict(zip(("documents", "tokens"), count.most, strict=True))} if count.most else {}
    return {"documents": count.documents, "tokens": count.tokens, **bounds}
