"""``refinery check``: check that a recipe can run, without reading data."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import click

from refinery.cli._options import Session, output_options, pass_session
from refinery.cli._output import columns, print_json
from refinery.cli._reading import edits_text
from refinery.cli._recipe import RecipeOptions, recipe_options
from refinery.cli._warnings import warn
from refinery.errors import RefineryError
from refinery.formatting import plural, size
from refinery.inspect.edits import edited
from refinery.kernels.choice import native
from refinery.planner.inputs import Inputs
from refinery.planner.preflight import Obstacle, assets_of, preflight
from refinery.recipe import Pipeline, RecipeError
from refinery.recipe.problems import located

REQUESTED = 20
"""Input files at web servers whose size is requested: each costs a request."""


@click.command("check")
@recipe_options
@output_options
@pass_session
def command(session: Session, recipe: RecipeOptions) -> int:
    """Check a recipe, its assets, inputs and root without reading data.

    Lists every problem that would make `run` refuse, with its position in the recipe and a fix. Exit code 2 if the
    recipe is invalid; 3 for storage or a missing asset; 4 if the root belongs to another dataset, the code of a stage
    changed, or memory is too small.
    """
    try:
        pipeline = recipe.load()
    except RecipeError as error:
        if session.json:
            print_json({"ok": False, "problems": [problem.to_json() for problem in error.problems]})
        raise
    session.root = pipeline.root
    found = preflight(pipeline)
    obstacles = list(found.obstacles)
    report = inventory(pipeline)
    if not obstacles:
        try:
            report["inputs"] = {**_counted(found.inputs), "repeated": found.inputs.repeated}
        except RefineryError as error:
            obstacles = [Obstacle(error, pipeline.locations.of("inputs"))]
    report["warnings"] = warn(session, pipeline)
    edits = () if obstacles else edited(pipeline)
    report["changed_settings"] = [dataclasses.asdict(one) for one in edits]
    if session.json:
        print_json({"ok": not obstacles, **report, "problems": [obstacle.to_json() for obstacle in obstacles]})
    if obstacles:
        raise located([(obstacle.error, obstacle.span) for obstacle in obstacles])
    session.print_text(_text(recipe.config, report))
    if edits:
        session.print_text(f"  edited since the run: {edits_text(edits, every=session.verbose)}")
    return 0


def inventory(pipeline: Pipeline) -> dict[str, Any]:
    """Return a summary of a pipeline; its input files are not counted yet."""
    return {
        "dataset": pipeline.dataset,
        "root": pipeline.root,
        "stages": [step.name for step in pipeline.steps],
        "inputs": None,
        "assets": list(_assets(pipeline)),
        "kernels": "native" if native() else "reference",
    }


def _counted(inputs: Inputs) -> dict[str, int | None]:
    """Return the number of files, of records of an index, and bytes, which are None for long lists at web servers."""
    paths = inputs.paths()
    requested = paths[:REQUESTED] if all(path.startswith("http") for path in paths) else paths
    sizes = [stat.size for stat in inputs.stats(requested)]
    parts = {"records": sum(one.records for one in inputs.lists), "parts": len(paths)} if inputs.lists else {}
    return {**parts, "files": inputs.count or len(paths), "bytes": sum(sizes) if len(sizes) == len(paths) else None}


def _assets(pipeline: Pipeline) -> Iterator[dict[str, str]]:
    for step in pipeline.steps:
        for name, _, asset in assets_of(step.stage):
            with contextlib.suppress(RefineryError):  # an obstacle
                yield {"field": f"{step.name}.{name}", "asset": str(asset), "path": asset.path()}


def _bytes(known: int | None) -> str:
    return f"size unknown, the first {REQUESTED} exist" if known is None else size(known)


def _files(inputs: dict[str, Any]) -> str:
    if "parts" not in inputs:
        return plural(inputs["files"], "file")
    read = plural(inputs["records"], "record") if inputs["records"] else plural(inputs["files"], "file")
    return f"{read} in {plural(inputs['parts'], 'part')}"


def _again(repeated: int) -> str:
    return f"; {plural(repeated, 'duplicate path')} ignored" if repeated else ""


def _text(config: str, report: dict[str, Any]) -> str:
    inputs = report["inputs"]
    rows = [
        ("dataset", report["dataset"]),
        ("inputs", f"{_files(inputs)}, {_bytes(inputs['bytes'])}{_again(inputs['repeated'])}"),
        ("root", report["root"]),
        ("stages", " → ".join(report["stages"])),
        ("assets", ", ".join(dict.fromkeys(row["asset"] for row in report["assets"]))),
        ("kernels", report["kernels"]),
    ]
    return f"{config}: ok\n{columns(rows)}"
