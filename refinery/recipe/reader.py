"""Recipes from files and texts.

Not here: what each key means (``pipeline``) and how it is checked (``build``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from refinery.errors import UsageError
from refinery.recipe.build import build
from refinery.recipe.overrides import override, replace_root
from refinery.recipe.pipeline import Pipeline
from refinery.recipe.problems import Text
from refinery.recipe.shorthand import written_out
from refinery.recipe.strict_yaml import read
from refinery.store import configure, store_for

LIMIT = 256 * 1024
"""Bytes of the largest recipe; more is another kind of file."""


def load(path: str, overrides: Sequence[str] = (), root: str | None = None) -> Pipeline:
    """The recipe in a file, with ``key=value`` overrides and another root.

    Relative paths in it are relative to the current folder, not to the recipe. Its ``storage`` holds for this process
    from now on, and for those that it starts. Raises UsageError for a file that is
    missing, too large or not UTF-8, RecipeError with every problem in it, StorageError where it cannot be read.
    """
    store = store_for(path)
    if not store.exists(path):
        raise UsageError(f"{path}: no such recipe", hint="name one with -c FILE, or write one: refinery init")
    data = store.read(path, 0, LIMIT + 1)
    if len(data) > LIMIT:
        raise UsageError(f"{path}: larger than {LIMIT // 1024} KiB", hint="a recipe is a short YAML file; check -c")
    pipeline = parse(_decode(data, path), path, overrides, root)
    configure(**dict(pipeline.storage))
    return pipeline


def parse(text: str, name: str, overrides: Sequence[str] = (), root: str | None = None) -> Pipeline:
    """The recipe in ``text``; ``name`` is what errors call it. Raises RecipeError with every problem."""
    return _parse(text, name, overrides, root, stored=False)


def from_dict(data: Mapping[str, Any], root: str, name: str = "HEAD.json", overrides: Sequence[str] = ()) -> Pipeline:
    """The pipeline that ``recipe_dict`` wrote down, for the root it was found in. Raises RecipeError.

    Nothing is imported for it, and no file is opened that a recipe given by ``load`` or ``parse`` does not name.
    """
    # JSON is YAML, but for the one character that JSON may leave bare.
    return stored(json.dumps(data, indent=1).replace("\x7f", "\\u007f"), name, overrides, root)


def stored(text: str, name: str, overrides: Sequence[str] = (), root: str | None = None) -> Pipeline:
    """The same of the text of a recipe that somebody else wrote."""
    return _parse(text, name, overrides, root, stored=True)


def _parse(text: str, name: str, overrides: Sequence[str], root: str | None, *, stored: bool) -> Pipeline:
    node, problems = read(Text(name, text))
    if not isinstance(node.value, Mapping):
        return build(node, problems, overrides, stored=stored)
    node, wrong = override(written_out(node, stored=stored), overrides)
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
