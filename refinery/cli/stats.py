"""``refinery stats``: how many documents and tokens each stage keeps, and why the others go."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import click

from refinery.cli._audit import audit_text
from refinery.cli._options import Session, output_options, pass_session
from refinery.cli._output import columns, percent, print_json
from refinery.cli._reading import WARNINGS, edits_of, edits_text, place_options, root_of, same_root, warning_lines
from refinery.cli._selection import parse_parts, stage_range
from refinery.cli._survival import SHOWN, survival_json, survival_text
from refinery.formatting import plural
from refinery.inspect import Books, Retained, StageBooks, alarms, read_books, survival, warnings
from refinery.statistics import KINDS

BAR = 12
TOP = 4
"""Reasons of a stage that are shown without -v."""

Vanishing = Mapping[str, Sequence[Retained]]
"""By stage, the domains of which it leaves hardly anything."""


@click.command("stats")
@place_options
@click.option("--from", "first", metavar="STAGE", help="This stage and those after it.")
@click.option("--until", metavar="STAGE", help="Nothing after this stage.")
@click.option("--only", metavar="STAGE", help="This stage alone.")
@click.option("--parts", metavar="A-B", callback=parse_parts, help="Parts by number: 7, 0-99, or 0-9,20.")
@click.option(
    "--by", type=click.Choice(KINDS), help="Show what is left of each domain, suffix, language or month instead."
)
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
    """Show the funnel, the reasons, and whether the books balance.

    Exit code 1 where they do not. -v shows every reason, and where the recipe has an audit which stages and rules it
    finds to overlap; --json has all that is counted.

    --by counts documents by group: how many were found and kept, and what removed the others. Languages are counted
    from the stage on that identifies them. A count with ≈ is an estimate; --json has its thresholds.
    """
    first, until = stage_range(first, until, only)
    place = root_of(config, root)
    if by is not None:
        count = None if session.json or session.verbose else SHOWN
        found = survival(place, by, first=first, until=until, parts=parts, count=count)
        print_json(survival_json(found)) if session.json else session.say(survival_text(found, every=session.verbose))
        return 0
    books = read_books(place, first=first, until=until, parts=parts)
    edits = edits_of(config, root)
    shown = {"", *(stage.name for stage in books.stages)} if parts is None else set()
    warned = [warning for warning in warnings(place) if warning.stage in shown]
    if session.json:
        listed = {"warnings": [dataclasses.asdict(one) for one in warned]}
        edited = {"edited": [dataclasses.asdict(one) for one in edits]}
        print_json({**_json(books, alarms(place, parts)), **edited, **listed})
    else:
        more = warning_lines(warned, WARNINGS, f"`refinery logs{same_root(place)}`")
        session.say("\n".join([_text(books, every=session.verbose), *(["", *more] if more else [])]))
        if edits:
            changed = edits_text(edits, every=session.verbose)
            session.say(
                f"  the recipe was edited since the run: {changed} (`refinery plan` shows what a run would make)"
            )
    return 0 if books.balanced else 1


def _json(books: Books, gone: Vanishing) -> dict[str, Any]:
    problems = [{"stage": p.stage, "part": p.part, "file": p.file, "message": p.message} for p in books.problems]
    stages = [
        {
            "name": stage.name,
            "kind": stage.kind,
            "parts": {"made": stage.made, "expected": stage.expected},
            **stage.counts.model_dump(mode="json"),
            "reasons": stage.counts.reasons,
            "vanishing": [dataclasses.asdict(one) for one in gone.get(stage.name, ())],
            "seconds": stage.seconds,
        }
        for stage in books.stages
    ]
    return {
        "dataset": books.dataset,
        "stages": stages,
        "audit": books.audit and books.audit.model_dump(mode="json"),
        "not_made": list(books.unmade),
        "balanced": books.balanced,
        "problems": problems,
    }


# --------------------------------------------------------------------------------------------------------------- text


def _text(books: Books, *, every: bool) -> str:
    if not books.stages:
        return f"{books.dataset}: no stage is made yet"
    audit = [audit_text(books.audit, [s.name for s in books.stages], every=every)] if books.audit else []
    parts = [_funnel(books), *_source(books), _reasons(books, every=every), *audit, _checks(books)]
    return "\n\n".join(part for part in parts if part)


def _documents(stage: StageBooks, side: str) -> int:
    return stage.counts.documents.get(side, 0)


def _whole(books: Books) -> int:
    """What shares are of: the documents that the source found, or what went into the first stage that is shown."""
    first = books.stages[0]
    return _documents(first, "in" if first.position else "kept")


def _funnel(books: Books) -> str:
    whole = _whole(books)
    rows = [("", "documents", "", "of input", "of previous", "tokens")]
    for stage in books.stages:
        kept = _documents(stage, "kept")
        previous = percent(kept, _documents(stage, "in")) if stage.position else "–"
        tokens = f"{stage.counts.tokens['kept']:,}" if stage.counts.tokens.get("kept") else "–"
        rows.append((stage.name, f"{kept:,}", bar(kept, whole), percent(kept, whole), previous, tokens))
    return columns(rows, right=(1, 3, 4, 5))


def bar(part: int, whole: int) -> str:
    """A bar of at most BAR characters, in eighths of one."""
    eighths = round(min(1.0, part / whole) * BAR * 8) if whole else 0
    full, rest = divmod(eighths, 8)
    return "█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")


def _source(books: Books) -> list[str]:
    first = books.stages[0]
    read, kept = _documents(first, "in"), _documents(first, "kept")
    return (
        [f"  {first.name} read {plural(read, 'record')} and kept {kept:,}"]
        if not first.position and read != kept
        else []
    )


def _reasons(books: Books, *, every: bool) -> str:
    rows = []
    for stage in books.stages:
        given = _documents(stage, "in")
        ordered = sorted(stage.counts.reasons.items(), key=lambda item: (-item[1], item[0]))
        shown = [f"{rule} {count:,} ({percent(count, given)})" for rule, count in ordered[: None if every else TOP]]
        more = len(ordered) - len(shown)
        if ordered:
            shown += [f"{more} more"] if more else []
            rows.append((stage.name, f"{_documents(stage, 'removed'):,}", "  ".join(shown)))
    return columns([("removed", "", ""), *rows], right=(1,)) if rows else ""


def _checks(books: Books) -> str:
    sign = click.style("✓", fg="green") if books.balanced else click.style("✗", fg="red")
    missing = sum(stage.expected - stage.made for stage in books.stages)
    errors = sum(stage.errors for stage in books.stages)
    line = (
        f"  checks: in = kept + removed at every stage and part {sign}    parts missing {missing:,}"
        f"    documents with errors {errors:,} ({percent(errors, _whole(books))})"
    )
    unmade = [f"  not made yet: {', '.join(books.unmade)}"] if books.unmade else []
    return "\n".join([line, *unmade, *(f"    {problem}" for problem in books.problems[:20])])
