"""``refinery init``: write a starter recipe and a small sample crawl."""

from __future__ import annotations

import glob
import json
import os
from importlib import resources
from string import Template

import click

from refinery.cli._options import RECIPE, Session, output_options, pass_session
from refinery.cli._output import print_json
from refinery.demo.sample import BLOCKLIST, sample
from refinery.errors import UsageError
from refinery.recipe.schema import recipe_schema
from refinery.store import store_for

SCHEMA = "refinery.schema.json"
"""The file with the schema of recipes, beside the recipe, whose first line names it for editors."""


@click.command("init")
@click.argument("file", default=RECIPE, type=click.Path())
@click.option(
    "--demo", "folder", metavar="FOLDER", type=click.Path(), help="Also write a small sample crawl to FOLDER."
)
@click.option("--force", is_flag=True, help="Overwrite existing files.")
@output_options
@pass_session
def command(session: Session, file: str, folder: str | None, force: bool) -> None:
    """Write a starter recipe and, with --demo, a small sample crawl.

    FILE defaults to refinery.yaml. The recipe is complete and describes each stage: edit its inputs and root. The JSON
    Schema of recipes is written beside it, for editors.
    """
    if not force:
        _refuse_to_overwrite(file, folder)
    archives = [] if folder is None else [os.path.join(folder, name) for name in sample(folder)["files"]]
    schema = os.path.join(os.path.dirname(file), SCHEMA)
    store_for(file).put(schema, json.dumps(recipe_schema(), indent=1, ensure_ascii=False).encode())
    recipe = f"# yaml-language-server: $schema={SCHEMA}\n{starter(folder)}"
    store_for(file).put(file, recipe.encode(errors="backslashreplace"))
    if session.json:
        print_json({"recipe": file, "schema": schema, "archives": archives})
    session.print_text("\n".join(f"wrote {path}" for path in [*archives, schema, file]))
    session.print_text(f"next: refinery check{'' if file == RECIPE else f' -c {file}'}")


def starter(folder: str | None = None) -> str:
    """Return the starter recipe, for the sample crawl in ``folder`` or for the user's own."""
    values: dict[str, object] = {
        "dataset": "my-crawl",
        "inputs": "crawl/*.warc.gz",
        "root": "refined",
        "blocklists": [],
        "audit": 100,
        "broken": "5%",
    }
    if folder is not None:
        inputs = os.path.join(glob.escape(folder), "*.warc.gz")
        # A name without a slash is one of the asset catalogue.
        blocklist = os.path.join(folder or ".", BLOCKLIST)
        values = {"dataset": "demo", "inputs": inputs, "root": os.path.join(folder, "root"), "blocklists": [blocklist]}
        values |= {"audit": 4, "broken": "50%"}  # 1 in 100 is too few for the sample
    template = resources.files("refinery.cli").joinpath("starter.yaml").read_text(encoding="utf-8")
    return Template(template).substitute({key: json.dumps(value, ensure_ascii=False) for key, value in values.items()})


def _refuse_to_overwrite(file: str, folder: str | None) -> None:
    if store_for(file).exists(file):
        raise UsageError(f"{file} already exists", hint="choose another name, or pass --force")
    archives = store_for(folder).list(f"{glob.escape(folder)}/*.warc.gz") if folder else []
    if archives:
        raise UsageError(f"{archives[0]} already exists", hint="choose another folder, or pass --force")
