"""Options that subcommands share, and the session that they set."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import click

RECIPE = "refinery.yaml"
"""The default recipe, which ``refinery init`` writes."""

PATH = click.Path(readable=False)
"""A path that click does not check: the store reports unreadable paths in more detail."""

Callback = TypeVar("Callback", bound=Callable[..., Any])


@dataclass
class Session:
    """Output settings of one command line. ``color`` is None to follow the terminal."""

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    color: bool | None = field(default_factory=lambda: False if os.environ.get("NO_COLOR") else None)
    root: str | None = None
    overrides: tuple[str, ...] = ()

    def print_text(self, text: str) -> None:
        """Print text for people: to standard output, to standard error with --json, not at all with -q."""
        if not self.quiet:
            click.echo(text, err=self.json, color=self.color)


pass_session = click.make_pass_decorator(Session, ensure=True)


def output_options(command: Callback) -> Callback:
    """Add --json, -q, -v and --no-color, which are stored in the session."""
    for option in (
        _flag("--no-color", "color", False, "Disable colors, as the environment variable NO_COLOR does."),
        _flag("-v", "verbose", True, "Print more detail, and tracebacks of errors.", "--verbose"),
        _flag("-q", "quiet", True, "Print only errors, and JSON with --json.", "--quiet"),
        _flag("--json", "json", True, "Print JSON with stable keys; other text goes to standard error."),
    ):
        command = option(command)
    return command


def collected(command: Callable[..., int], name: str, build: Callable[..., Any]) -> Callable[..., int]:
    """Wrap a command so that the options named as the parameters of ``build`` are passed as one: its result."""
    parameters = tuple(inspect.signature(build).parameters)

    @functools.wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> int:
        built = build(**{parameter: options.pop(parameter) for parameter in parameters})
        return command(*arguments, **options, **{name: built})

    return wrapped


def root_option(command: Callback) -> Callback:
    """Add --root, passed as ``root`` and stored in the session."""
    return click.option(
        "--root",
        metavar="DIR",
        callback=_store_root,
        help="Folder of all outputs; overrides the recipe's root.",
        type=PATH,
    )(command)


def count_option(
    about: str, default: int, *, least: int = 1, most: int | None = None
) -> Callable[[Callback], Callback]:
    """Return a decorator that adds -n, passed as ``count``."""
    kind = click.IntRange(least, most)
    return click.option("-n", "count", metavar="N", type=kind, default=default, show_default=True, help=about)


def _flag(name: str, attribute: str, value: bool, about: str, *others: str) -> Callable[[Callback], Callback]:
    def store(context: click.Context, parameter: click.Parameter, given: bool) -> None:
        del parameter
        if given:
            setattr(context.ensure_object(Session), attribute, value)

    return click.option(name, *others, is_flag=True, expose_value=False, callback=store, help=about)


def _store_root(context: click.Context, parameter: click.Parameter, root: str | None) -> str | None:
    del parameter
    context.ensure_object(Session).root = root
    return root
