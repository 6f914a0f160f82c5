"""Edits of a recipe since its root was written."""

from __future__ import annotations

from refinery.errors import RefineryError
from refinery.recipe import Pipeline, from_dict, recipe_dict
from refinery.recipe.changes import Setting, changes
from refinery.root.manifests import Head
from refinery.root.root import Root
from refinery.stage.completing import derived_of
from refinery.store import store_for


def edited(pipeline: Pipeline) -> tuple[Setting, ...]:
    """Return the values that differ from those of the recipe in its root; none where there is no root yet.

    Fields that an older version did not have count with their defaults. Raises StorageError.
    """
    root = Root(pipeline.root, store_for(pipeline.root))
    head = root.head()
    derived = {f"{step.name}.{field}" for step in pipeline.steps for field in derived_of(step.stage)}
    found = () if head is None else changes(_completed(head, root), recipe_dict(pipeline))
    return tuple(setting for setting in found if setting.name not in derived)


def _completed(head: Head, root: Root) -> dict[str, object]:
    """The recipe in a head with every field written out; as it is, where this version does not read it."""
    try:
        return recipe_dict(from_dict(head.recipe, root.path, root.full("HEAD.json")))
    except RefineryError:
        return head.recipe
