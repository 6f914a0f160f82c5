"""Renderings of marked texts: laws, and what a Markdown parser that is not ours reads in them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin

from refinery.kernels import MARKS, render
from refinery.kernels.reference.html_form import html
from refinery.kernels.reference.markdown import markdown
from refinery.kernels.reference.marks import tree, without_markers
from tests.kernels.natives import PAIRS
from tools.marked import Written, damaged_texts, documents, marked_texts, shown

PARSER = (
    MarkdownIt("commonmark")
    .enable(["table", "strikethrough"])
    .use(dollarmath_plugin, allow_labels=False, double_inline=True)
)


def rendered(text: str, marks: list[dict[str, object]], form: str = "markdown") -> str:
    found: str = render(pa.array([text]), pa.array([marks], MARKS), form)[0].as_py()
    return found


def inline(token: Token) -> str:
    """Return the text of a line as it is shown, formulas as TeX."""
    parts = []
    for child in token.children or []:
        if child.type in ("softbreak", "hardbreak"):
            parts.append(" ")
        elif child.type.startswith("math"):
            parts.append(f"${child.content}$")
        elif child.type in ("text", "code_inline"):
            parts.append(child.content)
    return shown("".join(parts))


def grid(tokens: list[Token]) -> list[list[str]]:
    """Return the cells of a table's rows."""
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(inline(token))
    return rows


def read(markdown: str) -> list[tuple[object, ...]]:
    """Return what the parser finds, in order: headings, paragraphs, lists and items, code, tables and formulas."""
    tokens = PARSER.parse(markdown)
    found: list[tuple[object, ...]] = []
    for at, token in enumerate(tokens):
        depth = sum(other.type.endswith("list_open") - other.type.endswith("list_close") for other in tokens[: at + 1])
        match token.type:
            case "heading_open" | "paragraph_open":
                found.append((token.tag, inline(tokens[at + 1])))
            case "bullet_list_open" | "ordered_list_open":
                found.append(("list", depth, token.attrs.get("start", 1) if token.tag == "ol" else None))
            case "list_item_open":
                found.append(("item", depth))
            case "fence":
                found.append(("code", token.info, token.content))
            case "math_block":
                found.append(("formula", shown(token.content)))
            case "table_open":
                end = next(at + length for length, other in enumerate(tokens[at:]) if other.type == "table_close")
                found.append(("table", grid(tokens[at:end])))
            case "html_block":
                found.append((token.type, token.content))
    return found


@given(marked_texts())
@settings(max_examples=300, deadline=None)
def test_the_plain_form_is_the_text(given: dict[str, pa.Array]) -> None:
    """The plain form of any marked text is the text itself."""
    assert render(**{**given, "form": "plain"}).to_pylist() == given["texts"].to_pylist()


def dollars_in_a_paragraph() -> Written:
    """A paragraph with a dollar sign in each of two lines, and what would be markup between them."""
    out = Written()
    mark = out.begin("paragraph")
    out.put("w$\nw<b>$")
    out.end(mark)
    out.expected = [("p", "w$w<b>$")]
    return out


@given(documents())
@example(dollars_in_a_paragraph())
@settings(max_examples=500, deadline=None)
def test_a_parser_reads_what_was_marked(document: Written) -> None:
    """A Markdown parser finds the code, tables, headings, lists, items, paragraphs and formulas that are marked, no more."""
    assert read(rendered(document.text, document.marks)) == document.expected


@pytest.mark.parametrize("form", ["plain", "markdown", "html"])
@given(given=damaged_texts())
@settings(max_examples=200, deadline=None)
def test_marks_that_are_no_tree_are_refused(form: str, given: dict[str, pa.Array]) -> None:
    """Marks with another place or depth are still a tree, or an error that names the mark; both kernels agree."""
    native, twin = (outcome(kernel, **given, form=form) for kernel in PAIRS["render"])
    assert native == twin


def outcome(kernel: Callable[..., pa.Array], **given: object) -> object:
    """Return the result of a kernel, or the message of its error."""
    try:
        return kernel(**given).to_pylist()
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize(
    ("marks", "message"),
    [
        ([(0, 3, 1, "list")], "text 0: mark 0 is deeper than a child of the one before it"),
        ([(0, 1, 0, "list"), (0, 2, 1, "item")], "text 0: mark 1 from byte 0 to 2 has no place there"),
        ([(1, 2, 0, "strong"), (0, 1, 0, "strong")], "text 0: mark 1 from byte 0 to 1 has no place there"),
        ([(0, 4, 0, "heading")], "text 0: mark 0 from byte 0 to 4 has no place there"),
    ],
)
def test_the_error_names_the_mark(marks: list[tuple[int, int, int, str]], message: str) -> None:
    """A mark that is too deep, leaves its parent, overlaps its sibling or leaves the text is named."""
    wrong = [dict(zip(("start", "end", "depth", "kind"), mark, strict=True)) for mark in marks]
    with pytest.raises(ValueError, match=re.escape(message)):
        rendered("abc", wrong)


LONG = 200_000


@pytest.mark.parametrize("sign", ["$", "`", "*", "_", "\\", "[", "](", "\n", "&", "<", " \n", "|"])
def test_hostile_texts_take_linear_time(sign: str) -> None:
    """A text of one sign, with an empty formula at each place of it, is rendered at once."""
    text = sign * (LONG // len(sign))
    places = range(0, LONG, 20)
    marks = [{"start": at, "end": at, "depth": 0, "kind": "formula", "number": 1, "value": "x"} for at in places]
    assert len(rendered(text, marks)) > LONG // 4
    assert len(rendered(text, marks, "html")) > LONG // 4


def test_deep_and_wide_spans_are_bounded() -> None:
    """Quotes in quotes to the last depth, and cells that span a million columns, give no more than they should."""
    quotes = [{"start": 0, "end": 1, "depth": depth, "kind": "quote"} for depth in range(256)]
    assert rendered("a", quotes) == "> " * 256 + "a"
    cell = {"start": 0, "end": 1, "depth": 2, "kind": "cell", "number": 1_000_000, "value": "999999999"}
    table = [{"start": 0, "end": 1, "depth": depth, "kind": kind} for depth, kind in enumerate(["table", "row"])]
    assert rendered("a", [*table, cell]) == "|  |\n| --- |\n| a |"


def test_an_image_is_written_where_it_has_a_line_for_itself() -> None:
    """Between words an image is left out; its alternative text and its address cannot end it early."""
    image = {"start": 2, "end": 2, "depth": 0, "kind": "image", "value": "https://a.b/c d_(e)", "label": "a [b](c) `d"}
    assert rendered("a\n\nb", [image]) == "a\n\n![a \\[b\\](c) \\`d](https://a.b/c%20d_%28e%29)\n\nb"
    assert rendered("a b\nc", [image]) == "a b\n\nc"


def test_an_empty_formula_stands_apart_from_words() -> None:
    """In Markdown and HTML: its place has one of the two spaces that it would have."""
    formula = {"start": 4, "end": 4, "depth": 0, "kind": "formula", "value": "x"}
    assert rendered("for all", [formula]) == "for $x$ all"
    assert rendered("for all", [formula], "html") == r'<p>for <span class="math inline">\(x\)</span> all</p>'
    assert rendered("for .", [formula], "html") == r'<p>for <span class="math inline">\(x\)</span>.</p>'


@given(marked_texts())
def test_markers_are_as_if_they_were_not_there(given: dict[str, pa.Array]) -> None:
    """In Markdown and HTML a text with markers is what it is without them; plain it is as it is."""
    bare = [
        without_markers(text, tree(text, marks or ())) if text is not None else None
        for text, marks in zip(*(given[name].to_pylist() for name in ("texts", "structure")), strict=True)
    ]
    makers = {"markdown": markdown, "html": html}
    for form, make in makers.items():
        assert render(**given, form=form).to_pylist() == [None if one is None else make(*one) for one in bare]
    assert render(**given, form="plain").to_pylist() == given["texts"].to_pylist()


def test_markers_are_left_out_with_what_they_cover() -> None:
    """A list whose text has dashes is one whose text has none."""
    text = "- one\n- two"
    item = {"number": None, "value": None, "label": None, "kind": "item", "depth": 1}
    marker = item | {"kind": "marker", "depth": 2}
    marks = [
        item | {"start": 0, "end": 11, "kind": "list", "depth": 0},
        *(item | {"start": 0, "end": 5}, marker | {"start": 0, "end": 2}),
        *(item | {"start": 6, "end": 11}, marker | {"start": 6, "end": 8}),
    ]
    assert rendered(text, marks) == "- one\n- two"
    assert rendered(text, marks, "html") == "<ul>\n<li>one</li>\n<li>two</li>\n</ul>"
    assert rendered(text, marks, "plain") == text
