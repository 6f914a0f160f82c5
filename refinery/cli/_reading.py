"""Shared parts of the subcommands that read a root: its options, and documents, metrics and warnings as text."""

from __future__ import annotations

import shlex
import shutil
import textwrap
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from refinery.cli._options import PATH, RECIPE, Session, root_option
from refinery.errors import UsageError
from refinery.formatting import plural, safe, shortened
from refinery.inspect.edits import edited
from refinery.inspect.outcomes import Cut, MetricValue, StageOutcome
from refinery.inspect.rows import Document
from refinery.inspect.warning_list import RootWarning
from refinery.recipe import Pipeline, load, written
from refinery.recipe.changes import Setting
from refinery.store import store_for

Callback = TypeVar("Callback", bound=Callable[..., Any])

SHORT = 200
"""Characters of a cut span, or of a label, that are printed without -v."""

WARNINGS = 10
"""Warnings that are printed by subcommands whose subject is something else."""

_COLOURS = {"error": "red", "warning": "yellow", "note": None}

EDITS = 4
"""Edited values of a recipe that are printed without -v."""

SETTING = 40
"""Characters of such a value."""

HOSTS = 3
"""Hosts of a cluster or a span that are printed."""


def root_options(command: Callback) -> Callback:
    """Add -c, --root and --set: the first two passed as ``config`` and ``root``, which ``root_of`` resolves."""
    return selection_options(
        click.option(
            "--set",
            metavar="KEY=VALUE",
            help="Override a value of that recipe, as in the run: a file in it may be opened as well. Repeatable.",
            multiple=True,
            expose_value=False,
            callback=_store_overrides,
        )(command)
    )


def selection_options(command: Callback) -> Callback:
    """Add -c and --root, passed as ``config`` and ``root``; ``root_of`` resolves them."""
    command = root_option(command)
    about = (
        f"Recipe that names the root, unless --root does (default: {RECIPE}). "
        "Also lets the root's stored recipe open local files and code that this recipe names."
    )
    return click.option("-c", "--config", metavar="FILE", help=about, type=PATH)(command)


def _store_overrides(context: click.Context, parameter: click.Parameter, overrides: tuple[str, ...]) -> None:
    del parameter
    context.ensure_object(Session).overrides = overrides


def root_of(config: str | None, root: str | None) -> str:
    """Return the root that the options select. Raises UsageError if neither option nor recipe names one.

    A recipe is loaded even if ``root`` is set: it lets the root's stored recipe open local files that it names.
    """
    if root is not None and config is None and not _overrides():
        return root
    return recipe_of(config, root).root


def recipe_of(config: str | None, root: str | None) -> Pipeline:
    """Load the recipe of the options, or the default one. Raises UsageError if there is none."""
    overrides = _overrides()
    if config is None and not store_for(RECIPE).exists(RECIPE):
        if overrides and root is not None:
            raise UsageError("--set without a recipe", hint=f"pass -c RECIPE (there is no {RECIPE} in this folder)")
        raise UsageError(
            "no root selected", hint=f"pass --root DIR, or -c RECIPE (there is no {RECIPE} in this folder)"
        )
    return load(config or RECIPE, overrides, root)


def _overrides() -> tuple[str, ...]:
    return click.get_current_context().ensure_object(Session).overrides


def edits_of(config: str | None, root: str | None) -> tuple[Setting, ...]:
    """Return the recipe values that were edited since the run; none if only a root is selected."""
    return () if root is not None and config is None and not _overrides() else edited(recipe_of(config, root))


def edits_text(edits: Sequence[Setting], *, every: bool) -> str:
    """Format the edits as one line: ``quality.min_words 50 → 80``."""
    changes = [f"{one.name} {_setting(one.left)} → {_setting(one.right)}" for one in edits]
    more = 0 if every else len(changes) - EDITS
    return ", ".join([*changes[: None if every else EDITS], *([f"{more:,} more"] if more > 0 else [])])


def _setting(value: object) -> str:
    return "–" if value is None else safe(shortened(written(value), SETTING))


def heading(document: Document) -> str:
    """Return the URL, id, date and position of a document, in up to three lines."""
    date = f"   {document.date}" if document.date else ""
    length = f", {document.length:,} bytes" if document.length else ""
    lines = [safe(document.url or "(no URL stored)"), f"  id {document.id}{date}"]
    if document.warc is not None:
        lines.append(f"  {safe(document.warc)} @ {document.offset}{length}")
    return "\n".join(lines)


def further_reasons(result: StageOutcome) -> str:
    """Return the violated rules after the first, and the note, to follow the outcome on its line."""
    others = [rule for rule in result.failed if rule != result.rule]
    also = f"   also fails {', '.join(others)}" if others else ""
    return f"{also}   {safe(result.note)}" if result.note else also


def metric_texts(result: StageOutcome) -> list[str]:
    """Return every metric with its value and thresholds, violated ones first."""
    ordered = sorted(result.metrics, key=lambda metric: not any(rule.fails for rule in metric.rules))
    return [_metric(metric) for metric in ordered if metric.value not in (None, [])]


def warning_lines(warnings: Sequence[RootWarning], count: int | None = None, more: str = "") -> list[str]:
    """Return warnings with their fixes under a heading: all, or the first ``count`` and ``more``, a command for all."""
    if not warnings:
        return []
    lines = [f"{plural(len(warnings), 'warning')}:"]
    for one in warnings[:count]:
        sign = click.style(one.severity.ljust(len("warning")), fg=_COLOURS[one.severity])
        lines += [f"  {sign}  {safe(one.text)}", *([f"           fix: {safe(one.fix)}"] if one.fix else [])]
    rest = len(warnings[len(warnings) if count is None else count :])
    return [*lines, *([f"  and {rest:,} more: {more}"] if rest else [])]


def same_root(root: str, overrides: Sequence[str] = ()) -> str:
    """Return the options that select the same ``root`` in another command, after a space."""
    context = click.get_current_context()
    given = {name for name in ("config", "root") if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    if any(override.partition("=")[0] == "root" for override in overrides):
        given |= {"root"}
    options = [("-c", str(context.params["config"]))] if "config" in given else []
    options += [("--root", root)] if "root" in given else []
    return "".join(f" {name} {shlex.quote(value)}" for name, value in options)


def _metric(metric: MetricValue) -> str:
    # A label has a rule for each unwanted value: only violated ones are printed.
    rules = metric.rules if len(metric.rules) < 3 else tuple(rule for rule in metric.rules if rule.fails)
    thresholds = ", ".join(f"{rule.threshold}{' ✗' if rule.fails else ''}" for rule in rules)
    unit = (
        f" {metric.unit.removesuffix('s') if metric.value == 1 else metric.unit}"
        if metric.unit not in ("", metric.name)
        else ""
    )
    return f"{metric.name} {_value(metric.value)}{unit}{f' ({thresholds})' if thresholds else ''}"


def _value(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        return shortened(", ".join(" ".join(map(_value, one.values())) for one in value), SHORT)
    return shortened(safe(value if isinstance(value, str) else str(value)), SHORT)


def cut_lines(cuts: Sequence[Cut], length: int = SHORT) -> list[str]:
    """Return one line for each span that an edit cut or marked."""
    return [_cut(cut, length) for cut in cuts]


def _cut(cut: Cut, length: int) -> str:
    stays = cut.cut is False or (cut.text is None and cut.replacement is None)
    verb = "found" if stays else "cut" if cut.replacement is None else "replaced"
    size = plural(cut.length, "byte") + ("" if cut.chars is None else f" ({plural(cut.chars, 'character')})")
    group = "" if cut.group is None else f" {cut.group:016x}"
    text = "" if cut.text is None else f": {shortened(safe(cut.text), length)}"
    new = "" if cut.replacement is None else f", by {shortened(safe(cut.replacement), length)}"
    return f"{verb} at {cut.offset:,}, {size}, {cut.reason}{group}{new}{text}"


def wrapped(pieces: Sequence[str], indent: str, joint: str = "   ") -> str:
    """Join pieces to lines that fit the terminal; only a piece longer than a line is broken."""
    width = max(60, min(120, shutil.get_terminal_size((110, 40)).columns))
    lines: list[str] = []
    line = ""
    for piece in pieces:
        if line and len(line) + len(joint) + len(piece) > width - len(indent):
            lines.append(line)
            line = ""
        line = f"{line}{joint}{piece}" if line else piece
    broken = [part for full in [*lines, line] if full for part in textwrap.wrap(full, width - len(indent)) or [""]]
    return "\n".join(f"{indent}{part}" for part in broken)


def named_hosts(hosts: Counter[str]) -> str:
    """Return the number of hosts and the names of the most common ones."""
    named = ", ".join(safe(host or "(no host)") for host, _ in hosts.most_common(HOSTS))
    more = len(hosts) - HOSTS
    return f"{plural(len(hosts), 'host')}: {named}{f' and {more:,} more' if more > 0 else ''}"
