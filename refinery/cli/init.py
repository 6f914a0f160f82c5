"""``refinery init``: a starter recipe, and a small crawl to try it on."""

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
from refinery.store import store_for


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
    archives = [] if folder is None else [os.path.join(folder, name) for name in sample(folder)["files"]]
    store_for(file).put(file, starter(folder).encode(errors="backslashreplace"))
    if session.json:
        print_json({"recipe": file, "archives": archives})
    session.say("\n".join(f"wrote {path}" for path in [*archives, file]))
    session.say(f"next: refinery check{'' if file == RECIPE else f' -c {file}'}")


def starter(folder: str | None = None) -> str:
    """The starter recipe: for the crawl that ``--demo`` writes into ``folder``, else for one of the user's."""
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
        # A name without a slash would be one of the catalogue.
        blocklist = os.path.join(folder or ".", BLOCKLIST)
        values = {"dataset": "demo", "inputs": inputs, "root": os.path.join(folder, "root"), "blocklists": [blocklist]}
        values |= {"audit": 4, "broken": "50%"}  # of so few documents a hundredth tells nothing
    template = resources.files("refinery.cli").joinpath("starter.yaml").read_text(encoding="utf-8")
    return Template(template).substitute({key: json.dumps(value, ensure_ascii=False) for key, value in values.items()})


def _refuse_to_overwrite(file: str, folder: str | None) -> None:
    if store_for(file).exists(file):
        raise UsageError(f"{file} is there already", hint="choose another name, or --force")
    archives = store_for(folder).list(f"{glob.escape(folder)}/*.warc.gz") if folder else []
    if archives:
        raise UsageError(f"{archives[0]} is there already", hint="choose another folder, or --force")
