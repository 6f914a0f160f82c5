"""``refinery assets``: models and word lists that stages need, where they are, and getting one."""

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
    """List models and word lists, or get one.

    A run never downloads: what a recipe needs is got here first. Built assets are kept in $REFINERY_ASSETS, else in
    the user's cache folder.
    """
    if context.invoked_subcommand is None:
        _list(context.ensure_object(Session))


@command.command("list")
@output_options
@pass_session
def list_command(session: Session) -> None:
    """List all known assets and where they are."""
    _list(session)


@command.command("get")
@click.argument("name")
@click.option("--source", metavar="FILE", type=click.Path(), help="Make it from this file, not a download.")
@output_options
@pass_session
def get_command(session: Session, name: str, source: str | None) -> None:
    """Get the asset NAME: from an installed package, its official place, or a file."""
    path = fetch(name, source)
    if session.json:
        print_json(_row(status(name)))
    else:
        session.say(path)


def _list(session: Session) -> None:
    found = [status(name) for name in sorted(catalogue())]
    if session.json:
        print_json({"assets": [_row(one) for one in found]})
        return
    click.echo(columns([(one.name, size(one.size) if one.path else "missing", one.known.about) for one in found]))
    for one in found:
        if one.path is None:
            session.say(f"{one.problem}\n  {one.hint}")


def _row(found: AssetStatus) -> dict[str, object]:
    return {
        "name": found.name,
        "about": found.known.about,
        "licence": found.known.licence,
        "path": found.path,
        "bytes": found.size,
        "problem": found.problem,
        "hint": found.hint,
        "provenance": found.provenance,
    }
