"""Warnings that ``check``, ``plan`` and ``run`` print before any work; they change no exit code."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from refinery.cli._options import Session
from refinery.formatting import safe
from refinery.inspect import recipe_warnings
from refinery.recipe import Pipeline


def warn(session: Session, pipeline: Pipeline) -> list[dict[str, Any]]:
    """Print the warnings about a recipe on standard error, but with -q; return them as JSON-able values."""
    found = recipe_warnings(pipeline)
    for one in () if session.quiet else found:
        click.echo(click.style("warning: ", fg="yellow", bold=True) + safe(one.text), err=True, color=session.color)
        click.echo(click.style("hint: ", bold=True) + safe(one.fix), err=True, color=session.color)
    return [dataclasses.asdict(one) for one in found]
