"""Reads YAML as values with their spans, and refuses ambiguous values.

Refused are duplicate keys, anchors, tags, further documents, and plain scalars with a surprising type in YAML: ``no``,
``010``, ``1:20``, ``2024-01-31``. Not here: the meaning of a recipe.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

import yaml

from refinery.recipe.problems import Problem, SourceSpan, SourceText, recipe_error

MAX_DEPTH = 16
MAX_PROBLEMS = 50
Scalar = str | int | float | bool | None

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,19})")
_DECIMAL = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_WORDS: dict[str, bool | None] = {"": None, "null": None, "~": None}
_WORDS |= dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(("false", "False", "FALSE"), False)
_NUMBERLIKE = re.compile(r"[-+]?0[0-9_]+(?:\.[0-9_]*)?|[-+]?0[oOxXbB][0-9a-fA-F_]+")
"""Numbers for other readers of YAML, text for PyYAML; the resolver below finds the rest."""

_SYNTAX = (
    ("'\\t'", "indent with spaces, not tabs"),
    ("scanning an alias", "a value that starts with * needs quotes"),
    ("scanning an anchor", "a value that starts with & needs quotes"),
    ("mapping values are not allowed", "check the indentation; a value that contains ': ' needs quotes"),
    ("cannot start any token", "a value that starts with this character needs quotes"),
    ("scanning a quoted scalar", "this quote is never closed"),
    ("flow sequence", "this bracket is not closed, or a comma is missing"),
    ("flow mapping", "this brace is not closed, or a comma is missing"),
    ("node content", "a value is missing here"),
    ("scanning a simple key", "a key needs ': ' after it"),
    ("block", "check the indentation"),
)


@dataclass(frozen=True)
class YamlNode:
    """A value and its span. ``bad`` is True if a problem with it has been reported."""

    span: SourceSpan
    value: Scalar | tuple[YamlNode, ...] | Mapping[str, YamlNode]
    keys: Mapping[str, SourceSpan] = field(default_factory=dict)
    bad: bool = False

    @property
    def mapping(self) -> Mapping[str, YamlNode]:
        """Return the value as a mapping, empty if it is not one."""
        return self.value if isinstance(self.value, Mapping) else {}

    def plain(self) -> object:
        """Return the value without spans."""
        if isinstance(self.value, Mapping):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, tuple):
            return [node.plain() for node in self.value]
        return self.value


def read(text: SourceText, start: int = 0) -> tuple[YamlNode, list[Problem]]:
    """Read the document in ``text`` from ``start``; return it and the problems with its values.

    Raises RecipeError if the text is not YAML.
    """
    reader = _Reader(text, start)
    return reader.document(), reader.problems


class _Reader:
    def __init__(self, text: SourceText, start: int) -> None:
        self.text = text
        self.problems: list[Problem] = []
        try:
            # Blanks replace what is skipped, so that positions refer to the whole text.
            self.loader = yaml.SafeLoader(" " * start + text.content[start:])
        except yaml.reader.ReaderError as error:
            self.fail(error.position, error.position + 1, "a control character", "remove it, or write it as an escape")

    def document(self) -> YamlNode:
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

    def node(self, event: yaml.Event, depth: int) -> YamlNode:
        span = self.span(event)
        if depth > MAX_DEPTH:
            self.fail(span.start, span.end, "nested too deeply", f"at most {MAX_DEPTH} levels")
        bad = self.refused(event, span)
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(span, depth)
        if isinstance(event, yaml.MappingStartEvent):
            return self.mapping(span, depth)
        if bad or not isinstance(event, yaml.ScalarEvent):
            return YamlNode(span, None, bad=True)
        return self.scalar(event, span)

    def refused(self, event: yaml.Event, span: SourceSpan) -> bool:
        if isinstance(event, yaml.AliasEvent):
            return self.problem(span, "aliases are not supported", "write it out; a value that starts with * is quoted")
        if getattr(event, "anchor", None) is not None:
            return self.problem(span, "anchors are not supported", "write it out; a value that starts with & is quoted")
        if getattr(event, "tag", None) is not None:
            return self.problem(span, "tags are not supported", "remove it; a value that starts with ! is quoted")
        return False

    def sequence(self, span: SourceSpan, depth: int) -> YamlNode:
        items = []
        while not isinstance(event := self.next(), yaml.SequenceEndEvent):
            items.append(self.node(event, depth + 1))
        return YamlNode(SourceSpan(self.text, span.start, self.span(event).end), tuple(items))

    def mapping(self, span: SourceSpan, depth: int) -> YamlNode:
        values: dict[str, YamlNode] = {}
        keys: dict[str, SourceSpan] = {}
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
        return YamlNode(SourceSpan(self.text, span.start, self.span(event).end), values, keys)

    def scalar(self, event: yaml.ScalarEvent, span: SourceSpan) -> YamlNode:
        if not event.implicit[0]:
            return self.quoted(event.value, span)
        unambiguous = _interpret(event.value)
        if unambiguous:
            return YamlNode(span, unambiguous[0])
        tag = self.loader.resolve(yaml.ScalarNode, event.value, (True, False))  # type: ignore[no-untyped-call]
        problem = _ambiguity(event.value, str(tag).rpartition(":")[2])
        if problem:
            self.problem(span, *problem)
        return YamlNode(span, event.value, bad=bool(problem))

    def quoted(self, value: str, span: SourceSpan) -> YamlNode:
        try:
            # An escaped pair of surrogates is one character, as in JSON.
            return YamlNode(span, value.encode("utf-16", "surrogatepass").decode("utf-16"))
        except UnicodeDecodeError:
            self.problem(span, "half a character: a lone surrogate", "check the escape")
            return YamlNode(span, None, bad=True)

    def span(self, event: yaml.Event) -> SourceSpan:
        start, end = event.start_mark, event.end_mark
        at = self.loader.index
        return SourceSpan(self.text, start.index if start else at, end.index if end else at)

    def problem(self, span: SourceSpan, message: str, fix: str) -> bool:
        self.problems.append(Problem(span, message, fix))
        if len(self.problems) == MAX_PROBLEMS:
            raise recipe_error(self.problems)
        return True

    def syntax(self, error: yaml.MarkedYAMLError) -> NoReturn:
        message = f"{error.context or ''} {error.problem or ''}"
        fix = next((fix for sign, fix in _SYNTAX if sign in message), "check quotes, brackets and the indentation")
        # An unclosed bracket or quote is reported where it opens.
        mark = error.context_mark if "end of stream" in message or "stream end" in message else error.problem_mark
        mark = mark or error.problem_mark or error.context_mark
        at = mark.index if mark else self.loader.index
        self.fail(at, at + 1, f"not valid YAML: {error.problem}", fix)

    def fail(self, start: int, end: int, message: str, fix: str) -> NoReturn:
        raise recipe_error([*self.problems, Problem(SourceSpan(self.text, start, end), message, fix)])


def _interpret(plain: str) -> tuple[Scalar] | None:
    """Return the value, in a tuple of one, of a plain scalar that all readers interpret equally; None for others."""
    if plain in _WORDS:
        return (_WORDS[plain],)
    if _INTEGER.fullmatch(plain):
        return (int(plain),)
    if _DECIMAL.fullmatch(plain) and not plain.lstrip("+-").isdigit() and math.isfinite(float(plain)):
        return (float(plain),)
    return None


def _ambiguity(plain: str, tag: str) -> tuple[str, str] | None:
    """Return message and fix for a plain scalar that YAML may not read as text; None for text."""
    excerpt = plain if len(plain) <= 40 else plain[:40] + "…"
    quote = f"write '{excerpt}' in quotes"
    if tag == "bool" or plain in ("y", "Y", "n", "N"):
        return f"{excerpt} without quotes is true or false to YAML", f"{quote}, or write true or false"
    if tag in ("int", "float") or _NUMBERLIKE.fullmatch(plain) or _DECIMAL.fullmatch(plain):
        return (
            f"{excerpt} without quotes is a number to some readers of YAML",
            f"{quote}, or write a plain decimal number",
        )
    if tag == "timestamp":
        return f"{excerpt} without quotes is a date to YAML", quote
    if tag != "str":
        return f"{excerpt} without quotes has a special meaning in YAML", quote
    return None
