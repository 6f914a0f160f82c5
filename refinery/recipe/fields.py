"""A single stage from ``FIELD=VALUE`` arguments, with the errors of a recipe."""

from __future__ import annotations

from collections.abc import Sequence

from refinery.recipe.build import build_stage
from refinery.recipe.problems import Problem, SourceSpan, SourceText, recipe_error
from refinery.recipe.strict_yaml import YamlNode, read
from refinery.stage.base import Stage

ARGUMENT = "FIELD=VALUE"


def stage_with(kind: type[Stage], arguments: Sequence[str]) -> Stage:
    """Return the stage with these fields, and defaults of all others. Raises RecipeError with each wrong one."""
    values: dict[str, YamlNode] = {}
    keys: dict[str, SourceSpan] = {}
    problems: list[Problem] = []
    for argument in arguments:
        text = SourceText(ARGUMENT, argument, is_file=False)
        name, equals, value = argument.partition("=")
        span = SourceSpan(text, 0, len(name))
        if not equals or not value.strip():
            problems.append(Problem(span, f"{name[:80]!r} has no value", f"expected {ARGUMENT}, as in bands=14"))
        elif name in values:
            problems.append(Problem(span, f"{name[:80]!r} is set twice", "keep one"))
        else:
            keys[name] = span
            values[name], wrong = read(text, len(name) + 1)
            problems += wrong
    if problems:
        raise recipe_error(problems)
    command = SourceSpan(SourceText("explain", kind.name, is_file=False), 0, len(kind.name))
    return build_stage(kind, YamlNode(command, values, keys))
