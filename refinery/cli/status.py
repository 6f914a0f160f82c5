"""``refinery status``: where a run stands, from another terminal or machine too."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from refinery.cli._options import Session, output_options, pass_session
from refinery.cli._output import columns, print_json
from refinery.cli._reading import place_options, root_of, same_root
from refinery.formatting import plural, safe, size, span
from refinery.inspect import RootStatus, RunStatus, StageStatus, status, warnings

_NEXT = {
    "killed": "its process is gone: `refinery run` goes on from it",
    "interrupted": "`refinery run` goes on from it",
    "failed": "`refinery logs` says why; `refinery run` tries the failed parts again",
}

OUTDATED = "globs over kept/ and removed/ may read outdated rows until a run completes"

_TOLD = {"started", "updated", "ended", "host", "pid", "command", "running"}
"""What of a run's record is told as it is; the rest is for the report, or told in other words."""

_TIMES = {"begin", "ended", "busy", "places", "longest"}
"""What a phase's record has for the report alone."""


@click.command("status")
@place_options
@output_options
@pass_session
def command(session: Session, config: str | None, root: str | None) -> int:
    """Show where a run stands, and how far each stage is made.

    The run is the newest one; stages are as of the last phase that ended.
    """
    place = root_of(config, root)
    found, warned = status(place), warnings(place)
    if session.json:
        print_json({**_json(found), "warnings": [dataclasses.asdict(warning) for warning in warned]})
    else:
        more = [f"  {plural(len(warned), 'warning')}: `refinery logs{same_root(place)}`"] if warned else []
        session.say("\n".join([_text(found), *more]))
    return 0


def _json(found: RootStatus) -> dict[str, Any]:
    stages = [{**dataclasses.asdict(stage), "complete": stage.complete} for stage in found.stages]
    return {
        "dataset": found.dataset,
        "run": _run_json(found.run) if found.run else None,
        "others": found.others,
        "outputs_current": found.outputs_current,
        "stages": stages,
    }


def _run_json(run: RunStatus) -> dict[str, Any]:
    phase = run.phase
    rates = {
        "bytes_per_second": phase.bytes_per_second if phase else None,
        "documents_per_second": phase.documents_per_second if phase else None,
        "eta": run.eta,
    }
    record = run.record.model_dump(mode="json", include=_TOLD)
    shown = phase.model_dump(mode="json", exclude={"eta", *_TIMES}) if phase else None
    return {
        "file": run.file,
        "state": run.state,
        **record,
        "phase": shown,
        **rates,
        "problems": len(run.record.problems),
    }


def _text(found: RootStatus) -> str:
    lines = [found.dataset, *(_run(found.run) if found.run else ["  no run yet"])]
    lines += [f"  {plural(found.others, 'other run')} at work on this root"] if found.others else []
    lines += [] if found.outputs_current else [f"  {OUTDATED}"]
    lines.append("")
    rows = [_stage(stage) for stage in found.stages]
    return "\n".join([*lines, columns([("", "parts", ""), *rows], right=(1,))])


def _run(run: RunStatus) -> list[str]:
    record = run.record
    color = {"running": "cyan", "done": "green"}.get(run.state, "red")
    since = f"started {record.started:%Y-%m-%d %H:%M:%S} UTC on {safe(record.host)}, process {record.pid}"
    lines = [f"  {click.style(run.state, fg=color)}   {since}"]
    if run.state == "running":
        lines[0] += f", last heard of {span(run.silence)} ago"
    lines += [f"  {_NEXT[run.state]}"] if run.state in _NEXT else []
    lines += [f"  {_phase(run)}"] if run.phase and run.state != "done" else []
    if run.longest:
        lines.append(f"  longest under way: {safe(run.longest[0])}, {span(run.longest[1])}")
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
    word = "complete" if stage.complete else "not complete"
    return stage.name, f"{stage.made:,} of {stage.expected:,}", word
