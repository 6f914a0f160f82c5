"""Parts of a marked text from which all forms are made: ranges with their marks, items, rows and cells.

Text between the children that a list, table or row should have is a child as well, so that nothing is lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from refinery.kernels.reference.marks import MarkNode

BLANKS = " \t\n\r\x0b\x0c"

BLOCKS = frozenset(
    {
        *("heading", "list", "item", "terms", "term", "definition", "quote", "paragraph", "code"),
        *("table", "caption", "row", "cell", "header", "figure", "details", "summary"),
    }
)
"""Kinds that do not stand in a line of text."""

MAX_COLUMNS, MAX_ROWS = 100, 1000
"""A cell spans at most as many."""


class Range(NamedTuple):
    """A range of a text and the marks in it."""

    start: int
    end: int
    marks: Sequence[MarkNode]


class Portion(NamedTuple):
    """A child of a list, table or row; ``mark`` is None where it has none of its own."""

    mark: MarkNode | None
    range: Range


def whole(mark: MarkNode) -> Range:
    """Return the range of a mark with its children."""
    return Range(mark.start, mark.end, mark.children)


def is_block(text: str, mark: MarkNode, start: int, end: int) -> bool:
    """Return True for a block; a formula is one if it is for display and has a line of the range for itself."""
    if mark.kind != "formula":
        return mark.kind in BLOCKS
    if mark.number != 1 or mark.label == "asciimath" or not (mark.value or "").strip(BLANKS):
        return False
    before = mark.start == start or text[mark.start - 1] == "\n"
    after = mark.end == end or text[mark.end] == "\n"
    return (before or after) if mark.start == mark.end else (before and after)


def pieces(text: str, given: Range, kinds: Sequence[str], skipped: str = "") -> Iterator[Portion]:
    """Yield the marks of these kinds in a range, and what is between them, without marks of the kind ``skipped``."""
    at, between = given.start, list[MarkNode]()
    for mark in given.marks:
        if mark.kind not in kinds and mark.kind != skipped:
            between.append(mark)
            continue
        if between or text[at : mark.start].strip(BLANKS):
            yield Portion(None, Range(at, mark.start, between))
        if mark.kind in kinds:
            yield Portion(mark, whole(mark))
        at, between = mark.end, []
    if between or text[at : given.end].strip(BLANKS):
        yield Portion(None, Range(at, given.end, between))


def rows_of(text: str, table: MarkNode) -> Iterator[list[Portion]]:
    """Yield the cells of each row of a table."""
    for row in pieces(text, whole(table), ("row",), skipped="caption"):
        yield list(pieces(text, row.range, ("cell", "header")))


def captions_of(mark: MarkNode) -> list[MarkNode]:
    """Return the captions of a table."""
    return [child for child in mark.children if child.kind == "caption"]


def spans_of(cell: MarkNode | None) -> tuple[int, int]:
    """Return the columns and rows that a cell spans."""
    if cell is None:
        return 1, 1
    value = cell.value or ""
    rows = int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 1
    return max(1, min(cell.number or 1, MAX_COLUMNS)), max(1, min(rows, MAX_ROWS))


def lines_in(text: str, given: Range) -> Iterator[Range]:
    """Yield the lines of a range; newlines inside of its marks do not end one."""
    at, first = given.start, 0
    while at <= given.end:
        end, last = _line_end(text, at, given, first)
        yield Range(at, end, given.marks[first:last])
        at, first = end + 1, last


def _line_end(text: str, at: int, given: Range, first: int) -> tuple[int, int]:
    """Return the end of the line that starts at ``at`` with the mark ``first``, and the number of its last mark + 1."""
    last = first
    while True:
        end = text.find("\n", at, given.end)
        end = given.end if end < 0 else end
        while at <= end and last < len(given.marks) and given.marks[last].start <= end:
            at = max(at, given.marks[last].end)
            last += 1
        if at <= end:
            return end, last
