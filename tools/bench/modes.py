"""Stages with native kernels and with their twins, by turns in one process."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from refinery import kernels
from refinery.kernels import choice

Call = Callable[[], Any]


def with_native(call: Call, stage: str) -> Call:
    """The call as it is. Raises ImportError where the stage has no native kernel."""
    if not choice.native() or not _places(stage):
        raise ImportError(f"the stage {stage} runs the reference")
    return call


def with_twins(call: Call, stage: str) -> Call:
    """The call with the twin of every kernel that a stage has imported."""

    def twins() -> Any:
        with _swapped(stage):
            return call()

    return twins


@contextmanager
def _swapped(stage: str) -> Iterator[None]:
    places = _places(stage)
    for module, name, _, twin in places:
        setattr(module, name, twin)
    try:
        yield
    finally:
        for module, name, native, _ in places:
            setattr(module, name, native)


@cache
def _places(stage: str) -> list[tuple[Any, str, Any, Any]]:
    """Where a stage holds a native kernel: the module, the name, the kernel and its twin."""
    pairs = {
        name: (native, native.__wrapped__) for name, native in vars(kernels).items() if hasattr(native, "__wrapped__")
    }
    own = (f"refinery.stages.{stage}", f"refinery.stages._{stage}")
    stages = [module for name, module in sorted(sys.modules.items()) if name.startswith(own)]
    return [
        (module, name, native, twin)
        for module in stages
        for name, (native, twin) in pairs.items()
        if getattr(module, name, None) is native
    ]
