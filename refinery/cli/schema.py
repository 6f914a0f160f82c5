"""``refinery schema``: the JSON Schema of recipes."""

from __future__ import annotations

import click

from refinery.cli._options import Session, output_options, pass_session
from refinery.cli._output import print_json
from refinery.recipe.schema import recipe_schema


@click.command("schema")
@output_options
@pass_session
def command(session: Session) -> None:
    """Print the JSON Schema of recipes, for editors.

    It has the stages that are installed. `refinery init` writes it beside the recipe, whose first line names it; after
    an upgrade or a new stage, write it again: refinery schema > refinery.schema.json
    """
    del session  # it is JSON with and without --json
    print_json(recipe_schema())
