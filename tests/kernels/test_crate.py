"""The modules of the crate: which one uses which, and that uses point down."""

from __future__ import annotations

import importlib
import re
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parents[2] / "native" / "src"

LAYERS = (
    ("boundary", "classes", "forest"),
    ("lists",),
    ("strings",),
    ("bpe", "content", "extract", "fasttext", "hashes", "mojibake", "pages", "personal", "structure", "url", "words"),
    ("langid", "rights", "segmenter"),
    ("text",),
    ("decontaminate", "dedup", "trees"),
    ("lib",),
)
"""The modules of the crate's root, from the ground up. One may use those in rows above its own, no other."""

USE = re.compile(r"\b(crate|(?:super::)*super)::([\w:]*)(?:\{([^}]*)\})?")


def module_name(path: Path) -> str:
    """``text::lines`` of ``text/lines.rs``; a folder's ``mod.rs`` has the folder's name."""
    return "::".join(path.relative_to(SOURCES).with_suffix("").parts).removesuffix("::mod")


@cache
def modules() -> dict[str, str]:
    """The code of each module, without comments and tests."""
    found = {}
    for path in sorted(SOURCES.rglob("*.rs")):
        code = re.sub(r"//.*", "", path.read_text(encoding="utf-8"))
        found[module_name(path)] = code.partition("#[cfg(test)]")[0]
    return found


def resolved(path: list[str]) -> str:
    """The module that a path leads to or into."""
    while path and "::".join(path) not in modules():
        path = path[:-1]
    return "::".join(path) or "lib"


def uses(name: str) -> set[str]:
    """The modules that a module uses, by ``use`` or by a path in its code."""
    found = set()
    for root, path, group in USE.findall(modules()[name]):
        base = [] if root == "crate" else name.split("::")[: -1 - root.count("::")]
        head = [part for part in path.split("::") if part]
        found |= {resolved([*base, *head, *re.findall(r"\w+", leaf)[:1]]) for leaf in (group or "").split(",")}
    parent = "" if name == "lib" else f"{name}::"
    heads = set(re.findall(r"(?<!::)\b([a-z]\w*)::", modules()[name]))
    return (found | {f"{parent}{head}" for head in heads if f"{parent}{head}" in modules()}) - {name}


def unit(name: str) -> str:
    return name.partition("::")[0]


def test_no_circle() -> None:
    """No module of the crate uses, over any others, itself."""
    graph = {name: uses(name) for name in modules()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' → '.join(error.args[1])}")


def test_every_module_has_a_layer() -> None:
    """``LAYERS`` names all modules of the crate's root, each once."""
    assert sorted(one for layer in LAYERS for one in layer) == sorted({unit(name) for name in modules()})


@pytest.mark.parametrize("name", sorted(modules()))
def test_uses_point_down(name: str) -> None:
    """A module uses modules of its own folder and of lower layers only."""
    height = {one: number for number, layer in enumerate(LAYERS) for one in layer}
    own = unit(name)
    others = {unit(other) for other in uses(name)} - {own}
    assert not [other for other in others if height[other] >= height[own]]


@pytest.mark.parametrize("path", sorted(SOURCES.rglob("*.rs")), ids=module_name)
def test_twins_that_are_named_exist(path: Path) -> None:
    """Every module or function of the reference that a comment of the crate names is there."""
    for name in re.findall(r"`refinery\.kernels\.reference\.([\w.]+)`", path.read_text(encoding="utf-8")):
        module, *rest = name.split(".")
        found = importlib.import_module(f"refinery.kernels.reference.{module}")
        assert all(hasattr(found, one) for one in rest), name
