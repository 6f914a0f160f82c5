"""``refinery what-if``: apply other thresholds to stored metrics."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import click

from refinery.cli._options import Session, count_option, output_options, pass_session
from refinery.cli._output import columns, print_json
from refinery.cli._reading import root_of, root_options
from refinery.formatting import plural, safe
from refinery.inspect.flips import Flips, StageYield
from refinery.inspect.whatif import WhatIf, what_if
from refinery.recipe import written


@click.command("what-if")
@root_options
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
    if result.not_recomputed:
        lines.append(f"  not recomputed: {', '.join(result.not_recomputed)} (need the whole dataset)")
    return "\n".join(lines)


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
