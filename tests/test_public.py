"""What ``import refinery`` promises."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import types
import typing
from collections.abc import Iterator

from pydantic import BaseModel

import refinery


def test_every_public_name_is_there() -> None:
    """``__all__`` is what is public, and each name leads somewhere."""
    assert len(refinery.__all__) == len(set(refinery.__all__))
    for name in refinery.__all__:
        assert getattr(refinery, name) is not None


def test_names_are_functions_though_modules_are_loaded() -> None:
    """No module of the package hides a function of the same name."""
    assert callable(refinery.run)
    assert callable(refinery.plan)
    assert callable(refinery.verify)


def test_importing_is_light() -> None:
    """``import refinery`` loads none of the heavy libraries."""
    code = "import sys, refinery; print([m for m in ('pyarrow', 'pydantic', 'numpy', 'yaml') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def classes(annotation: object) -> Iterator[type]:
    """The classes of ours that an annotation names, in generics and unions as well."""
    inner = typing.get_args(annotation)
    for one in inner:
        yield from classes(one)
    origin = typing.get_origin(annotation) or annotation
    if isinstance(origin, type) and origin.__module__.partition(".")[0] == "refinery":
        yield origin


RECORDS = {
    refinery.AuditStatistics,
    refinery.Pipeline,
    refinery.RunRecord,
    refinery.StageManifest,
    refinery.Statistics,
}
"""Models that are public as a whole: whoever needs the type of a part of one finds it in its module."""


def needed(subject: object, seen: set[type]) -> None:
    """Add the types of a function's parameters and result, or of a record's fields, and of theirs."""
    hints = typing.get_type_hints(subject)
    for name, hint in hints.items():
        for found in classes(hint) if not name.startswith("_") else ():
            if found not in seen:
                seen.add(found)
                record = dataclasses.is_dataclass(found) or issubclass(found, BaseModel)
                needed(found, seen) if record and found not in RECORDS else None


def test_what_public_functions_take_and_return_is_public() -> None:
    """Every type in the annotations of functions, of the fields of what they return, and of an opened root's methods."""
    seen: set[type] = set()
    functions = [getattr(refinery, name) for name in refinery.__all__]
    methods = [method for name, method in vars(refinery.OpenRoot).items() if not name.startswith("_")]
    for one in (*functions, *(m.fget if isinstance(m, property) else m for m in methods)):
        if isinstance(one, types.FunctionType):
            needed(one, seen)
    assert {refinery.Samples, refinery.Target, refinery.Statistics, refinery.MarkedText} <= seen
    unknown = sorted(found.__name__ for found in seen if getattr(refinery, found.__name__, None) is not found)
    assert unknown == []
    assert {found.__name__ for found in seen} <= set(refinery.__all__)
