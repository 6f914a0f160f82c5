"""Finds retired words in what people read: docstrings, messages, names, help, pages and templates.

usage: python -m tools.vocabulary [PATH …]

Without paths it prints the number of findings by folder and by word; with paths it prints the findings below them. The
words, their replacements and the exceptions are in ``vocabulary.toml``.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
TABLES: dict[str, Any] = tomllib.loads((REPOSITORY / "tools" / "vocabulary.toml").read_text(encoding="utf-8"))
SOURCES = ("refinery/**/*.py", "stages/**/*.py")
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/*.md",
    "configs/*.yaml",
    "refinery/**/*.yaml",
    "stages/assets.toml",
    "refinery/report/**/*.md",
    "refinery/report/**/*.js",
)
GENERATED = ("docs/stages.md", "docs/commands.md")
"""Pages written from docstrings and help, which are searched themselves."""

TEMPLATES = ("refinery/**/*.html",)
SENTENCE = re.compile(r"\w[,.;:]? [\w{]")
"""Matches strings of two words or more; a single word is a key or a value."""


@dataclass(frozen=True)
class Text:
    """A piece of text with its position. ``kind`` is docstring, prose or name."""

    path: str
    line: int
    kind: str
    text: str


@dataclass(frozen=True)
class Finding:
    """A retired word in a text."""

    path: str
    line: int
    word: str
    use: str
    context: str

    @property
    def folder(self) -> str:
        """The folder in a count: two levels deep at most."""
        parts = self.path.split("/")[:-1][:2]
        return "/".join(parts) or "."


def findings() -> list[Finding]:
    """Return all findings in the repository, in the order of files and lines."""
    return sorted(
        (one for text in texts() for one in found_in(text) if not _excepted(one)),
        key=lambda one: (one.path, one.line, one.word),
    )


def found_in(text: Text) -> Iterator[Finding]:
    """Yield the retired words of one text."""
    for entry in TABLES["word"]:
        for at in _matches(text, entry):
            line = text.line + text.text.count("\n", 0, at)
            context = " ".join(text.text[max(0, at - 40) : at + 50].split())
            yield Finding(text.path, line, entry["word"], entry["use"], context)
    for entry in TABLES["opening"] if text.kind == "docstring" else ():
        if re.match(rf"(?:{entry['begins']})\b", text.text):
            yield Finding(text.path, text.line, entry["word"], entry["use"], text.text.splitlines()[0][:90])


def _matches(text: Text, entry: dict[str, Any]) -> Iterator[int]:
    if text.kind == "name":
        if _fits(entry, "whole", text.text.strip("_")) or any(_fits(entry, "names", one) for one in parts(text.text)):
            yield 0
        return
    if "prose" not in entry:
        return
    spared = [span.span() for one in entry.get("except", ()) for span in re.finditer(one, text.text, re.IGNORECASE)]
    for match in re.finditer(rf"\b(?:{entry['prose']})\b", text.text, re.IGNORECASE):
        if not any(begin <= match.start() < end for begin, end in spared):
            yield match.start()


def _fits(entry: dict[str, Any], key: str, name: str) -> bool:
    return key in entry and re.fullmatch(entry[key], name) is not None


def parts(name: str) -> list[str]:
    """Return the words of a name in lower case: ``MetricBound`` and ``metric_bound`` have two."""
    return [one.lower() for one in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def _excepted(finding: Finding) -> bool:
    return any(
        one["word"] == finding.word and fnmatch(finding.path, one["where"]) and one["text"] in finding.context
        for one in TABLES.get("exception", ())
    )


# --------------------------------------------------------------------------------------------------------------- texts


def texts() -> Iterator[Text]:
    """Yield everything that is searched."""
    for path in _files(SOURCES):
        yield Text(path, 1, "name", Path(path).stem)
        yield from of_module(path, ast.parse(_read(path), path))
    for path in _files(PAGES):
        if path not in GENERATED:
            yield Text(path, 1, "prose", _read(path))
    for path in _files(TEMPLATES):
        yield Text(path, 1, "prose", _blanked(_read(path)))


def of_module(path: str, tree: ast.Module) -> Iterator[Text]:
    """Yield the docstrings, the sentences and the names that a module defines."""
    seen: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and _string(node.value):
            seen.add(id(node.value))
            yield Text(path, node.lineno, "docstring", _string(node.value))
        elif isinstance(node, ast.JoinedStr):
            seen |= {id(one) for one in node.values}
            yield from _sentence(path, node.lineno, "".join(_string(one) or "{}" for one in node.values))
        elif isinstance(node, ast.Constant) and id(node) not in seen:
            yield from _sentence(path, node.lineno, _string(node))
        yield from (Text(path, line, "name", name) for line, name in _names(node))


def _sentence(path: str, line: int, text: str) -> Iterator[Text]:
    if SENTENCE.search(text):
        yield Text(path, line, "prose", text)


def _string(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _names(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield classes, functions and parameters, and what a module or a class assigns in its body."""
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        yield node.lineno, node.name
    if isinstance(node, ast.arg):
        yield node.lineno, node.arg
    for statement in node.body if isinstance(node, ast.Module | ast.ClassDef) else ():
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        yield from ((one.lineno, one.id) for one in targets if isinstance(one, ast.Name))


@cache
def _read(path: str) -> str:
    return (REPOSITORY / path).read_text(encoding="utf-8")


def _files(patterns: Iterable[str]) -> list[str]:
    return sorted({str(one.relative_to(REPOSITORY)) for pattern in patterns for one in REPOSITORY.glob(pattern)})


def _blanked(page: str) -> str:
    """Return what a template shows: without statements and tags, but with titles and labels, each line where it was."""

    def shown(match: re.Match[str]) -> str:
        labels = re.findall(r'\b(?:title|alt|placeholder|aria-label)="([^"]*)"', match[0])
        return " ".join(["", *labels, ""]) + "\n" * (match[0].count("\n") - "".join(labels).count("\n"))

    page = re.sub(r"\{[{%#].*?[}%#]\}", lambda match: " " + "\n" * match[0].count("\n"), page, flags=re.DOTALL)
    return re.sub(r"<(?:script|style)\b.*?</(?:script|style)>|<[^<>]*>", shown, page, flags=re.DOTALL)


# ------------------------------------------------------------------------------------------------------------- command


def main(paths: list[str]) -> None:
    """Print counts by folder, or the findings below some paths."""
    everything = findings()
    if paths:
        below = [one for one in everything if any(f"{one.path}/".startswith(f"{path.rstrip('/')}/") for path in paths)]
        for one in below:
            print(f"{one.path}:{one.line}  {one.word} → {one.use}\n    {one.context}")
        print(f"{len(below)} findings")
        return
    for name, counted in (
        ("folder", Counter(o.folder for o in everything)),
        ("word", Counter(o.word for o in everything)),
    ):
        print(f"{name:32} findings")
        print("\n".join(f"{key:32} {number:8,}" for key, number in sorted(counted.items())), end="\n\n")
    print(f"{len(everything):,} findings; `python -m tools.vocabulary refinery/store` lists those of a folder")


if __name__ == "__main__":
    main(sys.argv[1:])
