"""Renderings of texts with their marks: plain, Markdown and HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import pyarrow as pa

from refinery.kernels.reference.html_form import html
from refinery.kernels.reference.markdown import markdown
from refinery.kernels.reference.marks import tree, without_markers

Form = Literal["plain", "markdown", "html"]


def render(texts: pa.StringArray, structure: pa.ListArray, form: Form) -> pa.StringArray:
    """Return texts with their marks in a form; ``structure`` is of type ``MARKS``, and null without marks.

    ``plain`` is the text itself. ``markdown`` has CommonMark with tables, formulas between dollar signs, links without
    addresses, and images with theirs if they have a line for themselves; a table is HTML where a cell has more than one
    line. ``html`` has elements for all kinds, addresses of http and https only, and everything else escaped.
    Both leave out what marks of the kind ``marker`` cover.

        render(docs.column("text"), docs.column("structure"), "markdown")

    Raises ValueError for another form, and where marks are no tree over their text. A null text stays null.
    """
    if form not in get_args(Form):
        raise ValueError(f"no form of a text: {form!r}; there are {', '.join(get_args(Form))}")
    if len(texts) != len(structure):
        raise ValueError("texts and structures are of different numbers")
    rows = zip(texts.to_pylist(), structure.to_pylist(), strict=True)
    return pa.array([_rendered(row, text, marks or (), form) for row, (text, marks) in enumerate(rows)], pa.string())


def _rendered(row: int, text: str | None, marks: Sequence[Mapping[str, Any]], form: Form) -> str | None:
    if text is None:
        return None
    try:
        found = tree(text, marks)
    except ValueError as error:
        raise ValueError(f"text {row}: {error}") from None
    if form == "plain":
        return text
    shown = without_markers(text, found)
    return markdown(*shown) if form == "markdown" else html(*shown)
