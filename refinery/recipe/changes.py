"""Which values differ between two recipes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Setting:
    """A value of two recipes that differs, by its place (``quality.min_words``); None where one recipe has none."""

    name: str
    left: Any
    right: Any


def changes(left: Mapping[str, Any], right: Mapping[str, Any]) -> tuple[Setting, ...]:
    """Compare two recipes in the shape of ``recipe_dict``."""
    mine, its = _flat(left), _flat(right)
    names = dict.fromkeys([*mine, *its])
    return tuple(Setting(n, mine.get(n), its.get(n)) for n in names if mine.get(n) != its.get(n))


def _flat(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe's values by their place."""
    found = {name: value for name, value in recipe.items() if name != "pipeline"}
    names = []
    for step in recipe["pipeline"]:
        ((kind, fields),) = step.items()
        name = fields.get("as", kind)
        names.append(name)
        found |= {f"{name}.{field}": value for field, value in fields.items()}
    return {**found, "pipeline": names}
