"""HTML of a text with marks: all text escaped, and addresses of http and https only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from refinery.kernels.reference.markdown_escape import spaces_around
from refinery.kernels.reference.marks import MarkNode
from refinery.kernels.reference.pieces import (
    BLANKS,
    Range,
    captions_of,
    is_block,
    lines_in,
    pieces,
    rows_of,
    spans_of,
    whole,
)

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})
_INLINE = {
    "strong": "strong",
    "emphasis": "em",
    "inline_code": "code",
    "superscript": "sup",
    "subscript": "sub",
}
_BLOCK = {"quote": "blockquote", "figure": "figure", "details": "details"}
_CONTENT = frozenset(("item", "term", "definition", "row", "cell", "header"))
"""Kinds that are their content outside of a list or table."""
_LINE = {"paragraph": "p", "caption": "figcaption", "summary": "summary"}


class Form(NamedTuple):
    """A text, and whether it is for Markdown: formulas between dollar signs, links as text, and no images."""

    text: str
    markdown: bool


def html(text: str, marks: Sequence[MarkNode]) -> str:
    """Return the HTML of a text."""
    return _joined(_flow(Form(text, markdown=False), Range(0, len(text), marks)))


def html_table(text: str, table: MarkNode, *, captions: bool) -> str:
    """Return the HTML of a table, for Markdown."""
    return _table(Form(text, markdown=True), table, captions=captions)


def _joined(blocks: Sequence[str]) -> str:
    return "\n".join(blocks)


def _content(form: Form, given: Range) -> str:
    """Return the content of an item or cell: a single paragraph without its tags."""
    blocks = _flow(form, given)
    single = len(blocks) == 1 and blocks[0].startswith("<p>")
    return blocks[0][3:-4] if single else _joined(blocks)


def _flow(form: Form, given: Range) -> list[str]:
    out: list[str] = []
    at, inline = given.start, list[MarkNode]()
    for mark in given.marks:
        if is_block(form.text, mark, at, given.end):
            _add_paragraphs(form, Range(at, mark.start, inline), out)
            out += _flow(form, whole(mark)) if mark.kind in _CONTENT else filter(None, [_block(form, mark)])
            at, inline = mark.end, []
        else:
            inline.append(mark)
    _add_paragraphs(form, Range(at, given.end, inline), out)
    return out


def _add_paragraphs(form: Form, given: Range, out: list[str]) -> None:
    lines = (_broken(_inline(form, line)) for line in lines_in(form.text, given))
    out += [f"<p>{line}</p>" for line in lines if line]


def _broken(content: str) -> str:
    return content.strip(BLANKS).replace("\n", "<br>\n")


def _block(form: Form, mark: MarkNode) -> str:
    given = whole(mark)
    match mark.kind:
        case "list" | "terms" | "table":
            make = {"list": _list, "terms": _terms, "table": _table}[mark.kind]
            made = make(form, mark)
        case "code":
            language = f' class="language-{escaped(mark.value)}"' if mark.value else ""
            made = f"<pre><code{language}>{escaped(form.text[mark.start : mark.end])}</code></pre>"
        case "formula":
            made = _element("p", _mark(form, mark))
        case "heading":
            made = _element(f"h{max(1, min(mark.number or 1, 6))}", _inline(form, given))
        case "paragraph" | "caption" | "summary":
            made = _element(_LINE[mark.kind], _broken(_inline(form, given)))
        case _:
            made = _element(_BLOCK[mark.kind], _joined(_flow(form, given)), "\n")
    return made


def _element(name: str, content: str, edge: str = "") -> str:
    return f"<{name}>{edge}{content}{edge}</{name}>" if content else ""


def _list(form: Form, mark: MarkNode) -> str:
    ordered = mark.number is not None
    items = []
    for piece in pieces(form.text, whole(mark), ("item",)):
        number = piece.mark.number if piece.mark and ordered else None
        value = "" if number is None else f' value="{number}"'
        items.append(f"<li{value}>{_content(form, piece.range)}</li>")
    start = f' start="{mark.number}"' if mark.number not in (None, 1) else ""
    name = "ol" if ordered else "ul"
    return f"<{name}{start}>\n{_joined(items)}\n</{name}>" if items else ""


def _terms(form: Form, mark: MarkNode) -> str:
    items = []
    for piece in pieces(form.text, whole(mark), ("term", "definition")):
        name = "dt" if piece.mark and piece.mark.kind == "term" else "dd"
        items.append(f"<{name}>{_content(form, piece.range)}</{name}>")
    return _element("dl", _joined(items), "\n")


def _table(form: Form, mark: MarkNode, *, captions: bool = True) -> str:
    lines = ["<table>"]
    if captions:
        lines += [_element("caption", _inline(form, whole(caption))) for caption in captions_of(mark)]
    for number, row in enumerate(rows_of(form.text, mark)):
        cells = []
        for cell in row:
            name = "th" if number < (mark.number or 0) or (cell.mark and cell.mark.kind == "header") else "td"
            columns, rows = spans_of(cell.mark)
            spans = (f' colspan="{columns}"' if columns > 1 else "") + (f' rowspan="{rows}"' if rows > 1 else "")
            cells.append(f"<{name}{spans}>{_content(form, cell.range)}</{name}>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return _joined([*filter(None, lines), "</table>"])


def _inline(form: Form, given: Range) -> str:
    out, at = [], given.start
    for mark in given.marks:
        before, after = form.text[given.start : mark.start][-1:], form.text[mark.end : given.end][:1]
        bare = _is_formula(mark) and mark.start == mark.end
        lead, trail = spaces_around(before, after) if bare else ("", "")
        out += [escaped(form.text[at : mark.start]), lead, _mark(form, mark), trail]
        at = mark.end
    return "".join([*out, escaped(form.text[at : given.end])])


def _mark(form: Form, mark: MarkNode) -> str:
    if _is_formula(mark):
        return _formula(form, mark)
    web = is_web(mark.value) and not form.markdown
    if mark.kind == "image":
        return f'<img src="{escaped(mark.value)}" alt="{escaped(mark.label)}">' if web else ""
    content = _inline(form, whole(mark))
    if mark.kind == "link":
        return f'<a href="{escaped(mark.value)}">{content}</a>' if web else content
    name = _INLINE.get(mark.kind)
    return f"<{name}>{content}</{name}>" if name and content.strip(BLANKS) else content


def _is_formula(mark: MarkNode) -> bool:
    return mark.kind == "formula" and bool((mark.value or "").strip(BLANKS))


def _formula(form: Form, mark: MarkNode) -> str:
    tex, display = escaped((mark.value or "").strip(BLANKS)), mark.number == 1
    if mark.label == "asciimath":
        return f"<code>{tex}</code>"
    if form.markdown:
        return f"${tex}$"
    return (
        f'<span class="math display">\\[{tex}\\]</span>' if display else f'<span class="math inline">\\({tex}\\)</span>'
    )


def is_web(address: str | None) -> bool:
    """Return True for an absolute address of http or https."""
    return (address or "").lower().startswith(("http://", "https://"))


def escaped(text: str | None) -> str:
    """Return a text for use between tags and in attributes."""
    return (text or "").translate(_ESCAPES)
