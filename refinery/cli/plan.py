"""``refinery plan``: show what ``run`` would do, why, and its estimated cost."""

from __future__ import annotations

import dataclasses

import click

from refinery.cli._options import Session, output_options, pass_session
from refinery.cli._output import columns, numbers, print_json
from refinery.cli._recipe import RecipeOptions, recipe_options
from refinery.cli._selection import selection_options, workers_option
from refinery.cli._warnings import warn
from refinery.formatting import plural, size
from refinery.planner.cost import Target
from refinery.planner.estimate import COLUMNS, Estimate, amount, lines_of
from refinery.planner.estimator import plan
from refinery.planner.selection import Selection


@click.command("plan")
@recipe_options
@selection_options
@click.option(
    "--for",
    "target",
    metavar="SIZE|'N files'",
    help="Estimate a run over this much input instead of the recipe's: 1TB, '90000 files'.",
)
@workers_option
@output_options
@pass_session
def command(
    session: Session, recipe: RecipeOptions, selection: Selection, target: str | None, workers: str | None
) -> int:
    """Show what a run would do, why, and its estimated cost. Writes nothing.

    The estimates of size, time and, with `prices` in the recipe, money scale the measurements of finished parts by
    input bytes. `refinery run --sample 1%` computes some parts to measure. A core hour is an hour of one busy worker.
    """
    pipeline = recipe.override({"executor.workers": workers}).load()
    session.root = pipeline.root
    estimate = plan(pipeline, selection, Target.parse(target) if target else None)
    warnings = warn(session, pipeline)
    if session.json:
        print_json({**dataclasses.asdict(estimate), "nothing_to_do": estimate.nothing_to_do, "warnings": warnings})
    session.print_text(_text(estimate, pipeline.audit))
    return 0


def _text(estimate: Estimate, one_in: int) -> str:
    where = f"{estimate.root}   " if not estimate.target else "new root   about "
    inputs = plural(estimate.inputs, "part" if estimate.records or estimate.files else "input file")
    inputs = f"{plural(estimate.files, 'input file')} in {inputs}" if estimate.files else inputs
    head = f"{estimate.dataset} → {where}{inputs}, {size(estimate.input_bytes)}"
    rows = [COLUMNS, *(stage.cells() for stage in estimate.stages)]
    chosen = [estimate.records.line] if estimate.records else []
    lines = [head, *chosen, *numbers(estimate.inputs_table), columns(rows)]
    lines += [
        f"{stage.name}: up to {amount(stage.memory)} of memory per task, {amount(stage.shuffle)} shuffled, "
        f"{amount(stage.disk)} of temporary disk space"
        for stage in estimate.stages
        if stage.memory or stage.disk
    ]
    lines += [f"{stage.name}: {stage.form}" for stage in estimate.stages if stage.form]
    if estimate.audit:
        lines.append(
            f"audit: 1 document in {one_in:,} of {plural(estimate.audit, 'part')} passes through all row stages"
        )
    if estimate.next_round:
        lines.append(estimate.next_round.line)
    if estimate.blocked:
        lines.append(f"the run then stops: {estimate.blocked}")
    if estimate.changed_code:
        lines.append(f"run will refuse: the code of {', '.join(estimate.changed_code)} changed but the version did not")
    if estimate.nothing_to_do:
        return "\n".join([*lines, "nothing to do"])
    return "\n".join([*lines, *lines_of(estimate.total)])
