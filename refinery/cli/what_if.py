"""``refinery what-if``: apply other thresholds to stored metrics."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import click

from refinery.cli._options import Session, count_option, output_options, pass_session
from refinery.cli._output import columns, print_json
from refinery.cli._reading import root_of, selection_options
from refinery.formatting import plural, safe
from refinery.inspect.flips import Flips, StageYield
from refinery.inspect.group_yields import GroupYield
from refinery.inspect.near import Near, Neighbours
from refinery.inspect.whatif import WhatIf, what_if
from refinery.recipe import written

GROUPS = 10
"""Languages, and domains, that are printed."""


@click.command("what-if")
@selection_options
@click.option(
    "--set",
    "overrides",
    multiple=True,
    required=True,
    metavar="STAGE.FIELD=VALUE",
    help="Threshold to change, such as quality.min_words=80, or quality.de.min_words=80 for one language. Repeatable.",
)
@count_option("Documents to list of each kind.", 5, least=0)
@output_options
@pass_session
def command(session: Session, config: str | None, root: str | None, overrides: tuple[str, ...], count: int) -> int:
    """Show what other thresholds would keep, and which documents would flip.

    Writes nothing. The numbers equal those of a run with these thresholds, up to the next stage that needs the whole
    dataset. `refinery stages NAME` shows which fields are thresholds.
    """
    result = what_if(root_of(config, root), overrides, count)
    if session.json:
        print_json(dataclasses.asdict(result))
    else:
        session.print_text(_text(result))
    return 0


def _text(result: WhatIf) -> str:
    lines = [f"{c.stage}.{c.field}  {safe(written(c.before))} → {safe(written(c.after))}" for c in result.changes]
    rows = [("", "documents", "would be", "change", "tokens", "would be", "change"), *map(_row, result.stages)]
    lines += ["", columns(rows, right=range(1, 7)), ""]
    last = result.stages[-1].stage
    lines += [
        *_flips(result.lost, f"would no longer be kept by {last}"),
        *_flips(result.gained, f"would now be kept by {last}"),
    ]
    for kind, groups in result.by.items():
        lines += _groups(kind, groups)
    for near in result.near:
        lines += _near(near)
    if result.not_recomputed:
        lines.append(f"  not recomputed: {', '.join(result.not_recomputed)} (need the whole dataset)")
    return "\n".join(lines)


def _groups(kind: str, groups: Sequence[GroupYield]) -> list[str]:
    """Return a table, unless all documents are in one group without a name."""
    if not any(one.name for one in groups):
        return []
    head = (f"  {kind}", "documents", "would be", "change", "tokens", "would be", "change")
    rows = [_group_row(one) for one in groups[:GROUPS]]
    more = [f"    and {len(groups) - GROUPS} more with --json"] if len(groups) > GROUPS else []
    return ["", columns([head, *rows], right=range(1, 7)), *more]


def _group_row(group: GroupYield) -> tuple[str, ...]:
    before, after = group.before, group.after
    mark = "≈" if before.most or after.most else ""
    figures = (*_figures(before.documents, after.documents), *_figures(before.tokens, after.tokens))
    return (f"  {mark}{safe(group.name) or '(none)'}", *figures)


def _near(near: Neighbours) -> list[str]:
    lines = []
    for what, side in (("just kept", near.kept[::-1]), ("just removed", near.removed)):
        lines += [f"    {what}  {one.score:.6g}  {_who(one)}" for one in side]
    title = f"  next to {near.stage}.{near.rule}: {near.metric} {near.threshold}"
    return ["", title, *lines] if lines else []


def _who(near: Near) -> str:
    return safe(f"{near.language}  {near.document.url or near.document.id}".strip())


def _row(stage: StageYield) -> tuple[str, ...]:
    before, after = stage.before, stage.after
    return (stage.stage, *_figures(before.kept, after.kept), *_figures(before.tokens, after.tokens))


def _figures(before: int | None, after: int | None) -> Sequence[str]:
    if before is None or after is None:
        return "–", "–", "–"
    share = f" ({(after - before) / before:+.1%})" if before and after != before else ""
    return f"{before:,}", f"{after:,}", f"{after - before:+,}{share}"


def _flips(flips: Flips, what: str) -> list[str]:
    tokens = f", {plural(flips.tokens, 'token')}" if flips.tokens else ""
    lines = [f"  {plural(flips.documents, 'document')} {what}{tokens}"]
    lines += [f"    {safe(flip.document.url or flip.document.id)}   {_reason(flip.why)}" for flip in flips.samples]
    more = flips.documents - len(flips.samples)
    return [*lines, f"    and {more:,} more"] if flips.samples and more else lines


def _reason(why: Any) -> str:
    value = f" {why['value']} ({why['threshold']})" if why["threshold"] else ""
    return safe(f"{why['stage']} {why['rule']}{value}")
