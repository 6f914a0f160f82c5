"""Options that verbs share, and the session they fill."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import click

RECIPE = "refinery.yaml"
"""The recipe where no other is named: what ``refinery init`` writes."""

PATH = click.Path(readable=False)
"""Whether a path can be read is for the store to say, which tells more of it."""

Callback = TypeVar("Callback", bound=Callable[..., Any])


@dataclass
class Session:
    """What holds for one command line. ``color`` is None to decide by the terminal."""

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    color: bool | None = field(default_factory=lambda: False if os.environ.get("NO_COLOR") else None)
    root: str | None = None

    def say(self, text: str) -> None:
        """Text for people: on standard output, but on standard error beside JSON, and nowhere with -q."""
        if not self.quiet:
            click.echo(text, err=self.json, color=self.color)


pass_session = click.make_pass_decorator(Session, ensure=True)


def output_options(command: Callback) -> Callback:
    """--json, -q, -v and --no-color, kept in the session."""
    for option in (
        _flag("--no-color", "color", False, "No colours; NO_COLOR in the environment does the same."),
        _flag("-v", "verbose", True, "Say more; show tracebacks.", "--verbose"),
        _flag("-q", "quiet", True, "Print only errors and what was asked for with --json.", "--quiet"),
        _flag("--json", "json", True, "Print JSON of a stable shape; text for people goes to standard error."),
    ):
        command = option(command)
    return command


def recipe_options(command: Callback) -> Callback:
    """-c, --root and --set, given to the verb as ``config``, ``root`` and ``overrides``."""
    command = click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Replace a value of the recipe: stage.field, executor.field, inputs. May be repeated.",
    )(command)
    command = root_option(command)
    return click.option(
        "-c", "--config", metavar="FILE", default=RECIPE, show_default=True, help="The recipe.", type=PATH
    )(command)


def root_option(command: Callback) -> Callback:
    """--root, given to the verb as ``root`` and kept in the session."""
    return click.option(
        "--root",
        metavar="DIR",
        callback=_keep_root,
        help="The folder of all output, instead of the recipe's.",
        type=PATH,
    )(command)


def _flag(name: str, kept: str, value: bool, about: str, *others: str) -> Callable[[Callback], Callback]:
    def keep(context: click.Context, parameter: click.Parameter, given: bool) -> None:
        del parameter
        if given:
            setattr(context.ensure_object(Session), kept, value)

    return click.option(name, *others, is_flag=True, expose_value=False, callback=keep, help=about)


def _keep_root(context: click.Context, parameter: click.Parameter, root: str | None) -> str | None:
    del parameter
    context.ensure_object(Session).root = root
    return root
