"""Recipes: YAML text → Pipeline, and every error with its file, line and column.

Not here: the work of stages, and the existence of inputs and assets.
"""

from refinery.recipe.changes import Setting, changes
from refinery.recipe.fields import stage_with
from refinery.recipe.pipeline import (
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
from refinery.recipe.problems import Problem, RecipeError
from refinery.recipe.reader import from_dict, load, parse
