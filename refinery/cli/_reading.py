"""What the verbs that read a root share: which root is meant, and how a document and what was measured are shown."""

from __future__ import annotations

import shlex
import shutil
import textwrap
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from refinery.cli._options import PATH, RECIPE, root_option
from refinery.errors import UsageError
from refinery.formatting import plural, safe, shortened
from refinery.inspect import Cut, Document, Judgement, MetricValue, RootWarning, edited
from refinery.recipe import Pipeline, load, written
from refinery.recipe.changes import Setting
from refinery.store import store_for

Callback = TypeVar("Callback", bound=Callable[..., Any])

SHORT = 200
"""Characters of a cut span, or of a label, that are shown without -v."""

WARNINGS = 10
"""Warnings that are shown where more than these are looked for."""

_COLOURS = {"error": "red", "warning": "yellow", "note": None}

EDITS = 4
"""Edited values of a recipe that are shown without -v."""

SETTING = 40
"""Characters of such a value."""

HOSTS = 3
"""Hosts that are named, of a cluster or of a span."""


def place_options(command: Callback) -> Callback:
    """-c and --root, given to the verb as ``config`` and ``root``; ``root_of`` says which root they mean."""
    command = root_option(command)
    about = (
        f"Recipe whose root is read if --root is not given (default: {RECIPE}). "
        "The code and files that it names, the root's own recipe may name as well."
    )
    return click.option("-c", "--config", metavar="FILE", help=about, type=PATH)(command)


def root_of(config: str | None, root: str | None) -> str:
    """The root that is meant. Raises UsageError where neither option nor recipe says it.

    A recipe that is given is read in any case: what it names, the root's own recipe may name as well.
    """
    if root is not None and config is None:
        return root
    return recipe_of(config, root).root


def recipe_of(config: str | None, root: str | None) -> Pipeline:
    """Load the recipe of the options, or the default one. Raises UsageError if there is none."""
    if config is None and not store_for(RECIPE).exists(RECIPE):
        raise UsageError("which root?", hint=f"give --root DIR, or -c FILE of a recipe (there is no {RECIPE} here)")
    return load(config or RECIPE, root=root)


def edits_of(config: str | None, root: str | None) -> tuple[Setting, ...]:
    """Return the values of the recipe that were edited since the run; none if only a root is given."""
    return () if root is not None and config is None else edited(recipe_of(config, root))


def edits_text(edits: Sequence[Setting], *, every: bool) -> str:
    """The edits as one line: ``quality.min_words 50 → 80``."""
    shown = [f"{one.name} {_setting(one.left)} → {_setting(one.right)}" for one in edits]
    more = 0 if every else len(shown) - EDITS
    return ", ".join([*shown[: None if every else EDITS], *([f"{more:,} more"] if more > 0 else [])])


def _setting(value: object) -> str:
    return "–" if value is None else safe(shortened(written(value), SETTING))


def heading(who: Document) -> str:
    """Who a document is, in up to three lines."""
    lines = [safe(who.url or "(no URL stored)"), f"  id {who.id}{f'   {who.date}' if who.date else ''}"]
    if who.warc is not None:
        lines.append(f"  {safe(who.warc)} @ {who.offset}{f', {who.length:,} bytes' if who.length else ''}")
    return "\n".join(lines)


def further_reasons(found: Judgement) -> str:
    """The rules that a document violates beside the first, and what went wrong, for the end of its verdict's line."""
    others = [rule for rule in found.failed if rule != found.rule]
    also = f"   also fails {', '.join(others)}" if others else ""
    return f"{also}   {safe(found.note)}" if found.note else also


def fact_words(found: Judgement) -> list[str]:
    """Every value beside its thresholds, those that violate one first."""
    ordered = sorted(found.metrics, key=lambda metric: not any(rule.fails for rule in metric.rules))
    return [_fact(metric) for metric in ordered if metric.value not in (None, [])]


def warning_lines(found: Sequence[RootWarning], count: int | None = None, more: str = "") -> list[str]:
    """The warnings under a heading, each with its fix: all, or the first ``count``, and ``more`` that shows all."""
    if not found:
        return []
    lines = [f"{plural(len(found), 'warning')}:"]
    for one in found[:count]:
        sign = click.style(one.severity.ljust(len("warning")), fg=_COLOURS[one.severity])
        lines += [f"  {sign}  {safe(one.text)}", *([f"           fix: {safe(one.fix)}"] if one.fix else [])]
    rest = len(found[len(found) if count is None else count :])
    return [*lines, *([f"  and {rest:,} more: {more}"] if rest else [])]


def same_root(root: str, overrides: Sequence[str] = ()) -> str:
    """The options of the present command that lead another one to the same ``root``, with a space before them."""
    context = click.get_current_context()
    given = {name for name in ("config", "root") if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    if any(override.partition("=")[0] == "root" for override in overrides):
        given |= {"root"}
    options = [("-c", str(context.params["config"]))] if "config" in given else []
    options += [("--root", root)] if "root" in given else []
    return "".join(f" {name} {shlex.quote(value)}" for name, value in options)


def _fact(metric: MetricValue) -> str:
    # A label with a rule for each unwanted value: those that do not apply would fill a screen.
    decisive = metric.rules if len(metric.rules) < 3 else tuple(rule for rule in metric.rules if rule.fails)
    thresholds = ", ".join(f"{rule.threshold}{' ✗' if rule.fails else ''}" for rule in decisive)
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
    return shortened(safe(value if isinstance(value, str) else str(value)), SHORT)


def cut_lines(cuts: Sequence[Cut], length: int = SHORT) -> list[str]:
    """What an edit cut out, or only found, a line a span."""
    return [_cut(cut, length) for cut in cuts]


def _cut(cut: Cut, length: int) -> str:
    verb = "found" if cut.text is None or cut.cut is False else "cut"
    size = plural(cut.length, "byte") + ("" if cut.chars is None else f" ({plural(cut.chars, 'character')})")
    group = "" if cut.group is None else f" {cut.group:016x}"
    text = "" if cut.text is None else f": {shortened(safe(cut.text), length)}"
    return f"{verb} at {cut.offset:,}, {size}, {cut.reason}{group}{text}"


def wrapped(pieces: Sequence[str], indent: str, joint: str = "   ") -> str:
    """Pieces beside each other, in lines that fit the terminal; no piece is broken but one that is too long."""
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
    """How many hosts there are, and the commonest by name."""
    named = ", ".join(safe(host or "(no host)") for host, _ in hosts.most_common(HOSTS))
    more = len(hosts) - HOSTS
    return f"{plural(len(hosts), 'host')}: {named}{f' and {more:,} more' if more > 0 else ''}"
