"""What the recipe that a root holds may name: no code and no file that the user of this process has not named as well.

Whoever made a root wrote its recipe, and reading it must neither import what that names nor open files of its choosing.
What a recipe of the user's names, or a module that is imported already, is the user's own. Registered stages and assets
of the catalogue are part of the installation.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from refinery.assets import Asset
from refinery.stage.base import Stage

HINT = "if you trust whoever made this root, give the recipe it was made with: -c FILE"

_files: set[str] = set()
"""Assets by path that recipes of the user's have named in this process."""


def give(stage: Stage) -> None:
    """Remember the files that a stage of the user's names."""
    _files.update(files(stage))


def refused(stage: Stage) -> list[str]:
    """The files that a stage of a root's recipe names and no recipe of the user's."""
    return sorted(set(files(stage)) - _files)


def files(value: Any) -> Iterator[str]:
    """The paths of assets within a stage, or within the value of one of its fields."""
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
