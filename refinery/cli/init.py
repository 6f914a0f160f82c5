"""``refinery init``: a starter recipe, and a small crawl to try it on."""

from __future__ import annotations

import glob
import importlib
import json
from importlib import resources
from string import Template

import click

from refinery.cli._options import RECIPE, Session, output_options, pass_session
from refinery.cli._output import print_json
from refinery.errors import UsageError
from refinery.store import store_for

PAGES, FILES, SEED = 600, 2, 1
"""Of the demo crawl."""


@click.command("init")
@click.argument("file", default=RECIPE, type=click.Path())
@click.option("--demo", "folder", metavar="FOLDER", type=click.Path(), help="Also write a small crawl into FOLDER.")
@click.option("--force", is_flag=True, help="Overwrite what is there.")
@output_options
@pass_session
def command(session: Session, file: str, folder: str | None, force: bool) -> None:
    """Write a starter recipe, and with --demo a small crawl to try it on.

    FILE is refinery.yaml unless given. The recipe is complete and says what each stage does; edit inputs and root.
    """
    if not force:
        _refuse_to_overwrite(file, folder)
    archives: list[str] = []
    if folder is not None:
        # Only this option needs the sample's page templates.
        sample = importlib.import_module("refinery.demo.sample").sample
        archives = [str(path) for path in sample(folder, pages=PAGES, files=FILES, seed=SEED)]
    store_for(file).put(file, starter(folder).encode())
    if session.json:
        print_json({"recipe": file, "archives": archives})
    session.say("\n".join(f"wrote {path}" for path in [*archives, file]))
    session.say(f"next: refinery check{'' if file == RECIPE else f' -c {file}'}")


def starter(folder: str | None = None) -> str:
    """The starter recipe: for the crawl that ``--demo`` writes into ``folder``, else for one of the user's."""
    dataset, inputs, root = "my-crawl", "crawl/*.warc.gz", "refined"
    if folder is not None:
        dataset, inputs, root = "demo", f"{glob.escape(folder)}/*.warc.gz", f"{folder}/root"
    template = resources.files("refinery.cli").joinpath("starter.yaml").read_text(encoding="utf-8")
    values = {"dataset": dataset, "inputs": json.dumps(inputs), "root": json.dumps(root)}
    return Template(template).substitute(values)


def _refuse_to_overwrite(file: str, folder: str | None) -> None:
    if store_for(file).exists(file):
        raise UsageError(f"{file} is there already", hint="choose another name, or --force")
    archives = store_for(folder).list(f"{glob.escape(folder)}/*.warc.gz") if folder else []
    if archives:
        raise UsageError(f"{archives[0]} is there already", hint="choose another folder, or --force")
