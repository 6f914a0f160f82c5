"""A single stage from ``FIELD=VALUE`` arguments, with the errors of a recipe."""

from __future__ import annotations

from collections.abc import Sequence

from refinery.recipe.build import build_stage
from refinery.recipe.problems import Problem, Span, Text, recipe_error
from refinery.recipe.strict_yaml import Node, read
from refinery.stage.base import Stage

ARGUMENT = "FIELD=VALUE"


def stage_with(kind: type[Stage], given: Sequence[str]) -> Stage:
    """The stage with these fields, and the defaults of all others. Raises RecipeError that shows each wrong one."""
    values: dict[str, Node] = {}
    keys: dict[str, Span] = {}
    problems: list[Problem] = []
    for argument in given:
        text = Text(ARGUMENT, argument, is_file=False)
        name, equals, value = argument.partition("=")
        span = Span(text, 0, len(name))
        if not equals or not value.strip():
            problems.append(Problem(span, f"{name[:80]!r} is given no value", f"expected {ARGUMENT}, as in bands=14"))
        elif name in values:
            problems.append(Problem(span, f"{name[:80]!r} is given twice", "keep one"))
        else:
            keys[name] = span
            values[name], found = read(text, len(name) + 1)
            problems += found
    if problems:
        raise recipe_error(problems)
    here = Span(Text("explain", kind.name, is_file=False), 0, len(kind.name))
    return build_stage(kind, Node(here, values, keys))
