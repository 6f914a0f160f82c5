"""The options that select a recipe and override its values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import click

from refinery.cli._options import PATH, RECIPE, collected, root_option
from refinery.recipe import Pipeline, load


@dataclass(frozen=True)
class RecipeOptions:
    """The options -c, --root and --set of one command line."""

    config: str
    root: str | None
    overrides: tuple[str, ...]

    def override(self, values: Mapping[str, str | None]) -> RecipeOptions:
        """Add values of other options that override a key of the recipe; None for an option that is not there."""
        return replace(self, overrides=(*self.overrides, *(f"{key}={text}" for key, text in values.items() if text)))

    def load(self) -> Pipeline:
        """Load the recipe. Raises RefineryError."""
        return load(self.config, self.overrides, self.root)


def recipe_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add -c, --root and --set, passed as one ``recipe``."""
    command = collected(command, "recipe", RecipeOptions)
    command = click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Override a recipe value: stage.field, executor.field, or a top-level key. Repeatable.",
    )(command)
    command = root_option(command)
    return click.option(
        "-c", "--config", metavar="FILE", default=RECIPE, show_default=True, help="Recipe to use.", type=PATH
    )(command)
