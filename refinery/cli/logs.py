"""``refinery logs``: show failures and warnings of all runs, newest first."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import click

from refinery.cli._options import Session, count_option, output_options, pass_session
from refinery.cli._output import print_json
from refinery.cli._reading import heading, root_of, root_options, warning_lines
from refinery.formatting import safe, safe_lines
from refinery.inspect.quarantine import Case, quarantined
from refinery.inspect.runs import RunProblem, problems
from refinery.inspect.warning_list import warnings


@click.command("logs")
@root_options
@count_option("Failures to list.", 20)
@click.option("--quarantine", is_flag=True, help="List quarantined documents instead, with the files of their records.")
@output_options
@pass_session
def command(session: Session, config: str | None, root: str | None, count: int, quarantine: bool) -> int:
    """Show failures and warnings, newest first.

    Warnings about the data come first; `run`, `stats` and the report show the same ones. Failures of all runs follow;
    -v adds tracebacks.

    A quarantined document crashed the worker that processed it. Its record is stored in the root as an archive of one
    record, which reproduces the failure.
    """
    if quarantine:
        return _show_quarantine(session, root_of(config, root), count)
    path = root_of(config, root)
    found, warned = problems(path), warnings(path)
    if session.json:
        listed_problems = [dataclasses.asdict(problem) for problem in found[:count]]
        listed = [dataclasses.asdict(warning) for warning in warned]
        print_json({"total": len(found), "problems": listed_problems, "warnings": listed})
    else:
        failures = _text(found, count, traces=session.verbose) if found or not warned else "no failures"
        session.print_text("\n".join([*warning_lines(warned), failures]))
    return 0


def _show_quarantine(session: Session, root: str, count: int) -> int:
    cases = quarantined(root)
    if session.json:
        print_json({"total": len(cases), "cases": [dataclasses.asdict(case) for case in cases[:count]]})
    else:
        session.print_text("\n".join(_cases(cases, count, root)))
    return 0


def _cases(cases: Sequence[Case], count: int, root: str) -> Iterator[str]:
    if not cases:
        yield "no quarantined documents"
    for case in cases[:count]:
        yield heading(case.document)
        yield f"  {case.stage}: {case.rule}{f', {safe(case.note)}' if case.note else ''}"
        yield f"  record: {safe(f'{root}/{case.record}')}" if case.record else "  record: only in the input file"
    if len(cases) > count:
        yield f"and {len(cases) - count:,} more: -n {len(cases)} shows all"


def _text(failures: Sequence[RunProblem], count: int, *, traces: bool) -> str:
    if not failures:
        return "no failures or warnings"
    lines = []
    for problem in failures[:count]:
        lines.append(f"{problem.time}  {safe(problem.message)}")
        if traces and problem.trace:
            lines.append("\n".join(f"    {line}" for line in safe_lines(problem.trace).rstrip().split("\n")))
    more = len(failures) - count
    return "\n".join([*lines, *([f"and {more:,} more: -n {len(failures)} shows all"] if more > 0 else [])])
