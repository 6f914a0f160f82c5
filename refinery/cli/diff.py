"""``refinery diff``: compare roots, down to single documents."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import click

from refinery.cli._comparison import comparison_json, comparison_text
from refinery.cli._options import Session, count_option, output_options, pass_session
from refinery.cli._output import columns, print_json
from refinery.formatting import plural, safe, shortened
from refinery.inspect.comparison import compare
from refinery.inspect.difference import RootDifference, StageDifference, diff
from refinery.recipe import written

VALUE = 60
"""Characters of a setting that are printed without -v."""

SETTINGS = 20
"""Settings that differ, as many as are printed without -v: a table of languages has hundreds."""


@click.command("diff")
@click.argument("roots", nargs=-1, required=True, metavar="ROOT ROOT...")
@count_option("Documents to list for each change of outcome, and for each root that alone keeps them.", 5, least=0)
@output_options
@pass_session
def command(session: Session, roots: tuple[str, ...], count: int) -> int:
    """Compare roots: counts, cost, and the outcome of each document.

    Of all roots: what stages kept, languages and domains, seconds for a million tokens kept, which documents each pair
    keeps, and those that one root alone keeps, with the reason in the others. Of two roots also the recipes and each
    change of outcome: the stage and rule that removed a document, or kept by the last stage that both roots have.
    """
    comparison = compare(roots, count)
    difference = diff(roots[0], roots[1], count) if len(roots) == 2 else None
    if session.json:
        of_two = {"same": difference.same, **dataclasses.asdict(difference)} if difference else {}
        print_json({**of_two, "comparison": comparison_json(comparison)})
        return 0
    lines = list(_text(difference, every=session.verbose)) if difference else []
    if difference is None or not difference.same:
        lines += (
            ["", *comparison_text(comparison, funnels=difference is None)] if lines else comparison_text(comparison)
        )
    session.print_text("\n".join(lines))
    return 0


def _text(difference: RootDifference, *, every: bool) -> Iterator[str]:
    if difference.same:
        yield f"no difference{f' ({safe(difference.note)})' if difference.note else ''}"
        return
    values = [
        (safe(one.name), _value(one.left, every=every), _value(one.right, every=every))
        for one in difference.recipe[: None if every else SETTINGS]
    ] or [("(no difference)", "", "")]
    more = len(difference.recipe) - len(values)
    values += [(f"and {more:,} more: -v", "", "")] if more > 0 else []
    yield f"{columns([('recipe', safe(difference.left), safe(difference.right)), *values])}\n"
    if difference.stages:
        head = ("", "documents", "", "change", "tokens", "", "change")
        stages = [(stage.stage, *_pair(*stage.kept), *_pair(*stage.tokens)) for stage in difference.stages]
        yield f"{columns([head, *stages], right=range(1, 7))}\n"
    reasons = [row for stage in difference.stages for row in _reasons(stage)]
    if reasons:
        yield f"{columns([('removed', '', '', '', 'change'), *reasons], right=(2, 3, 4))}\n"
    yield from _changes(difference)


def _value(value: object, *, every: bool) -> str:
    text = "–" if value is None else safe(written(value))
    return text if every else shortened(text, VALUE)


def _pair(left: int | None, right: int | None) -> tuple[str, str, str]:
    change = "–" if left is None or right is None else f"{right - left:+,}"
    return _count(left), _count(right), "=" if left == right else change


def _count(number: int | None) -> str:
    return "–" if number is None else f"{number:,}"


def _reasons(stage: StageDifference) -> Iterator[tuple[str, ...]]:
    changed = [(rule, *pair) for rule, pair in stage.reasons.items() if pair[0] != pair[1]]
    for rule, left, right in sorted(changed, key=lambda row: -abs(row[2] - row[1])):
        yield stage.stage, rule, f"{left:,}", f"{right:,}", f"{right - left:+,}"


def _changes(difference: RootDifference) -> Iterator[str]:
    if difference.note:
        yield f"  documents were not compared: {safe(difference.note)}"
        return
    total = sum(change.documents for change in difference.outcome_changes)
    yield f"  {plural(total, 'document')} with a different outcome, up to {difference.until}"
    for change in difference.outcome_changes:
        yield f"  {change.documents:,}  {safe(change.left)} → {safe(change.right)}"
        for moved in change.samples:
            yield f"    {safe(moved.document.url or moved.document.id)}"
        more = change.documents - len(change.samples)
        if change.samples and more:
            yield f"    and {more:,} more"
