"""Trust in the recipe of a root: it may only use code and files that the user of this process has named as well.

A root may come from a stranger. Reading it must not import code or open files that its recipe names. Trusted are the
files that a recipe of the user names, modules that are imported already, registered stages and catalogued assets.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from refinery.assets import Asset
from refinery.stage.base import Stage

HINT = "if you trust the author of this root, pass its recipe: -c FILE, and the --set of the run if that names it"

_files: set[str] = set()
"""Paths of assets that the user's recipes have named in this process."""


def trust(stage: Stage) -> None:
    """Trust the files that a stage of the user's recipe names."""
    _files.update(files(stage))


def refused(stage: Stage) -> list[str]:
    """Return the files of a stage in a root's recipe that are not trusted."""
    return sorted(set(files(stage)) - _files)


def files(value: Any) -> Iterator[str]:
    """Yield the paths of assets in a stage, or in the value of one of its fields."""
    if isinstance(value, Asset):
        if "/" in value or os.sep in value:
            yield str(value)
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from files(getattr(value, name))
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from files(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from files(inner)
