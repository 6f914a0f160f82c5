"""``refinery run``: compute what is missing, with live progress."""

from __future__ import annotations

import signal
import sys
from types import FrameType

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from refinery.cli._options import Session, output_options, pass_session
from refinery.cli._outcome import outcome, outcome_json, outcome_text
from refinery.cli._output import print_json
from refinery.cli._reading import same_root
from refinery.cli._recipe import RecipeOptions, recipe_options
from refinery.cli._selection import selection_options, workers_option
from refinery.cli._warnings import warn
from refinery.cli.status import OUTDATED
from refinery.formatting import plural, safe, size, span
from refinery.kernels.choice import note
from refinery.planner.selection import Selection
from refinery.root.runs import PhaseRecord
from refinery.runner.progress import Listener
from refinery.runner.run import run
from refinery.task.tasks import Task

MEASURABLE = 0.05
"""Seconds of a phase below which its rates are noise and are not shown."""


@click.command("run")
@recipe_options
@selection_options
@workers_option
@click.option("--executor", type=click.Choice(["local", "ray"]), help="Where tasks run; overrides executor.kind.")
@click.option("--address", metavar="HOST:PORT|auto", help="Address of the Ray cluster; overrides executor.address.")
@click.option(
    "--accept-code", is_flag=True, help="Keep results of stages whose code changed while their version did not."
)
@click.option("--fail-fast", is_flag=True, help="Stop at the first part that fails.")
@click.option(
    "--allow-failed-parts",
    metavar="N",
    type=click.IntRange(min=0),
    default=0,
    help="Continue without failed parts, up to this many; the next run retries them.",
)
@output_options
@pass_session
def command(
    session: Session,
    recipe: RecipeOptions,
    selection: Selection,
    workers: str | None,
    executor: str | None,
    address: str | None,
    accept_code: bool,
    fail_fast: bool,
    allow_failed_parts: int,
) -> int:
    """Run the pipeline: compute only what is missing or out of date.

    You can stop it at any time; the same command resumes. It ends with a summary of what was kept, the output folder
    and warnings (`refinery logs` shows them again). Exit code 1 if parts failed, or if more inputs are broken than the
    recipe's max_broken_inputs allows.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    recipe = recipe.override({"executor.workers": workers, "executor.kind": executor, "executor.address": address})
    pipeline = recipe.load()
    if address and pipeline.executor.kind != "ray":
        raise click.UsageError(f"--address {address} needs a Ray cluster, but tasks run locally: add --executor ray")
    session.root = pipeline.root
    if note() and not session.quiet:
        click.echo(note(), err=True)
    warned = warn(session, pipeline)
    with _listener(session) as listener:
        try:
            report = run(
                pipeline,
                selection,
                accept_code=accept_code,
                fail_fast=fail_fast,
                allow_failed_parts=allow_failed_parts,
                listener=listener,
                command={"recipe": recipe.config, "overrides": list(recipe.overrides), "arguments": sys.argv[1:]},
            )
        except KeyboardInterrupt:
            click.echo("stopped; finished parts are kept, and the same command resumes", err=True)
            click.echo(OUTDATED, err=True)
            raise
    result = outcome(report, pipeline.root)
    if session.json:
        print_json(outcome_json(result, warned))
    session.print_text(outcome_text(result, same_root(pipeline.root, recipe.overrides)))
    if session.quiet and result.too_many_broken:
        click.echo(f"error: {safe(result.warnings[0].text)}", err=True)
    return 0 if report.failures_allowed and not result.too_many_broken else 1


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


class _Quiet:
    """Prints no progress; problems go to standard error."""

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *details: object) -> None:
        """Close nothing."""

    def phase(self, progress: PhaseRecord) -> None:
        """Ignore the call; see ``Listener``."""

    def advance(self, progress: PhaseRecord, task: Task) -> None:
        """Ignore the call; see ``Listener``."""

    def problem(self, message: str) -> None:
        """Print the message on its own line."""
        click.echo(f"  {safe(message)}", err=True)


class _Lines(_Quiet):
    """Prints plain lines for logs: the start of each phase, and every tenth of its tasks."""

    def __init__(self) -> None:
        self._tenth = 0

    def phase(self, progress: PhaseRecord) -> None:
        self._tenth = 0
        click.echo(f"{progress.title}: {plural(progress.tasks, 'task')}, {size(progress.bytes)}", err=True)

    def advance(self, progress: PhaseRecord, task: Task) -> None:
        del task
        ended = progress.done + progress.failed
        tenth = ended * 10 // progress.tasks
        if tenth > self._tenth:
            self._tenth = tenth
            click.echo(f"  {_figures(progress)}", err=True)


class _Live(_Quiet):
    """Redraws one line per phase in a terminal."""

    def __init__(self, color: bool | None) -> None:
        console = Console(stderr=True, no_color=color is False)
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=12),
            TextColumn("{task.fields[figures]}", markup=False),
            TimeElapsedColumn(),
            console=console,
        )
        self._bar = self._bars.add_task("reading receipts", total=None, figures="")

    def __enter__(self) -> Listener:
        self._bars.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._bars.stop()

    def phase(self, progress: PhaseRecord) -> None:
        self._bars.remove_task(self._bar)
        self._bar = self._bars.add_task(
            _short(progress.title), total=progress.bytes or None, figures=_figures(progress)
        )

    def advance(self, progress: PhaseRecord, task: Task) -> None:
        del task
        self._bars.update(self._bar, completed=progress.bytes_done, figures=_figures(progress))

    def problem(self, message: str) -> None:
        self._bars.console.print(f"  {safe(message)}", markup=False, highlight=False)


def _short(title: str) -> str:
    """Shorten a title to its first and last stage, so that a line of 80 characters has room for the figures."""
    stages = title.split(" → ")
    return title if len(stages) < 4 else f"{stages[0]} → … → {stages[-1]}"


def _figures(progress: PhaseRecord) -> str:
    """Return finished tasks, rates and the remaining time, as far as they are known."""
    ended = f"{progress.done + progress.failed:,}/{progress.tasks:,}"
    failed = f", {progress.failed:,} failed" if progress.failed else ""
    seconds = progress.seconds
    if not progress.bytes_done or seconds < MEASURABLE:
        return f"{ended}{failed}"
    documents = f", {progress.documents / seconds:,.0f} documents/s" if progress.documents else ""
    eta = f", {span(progress.eta)} left" if progress.eta else ""
    return f"{ended}{failed}  {size(int(progress.bytes_done / seconds))}/s{documents}{eta}"


def _listener(session: Session) -> _Quiet:
    if session.quiet:
        return _Quiet()
    return _Live(session.color) if sys.stderr.isatty() else _Lines()
