"""Differences between the values of two recipes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from refinery.stage.by_language import FIELD


@dataclass(frozen=True)
class Setting:
    """A value that differs between two recipes, by its key (``quality.min_words``); None if one recipe lacks it."""

    name: str
    left: Any
    right: Any


def changes(left: Mapping[str, Any], right: Mapping[str, Any]) -> tuple[Setting, ...]:
    """Compare two recipes in the shape of ``recipe_dict``."""
    before, after = _flat(left), _flat(right)
    names = dict.fromkeys([*before, *after])
    return tuple(Setting(n, before.get(n), after.get(n)) for n in names if before.get(n) != after.get(n))


def _flat(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe's values by key."""
    values = {name: value for name, value in recipe.items() if name != "pipeline"}
    names = []
    for step in recipe["pipeline"]:
        ((kind, fields),) = step.items()
        name = fields.get("as", kind)
        names.append(name)
        values |= {f"{name}.{field}": value for field, value in fields.items() if field != FIELD}
        values |= {
            f"{name}.{code}.{field}": value
            for code, numbers in fields.get(FIELD, {}).items()
            for field, value in numbers.items()
        }
    return {**values, "pipeline": names}
