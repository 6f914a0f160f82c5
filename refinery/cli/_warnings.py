"""Warnings that ``check``, ``plan`` and ``run`` print first; they do not change the exit code."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from refinery.cli._options import Session
from refinery.formatting import safe
from refinery.inspect.warning_list import recipe_warnings
from refinery.recipe import Pipeline


def warn(session: Session, pipeline: Pipeline) -> list[dict[str, Any]]:
    """Print the warnings about a recipe to standard error, unless -q is set; return them as JSON values."""
    warnings = recipe_warnings(pipeline)
    for one in () if session.quiet else warnings:
        click.echo(click.style("warning: ", fg="yellow", bold=True) + safe(one.text), err=True, color=session.color)
        click.echo(click.style("hint: ", bold=True) + safe(one.fix), err=True, color=session.color)
    return [dataclasses.asdict(one) for one in warnings]
