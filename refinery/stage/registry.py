"""Stage name → stage class. Stages are entry points of the group ``refinery.stages``; a recipe may name others.

A class is imported when it is asked for, so that a broken stage disturbs only the recipes that use it. Nothing here
knows a stage by name.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from functools import lru_cache
from importlib import metadata
from typing import cast

from refinery.errors import UsageError, did_you_mean
from refinery.stage.base import Edit, Filter, Source, Stage
from refinery.stage.global_stage import Global

GROUP = "refinery.stages"
STEP_KEYS = ("as", "write", "use")
"""Keys of a recipe step that belong to the engine, so no stage may have a field of that name."""

_KINDS = {"source": Source, "filter": Filter, "edit": Edit, "global": Global}
_REFERENCE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def names() -> tuple[str, ...]:
    """All registered stage names, sorted."""
    return tuple(sorted(_entries()))


def stage_class(name: str) -> type[Stage]:
    """The class registered as ``name``. Raises UsageError where it is unknown, broken or no stage."""
    reference = _entries().get(name)
    if reference is None:
        raise UsageError(
            f"unknown stage {name[:80]!r}", hint=did_you_mean(name, names(), "none is registered: reinstall refinery")
        )
    found = _load(reference, "install the package that brings it again")
    if found.name != name:
        raise UsageError(f"the stage registered as {name!r} calls itself {found.name!r}", hint="mend its entry point")
    return found


def import_class(reference: str) -> type[Stage]:
    """The stage class at ``module:Class``. Raises UsageError where there is none."""
    module, _ = _parts(reference)
    top = module.partition(".")[0]
    own = f"stages of refinery are in refinery.stages: refinery.{reference}; " if top == "stages" else ""
    return _load(reference, f"{own}if {top!r} is a module of your own, PYTHONPATH must name its folder")


def imported_class(reference: str, hint: str) -> type[Stage]:
    """The stage class at ``module:Class`` of a module that is imported already; nothing is run to find it.

    Raises UsageError with the hint where there is none.
    """
    module, name = _parts(reference)
    found = vars(sys.modules[module]).get(name) if module in sys.modules else None
    if found is None:
        raise UsageError(f"a root's recipe names code, {reference[:80]}, which is not imported for it", hint=hint)
    _check(reference, found)
    return cast(type[Stage], found)


def kind(stage: type[Stage]) -> str:
    """``source``, ``filter``, ``edit`` or ``global``; empty for a class that is none of them."""
    return next((name for name, base in _KINDS.items() if issubclass(stage, base)), "")


def _parts(reference: str) -> tuple[str, str]:
    if not _REFERENCE.fullmatch(reference):
        raise UsageError(f"{reference[:80]!r} names no class", hint="expected module:Class")
    module, _, name = reference.partition(":")
    return module, name


def _load(reference: str, hint: str) -> type[Stage]:
    module, _, name = reference.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, SyntaxError, AttributeError) as error:
        raise UsageError(f"stage {reference} cannot be loaded: {error}", hint=hint) from error
    _check(reference, found)
    return cast(type[Stage], found)


@lru_cache(maxsize=1)
def _entries() -> dict[str, str]:
    return {entry.name: entry.value for entry in metadata.entry_points(group=GROUP)}


def _check(reference: str, loaded: object) -> None:
    if not (isinstance(loaded, type) and issubclass(loaded, Stage) and kind(loaded)):
        raise UsageError(f"{reference} is no stage", hint="it must be a Source, Filter, Edit or Global")
    if inspect.isabstract(loaded):
        missing = ", ".join(sorted(loaded.__abstractmethods__))
        raise UsageError(f"stage {reference} lacks {missing}", hint="a stage defines all methods of its kind")
    if not (hasattr(loaded, "name") and hasattr(loaded, "version")):
        raise UsageError(f"stage {reference} has no name or no version", hint="both are class variables")
    taken = sorted(set(STEP_KEYS) & set(loaded.model_fields))
    if taken:
        raise UsageError(f"stage {reference} has a field {taken[0]!r}, which is a key of the recipe", hint="rename it")
