"""``refinery run``: make what is missing, with live progress."""

from __future__ import annotations

import dataclasses
import signal
import sys
from types import FrameType
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from refinery.cli._options import Session, output_options, pass_session, recipe_options
from refinery.cli._output import print_json, span
from refinery.cli._reading import vanishing
from refinery.cli._selection import parse_workers, selection, selection_options
from refinery.cli._warnings import warn
from refinery.cli.status import OUTDATED
from refinery.config import load, written
from refinery.inspect import alarms
from refinery.kernels.choice import note
from refinery.progress import Listener, PhaseProgress
from refinery.runner import RunReport, run
from refinery.shown import plural, safe, shortened, size
from refinery.survey import Every
from refinery.tasks import Task

SETTINGS = 4
"""Values of the recipe that changed and are shown."""

VALUE = 60
"""Characters of such a value."""


@click.command("run")
@recipe_options
@selection_options
@click.option(
    "--workers",
    metavar="N|auto",
    callback=parse_workers,
    help="Worker processes, instead of the recipe's executor.workers.",
)
@click.option("--executor", type=click.Choice(["local", "ray"]), help="Where tasks run, instead of executor.kind.")
@click.option("--address", metavar="HOST:PORT|auto", help="The Ray cluster, instead of executor.address.")
@click.option("--force", is_flag=True, help="Make everything again, though it is up to date.")
@click.option(
    "--accept-code", is_flag=True, help="Keep results although a stage's code changed and its version did not."
)
@click.option("--fail-fast", is_flag=True, help="Stop at the first part that fails.")
@click.option(
    "--allow-failed-parts",
    metavar="N",
    type=click.IntRange(min=0),
    default=0,
    help="Go on without parts that fail, if they are no more than this; another run tries them again.",
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
    workers: str | None,
    executor: str | None,
    address: str | None,
    force: bool,
    accept_code: bool,
    fail_fast: bool,
    allow_failed_parts: int,
) -> int:
    """Make what is missing. Safe to stop at any moment: the same command goes on.

    Exit code 1 where parts failed; `refinery logs` says why.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    given = {"executor.workers": workers, "executor.kind": executor, "executor.address": address}
    overrides += tuple(f"{key}={value}" for key, value in given.items() if value)
    pipeline = load(config, overrides, root)
    if address and pipeline.executor.kind != "ray":
        raise click.UsageError(f"--address {address} is that of a Ray cluster, and tasks run here: add --executor ray")
    session.root = pipeline.root
    chosen = selection(first, until, only, parts, share, force)
    if note() and not session.quiet:
        click.echo(note(), err=True)
    warnings = warn(session, pipeline)
    with _listener(session) as listener:
        try:
            report = run(
                pipeline,
                chosen,
                accept_code=accept_code,
                fail_fast=fail_fast,
                allow_failed_parts=allow_failed_parts,
                listener=listener,
                command={"recipe": config, "overrides": list(overrides), "arguments": sys.argv[1:]},
            )
        except KeyboardInterrupt:
            click.echo("stopped; what is finished is kept, and the same command goes on from it", err=True)
            click.echo(OUTDATED, err=True)
            raise
    if session.json:
        print_json({**dataclasses.asdict(report), "root": pipeline.root, "warnings": warnings})
    session.say(_text(report, pipeline.root))
    return 0 if report.allowed else 1


def _text(report: RunReport, root: str) -> str:
    shown = "".join(f"\n  {safe(failure)}" for failure in report.failures[:10])
    failed = f"{plural(len(report.failures), 'part')} failed:{shown}\n`refinery logs --root {root} -v` has the details"
    if not report.allowed:
        return failed
    lines = [line for name, found in alarms(root).items() for line in vanishing(name, found)]
    left_out = f"all that follows lacks what failed. {failed}" if report.failures else ""
    others = "" if report.entered else "other runs share this root: the last of them enters what all have made"
    switch = f"switched to {_settings(report)}: {_reuse(report)}" if report.switched else ""
    note = "".join(f"\n{line}" for line in (report.blocked, others, left_out, *lines) if line)
    if not report.tasks:
        return f"{switch or f'nothing to do: {root} is up to date'}{note}"
    note = f"\n{switch}{note}" if switch else note
    return f"done: {plural(report.tasks, 'task')} in {plural(report.phases, 'phase')} → {root}{note}"


def _settings(report: RunReport) -> str:
    """Values that changed; those of stages that only one of the recipes has are left out, for the list names these."""
    both = [one for one in report.switched if one.left is not None and one.right is not None] or report.switched
    shown = [f"{one.name}={safe(shortened(_value(one.right), VALUE))}" for one in both]
    more = len(shown) - SETTINGS
    return ", ".join([*shown[:SETTINGS], *([f"{more:,} more"] if more > 0 else [])])


def _value(value: Any) -> str:
    return "(none)" if value is None else written(value)


def _reuse(report: RunReport) -> str:
    taken = f"{plural(len(report.reused), 'stage')} taken from earlier results"
    return taken if report.tasks else f"{taken}, nothing to make"


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


class _Quiet:
    """No progress; problems go to standard error."""

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *details: object) -> None:
        """Nothing to close."""

    def phase(self, progress: PhaseProgress) -> None:
        """See ``Listener``."""

    def advance(self, progress: PhaseProgress, task: Task) -> None:
        """See ``Listener``."""

    def problem(self, message: str) -> None:
        """A line that stays."""
        click.echo(f"  {safe(message)}", err=True)


class _Lines(_Quiet):
    """Plain lines, for logs: the beginning and end of each phase, and every tenth of it."""

    def __init__(self) -> None:
        self._tenth = 0

    def phase(self, progress: PhaseProgress) -> None:
        self._tenth = 0
        click.echo(f"{progress.title}: {plural(progress.tasks, 'task')}, {size(progress.bytes)}", err=True)

    def advance(self, progress: PhaseProgress, task: Task) -> None:
        del task
        ended = progress.done + progress.failed
        tenth = ended * 10 // progress.tasks
        if tenth > self._tenth:
            self._tenth = tenth
            click.echo(f"  {_told(progress)}", err=True)


class _Live(_Quiet):
    """One line for each phase, redrawn in a terminal."""

    def __init__(self, color: bool | None) -> None:
        console = Console(stderr=True, no_color=color is False)
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=12),
            TextColumn("{task.fields[told]}", markup=False),
            TimeElapsedColumn(),
            console=console,
        )
        self._bar = self._bars.add_task("reading receipts", total=None, told="")

    def __enter__(self) -> Listener:
        self._bars.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._bars.stop()

    def phase(self, progress: PhaseProgress) -> None:
        self._bars.remove_task(self._bar)
        self._bar = self._bars.add_task(_short(progress.title), total=progress.bytes or None, told=_told(progress))

    def advance(self, progress: PhaseProgress, task: Task) -> None:
        del task
        self._bars.update(self._bar, completed=progress.bytes_done, told=_told(progress))

    def problem(self, message: str) -> None:
        self._bars.console.print(f"  {safe(message)}", markup=False, highlight=False)


def _short(title: str) -> str:
    """A phase's title with the ends of its stages only, so that a line of 80 characters has room for figures."""
    stages = title.split(" → ")
    return title if len(stages) < 4 else f"{stages[0]} → … → {stages[-1]}"


def _told(progress: PhaseProgress) -> str:
    """Tasks that ended, rates, and the time that is left, as far as they are known."""
    ended = f"{progress.done + progress.failed:,}/{progress.tasks:,}"
    failed = f", {progress.failed:,} failed" if progress.failed else ""
    if not progress.bytes_done:
        return f"{ended}{failed}"
    seconds = max(progress.seconds, 1e-6)
    documents = f", {progress.documents / seconds:,.0f} documents/s" if progress.documents else ""
    eta = f", {span(progress.eta)} left" if progress.eta else ""
    return f"{ended}{failed}  {size(int(progress.bytes_done / seconds))}/s{documents}{eta}"


def _listener(session: Session) -> _Quiet:
    if session.quiet:
        return _Quiet()
    return _Live(session.color) if sys.stderr.isatty() else _Lines()
