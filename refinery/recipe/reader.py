"""Reads recipes from files and texts.

Not here: the meaning of keys (``pipeline``) and their checks (``build``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from refinery.errors import UsageError
from refinery.recipe.build import build
from refinery.recipe.overrides import override, replace_root
from refinery.recipe.pipeline import Pipeline
from refinery.recipe.problems import SourceText
from refinery.recipe.shorthand import expanded
from refinery.recipe.strict_yaml import read
from refinery.store import configure, store_for

LIMIT = 256 * 1024
"""Largest recipe in bytes; a larger file is something else."""


def load(path: str, overrides: Sequence[str] = (), root: str | None = None) -> Pipeline:
    """Load the recipe in a file, with ``key=value`` overrides and another root.

    Relative paths in it are relative to the current folder, not to the recipe. Its ``storage`` configures this process
    and those that it starts. Raises UsageError for a file that is missing, too large or not UTF-8, RecipeError with
    every problem in it, StorageError if it cannot be read.
    """
    store = store_for(path)
    if not store.exists(path):
        raise UsageError(f"{path}: no such recipe", hint="pass one with -c FILE, or create one: refinery init")
    data = store.read(path, 0, LIMIT + 1)
    if len(data) > LIMIT:
        raise UsageError(f"{path}: larger than {LIMIT // 1024} KiB", hint="a recipe is a short YAML file; check -c")
    pipeline = parse(_decode(data, path), path, overrides, root)
    configure(**dict(pipeline.storage))
    return pipeline


def parse(text: str, name: str, overrides: Sequence[str] = (), root: str | None = None) -> Pipeline:
    """Parse the recipe in ``text``; ``name`` identifies it in errors. Raises RecipeError with every problem."""
    return _parse(text, name, overrides, root, stored=False)


def from_dict(data: Mapping[str, Any], root: str, name: str = "HEAD.json", overrides: Sequence[str] = ()) -> Pipeline:
    """Build the pipeline of a ``recipe_dict`` that a root contains. Raises RecipeError.

    It imports no code, and opens no file that no recipe of ``load`` or ``parse`` names.
    """
    # JSON is YAML, except for one character that JSON need not escape.
    return parse_untrusted(json.dumps(data, indent=1).replace("\x7f", "\\u007f"), name, overrides, root)


def parse_untrusted(text: str, name: str, overrides: Sequence[str] = (), root: str | None = None) -> Pipeline:
    """Parse the text of a recipe that is not trusted: see ``from_dict``."""
    return _parse(text, name, overrides, root, stored=True)


def _parse(text: str, name: str, overrides: Sequence[str], root: str | None, *, stored: bool) -> Pipeline:
    node, problems = read(SourceText(name, text))
    if not isinstance(node.value, Mapping):
        return build(node, problems, overrides, stored=stored)
    node, wrong = override(expanded(node, stored=stored), overrides)
    if root is not None:
        node = replace_root(node, root, wrong)
    return build(node, [*problems, *wrong], overrides, stored=stored)


def _decode(data: bytes, path: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        hint = "a recipe is YAML text in UTF-8; save it as that, or check -c"
        raise UsageError(f"{path}:{line}:{column}  not UTF-8: byte 0x{data[error.start]:02x}", hint=hint) from error
