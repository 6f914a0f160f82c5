"""Roots side by side, as text and JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from refinery.cli._output import columns
from refinery.formatting import plural, safe
from refinery.inspect.agreement import SoleKeeper
from refinery.inspect.comparison import Comparison, Line

GROUPS = 8
"""Languages, and domains, that are printed: --json has more."""

OUTCOMES = 5
"""Outcomes in another root of documents that one root alone keeps."""


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as JSON values, with the shares and rates that follow from its counts."""
    found = dataclasses.asdict(comparison)
    for values, cost in zip(found["costs"], comparison.costs, strict=True):
        values["seconds_per_million_tokens"] = cost.per_million
    for values, pair in zip(found["agreement"]["pairs"], comparison.agreement.pairs, strict=True):
        values["share"] = pair.share
    return found


def comparison_text(comparison: Comparison, *, funnels: bool = True) -> Iterator[str]:
    """Yield tables of a comparison; without ``funnels`` and reasons, which a difference of two roots has."""
    names = [safe(name) for name in comparison.names]
    if funnels:
        for unit in ("documents", "tokens"):
            yield _table(f"{unit} kept", names, comparison.funnel[unit])
    for title, found in (("language", comparison.languages), ("domain", comparison.domains)):
        for unit in ("documents", "tokens"):
            if found[unit]:
                yield _table(f"{unit} by {title}", names, found[unit][:GROUPS])
    if funnels and comparison.reasons:
        yield _table("removed", names, comparison.reasons)
    costs = [
        (name, f"{cost.seconds:,.1f}", "–" if cost.per_million is None else f"{cost.per_million:,.2f}")
        for name, cost in zip(names, comparison.costs, strict=True)
    ]
    yield f"{columns([('cost', 'seconds', 'for a million tokens kept'), *costs], right=(1, 2))}\n"
    yield from _agreement(comparison, names)


def _table(title: str, names: Sequence[str], lines: Sequence[Line]) -> str:
    rows = [(safe(line.name), *("–" if n is None else f"{n:,}" for n in line.counts)) for line in lines]
    return f"{columns([(title, *names), *rows], right=range(1, len(names) + 1))}\n"


def _agreement(comparison: Comparison, names: Sequence[str]) -> Iterator[str]:
    found = comparison.agreement
    if found.note:
        yield f"  documents were not compared: {safe(found.note)}"
        return
    pairs = [
        (names[p.left], names[p.right], f"{p.share:.1%}", f"{p.both:,}", f"{p.left_only:,}", f"{p.right_only:,}")
        for p in found.pairs
    ]
    head = ("agreement", "", "of either", "both", "only first", "only second")
    yield f"{columns([head, *pairs], right=range(2, 6))}\n"
    for sole in found.sole:
        yield from _sole(sole, names)


def _sole(sole: SoleKeeper, names: Sequence[str]) -> Iterator[str]:
    yield f"  {plural(sole.documents, 'document')} that {names[sole.root]} alone keeps"
    for name, outcomes in zip(names, sole.outcomes, strict=True):
        if outcomes:
            more = f", and {len(outcomes) - OUTCOMES:,} more" if len(outcomes) > OUTCOMES else ""
            listed = ", ".join(f"{safe(outcome)} {documents:,}" for outcome, documents in outcomes[:OUTCOMES])
            yield f"    {name}: {listed}{more}"
    for sample in sole.samples:
        others = [safe(one) for number, one in enumerate(sample.outcomes) if number != sole.root]
        yield f"    {safe(sample.document.url or sample.document.id)}  ({', '.join(others)})"
