"""``refinery stats``: documents and tokens that each stage kept, and the removal reasons."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import click

from refinery.cli._audit import audit_text
from refinery.cli._options import Session, output_options, pass_session
from refinery.cli._output import columns, percent, print_json
from refinery.cli._reading import WARNINGS, edits_of, edits_text, root_of, root_options, same_root, warning_lines
from refinery.cli._selection import parse_parts, stage_range
from refinery.cli._survival import GROUPS, survival_json, survival_text
from refinery.formatting import plural
from refinery.inspect.clusters import Retained, vanishing_domains
from refinery.inspect.counts import RootCounts, StageCounts, read_counts
from refinery.inspect.groups import survival
from refinery.inspect.shuffles import SplitOrder
from refinery.inspect.warning_list import warnings
from refinery.statistics.groups import KINDS

BAR = 12
"""Width of a bar in characters."""

TOP = 4
"""Reasons of a stage that are printed without -v."""

Vanishing = Mapping[str, Sequence[Retained]]
"""Stage → domains of which it kept almost nothing."""


@click.command("stats")
@root_options
@click.option("--from", "first", metavar="STAGE", help="Show this stage and all later ones.")
@click.option("--until", metavar="STAGE", help="Show stages up to this one.")
@click.option("--only", metavar="STAGE", help="Show this stage alone.")
@click.option("--parts", metavar="A-B", callback=parse_parts, help="Count these parts: 7, 0-99 or 0-9,20.")
@click.option("--by", type=click.Choice(KINDS), help="Count by domain, suffix, language or month instead.")
@output_options
@pass_session
def command(
    session: Session,
    config: str | None,
    root: str | None,
    first: str | None,
    until: str | None,
    only: str | None,
    parts: tuple[int, ...] | None,
    by: str | None,
) -> int:
    """Show what each stage kept and removed, and check that counts reconcile.

    Exit code 1 if they do not. -v shows every removal reason and, if the recipe has an audit, how stages and rules
    overlap. --json has all counts.

    --by counts documents found and kept by group, with their share of all tokens and the removal reasons. Languages are
    counted from the stage that identifies them, with the share that is left after each stage. ≈ marks an estimate;
    --json has its upper bounds.
    """
    first, until = stage_range(first, until, only)
    path = root_of(config, root)
    if by is not None:
        count = None if session.json or session.verbose else GROUPS
        found = survival(path, by, first=first, until=until, parts=parts, count=count)
        print_json(survival_json(found)) if session.json else session.print_text(
            survival_text(found, every=session.verbose)
        )
        return 0
    counts = read_counts(path, first=first, until=until, parts=parts)
    edits = edits_of(config, root)
    shown = {"", *(stage.name for stage in counts.stages)} if parts is None else set()
    warned = [warning for warning in warnings(path) if warning.stage in shown]
    if session.json:
        listed = {"warnings": [dataclasses.asdict(one) for one in warned]}
        edited = {"changed_settings": [dataclasses.asdict(one) for one in edits]}
        print_json({**_json(counts, vanishing_domains(path, parts)), **edited, **listed})
    else:
        more = warning_lines(warned, WARNINGS, f"`refinery logs{same_root(path)}`")
        session.print_text("\n".join([_text(counts, every=session.verbose), *(["", *more] if more else [])]))
        if edits:
            changed = edits_text(edits, every=session.verbose)
            session.print_text(f"  edited since the run: {changed} (`refinery plan` shows what a run would compute)")
    return 0 if counts.reconciled else 1


def _json(counts: RootCounts, gone: Vanishing) -> dict[str, Any]:
    problems = [{"stage": p.stage, "part": p.part, "file": p.file, "message": p.message} for p in counts.problems]
    stages = [
        {
            "name": stage.name,
            "kind": stage.kind,
            "parts": {"done": stage.done, "expected": stage.expected},
            **stage.counts.model_dump(mode="json"),
            "reasons": stage.counts.reasons,
            "vanishing": [dataclasses.asdict(one) for one in gone.get(stage.name, ())],
            "seconds": stage.seconds,
            "taken_down": stage.taken_down,
            "orders": [_order(one) for one in stage.orders],
        }
        for stage in counts.stages
    ]
    return {
        "dataset": counts.dataset,
        "stages": stages,
        "audit": counts.audit and counts.audit.model_dump(mode="json"),
        "not_run": list(counts.not_made),
        "balanced": counts.reconciled,
        "problems": problems,
    }


def _order(one: SplitOrder) -> dict[str, Any]:
    shards = [{"part": part, **dataclasses.asdict(test)} for part, test in one.shards]
    return {"split": one.split, **dataclasses.asdict(one.all), "tenths": one.tenths, "shards": shards}


# --------------------------------------------------------------------------------------------------------------- text


def _text(counts: RootCounts, *, every: bool) -> str:
    if not counts.stages:
        return f"{counts.dataset}: no stage has run yet"
    audit = [audit_text(counts.audit, [s.name for s in counts.stages], every=every)] if counts.audit else []
    parts = [_funnel(counts), *_source(counts), _reasons(counts, every=every), *audit, _checks(counts)]
    return "\n\n".join(part for part in parts if part)


def _documents(stage: StageCounts, side: str) -> int:
    return stage.counts.documents.get(side, 0)


def _whole(counts: RootCounts) -> int:
    """Return the base of all shares: documents of the source, or the input of the first stage shown."""
    first = counts.stages[0]
    return _documents(first, "in" if first.position else "kept")


def _funnel(counts: RootCounts) -> str:
    whole = _whole(counts)
    rows = [("", "documents", "", "of input", "of previous", "tokens")]
    for stage in counts.stages:
        kept = _documents(stage, "kept")
        previous = percent(kept, _documents(stage, "in")) if stage.position else "–"
        tokens = f"{stage.counts.tokens['kept']:,}" if stage.counts.tokens.get("kept") else "–"
        rows.append((stage.name, f"{kept:,}", bar(kept, whole), percent(kept, whole), previous, tokens))
    return columns(rows, right=(1, 3, 4, 5))


def bar(part: int, whole: int) -> str:
    """Draw a bar of at most BAR characters, in eighths of a character."""
    eighths = round(min(1.0, part / whole) * BAR * 8) if whole else 0
    full, rest = divmod(eighths, 8)
    return "█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")


def _source(counts: RootCounts) -> list[str]:
    first = counts.stages[0]
    read, kept = _documents(first, "in"), _documents(first, "kept")
    return (
        [f"  {first.name} read {plural(read, 'record')} and kept {kept:,}"]
        if not first.position and read != kept
        else []
    )


def _reasons(counts: RootCounts, *, every: bool) -> str:
    rows = []
    for stage in counts.stages:
        given = _documents(stage, "in")
        ordered = sorted(stage.counts.reasons.items(), key=lambda item: (-item[1], item[0]))
        reasons = [f"{rule} {count:,} ({percent(count, given)})" for rule, count in ordered[: None if every else TOP]]
        more = len(ordered) - len(reasons)
        if ordered:
            reasons += [f"{more} more"] if more else []
            rows.append((stage.name, f"{_documents(stage, 'removed'):,}", "  ".join(reasons)))
    return columns([("removed", "", ""), *rows], right=(1,)) if rows else ""


def _order_text(one: SplitOrder) -> str:
    """Return the tests of all shards of a split in a line."""
    split = f", {one.split}" if one.split else ""
    chance = f"chi-square {one.all.chi_square:,.1f} of {one.all.degrees:,.0f} degrees of freedom, p = {one.all.p:.2g}"
    near = f"{one.all.neighbours:,} (expected {one.all.expected:,.1f}, p = {one.all.neighbours_p:.2g})"
    return f"shuffled{split}: parts over {plural(len(one.shards), 'shard')} {chance}; adjacent pairs of one part {near}"


def _checks(counts: RootCounts) -> str:
    sign = click.style("✓", fg="green") if counts.reconciled else click.style("✗", fg="red")
    missing = sum(stage.expected - stage.done for stage in counts.stages)
    errors = sum(stage.errors for stage in counts.stages)
    line = (
        f"  checks: in = kept + removed in every stage and part {sign}    parts missing {missing:,}"
        f"    documents with errors {errors:,} ({percent(errors, _whole(counts))})"
    )
    last = counts.stages[-1]
    kept = f"{_documents(last, 'kept') - last.taken_down:,} of {_documents(last, 'kept'):,}"
    taken = [f"  taken down since the run: {last.name} has {kept} documents left"] if last.taken_down else []
    not_made = [f"  not run yet: {', '.join(counts.not_made)}"] if counts.not_made else []
    orders = [f"  {last.name} {_order_text(one)}" for one in last.orders]
    return "\n".join([line, *orders, *taken, *not_made, *(f"    {problem}" for problem in counts.problems[:20])])
