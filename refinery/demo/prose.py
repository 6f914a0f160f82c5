"""Articles for the sample: English from the documentation in every Python, other languages from templates.

This repository contains no third-party text: the English is read at run time from ``pydoc_data.topics`` and from the
docstrings of standard modules, so it differs between versions of Python.
"""

from __future__ import annotations

import ast
import os
import re
import sysconfig
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pydoc_data.topics import topics
from typing import Any

from refinery.demo.chance import SeededRandom
from refinery.store import LocalStore

_ROLE = re.compile(r":[a-z:]+:`~?([^`<]*)[^`]*`")
_SHORTEST = 120
"""Least characters of a paragraph."""

_EMPHASIS = re.compile(r"\*+(\w[^*]*)\*+|`+|\"\"+")


@dataclass(frozen=True)
class Article:
    """A title and paragraphs of plain text in one language."""

    title: str
    paragraphs: tuple[str, ...]
    language: str = "en"


def english(words: int) -> Iterator[Article]:
    """Yield articles of about ``words`` words without end; paragraphs repeat only after all have been used."""
    lap = 0
    while True:
        paragraphs: list[str] = []
        heading, part = "", 0
        for source, text in _paragraphs()[lap:]:
            if not paragraphs:
                part = part + 1 if source == heading else 1
                heading = source
            paragraphs.append(text)
            if sum(p.count(" ") + 1 for p in paragraphs) >= words:
                yield Article(f"{heading}, part {part}" if part > 1 else heading, tuple(paragraphs))
                paragraphs = []
        lap += 1


def foreign(language: str, chance: SeededRandom) -> Article:
    """Return an article of five paragraphs in one of ``languages()``."""
    texts = languages()[language]
    sentences = chance.shuffled(texts["sentences"])
    filled = [_fill(sentence, texts["words"], chance) for sentence in sentences[:15]]
    glue = "" if language in ("zh", "ja") else " "
    paragraphs = tuple(glue.join(filled[i : i + 3]) for i in range(0, 15, 3))
    return Article(_fill(chance.pick(texts["titles"]), texts["words"], chance), paragraphs, language)


def _fill(sentence: str, words: Mapping[str, list[str]], chance: SeededRandom) -> str:
    return sentence.format_map({slot: chance.pick(values) for slot, values in words.items()})


def languages() -> dict[str, Any]:
    """Return the texts of each language: ``nav``, ``titles``, ``sentences``, ``words``."""
    return data("languages")


@lru_cache
def data(name: str) -> dict[str, Any]:
    """Return the content of one of this package's TOML files."""
    return tomllib.loads(resources.files("refinery.demo").joinpath(f"{name}.toml").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def _paragraphs() -> tuple[tuple[str, str], ...]:
    """Return all usable paragraphs in a fixed order, each once, with the heading of its source."""
    headings: dict[str, str] = {}
    for heading, text in [*_topics(), *_docstrings()]:
        for block in re.split(r"\n\s*\n", text):
            paragraph = _clean(block)
            if _is_prose(paragraph):
                headings.setdefault(paragraph, heading)
    return tuple((heading, paragraph) for paragraph, heading in headings.items())


def _topics() -> Iterator[tuple[str, str]]:
    for name in sorted(topics):
        text = topics[name].strip()
        yield _clean(text.partition("\n")[0]) or name, text


def _docstrings() -> Iterator[tuple[str, str]]:
    folder = sysconfig.get_path("stdlib")
    store = LocalStore()
    for module in _modules():
        path = os.path.join(folder, *f"{module}.py".split("/"))
        if store.exists(path):
            tree = ast.parse(store.read(path))
            heading = f"The module {module.removesuffix('/__init__').replace('/', '.')}"
            kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
            nodes = (node for node in ast.walk(tree) if isinstance(node, kinds))
            yield heading, "\n\n".join(ast.get_docstring(node) or "" for node in nodes)


def _modules() -> list[str]:
    text = resources.files("refinery.demo").joinpath("modules.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if not line.startswith("#")]


def _clean(text: str) -> str:
    """Return the text as one line without reStructuredText markup."""
    text = _ROLE.sub(r"\1", " ".join(text.split()))
    return _EMPHASIS.sub(r"\1", text)


def _is_prose(text: str) -> bool:
    plain = sum(c.isalpha() or c == " " for c in text)
    return (
        len(text) >= _SHORTEST
        and text[0].isupper()
        and text[-1] == "."
        and plain > 0.9 * len(text)
        and ">>>" not in text
    )
