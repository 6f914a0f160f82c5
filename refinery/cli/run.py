"""``refinery run``: compute what is missing of one recipe or several, with live progress."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import click
from click.core import ParameterSource
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from refinery.cli._options import PATH, Session, output_options, pass_session
from refinery.cli._outcome import Outcome, failure_json, outcome, outcome_json, outcome_text
from refinery.cli._output import print_json
from refinery.cli._reading import same_root
from refinery.cli._recipe import RecipeOptions, recipe_options
from refinery.cli._selection import selection_options, workers_option
from refinery.cli._telemetry import STDERR, Latest, telemetry
from refinery.cli._warnings import warn
from refinery.cli.status import OUTDATED
from refinery.errors import RefineryError
from refinery.formatting import plural, safe, size, span
from refinery.kernels.choice import note
from refinery.planner.selection import Selection
from refinery.root.runs import PhaseRecord
from refinery.runner.drain import Drain, Drained
from refinery.runner.events import Event, Listener, silent
from refinery.runner.run import run_together

MEASURABLE = 0.05
"""Seconds of a phase below which its rates are noise and are not shown."""


@click.command("run")
@click.argument("recipes", nargs=-1, metavar="[RECIPE]...", type=PATH)
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
@click.option(
    "--log-json",
    metavar="FILE|stderr",
    help="Append events as JSON lines to a file, or print them instead of progress.",
)
@click.option(
    "--metrics", metavar="FILE", help="Write progress as OpenMetrics to a file, every few seconds.", type=PATH
)
@output_options
@pass_session
def command(
    session: Session,
    recipes: tuple[str, ...],
    recipe: RecipeOptions,
    selection: Selection,
    workers: str | None,
    executor: str | None,
    address: str | None,
    accept_code: bool,
    fail_fast: bool,
    allow_failed_parts: int,
    log_json: str | None,
    metrics: str | None,
) -> int:
    """Run the pipeline: compute only what is missing or out of date.

    You can stop it at any time; the same command resumes. After SIGTERM it begins no task, waits a minute for those
    under way, and exits with 143. It ends with a summary of what was kept, the output folder and warnings (`refinery
    logs` shows them again). Exit code 1 if parts failed, or if more inputs are broken than the recipe's
    max_broken_inputs allows.

    Several recipes run together, each into its own root: inputs are read once, and what stages of one configuration
    compute of a document is computed once. `refinery diff` and `refinery report` then compare the roots.
    """
    latest = Latest()
    recipe = recipe.override({"executor.workers": workers, "executor.kind": executor, "executor.address": address})
    chosen = _chosen(recipe, recipes)
    pipelines = [one.load() for one in chosen]
    if address and pipelines[0].executor.kind != "ray":
        raise click.UsageError(f"--address {address} needs a Ray cluster, but tasks run locally: add --executor ray")
    session.root = pipelines[0].root
    if note() and not session.quiet:
        click.echo(note(), err=True)
    warned = [warn(session, pipeline) for pipeline in pipelines]
    roots = [pipeline.root for pipeline in pipelines]
    with (
        telemetry(log_json, metrics, latest) as recorders,
        _displays(session, roots, log_json == STDERR) as displays,
        _reported(session, latest),
        Drain(),
    ):
        reports = run_together(
            pipelines,
            selection,
            accept_code=accept_code,
            fail_fast=fail_fast,
            allow_failed_parts=allow_failed_parts,
            listeners=[_each([display, *recorders]) for display in displays],
            commands=[_command(one) for one in chosen],
        )
    results = [outcome(report, pipeline.root) for report, pipeline in zip(reports, pipelines, strict=True)]
    code = max(result.exit_code for result in results)
    if session.json:
        values = [outcome_json(result, known, latest) for result, known in zip(results, warned, strict=True)]
        print_json(values[0] if len(values) == 1 else {"exit_code": code, "runs": values})
    _print(session, results, same_root(pipelines[0].root, recipe.overrides))
    return code


@contextmanager
def _reported(session: Session, latest: Latest) -> Iterator[None]:
    """Print the errors that end runs, but for what every command prints."""
    try:
        yield
    except (KeyboardInterrupt, RefineryError) as error:
        if session.json:
            print_json(failure_json(error, latest))
        if isinstance(error, KeyboardInterrupt) and not isinstance(error, Drained):
            click.echo("stopped; finished parts are kept, and the same command resumes", err=True)
            click.echo(OUTDATED, err=True)
        raise


def _command(recipe: RecipeOptions) -> dict[str, Any]:
    """Return the command line as the record of a run has it."""
    return {"recipe": recipe.config, "overrides": list(recipe.overrides), "arguments": sys.argv[1:]}


def _chosen(recipe: RecipeOptions, paths: Sequence[str]) -> list[RecipeOptions]:
    """Return the options of each recipe. Raises UsageError for options that several recipes cannot have."""
    given = click.get_current_context().get_parameter_source("config")
    if paths and given is ParameterSource.COMMANDLINE:
        raise click.UsageError("-c and an argument: name each recipe once")
    if len(paths) > 1 and recipe.root is not None:
        raise click.UsageError("--root: each of several recipes has its own root, and a root belongs to one")
    return [replace(recipe, config=path) for path in paths] or [recipe]


def _print(session: Session, results: Sequence[Outcome], options: str) -> None:
    """Print the outcomes. ``options`` select the root of the only one in another command."""
    roots = [shlex.quote(result.root) for result in results]
    several = len(roots) > 1
    for result, root in zip(results, roots, strict=True):
        session.print_text(outcome_text(result, f" --root {root}" if several else options) + ("\n" if several else ""))
        if session.quiet and result.too_many_broken:
            click.echo(f"error: {safe(result.warnings[0].text)}", err=True)
    if several:
        session.print_text(f"compare them: refinery diff {' '.join(roots)}")


def _each(listeners: Sequence[Listener]) -> Listener:
    """Return a listener that passes events on to several."""

    def receive(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return receive


class _Quiet:
    """Prints no progress; problems go to standard error, with the ``name`` of their root if several are run."""

    def __init__(self, name: str) -> None:
        self._prefix = f"{safe(name)}: " if name else ""

    def __call__(self, event: Event) -> None:
        """Print what the event changes."""
        if event.kind in {"problem", "attempt_failed", "task_failed"}:
            self.problem(event.message)
        if event.phase and event.kind == "phase_started":
            self.phase(event.phase)
        elif event.phase and event.kind in {"task_done", "task_failed"}:
            self.advance(event.phase)

    def phase(self, progress: PhaseRecord) -> None:
        """Print nothing when a phase begins."""

    def advance(self, progress: PhaseRecord) -> None:
        """Print nothing when a task has ended."""

    def problem(self, message: str) -> None:
        """Print the message on its own line."""
        click.echo(f"  {self._prefix}{safe(message)}", err=True)


class _Lines(_Quiet):
    """Prints plain lines for logs: the start of each phase, and every tenth of its tasks."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._tenth = 0

    def phase(self, progress: PhaseRecord) -> None:
        self._tenth = 0
        tasks = plural(progress.tasks, "task")
        click.echo(f"{self._prefix}{progress.title}: {tasks}, {size(progress.bytes)}", err=True)

    def advance(self, progress: PhaseRecord) -> None:
        ended = progress.done + progress.failed
        tenth = ended * 10 // progress.tasks
        if tenth > self._tenth:
            self._tenth = tenth
            click.echo(f"  {self._prefix}{_figures(progress)}", err=True)


class _Live(_Quiet):
    """Redraws one line per phase in a terminal, below those of other roots."""

    def __init__(self, name: str, bars: Progress) -> None:
        super().__init__(name)
        self._bars = bars
        self._bar = self._add("reading receipts", None, "")

    def _add(self, title: str, total: int | None, figures: str) -> TaskID:
        return self._bars.add_task(self._prefix + title, total=total, figures=figures)

    def phase(self, progress: PhaseRecord) -> None:
        self._bars.remove_task(self._bar)
        self._bar = self._add(_short(progress.title), progress.bytes or None, _figures(progress))

    def advance(self, progress: PhaseRecord) -> None:
        self._bars.update(self._bar, completed=progress.bytes_done, figures=_figures(progress))

    def problem(self, message: str) -> None:
        self._bars.console.print(f"  {self._prefix}{safe(message)}", markup=False, highlight=False)


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


@contextmanager
def _displays(session: Session, roots: Sequence[str], log_only: bool) -> Iterator[list[Listener]]:
    """Yield the display of each root; none of them prints if ``log_only`` is true."""
    if log_only:
        yield [silent] * len(roots)
        return
    names = roots if len(roots) > 1 else [""]
    if session.quiet or not sys.stderr.isatty():
        yield [(_Quiet if session.quiet else _Lines)(name) for name in names]
        return
    text = TextColumn("{task.description}", markup=False), TextColumn("{task.fields[figures]}", markup=False)
    console = Console(stderr=True, no_color=session.color is False)
    with Progress(text[0], BarColumn(bar_width=12), text[1], TimeElapsedColumn(), console=console) as bars:
        yield [_Live(name, bars) for name in names]
