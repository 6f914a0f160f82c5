"""A document's text for a terminal or a pipe: indented, with cuts and matches highlighted."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import click

from refinery.formatting import plural, rest, safe_lines
from refinery.inspect.evidence import Mark, marked

TEXT = 1_000
"""Characters of a text that are printed without -v."""


def quoted(text: str, marks: Sequence[Mark], *, every: bool) -> str:
    """Return the start of a text, or all of it with ``every``; cuts are in ``[-…-]``."""
    length = len(text) if every else TEXT
    start = "".join(_styled(piece, mark) for piece, mark in marked(text, marks, length))
    tail = f"… ({rest(text, length)}{_hidden(marks, length)}; -v shows all)" if len(text) > length else ""
    return "\n".join(f"  │ {line}" for line in f"{start}{tail}".split("\n"))


def _hidden(marks: Sequence[Mark], length: int) -> str:
    cuts = sum(mark.cut and mark.start >= length for mark in marks)
    return f", with {plural(cuts, 'more cut')}" if cuts else ""


def _styled(piece: str, mark: Mark | None) -> str:
    """Style a piece of a text, line by line, as a cut or as a match."""
    if mark is None:
        return safe_lines(piece)
    lines = safe_lines(f"[-{piece}-]" if mark.cut else piece).split("\n")
    style = partial(click.style, fg="red", strikethrough=True) if mark.cut else partial(click.style, reverse=True)
    return "\n".join(style(line) for line in lines)
