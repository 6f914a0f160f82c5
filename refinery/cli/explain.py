"""``refinery explain``: what the settings of a stage mean, in figures."""

from __future__ import annotations

import dataclasses

import click

from refinery.cli._options import Session, output_options, pass_session
from refinery.cli._output import columns, print_json
from refinery.errors import UsageError
from refinery.recipe import stage_with
from refinery.stage import registry
from refinery.stage.base import Explanation

LINES = 10
"""Lines of the chart between 0 and 1."""

MARKS = "●○"
"""Of the first curve, and of the one that it is compared with."""


@click.command("explain")
@click.argument("stage")
@click.argument("fields", nargs=-1, metavar="[FIELD=VALUE]...")
@output_options
@pass_session
def command(session: Session, stage: str, fields: tuple[str, ...]) -> None:
    """Tell what the settings of a stage mean, in figures.

    Fields that are not given have their defaults: refinery explain minhash profile=fineweb
    """
    made = stage_with(registry.stage_class(stage), fields)
    found = made.explain()
    if found is None:
        raise UsageError(
            f"stage {stage!r} has nothing to explain in figures", hint=f"`refinery stages {stage}` lists its fields"
        )
    if session.json:
        print_json({"stage": stage, **dataclasses.asdict(found)})
    session.say(page(found))


def page(found: Explanation) -> str:
    """An explanation as text for a terminal: single figures, a table of the curves, a chart of the first two."""
    parts = [found.about, "", columns(list(found.figures.items()))]
    if found.curves:
        rows = [(found.axis, *found.curves)]
        for place, at in enumerate(found.at):
            if round(at * 100) % 5 == 0:
                rows.append((f"{at:.2f}", *(f"{curve[place]:.3f}" for curve in found.curves.values())))
        parts += ["", columns(rows, right=range(len(rows[0]))), "", _chart(found)]
    return "\n".join(parts)


def _chart(found: Explanation) -> str:
    """The curves over the axis, a column for each point; where they meet, the first one shows."""
    shown = list(found.curves.items())[: len(MARKS)]
    grid = [[" "] * len(found.at) for _ in range(LINES + 1)]
    for (_, curve), mark in reversed(list(zip(shown, MARKS, strict=False))):
        for place, value in enumerate(curve):
            grid[round(value * LINES)][place] = mark
    lines = [f"  {level / LINES:.1f} ┤{''.join(row).rstrip()}" for level, row in reversed(list(enumerate(grid)))]
    ticks = "".join("┴" if round(at * 100) % 10 == 0 else "─" for at in found.at)
    labels = "".join(f"{at:<10.1f}" for at in found.at if round(at * 100) % 10 == 0)
    legend = "   ".join(f"{mark} {name}" for (name, _), mark in zip(shown, MARKS, strict=False))
    return "\n".join([*lines, f"      └{ticks}", f"       {labels}{found.axis}", f"       {legend}"])
