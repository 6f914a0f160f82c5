"""Lines of Markdown: text with its inline marks, and escapes for what would be read as markup otherwise.

CommonMark with tables, strikethrough, and formulas between dollar signs. Links are their text: targets stay in the
marks. Images are written where they have a line for themselves; between words they mostly are icons. Emphasis is left
out where its delimiters would not be read as such (CommonMark 0.31, section 6.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from refinery.kernels.reference.markdown_escape import (
    PUNCTUATION,
    at_start,
    flanks,
    is_letter,
    longest_run,
    spaces_around,
    touches,
    without_formulas,
)
from refinery.kernels.reference.marks import MarkNode
from refinery.kernels.reference.pieces import BLANKS

_ENTITY = re.compile(r"&(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


@dataclass
class MarkedLine:
    """The range of ``text`` that becomes one line or paragraph, and its Markdown so far in ``out``.

    ``cell`` is true in pipe tables, ``display`` where formulas may be between two dollar signs, and images are written.
    """

    text: str
    start: int
    end: int
    marks: Sequence[MarkNode]
    cell: bool = False
    display: bool = True
    out: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        kinds = {mark.kind for mark in _all(self.marks)}
        source = self.text[self.start : self.end]
        self.dollars = "formula" in kinds
        self.ticks = not kinds.isdisjoint({"formula", "image", "inline_code", "code"}) or source.count("`") > 1
        self.stars = source.count("*") > 1
        self.stressed = not kinds.isdisjoint({"strong", "emphasis"})
        self.bars = source.count("_") > 1
        self.pictures = self.display and not source.strip(BLANKS)
        self.closed = (-1, "")

    def close(self, sign: str) -> None:
        """Remember the sign that ends what was just written: the same one right after it would be read with it."""
        self.closed = (len(self.out), sign)

    def gap(self, sign: str) -> str:
        """Return a space if ``sign`` ends what was just written."""
        return " " if self.closed == (len(self.out), sign) else ""

    def write(self, piece: str) -> None:
        """Add a piece of Markdown."""
        if piece:
            self.out.append(piece)

    def around(self, at: int) -> tuple[str, str]:
        """Return the characters of the source before and after the one at a place, "" at the ends of the line."""
        before = self.text[at - 1] if at > self.start else ""
        return before, self.text[at + 1] if at + 1 < self.end else ""


def written(line: MarkedLine) -> str:
    """Return the Markdown of a line, with the newlines of its text."""
    _inline(line, line.start, line.end, line.marks)
    found = "".join(line.out)
    return found if line.dollars or line.pictures else without_formulas(found)


def lines_of(markdown: str) -> list[str]:
    """Return the lines of a paragraph that have something in them, as they stand at the start of a line."""
    found = (line.strip(BLANKS) for line in markdown.split("\n"))
    return [at_start(line) for line in found if line]


def _all(marks: Sequence[MarkNode]) -> Iterator[MarkNode]:
    for mark in marks:
        yield mark
        yield from _all(mark.children)


def _inline(line: MarkedLine, start: int, end: int, marks: Sequence[MarkNode]) -> None:
    at = start
    for mark in marks:
        _literal(line, at, mark.start)
        _mark(line, mark)
        at = mark.end
    _literal(line, at, end)


def _mark(line: MarkedLine, mark: MarkNode) -> None:
    match mark.kind:
        case "formula" if mark.value and mark.value.strip(BLANKS):
            _formula(line, mark)
        case "inline_code" | "code":
            _code_span(line, line.text[mark.start : mark.end])
        case "image":
            _image(line, mark)
        case "strong":
            _emphasis(line, mark, "**")
        case "emphasis":
            _emphasis(line, mark, "*")
        case _:
            _inline(line, mark.start, mark.end, mark.children)


def tex_lines(value: str) -> list[str]:
    """Return the lines of a formula, none of them empty, with parentheses of TeX in place of dollar signs in it."""
    out, opens, escaped = [], True, False
    for character in value:
        if character == "$" and not escaped:
            out.append("\\(" if opens else "\\)")
            opens = not opens
        else:
            out.append(character)
        escaped = character == "\\" and not escaped
    lines = (line.strip(BLANKS) for line in "".join(out).split("\n"))
    return [line for line in lines if line]


def _formula(line: MarkedLine, mark: MarkNode) -> None:
    assert mark.value is not None
    if mark.label == "asciimath":
        _code_span(line, mark.value)
        return
    tex = " ".join(filter(None, (_without_comment(part) for part in tex_lines(mark.value))))
    if not tex:
        return
    tex += " " if (len(tex) - len(tex.rstrip("\\"))) % 2 else ""
    sign = "$$" if mark.number == 1 and line.display else "$"
    before, after = line.text[line.start : mark.start][-1:], line.text[mark.end : line.end][:1]
    lead, trail = spaces_around(before, after) if mark.start == mark.end else ("", "")
    line.write(lead)
    line.write(line.gap("$") + sign + (tex.replace("|", "\\|") if line.cell else tex) + sign)
    line.close("$")
    line.write(trail)


def _without_comment(part: str) -> str:
    escaped = False
    for at, character in enumerate(part):
        if character == "%" and not escaped:
            return part[:at].rstrip(BLANKS)
        escaped = character == "\\" and not escaped
    return part


def _code_span(line: MarkedLine, source: str) -> None:
    content = source.replace("\n", " ")
    if not content.strip(BLANKS):
        line.write(content)
        return
    ticks = "`" * (longest_run(content) + 1) if "`" in content else "`"
    padded = "`" in (content[0], content[-1]) or (content[0] == content[-1] == " ")
    content = f" {content} " if padded else content
    line.write(line.gap("`") + ticks + (content.replace("|", "\\|") if line.cell else content) + ticks)
    line.close("`")


def _image(line: MarkedLine, mark: MarkNode) -> None:
    url = "".join(map(_in_url, mark.value or ""))
    if not (url and line.pictures):
        return
    label = (mark.label or "").replace("\n", " ").strip(BLANKS)
    alt = MarkedLine(label, 0, len(label), ())
    alt.dollars = alt.ticks = alt.stars = alt.bars = True
    line.write(f"![{_without_brackets(written(alt))}]({url})")


def _without_brackets(markdown: str) -> str:
    out, escaped = [], False
    for character in markdown:
        out.append("\\" + character if character in "[]" and not escaped else character)
        escaped = character == "\\" and not escaped
    return "".join(out)


def _in_url(character: str) -> str:
    return f"%{ord(character):02X}" if character <= " " or character in "()<>\\|\x7f" else character


def _emphasis(line: MarkedLine, mark: MarkNode, sign: str) -> None:
    outer, line.out, line.closed = line.out, [], (-1, "")
    before = outer[-1][-1] if outer else ""
    _inline(line, mark.start, mark.end, mark.children)
    body, line.out, line.closed = "".join(line.out), outer, (-1, "")
    core = body.strip(BLANKS)
    lead = body[: len(body) - len(body.lstrip(BLANKS))] if core else body
    tail = body[len(lead) + len(core) :]
    before = lead[-1] if lead else before
    after = tail[0] if tail else line.text[mark.end] if mark.end < line.end else ""
    if core and before != "*" and flanks(core[0], before) and flanks(core[-1], after):
        core = f"{sign}{core}{sign}"
    elif core and before == core[0] and before in "$`":
        lead = " "
    line.write(lead + core + tail)


def _literal(line: MarkedLine, start: int, end: int) -> None:
    """Write text with what would be markup escaped."""
    at = start
    if at < end and line.text[at] in "0123456789":
        line.write(line.gap("$"))
    while at < end:
        character = " " if line.text[at] == "\r" else line.text[at]
        if character == "_":
            run = at
            while run < end and line.text[run] == "_":
                run += 1
            before, after = line.around(at)[0], line.around(run - 1)[1]
            inside = before and after and is_letter(before) and is_letter(after)
            sign = "\\_" if line.bars and not inside and touches(before, after) else "_"
            line.write(sign * (run - at))
            at = run
            continue
        line.write(_escaped(line, character, at, end))
        at += 1


def _escaped(line: MarkedLine, character: str, at: int, end: int) -> str:
    before, after = line.around(at)
    match character:
        case "\\":
            markup = line.stressed or at + 1 == end or after in PUNCTUATION or after == "\n"
        case "`":
            markup = line.ticks
        case "*":
            markup = line.stressed or (line.stars and touches(before, after))
        case "<":
            markup = after.isascii() and (after.isalpha() or after in tuple("/!?"))
        case "&":
            markup = _ENTITY.match(line.text, at, line.end) is not None
        case "]":
            markup = after == "("
        case "|":
            markup = line.cell
        case "~":
            markup = "~" in (before, after)
        case "$":
            markup = line.dollars
        case _:
            markup = False
    return "\\" + character if markup else character
