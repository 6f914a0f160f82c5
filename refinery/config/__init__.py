"""Recipes: YAML text → Pipeline, and every error with its file, line and column.

Not here: what stages do, and whether inputs and assets exist.
"""

from refinery.config.changes import Setting, changes
from refinery.config.fields import stage_with
from refinery.config.pipeline import (
    ExecutorSettings,
    Pipeline,
    Prices,
    Step,
    StorageSettings,
    byte_size,
    plain,
    recipe_dict,
    written,
)
from refinery.config.problems import Problem, RecipeError
from refinery.config.reader import from_dict, load, parse

__all__ = [
    "ExecutorSettings",
    "Pipeline",
    "Prices",
    "Problem",
    "RecipeError",
    "Setting",
    "Step",
    "StorageSettings",
    "byte_size",
    "changes",
    "from_dict",
    "load",
    "parse",
    "plain",
    "recipe_dict",
    "stage_with",
    "written",
]
