"""``refinery check``: whether a recipe could run, without reading any data."""

from __future__ import annotations

from typing import Any

import click

from refinery.assets import Asset
from refinery.cli._options import Session, output_options, pass_session, recipe_options
from refinery.cli._output import columns, print_json
from refinery.config import Pipeline, RecipeError, Step, load
from refinery.errors import RefineryError
from refinery.inputs import file_stats
from refinery.kernels.choice import native
from refinery.shown import plural, safe_lines, size
from refinery.store import store_for

LOOKED_AT = 20
"""Of a list of files at web servers so many are looked at: each is a request."""


@click.command("check")
@recipe_options
@output_options
@pass_session
def command(session: Session, config: str, root: str | None, overrides: tuple[str, ...]) -> int:
    """Check recipe, assets, inputs and columns; no data is read.

    All problems are shown, each with its place and the fix. Exit code 2 for the recipe, 3 for a missing asset or
    inputs.
    """
    try:
        pipeline = load(config, overrides, root)
    except RecipeError as error:
        if session.json:
            print_json({"ok": False, "problems": [problem.to_json() for problem in error.problems]})
        raise
    session.root = pipeline.root
    report, problems = inventory(pipeline)
    if session.json:
        listed = [{"message": problem.message, "fix": problem.hint} for problem in problems]
        print_json({"ok": not problems, **report, "problems": listed})
    for problem in problems:
        click.echo(safe_lines(f"{problem.message}\n  {problem.hint}".rstrip()), err=True)
    if problems:
        click.echo(f"{plural(len(problems), 'problem')}.", err=True)
        return max(problem.exit_code for problem in problems)
    session.say(_text(config, report))
    return 0


def inventory(pipeline: Pipeline) -> tuple[dict[str, Any], list[RefineryError]]:
    """What a pipeline would work on and with, and what is not there."""
    problems: list[RefineryError] = []
    report = {
        "dataset": pipeline.dataset,
        "root": pipeline.root,
        "stages": [step.name for step in pipeline.steps],
        "inputs": _inputs(pipeline, problems),
        "assets": [row for step in pipeline.steps for row in _assets(step, problems)],
        "kernels": "native" if native() else "reference",
    }
    return report, problems


def _inputs(pipeline: Pipeline, problems: list[RefineryError]) -> dict[str, int | None]:
    """How many files there are, and their bytes; None where a web server would be asked for more than a few."""
    files: dict[str, int | None] = {}
    for pattern in pipeline.inputs:
        try:
            paths = pipeline.source.list_inputs(pattern, store_for(pattern))
            looked = paths[:LOOKED_AT] if all(path.startswith("http") for path in paths) else paths
            files |= dict.fromkeys(paths)
            files |= {path: found.size for path, found in zip(looked, file_stats(looked), strict=True)}
        except RefineryError as error:
            problems.append(error)
    sizes = [size for size in files.values() if size is not None]
    return {"files": len(files), "bytes": sum(sizes) if len(sizes) == len(files) else None}


def _assets(step: Step, problems: list[RefineryError]) -> list[dict[str, str]]:
    found = []
    for name in type(step.stage).model_fields:
        value = getattr(step.stage, name)
        for asset in value if isinstance(value, tuple) else (value,):
            if isinstance(asset, Asset):
                try:
                    found.append({"field": f"{step.name}.{name}", "asset": str(asset), "path": asset.path()})
                except RefineryError as error:
                    problems.append(type(error)(f"{step.name}.{name}: {error.message}", hint=error.hint))
    return found


def _bytes(known: int | None) -> str:
    return f"the first {LOOKED_AT} are there" if known is None else size(known)


def _text(config: str, report: dict[str, Any]) -> str:
    inputs = report["inputs"]
    rows = [
        ("dataset", report["dataset"]),
        ("inputs", f"{plural(inputs['files'], 'file')}, {_bytes(inputs['bytes'])}"),
        ("root", report["root"]),
        ("stages", " → ".join(report["stages"])),
        ("assets", ", ".join(dict.fromkeys(row["asset"] for row in report["assets"]))),
        ("kernels", report["kernels"]),
    ]
    return f"{config}: ok\n{columns(rows)}"
