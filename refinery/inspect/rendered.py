"""The page of a text with its structure, as HTML and Markdown to show beside the text.

It is safe to show: text is escaped, nothing is loaded, and no link leads to a crawled address.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from refinery.formatting import safe_lines
from refinery.kernels import MARKS, render

CHARACTERS = 20_000
"""Characters of a text that are rendered."""

_LOADED = frozenset(("image", "link"))


@dataclass(frozen=True)
class RenderedText:
    """The beginning of a text with its structure, in two forms; both are "" for a text without marks."""

    html: str = ""
    markdown: str = ""

    def __bool__(self) -> bool:
        """Return True if there is one."""
        return bool(self.html)


NO_PAGE = RenderedText()


def rendered(text: str | None, marks: Sequence[Mapping[str, Any]] | None) -> RenderedText:
    """Return the page of a text with marks."""
    if not text or not marks:
        return NO_PAGE
    beginning = text[:CHARACTERS]
    shown = list(_within(marks, len(beginning.encode())))
    more = len(text) > CHARACTERS
    html, markdown = (
        safe_lines(render(pa.array([beginning], pa.string()), pa.array([shown], MARKS), form)[0].as_py())
        for form in ("html", "markdown")
    )
    return RenderedText(html + "<p>…</p>" * more, markdown + "\n\n…" * more)


def _within(marks: Sequence[Mapping[str, Any]], end: int) -> Iterator[dict[str, Any]]:
    """Yield the marks whose outermost one ends by ``end``; what would be loaded or followed is of no known kind."""
    fits = False
    for mark in marks:
        fits = mark["end"] <= end if not mark["depth"] else fits
        if fits:
            yield {**mark, "kind": "" if mark["kind"] in _LOADED else mark["kind"]}
