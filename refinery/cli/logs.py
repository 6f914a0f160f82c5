"""``refinery logs``: failures and warnings of all runs, newest first."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import click

from refinery.cli._options import Session, output_options, pass_session
from refinery.cli._output import print_json
from refinery.cli._reading import place_options, root_of
from refinery.inspect import Problem, problems
from refinery.shown import safe, safe_lines


@click.command("logs")
@place_options
@click.option("-n", "count", metavar="N", type=click.IntRange(1), default=20, show_default=True, help="How many.")
@output_options
@pass_session
def command(session: Session, config: str | None, root: str | None, count: int) -> int:
    """Show failures and warnings, newest first.

    Of all runs of the root; -v with tracebacks.
    """
    found = problems(root_of(config, root))
    if session.json:
        shown = [dataclasses.asdict(problem) for problem in found[:count]]
        print_json({"total": len(found), "problems": shown})
    else:
        session.say(_text(found, count, traces=session.verbose))
    return 0


def _text(found: Sequence[Problem], count: int, *, traces: bool) -> str:
    if not found:
        return "no problems"
    lines = []
    for problem in found[:count]:
        lines.append(f"{problem.time}  {safe(problem.message)}")
        if traces and problem.trace:
            lines.append("\n".join(f"    {line}" for line in safe_lines(problem.trace).rstrip().split("\n")))
    more = len(found) - count
    return "\n".join([*lines, *([f"and {more:,} more: -n {len(found)} shows all"] if more > 0 else [])])
