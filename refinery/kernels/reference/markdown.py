"""Markdown of a text with marks: CommonMark with tables, and formulas between dollar signs.

Each line of the text outside marks is a paragraph, and a blank line separates blocks. Blocks without content, such as
empty list items, are left out. Kinds that Markdown does not have are their content: terms and summaries are bold
paragraphs, captions are paragraphs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from refinery.kernels.reference.html_form import html_table
from refinery.kernels.reference.markdown_escape import longest_run
from refinery.kernels.reference.markdown_inline import MarkedLine, lines_of, tex_lines, written
from refinery.kernels.reference.marks import MarkNode
from refinery.kernels.reference.pieces import (
    BLANKS,
    BLOCKS,
    Portion,
    Range,
    captions_of,
    is_block,
    lines_in,
    pieces,
    rows_of,
    spans_of,
    whole,
)

MAX_ORDINAL = 999_999_999
"""Longer numbers begin no list item."""


class Block(NamedTuple):
    """The Markdown of a block; ``sign`` is the last character of a list's markers, ``paragraph`` true for one."""

    text: str
    sign: str = ""
    paragraph: bool = False


def markdown(text: str, marks: Sequence[MarkNode]) -> str:
    """Return the Markdown of a text."""
    return "\n\n".join(block.text for block in _flow(text, Range(0, len(text), marks)))


def _flow(text: str, given: Range) -> list[Block]:
    out: list[Block] = []
    _add_flow(text, given, out)
    return out


def _add_flow(text: str, given: Range, out: list[Block]) -> None:
    """Add the blocks of a range to ``out``, among them a paragraph for each line outside of blocks."""
    at, inline = given.start, list[MarkNode]()
    for mark in given.marks:
        if is_block(text, mark, at, given.end):
            _add_lines(text, Range(at, mark.start, inline), out)
            _add_block(text, mark, out)
            at, inline = mark.end, []
        else:
            inline.append(mark)
    _add_lines(text, Range(at, given.end, inline), out)


def _add_lines(text: str, given: Range, out: list[Block]) -> None:
    for line in lines_in(text, given):
        _add_paragraph(text, line, out)


def _add_paragraph(text: str, given: Range, out: list[Block]) -> None:
    lines = lines_of(written(MarkedLine(text, *given)))
    if lines:
        out.append(Block("  \n".join(lines), paragraph=True))


def _one_line(text: str, mark: MarkNode) -> str:
    """Return the content of a mark, without newlines."""
    line = written(MarkedLine(text, mark.start, mark.end, mark.children, display=False))
    return " ".join(filter(None, (part.strip(BLANKS) for part in line.split("\n"))))


def _add_block(text: str, mark: MarkNode, out: list[Block]) -> None:
    match mark.kind:
        case "heading":
            _add_heading(_one_line(text, mark), mark.number, out)
        case "paragraph" | "caption":
            _add_paragraph(text, whole(mark), out)
        case "term" | "summary":
            _add_bold(text, mark, out)
        case "code":
            _add_code(text[mark.start : mark.end], mark.value or "", out)
        case "formula":
            out.append(Block("\n".join(["$$", *tex_lines(mark.value or ""), "$$"])))
        case "list":
            _add_list(text, mark, out)
        case "quote":
            _add_quote(text, mark, out)
        case "table":
            _add_table(text, mark, out)
        case _:
            _add_flow(text, whole(mark), out)


def _add_heading(line: str, level: int | None, out: list[Block]) -> None:
    if not line:
        return
    core = line.rstrip("#")
    if core != line and (not core or core[-1] in BLANKS):
        line = core + "\\" + line[len(core) :]  # else they would close the heading
    out.append(Block(f"{'#' * max(1, min(level or 1, 6))} {line}"))


def _add_bold(text: str, mark: MarkNode, out: list[Block]) -> None:
    bold = MarkNode("strong", mark.start, mark.end, children=mark.children)
    line = written(MarkedLine(text, mark.start, mark.end, (bold,), display=False))
    if lines := lines_of(line):
        out.append(Block(" ".join(lines), paragraph=True))


def _add_code(code: str, value: str, out: list[Block]) -> None:
    if not code.strip(BLANKS):
        return
    fence = "`" * max(3, longest_run(code) + 1)
    language = next(filter(None, re.split(f"[{BLANKS}]", value)), "")
    if not all("!" <= character <= "~" and character not in "`\\&" for character in language):
        language = ""
    out.append(Block(f"{fence}{language}\n{code}\n{fence}"))


def _add_quote(text: str, mark: MarkNode, out: list[Block]) -> None:
    content = "\n\n".join(block.text for block in _flow(text, whole(mark)))
    if content:
        out.append(Block("\n".join("> " + line if line else ">" for line in content.split("\n"))))


def _add_list(text: str, mark: MarkNode, out: list[Block]) -> None:
    """Add a list. Its markers differ from those of a list right before it, with which it would be one list."""
    before = out[-1].sign if out else ""
    sign = ("*" if before == "-" else "-") if mark.number is None else (")" if before == "." else ".")
    items, ordinal = [], (mark.number or 0) - 1
    for piece in pieces(text, whole(mark), ("item",)):
        given = piece.mark.number if piece.mark else None
        ordinal = ordinal + 1 if given is None else given
        marker = sign if mark.number is None else f"{max(0, min(ordinal, MAX_ORDINAL))}{sign}"
        if content := _item(_flow(text, piece.range)):
            items.append(_indented(content, marker))
    loose = any("\n\n" in item for item in items)
    if items:
        out.append(Block(("\n\n" if loose else "\n").join(items), sign))


def _item(blocks: Sequence[Block]) -> str:
    """Return the content of a list item: a list after its paragraph follows without a blank line."""
    out = ""
    for before, block in zip([None, *blocks], blocks, strict=False):
        tight = before and before.paragraph and block.text.startswith(("- ", "* ", "1. ", "1) ")) and block.sign
        out += ("\n" if tight else "\n\n") + block.text if before else block.text
    return out


def _indented(content: str, marker: str) -> str:
    width = " " * (len(marker) + 1)
    first, *others = content.split("\n")
    return "\n".join([f"{marker} {first}", *(width + line if line else "" for line in others)])


def _add_table(text: str, mark: MarkNode, out: list[Block]) -> None:
    """Add a table with pipes if each cell is one line, else as HTML; captions come first.

    Cells that a span covers are empty.
    """
    for caption in captions_of(mark):
        _add_paragraph(text, whole(caption), out)
    grid = _grid(text, rows_of(text, mark))
    if grid is None:
        out.append(Block(html_table(text, mark, captions=False).replace("\n\n", "\n&#10;")))
        return
    width = max(map(len, grid), default=0)
    header = grid.pop(0) if mark.number and grid else []
    if width:
        lines = [header + [""] * (width - len(header)), ["---"] * width, *filter(None, grid)]
        out.append(Block("\n".join(f"| {' | '.join(cells)} |" for cells in lines)))


def _grid(text: str, rows: Iterable[Sequence[Portion]]) -> list[list[str]] | None:
    """Return the cells of each row, without empty ones at its end; None where one has more than a line."""
    below: list[int] = []  # rows that a cell further up still spans, by column
    grid = []
    for row in rows:
        cells: list[str] = []
        for cell in row:
            line = _cell(text, cell)
            if line is None:
                return None
            _place(line, cell, cells, below)
        for column in range(len(cells), len(below)):
            below[column] = max(0, below[column] - 1)
        while cells and not cells[-1]:
            cells.pop()
        grid.append(cells)
    return grid


def _cell(text: str, cell: Portion) -> str | None:
    if any(mark.kind in BLOCKS and mark.kind != "paragraph" for mark in cell.range.marks):
        return None
    line = written(MarkedLine(text, *cell.range, cell=True, display=False))
    lines = [part for part in (part.strip(BLANKS) for part in line.split("\n")) if part]
    return None if len(lines) > 1 else "".join(lines)


def _place(line: str, cell: Portion, cells: list[str], below: list[int]) -> None:
    """Add a cell to its row, behind those that a row further up spans, and empty ones that it spans itself."""
    while len(cells) < len(below) and below[len(cells)]:
        below[len(cells)] -= 1
        cells.append("")
    columns, rows = spans_of(cell.mark)
    for column in range(columns):
        if len(cells) == len(below):
            below.append(0)
        below[len(cells)] = rows - 1
        cells.append("" if column else line)
