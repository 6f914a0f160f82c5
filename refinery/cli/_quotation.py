"""The text of a document as people see it: indented, with marks that a pipe keeps as well as a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import click

from refinery.formatting import rest, safe_lines
from refinery.inspect import Mark
from refinery.inspect.evidence import marked

TEXT = 1_000
"""Characters of a text that are shown without -v."""


def quoted(text: str, marks: Sequence[Mark], *, every: bool) -> str:
    """The first characters of a text, or all; what was cut stands in ``[-…-]``."""
    length = len(text) if every else TEXT
    shown = "".join(_styled(piece, mark) for piece, mark in marked(text, marks, length))
    tail = f"… ({rest(text, length)}{_hidden(marks, length)}; -v shows all)" if len(text) > length else ""
    return "\n".join(f"  │ {line}" for line in f"{shown}{tail}".split("\n"))


def _hidden(marks: Sequence[Mark], length: int) -> str:
    cuts = sum(mark.cut and mark.start >= length for mark in marks)
    return f", {cuts:,} of the cuts among them" if cuts else ""


def _styled(piece: str, mark: Mark | None) -> str:
    """A piece of a text, line by line: what it was removed for, or what was cut."""
    if mark is None:
        return safe_lines(piece)
    lines = safe_lines(f"[-{piece}-]" if mark.cut else piece).split("\n")
    style = partial(click.style, fg="red", strikethrough=True) if mark.cut else partial(click.style, reverse=True)
    return "\n".join(style(line) for line in lines)
