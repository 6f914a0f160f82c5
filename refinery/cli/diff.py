"""``refinery diff``: two roots held against each other, to the document."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import click

from refinery.cli._options import Session, output_options, pass_session
from refinery.cli._output import columns, print_json
from refinery.formatting import plural, safe, shortened
from refinery.inspect import RootDifference, StageDifference, diff
from refinery.recipe import written

VALUE = 60
"""Characters of a setting's value that are shown without -v."""


@click.command("diff")
@click.argument("left", metavar="ROOT")
@click.argument("right", metavar="ROOT")
@click.option(
    "-n",
    "count",
    metavar="N",
    type=click.IntRange(0),
    default=5,
    show_default=True,
    help="How many documents of each change.",
)
@output_options
@pass_session
def command(session: Session, left: str, right: str, count: int) -> int:
    """Hold two roots against each other, to the document.

    Told are differences of recipes, counts and reasons, and the documents with another: a document was kept by the
    last stage that both roots have, or removed by a stage and rule.
    """
    found = diff(left, right, count)
    if session.json:
        print_json({"same": found.same, **dataclasses.asdict(found)})
    else:
        session.say("\n".join(_text(found, every=session.verbose)))
    return 0


def _text(found: RootDifference, *, every: bool) -> Iterator[str]:
    if found.same:
        yield f"no difference{f' ({safe(found.note)})' if found.note else ''}"
        return
    values = [
        (safe(one.name), _value(one.left, every=every), _value(one.right, every=every)) for one in found.recipe
    ] or [("the same", "", "")]
    yield f"{columns([('recipe', safe(found.left), safe(found.right)), *values])}\n"
    if found.stages:
        head = ("", "documents", "", "change", "tokens", "", "change")
        yield f"{columns([head, *map(_stage, found.stages)], right=range(1, 7))}\n"
    reasons = [row for stage in found.stages for row in _reasons(stage)]
    if reasons:
        yield f"{columns([('removed', '', '', '', 'change'), *reasons], right=(2, 3, 4))}\n"
    yield from _changes(found)


def _value(value: object, *, every: bool) -> str:
    text = "–" if value is None else safe(written(value))
    return text if every else shortened(text, VALUE)


def _stage(stage: StageDifference) -> tuple[str, ...]:
    return (stage.stage, *_pair(*stage.kept), *_pair(*stage.tokens))


def _pair(left: int | None, right: int | None) -> tuple[str, str, str]:
    change = "–" if left is None or right is None else f"{right - left:+,}"
    return _count(left), _count(right), "=" if left == right else change


def _count(number: int | None) -> str:
    return "–" if number is None else f"{number:,}"


def _reasons(stage: StageDifference) -> Iterator[tuple[str, ...]]:
    changed = [(rule, *pair) for rule, pair in stage.reasons.items() if pair[0] != pair[1]]
    for rule, left, right in sorted(changed, key=lambda row: -abs(row[2] - row[1])):
        yield stage.stage, rule, f"{left:,}", f"{right:,}", f"{right - left:+,}"


def _changes(found: RootDifference) -> Iterator[str]:
    if found.note:
        yield f"  documents are not compared: {safe(found.note)}"
        return
    total = sum(change.documents for change in found.outcome_changes)
    yield f"  {plural(total, 'document')} with another outcome, up to {found.until}"
    for change in found.outcome_changes:
        yield f"  {change.documents:,}  {safe(change.left)} → {safe(change.right)}"
        for moved in change.samples:
            yield f"    {safe(moved.document.url or moved.document.id)}"
        more = change.documents - len(change.samples)
        if change.samples and more:
            yield f"    and {more:,} more"
