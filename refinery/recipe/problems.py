"""Problems in a recipe: source texts, spans in them, messages, and their rendering.

Not here: finding the problems.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from refinery.errors import RefineryError, UsageError

WIDTH = 100
"""Columns of a long line that are printed around a problem."""


@dataclass(frozen=True)
class SourceText:
    """A recipe with its path, or a command line option with its name."""

    name: str
    content: str
    is_file: bool = True

    def position(self, index: int) -> tuple[int, int]:
        """Return line and column of a character, from 1."""
        return self.content.count("\n", 0, index) + 1, index - self.content.rfind("\n", 0, index)

    def line(self, index: int) -> str:
        """Return the line of a character."""
        start = self.content.rfind("\n", 0, index) + 1
        end = self.content.find("\n", start)
        return self.content[start : end if end >= 0 else None].removesuffix("\r")


@dataclass(frozen=True)
class SourceSpan:
    """Characters ``start`` to ``end`` of a text."""

    text: SourceText
    start: int
    end: int

    @property
    def position(self) -> str:
        """Return ``file:line:column``, or the option's name."""
        if not self.text.is_file:
            return self.text.name
        line, column = self.text.position(self.start)
        return f"{self.text.name}:{line}:{column}"


@dataclass(frozen=True)
class Problem:
    """One problem, with its ``fix`` and the ``stage`` whose fields it concerns."""

    span: SourceSpan
    message: str
    fix: str = ""
    stage: str = ""

    def render(self) -> str:
        """Return position and message, the line, and a caret with the fix below it."""
        number, column = self.span.text.position(self.span.start)
        line = self.span.text.line(self.span.start)
        # The caret is one past the end if something is missing there.
        begin = min(column - 1, len(line))
        end = max(begin + 1, min(begin + self.span.end - self.span.start, len(line)))
        left = max(0, begin - WIDTH * 2 // 3) if len(line) > WIDTH else 0
        right = left + WIDTH
        excerpt = ("…" if left else "") + _printable(line[left:right]) + ("…" if len(line) > right else "")
        before = ("…" if left else "") + _printable(line[left:begin])
        carets = "^" * _columns(_printable(line[begin : min(end, right)]))
        label = str(number) if self.span.text.is_file else ""
        return (
            f"{self.span.position}  {_printable(self.message)}\n"
            f"{label:>5} │ {excerpt}\n"
            f"      │ {' ' * _columns(before)}{carets or '^'} {_printable(self.fix)}".rstrip()
        )

    def to_json(self) -> dict[str, object]:
        """Return the problem as JSON values; line and column are null for an option."""
        line, column = self.span.text.position(self.span.start) if self.span.text.is_file else (None, None)
        return {
            "file": self.span.text.name,
            "line": line,
            "column": column,
            "message": self.message,
            "fix": self.fix,
        }


class RecipeError(UsageError):
    """A recipe or an override has problems; the message has all of them with their positions."""

    placed = True

    def __init__(self, message: str, *, hint: str = "", problems: Sequence[Problem] = ()) -> None:
        super().__init__(message, hint=hint)
        self.problems = tuple(problems)


def recipe_error(problems: Sequence[Problem]) -> RecipeError:
    """Return the error for ``problems``: those of the file in its order, then those of options."""
    ordered = sorted(problems, key=lambda p: (not p.span.text.is_file, p.span.start))
    count = f"{len(ordered)} problem{'s' if len(ordered) > 1 else ''}."
    stages = sorted({p.stage for p in ordered if p.stage})
    name = stages[0] if len(stages) == 1 else "NAME"
    advice = f" `refinery stages {name}` lists {'its' if len(stages) == 1 else 'the'} fields." if stages else ""
    return RecipeError("\n".join([*(p.render() for p in ordered), count + advice]), problems=ordered)


def located(errors: Sequence[tuple[RefineryError, SourceSpan | None]]) -> RefineryError:
    """Return one error for all errors with their positions in the recipe, of the type with the highest exit code."""
    worst = max((error for error, _ in errors), key=lambda error: error.exit_code)
    if len(errors) == 1 and errors[0][1] is None:
        return worst
    messages = [
        Problem(span, error.message, error.hint).render() if span else f"{error.message}\n  {error.hint}".rstrip()
        for error, span in errors
    ]
    count = f"{len(errors)} problem{'s' if len(errors) > 1 else ''}."
    combined = type(worst)("\n".join([*messages, count]), hint=worst.hint)
    combined.placed = True
    return combined


def _printable(text: str) -> str:
    # A recipe may contain any characters, including terminal escapes.
    return "".join(c if c.isprintable() else "→" if c == "\t" else "·" for c in text)


def _columns(text: str) -> int:
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
