"""``refinery explain``: show what the settings of a stage mean, in numbers."""

from __future__ import annotations

import dataclasses

import click

from refinery.cli._options import Session, output_options, pass_session
from refinery.cli._output import columns, print_json
from refinery.errors import UsageError
from refinery.recipe import stage_with
from refinery.stage import registry
from refinery.stage.explanation import Explanation

LINES = 10
"""Lines of the chart between 0 and 1."""

MARKS = "●○"
"""Symbols of the first curve and of the one that it is compared with."""


@click.command("explain")
@click.argument("stage")
@click.argument("fields", nargs=-1, metavar="[FIELD=VALUE]...")
@output_options
@pass_session
def command(session: Session, stage: str, fields: tuple[str, ...]) -> None:
    """Show what the settings of a stage mean, in numbers.

    Fields that are left out have their defaults. Example: refinery explain minhash profile=fineweb
    """
    explanation = stage_with(registry.stage_class(stage), fields).explain()
    if explanation is None:
        raise UsageError(
            f"stage {stage!r} has no explanation in numbers", hint=f"`refinery stages {stage}` lists its fields"
        )
    if session.json:
        print_json({"stage": stage, **dataclasses.asdict(explanation)})
    session.print_text(page(explanation))


def page(explanation: Explanation) -> str:
    """Return an explanation as text: numbers, a table of the curves, and a chart of the first two."""
    parts = [explanation.about, "", columns(list(explanation.figures.items()))]
    if explanation.curves:
        rows = [(explanation.axis, *explanation.curves)]
        for point, at in enumerate(explanation.at):
            if round(at * 100) % 5 == 0:
                rows.append((f"{at:.2f}", *(f"{curve[point]:.3f}" for curve in explanation.curves.values())))
        parts += ["", columns(rows, right=range(len(rows[0]))), "", _chart(explanation)]
    return "\n".join(parts)


def _chart(explanation: Explanation) -> str:
    """Draw the curves, one column per point; where they meet, the first one is drawn."""
    drawn = list(explanation.curves.items())[: len(MARKS)]
    grid = [[" "] * len(explanation.at) for _ in range(LINES + 1)]
    for (_, curve), mark in reversed(list(zip(drawn, MARKS, strict=False))):
        for point, value in enumerate(curve):
            grid[round(value * LINES)][point] = mark
    lines = [f"  {level / LINES:.1f} ┤{''.join(row).rstrip()}" for level, row in reversed(list(enumerate(grid)))]
    ticks = "".join("┴" if round(at * 100) % 10 == 0 else "─" for at in explanation.at)
    labels = "".join(f"{at:<10.1f}" for at in explanation.at if round(at * 100) % 10 == 0)
    legend = "   ".join(f"{mark} {name}" for (name, _), mark in zip(drawn, MARKS, strict=False))
    return "\n".join([*lines, f"      └{ticks}", f"       {labels}{explanation.axis}", f"       {legend}"])
