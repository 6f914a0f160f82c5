"""Sizes and names of the sources: short functions, small files, few modules beside packages, one meaning for a class name."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path

from tests.conftest import REPOSITORY

LONGEST_FUNCTION = 60
LONGEST_FILE = 300
LONG_FILES = 4
"""Number of files that may be longer."""

MODULES_BESIDE_PACKAGES = 10
"""How many modules may lie in ``refinery/`` itself."""

NAMED_TWICE = {
    "Benchmarks": "the native kernel has the name of its twin",
    "Chunks": "the native kernel has the name of its twin",
    "ContentHashes": "the native kernel has the name of its twin",
    "TextModel": "the native kernel has the name of its twin",
    "PageRows": "the native kernel has the name of its twin",
}
"""Class names that may stand in two modules, and why."""


@cache
def sources() -> dict[str, str]:
    """Every Python file of the engine and the stages by its path."""
    paths = [path for package in ("refinery", "stages") for path in sorted((REPOSITORY / package).rglob("*.py"))]
    return {str(path.relative_to(REPOSITORY)): path.read_text(encoding="utf-8") for path in paths}


def test_functions_are_short() -> None:
    """A function with its docstring fits on a screen."""
    nodes = [(path, node) for path, text in sources().items() for node in ast.walk(ast.parse(text))]
    long = [
        f"{path}:{node.lineno} {node.name}"
        for path, node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION
    ]
    assert long == []


def test_files_are_small() -> None:
    """Few files are longer than what is read in one go."""
    long = {path: lines for path, text in sources().items() if (lines := len(text.splitlines())) > LONGEST_FILE}
    assert len(long) <= LONG_FILES, long


def test_the_top_level_shows_packages() -> None:
    """What has parts is a package; few modules lie beside them."""
    beside = [path.name for path in Path(REPOSITORY, "refinery").glob("*.py") if not path.stem.startswith("__")]
    assert len(beside) <= MODULES_BESIDE_PACKAGES, beside


def test_a_class_name_has_one_meaning() -> None:
    """No two classes of the engine and the stages have one name, but those with a reason."""
    homes = defaultdict(list)
    for path, text in sources().items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(f"{path}:{node.lineno}")
    twice = {name: found for name, found in homes.items() if len(found) > 1}
    assert {name: found for name, found in twice.items() if name not in NAMED_TWICE} == {}
    assert set(NAMED_TWICE) - set(twice) == set(), "these need no reason any more"
