"""The stub of the native extension names what the extension has, with the same parameters."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Any

import pytest

from refinery.kernels import choice

_native: Any = pytest.importorskip(
    "refinery.kernels._native", reason="the native kernels are not built", exc_type=ImportError
)

STUB = ast.parse(Path(choice.__file__).with_name("_native.pyi").read_text(encoding="utf-8"))
ALIASES = {"Uint64s", "Uint32s", "Flags"}


def names_in(body: list[ast.stmt]) -> dict[str, list[str] | None]:
    """The names that a stub defines, with the parameters of its functions; a class has those of ``__init__``."""
    found: dict[str, list[str] | None] = {}
    for node in body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = [one.arg for one in node.args.args if one.arg != "self"]
        elif isinstance(node, ast.ClassDef):
            found[node.name] = names_in(node.body).get("__init__", [])
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = None
    return found


def names_of(namespace: Any) -> dict[str, list[str] | None]:
    """The public names of the extension or of one of its classes, with the parameters of what can be called."""
    found = {name: value for name, value in vars(namespace).items() if not name.startswith("_")}
    return {name: parameters(value) for name, value in found.items()}


def parameters(value: Any) -> list[str] | None:
    try:
        named = inspect.signature(getattr(value, "__func__", value)).parameters
    except (TypeError, ValueError):
        return None
    return [name for name in named if name != "self"]


def test_the_stub_is_the_module() -> None:
    """No name is missing, none is left over, and parameters have the same names in the same order."""
    stub = {name: found for name, found in names_in(STUB.body).items() if name not in ALIASES}
    assert stub == names_of(_native)


@pytest.mark.parametrize(
    "node", [node for node in STUB.body if isinstance(node, ast.ClassDef)], ids=lambda node: node.name
)
def test_the_stub_has_the_methods_of_each_class(node: ast.ClassDef) -> None:
    """As for the module's functions; properties are attributes of the stub."""
    stub = {name: found for name, found in names_in(node.body).items() if name != "__init__"}
    assert stub == names_of(getattr(_native, node.name))
