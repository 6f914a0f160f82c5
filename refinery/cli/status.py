"""``refinery status``: show the state of the latest run, from any terminal or machine."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from refinery.cli._amounts import amount_lines
from refinery.cli._options import Session, output_options, pass_session
from refinery.cli._output import columns, print_json
from refinery.cli._reading import root_of, root_options, same_root
from refinery.formatting import plural, safe, size, span
from refinery.inspect.runs import RootStatus, RunStatus, StageStatus, status
from refinery.inspect.warning_list import warnings

_NEXT = {
    "killed": "its process no longer exists: `refinery run` resumes",
    "interrupted": "`refinery run` resumes",
    "drained": "it was ended by SIGTERM: `refinery run` resumes",
    "failed": "`refinery logs` shows why; `refinery run` retries the failed parts",
}

OUTDATED = "until a run completes, globs over kept/ and removed/ may read outdated rows"

_RECORD_FIELDS = {"started", "updated", "ended", "host", "pid", "command", "running"}
"""Fields of a run's record that --json prints unchanged."""

_REPORT_FIELDS = {"begin", "ended", "busy", "slots", "longest"}
"""Fields of a phase's record that only the report uses."""


@click.command("status")
@root_options
@output_options
@pass_session
def command(session: Session, config: str | None, root: str | None) -> int:
    """Show the state of the latest run, and how many parts of each stage are done.

    Stages are as of the last finished phase. A second table has the time and the bytes of the run, beside what was
    estimated from the parts that were finished when it began.
    """
    path = root_of(config, root)
    root_status, warned = status(path), warnings(path)
    if session.json:
        print_json({**_json(root_status), "warnings": [dataclasses.asdict(warning) for warning in warned]})
    else:
        more = [f"  {plural(len(warned), 'warning')}: `refinery logs{same_root(path)}`"] if warned else []
        session.print_text("\n".join([_text(root_status), *more]))
    return 0


def _json(root_status: RootStatus) -> dict[str, Any]:
    stages = [{**dataclasses.asdict(stage), "complete": stage.complete} for stage in root_status.stages]
    return {
        "dataset": root_status.dataset,
        "run": _run_json(root_status.run) if root_status.run else None,
        "others": root_status.others,
        "outputs_current": root_status.outputs_current,
        "stages": stages,
    }


def _run_json(run: RunStatus) -> dict[str, Any]:
    phase = run.phase
    rates = {
        "bytes_per_second": phase.bytes_per_second if phase else None,
        "documents_per_second": phase.documents_per_second if phase else None,
        "eta": run.eta,
    }
    record = run.record.model_dump(mode="json", include=_RECORD_FIELDS)
    phase_json = phase.model_dump(mode="json", exclude={"eta", *_REPORT_FIELDS}) if phase else None
    return {
        "file": run.file,
        "state": run.state,
        **record,
        "phase": phase_json,
        **rates,
        "problems": len(run.record.problems),
        "amounts": dataclasses.asdict(run.amounts),
    }


def _text(root_status: RootStatus) -> str:
    lines = [root_status.dataset, *(_run(root_status.run) if root_status.run else ["  no run has started"])]
    lines += [f"  {plural(root_status.others, 'other active run')} on this root"] if root_status.others else []
    lines += [] if root_status.outputs_current else [f"  {OUTDATED}"]
    lines.append("")
    rows = [_stage(stage) for stage in root_status.stages]
    run = root_status.run
    amounts = ["", *amount_lines(run.amounts)] if run and (run.record.work or run.record.estimate) else []
    return "\n".join([*lines, columns([("", "parts", ""), *rows], right=(1,)), *amounts])


def _run(run: RunStatus) -> list[str]:
    record = run.record
    color = {"running": "cyan", "done": "green"}.get(run.state, "red")
    since = f"started {record.started:%Y-%m-%d %H:%M:%S} UTC on {safe(record.host)}, process {record.pid}"
    lines = [f"  {click.style(run.state, fg=color)}   {since}"]
    if run.state == "running":
        lines[0] += f", last update {span(run.silence)} ago"
    lines += [f"  {_NEXT[run.state]}"] if run.state in _NEXT else []
    lines += [f"  {_phase(run)}"] if run.phase and run.state != "done" else []
    if run.longest:
        lines.append(f"  longest running task: {safe(run.longest[0])}, {span(run.longest[1])}")
    count = len(record.problems)
    lines += [f"  {plural(count, 'problem')}: `refinery logs`"] if count else []
    return lines


def _phase(run: RunStatus) -> str:
    phase = run.phase
    assert phase is not None
    failed = f", {phase.failed:,} failed" if phase.failed else ""
    rate = f"{size(int(phase.bytes_per_second))}/s, {phase.documents_per_second:,.0f} documents/s"
    left = f", {span(run.eta)} left" if run.eta is not None else ""
    return f"{safe(phase.title)}: {phase.done:,} of {plural(phase.tasks, 'task')}{failed}   {rate}{left}"


def _stage(stage: StageStatus) -> tuple[str, str, str]:
    if stage.expected is None:
        return stage.name, "–", ""
    word = "complete" if stage.complete else "incomplete"
    return stage.name, f"{stage.done:,} of {stage.expected:,}", word
