"""YAML text → values that know where they stand. What YAML would guess is refused, and said with its place.

Refused are duplicate keys, anchors, tags, further documents, and plain scalars that YAML reads as something else than
what is written: ``no``, ``010``, ``1:20``, ``2024-01-31``. Not here: what a recipe means.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

import yaml

from refinery.recipe.problems import Problem, Span, Text, recipe_error

MAX_DEPTH = 16
MAX_PROBLEMS = 50
Scalar = str | int | float | bool | None

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,19})")
_DECIMAL = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_WORDS: dict[str, bool | None] = {"": None, "null": None, "~": None}
_WORDS |= dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(("false", "False", "FALSE"), False)
_NUMBERLIKE = re.compile(r"[-+]?0[0-9_]+(?:\.[0-9_]*)?|[-+]?0[oOxXbB][0-9a-fA-F_]+")
"""Numbers to other readers of YAML, text to PyYAML; the resolver below finds the rest."""

_SYNTAX = (
    ("'\\t'", "indent with spaces, not tabs"),
    ("scanning an alias", "a value that starts with * needs quotes"),
    ("scanning an anchor", "a value that starts with & needs quotes"),
    ("mapping values are not allowed", "check the indentation; a value that holds ': ' needs quotes"),
    ("cannot start any token", "a value that starts with this character needs quotes"),
    ("scanning a quoted scalar", "this quote is never closed"),
    ("flow sequence", "this bracket is not closed, or a comma is missing"),
    ("flow mapping", "this brace is not closed, or a comma is missing"),
    ("node content", "a value is missing here"),
    ("scanning a simple key", "a key needs ': ' after it"),
    ("block", "check the indentation"),
)


@dataclass(frozen=True)
class Node:
    """A value and where it is written. ``bad`` marks one that has already been complained about."""

    span: Span
    value: Scalar | tuple[Node, ...] | Mapping[str, Node]
    keys: Mapping[str, Span] = field(default_factory=dict)
    bad: bool = False

    @property
    def mapping(self) -> Mapping[str, Node]:
        """The value as a mapping; empty where it is none."""
        return self.value if isinstance(self.value, Mapping) else {}

    def plain(self) -> object:
        """The value without places."""
        if isinstance(self.value, Mapping):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, tuple):
            return [node.plain() for node in self.value]
        return self.value


def read(text: Text, start: int = 0) -> tuple[Node, list[Problem]]:
    """The one document in ``text`` from ``start``, and what is wrong with its values.

    Raises RecipeError where the text is no YAML.
    """
    reader = _Reader(text, start)
    return reader.document(), reader.problems


class _Reader:
    def __init__(self, text: Text, start: int) -> None:
        self.text = text
        self.problems: list[Problem] = []
        try:
            # Blanks in place of what is skipped, so that positions stay those of the whole text.
            self.loader = yaml.SafeLoader(" " * start + text.content[start:])
        except yaml.reader.ReaderError as error:
            self.fail(error.position, error.position + 1, "a control character", "remove it, or write it as an escape")

    def document(self) -> Node:
        self.next()
        first = self.next()
        if isinstance(first, yaml.StreamEndEvent):
            self.fail(0, 1, "the text is empty", "expected key: value lines")
        root = self.node(self.next(), 1)
        self.next()
        after = self.next()
        if not isinstance(after, yaml.StreamEndEvent):
            start = self.span(after).start
            self.fail(start, start + 3, "a second document begins here", "one recipe a file")
        return root

    def next(self) -> yaml.Event:
        try:
            event: yaml.Event = self.loader.get_event()  # type: ignore[no-untyped-call]
        except yaml.MarkedYAMLError as error:
            self.syntax(error)
        except (ValueError, OverflowError):
            # PyYAML computes escapes and version numbers without looking at their size.
            self.fail(self.loader.index, self.loader.index + 1, "a number out of range", "check the escape")
        return event

    def node(self, event: yaml.Event, depth: int) -> Node:
        span = self.span(event)
        if depth > MAX_DEPTH:
            self.fail(span.start, span.end, "nested too deeply", f"at most {MAX_DEPTH} levels")
        bad = self.refused(event, span)
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(span, depth)
        if isinstance(event, yaml.MappingStartEvent):
            return self.mapping(span, depth)
        if bad or not isinstance(event, yaml.ScalarEvent):
            return Node(span, None, bad=True)
        return self.scalar(event, span)

    def refused(self, event: yaml.Event, span: Span) -> bool:
        if isinstance(event, yaml.AliasEvent):
            return self.problem(span, "aliases are not supported", "write it out; a value that starts with * is quoted")
        if getattr(event, "anchor", None) is not None:
            return self.problem(span, "anchors are not supported", "write it out; a value that starts with & is quoted")
        if getattr(event, "tag", None) is not None:
            return self.problem(span, "tags are not supported", "remove it; a value that starts with ! is quoted")
        return False

    def sequence(self, span: Span, depth: int) -> Node:
        items = []
        while not isinstance(event := self.next(), yaml.SequenceEndEvent):
            items.append(self.node(event, depth + 1))
        return Node(Span(self.text, span.start, self.span(event).end), tuple(items))

    def mapping(self, span: Span, depth: int) -> Node:
        values: dict[str, Node] = {}
        keys: dict[str, Span] = {}
        while not isinstance(event := self.next(), yaml.MappingEndEvent):
            key = self.node(event, depth + 1)
            value = self.node(self.next(), depth + 1)
            if not isinstance(key.value, str):
                if not key.bad:
                    self.problem(key.span, "a key must be text", "put it in quotes")
            elif key.value in keys:
                line = self.text.position(keys[key.value].start)[0]
                self.problem(key.span, f"duplicate key {key.value[:80]!r}", f"first on line {line}; keep one")
            else:
                keys[key.value], values[key.value] = key.span, value
        return Node(Span(self.text, span.start, self.span(event).end), values, keys)

    def scalar(self, event: yaml.ScalarEvent, span: Span) -> Node:
        if not event.implicit[0]:
            return self.quoted(event.value, span)
        found = _interpret(event.value)
        if found:
            return Node(span, found[0])
        tag = self.loader.resolve(yaml.ScalarNode, event.value, (True, False))  # type: ignore[no-untyped-call]
        complaint = _complaint(event.value, str(tag).rpartition(":")[2])
        if complaint:
            self.problem(span, *complaint)
        return Node(span, event.value, bad=bool(complaint))

    def quoted(self, value: str, span: Span) -> Node:
        try:
            # An escaped pair of surrogates is one character, as in JSON.
            return Node(span, value.encode("utf-16", "surrogatepass").decode("utf-16"))
        except UnicodeDecodeError:
            self.problem(span, "half a character: a lone surrogate", "check the escape")
            return Node(span, None, bad=True)

    def span(self, event: yaml.Event) -> Span:
        start, end = event.start_mark, event.end_mark
        at = self.loader.index
        return Span(self.text, start.index if start else at, end.index if end else at)

    def problem(self, span: Span, message: str, fix: str) -> bool:
        self.problems.append(Problem(span, message, fix))
        if len(self.problems) == MAX_PROBLEMS:
            raise recipe_error(self.problems)
        return True

    def syntax(self, error: yaml.MarkedYAMLError) -> NoReturn:
        said = f"{error.context or ''} {error.problem or ''}"
        fix = next((fix for sign, fix in _SYNTAX if sign in said), "check quotes, brackets and the indentation")
        # What is never closed is mended where it opens.
        mark = error.context_mark if "end of stream" in said or "stream end" in said else error.problem_mark
        mark = mark or error.problem_mark or error.context_mark
        at = mark.index if mark else self.loader.index
        self.fail(at, at + 1, f"not valid YAML: {error.problem}", fix)

    def fail(self, start: int, end: int, message: str, fix: str) -> NoReturn:
        raise recipe_error([*self.problems, Problem(Span(self.text, start, end), message, fix)])


def _interpret(plain: str) -> tuple[Scalar] | None:
    """The value, alone in a tuple, of a plain scalar that is a word or number to everyone; None for all others."""
    if plain in _WORDS:
        return (_WORDS[plain],)
    if _INTEGER.fullmatch(plain):
        return (int(plain),)
    if _DECIMAL.fullmatch(plain) and not plain.lstrip("+-").isdigit() and math.isfinite(float(plain)):
        return (float(plain),)
    return None


def _complaint(plain: str, tag: str) -> tuple[str, str] | None:
    """Why a plain scalar that looks like text is not taken as text: message and fix."""
    shown = plain if len(plain) <= 40 else plain[:40] + "…"
    quote = f"write '{shown}' in quotes"
    if tag == "bool" or plain in ("y", "Y", "n", "N"):
        return f"{shown} without quotes is true or false to YAML", f"{quote}, or write true or false"
    if tag in ("int", "float") or _NUMBERLIKE.fullmatch(plain) or _DECIMAL.fullmatch(plain):
        return (
            f"{shown} without quotes is a number to some readers of YAML",
            f"{quote}, or write a plain decimal number",
        )
    if tag == "timestamp":
        return f"{shown} without quotes is a date to YAML", quote
    if tag != "str":
        return f"{shown} without quotes has a meaning of its own in YAML", quote
    return None
