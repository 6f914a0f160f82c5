"""The page of a text with its structure, as HTML to show beside the text.

It is safe to show: text is escaped, nothing is loaded, and no link leads to a crawled address.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from refinery.formatting import safe_lines
from refinery.kernels import MARKS, render

CHARACTERS = 20_000
"""Characters of a text that are rendered."""

_LOADED = frozenset(("image", "link"))


def rendered(text: str | None, marks: Sequence[Mapping[str, Any]] | None) -> str:
    """Return the beginning of a text as HTML; "" for a text without marks."""
    if not text or not marks:
        return ""
    beginning = text[:CHARACTERS]
    shown = list(_within(marks, len(beginning.encode())))
    page = render(pa.array([beginning], pa.string()), pa.array([shown], MARKS), "html")
    return safe_lines(page[0].as_py()) + ("<p>…</p>" if len(text) > CHARACTERS else "")


def _within(marks: Sequence[Mapping[str, Any]], end: int) -> Iterator[dict[str, Any]]:
    """Yield the marks whose outermost one ends by ``end``; what would be loaded or followed is of no known kind."""
    fits = False
    for mark in marks:
        fits = mark["end"] <= end if not mark["depth"] else fits
        if fits:
            yield {**mark, "kind": "" if mark["kind"] in _LOADED else mark["kind"]}
