"""``refinery plan``: what ``run`` would do, why, and how much it is."""

from __future__ import annotations

import dataclasses

import click

from refinery.cli._options import Session, output_options, pass_session, recipe_options
from refinery.cli._output import columns, print_json, span
from refinery.cli._selection import selection, selection_options
from refinery.cli._warnings import warn
from refinery.config import load
from refinery.forecast import Forecast, StageForecast, plan
from refinery.shown import plural, size
from refinery.survey import Every


@click.command("plan")
@recipe_options
@selection_options
@click.option("--force", is_flag=True, help="As for run: everything again.")
@output_options
@pass_session
def command(
    session: Session,
    config: str,
    root: str | None,
    overrides: tuple[str, ...],
    first: str | None,
    until: str | None,
    only: str | None,
    parts: tuple[int, ...] | Every | None,
    share: float | None,
    force: bool,
) -> int:
    """Show what would run, why, and how much it is. Nothing is written.

    Sizes and times are estimated from the parts made before; `refinery run --sample 1%` makes some.
    """
    pipeline = load(config, overrides, root)
    session.root = pipeline.root
    chosen = selection(first, until, only, parts, share, force)
    found = plan(pipeline, chosen)
    warnings = warn(session, pipeline)
    if session.json:
        print_json({**dataclasses.asdict(found), "nothing_to_do": found.nothing_to_do, "warnings": warnings})
    session.say(_text(found, pipeline.audit))
    return 0


def _text(found: Forecast, one_in: int) -> str:
    head = f"{found.dataset} → {found.root}   {plural(found.inputs, 'input file')}, {size(found.input_bytes)}"
    rows = [("stage", "parts", "do", "reason", "read", "write", "CPU"), *(_row(stage) for stage in found.stages)]
    lines = [head, columns(rows)]
    lines += [
        f"{stage.name}: up to {_amount(stage.memory)} of memory in one task, {_amount(stage.shuffle)} shuffled, "
        f"{_amount(stage.disk)} of disk for its rounds"
        for stage in found.stages
        if stage.memory or stage.disk
    ]
    if found.audit:
        lines.append(f"audit: 1 document in {one_in:,} of {plural(found.audit, 'part')} through all row stages")
    if found.blocked:
        lines.append(f"then stops: {found.blocked}")
    if found.changed_code:
        lines.append(f"run will refuse: the code of {', '.join(found.changed_code)} changed and the version did not")
    if found.nothing_to_do:
        lines.append("nothing to do")
    return "\n".join(lines)


def _row(stage: StageForecast) -> tuple[str, ...]:
    parts = f"{stage.parts:,}" if stage.todo in (0, stage.parts) else f"{stage.todo:,} of {stage.parts:,}"
    if not stage.todo:
        return stage.name, parts, stage.action, stage.reason
    return (
        stage.name,
        parts,
        stage.action,
        stage.reason,
        _amount(stage.read),
        _amount(stage.write),
        "–" if stage.seconds is None else span(stage.seconds),
    )


def _amount(count: int | None) -> str:
    return "–" if count is None else size(count)
