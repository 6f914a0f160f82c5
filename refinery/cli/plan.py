"""``refinery plan``: what ``run`` would do, why, and how much it is."""

from __future__ import annotations

import dataclasses

import click

from refinery.cli._options import Session, output_options, pass_session, recipe_options
from refinery.cli._output import columns, print_json
from refinery.cli._selection import parse_workers, selection, selection_options
from refinery.cli._warnings import warn
from refinery.formatting import plural, size
from refinery.planner.cost import Target
from refinery.planner.estimate import COLUMNS, Forecast, amount, plan
from refinery.planner.state import Every
from refinery.planner.totals import lines_of
from refinery.recipe import load


@click.command("plan")
@recipe_options
@selection_options
@click.option("--force", is_flag=True, help="As for run: everything again.")
@click.option(
    "--for",
    "target",
    metavar="SIZE|'N files'",
    help="Estimate a run over so much input in place of the recipe's: 1TB, '90000 files'.",
)
@click.option(
    "--workers",
    metavar="N|auto",
    callback=parse_workers,
    help="Worker processes, instead of the recipe's executor.workers.",
)
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
    target: str | None,
    workers: str | None,
) -> int:
    """Show what would run, why, and how much it is. Nothing is written.

    Sizes, times and, with `prices` in the recipe, money are estimated from the parts made before, by the bytes of their
    input; `refinery run --sample 1%` makes some. A core hour is one in which a worker is busy.
    """
    pipeline = load(config, (*overrides, *([f"executor.workers={workers}"] if workers else [])), root)
    session.root = pipeline.root
    chosen = selection(first, until, only, parts, share, force)
    found = plan(pipeline, chosen, Target.parse(target) if target else None)
    warnings = warn(session, pipeline)
    if session.json:
        print_json({**dataclasses.asdict(found), "nothing_to_do": found.nothing_to_do, "warnings": warnings})
    session.say(_text(found, pipeline.audit))
    return 0


def _text(found: Forecast, one_in: int) -> str:
    where = f"{found.root}   " if not found.target else "a new root   about "
    head = f"{found.dataset} → {where}{plural(found.inputs, 'input file')}, {size(found.input_bytes)}"
    rows = [COLUMNS, *(stage.cells() for stage in found.stages)]
    lines = [head, columns(rows)]
    lines += [
        f"{stage.name}: up to {amount(stage.memory)} of memory in one task, {amount(stage.shuffle)} shuffled, "
        f"{amount(stage.disk)} of disk for its rounds"
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
        return "\n".join([*lines, "nothing to do"])
    return "\n".join([*lines, *lines_of(found.total)])
