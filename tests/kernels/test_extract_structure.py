"""Laws of the marks that the native extractor puts over the text of a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from refinery.kernels import HAS_EXTRACTOR, main_texts, render
from refinery.kernels.reference.marks import tree
from tools.hostile import CASES, hostile_page

if not HAS_EXTRACTOR:
    pytest.skip("the native kernels are not built", allow_module_level=True)

MATH = r'<math><semantics><mi>x</mi><annotation encoding="application/x-tex">x^2</annotation></semantics></math>'
IMAGE = '<img src="a.png" alt="A &amp; b">'


def extracted(*pages: str, structure: bool = True) -> pa.RecordBatch:
    """Return texts and structures of pages of one site, with all that may be their text."""
    urls, marks = pa.array(["https://example.org/p/q"] * len(pages)), {"structure": structure, "links": structure}
    return main_texts(pa.array(pages, pa.string()), urls, "recall", comments="keep", **marks)


def marks_of(page: str) -> list[tuple[Any, ...]]:
    """Return depth, kind, what is covered, and what else is said, of each mark of a page."""
    row = extracted(page).to_pylist()[0]
    data = row["text"].encode()
    return [
        (mark["depth"], mark["kind"], data[mark["start"] : mark["end"]].decode(), *_said(mark))
        for mark in row["structure"]
    ]


def _said(mark: dict[str, Any]) -> list[Any]:
    return [mark[name] for name in ("number", "value", "label") if mark[name] is not None]


GRID = "<table{}><tr>{}<tr><td>1<td>2</table>"
GRID_CELLS = [(2, "cell", "a"), (2, "cell", "b"), (2, "cell", "1"), (2, "cell", "2")]

MARKED = {
    "a heading has its level": ("<h2>Two</h2><p>x", [(0, "heading", "Two", 2)]),
    "a role makes a heading": (
        '<h1>One</h1><div role=heading aria-level=3>Three</div><p role="heading">Two</p><div role=heading><h4>Two</h4></div>',
        [(0, "heading", "One", 1), (0, "heading", "Three", 3), (0, "heading", "Two", 2), (0, "heading", "Two", 2)],
    ),
    "the highest heading is of level 2 or 1": (
        "<h4>a</h4><p>x<h3>b</h3><p>x<h6>c</h6><p>x",
        [(0, "heading", "a", 3), (0, "heading", "b", 2), (0, "heading", "c", 5)],
    ),
    "lists nest in items": (
        "<ul><li>a<ol start=3><li>b<li value=7>c</ol><li>d</ul>",
        [
            (0, "list", "a\nb\nc\nd"),
            (1, "item", "a\nb\nc"),
            (2, "list", "b\nc", 3),
            (3, "item", "b"),
            (3, "item", "c", 7),
            (1, "item", "d"),
        ],
    ),
    "terms have definitions": (
        "<dl><dt>a<dd>b</dl>",
        [(0, "terms", "a\nb"), (1, "term", "a"), (1, "definition", "b")],
    ),
    "a block of several lines is a paragraph": (
        "<blockquote><p>a<br>b</blockquote>",
        [(0, "quote", "a\nb"), (1, "paragraph", "a\nb")],
    ),
    "cells without text have marks": (
        "<table><caption>c<tr><th>a<th><tr><td><td rowspan=2>b<tr><td>d</table>",
        [
            (0, "table", "c\na\nb\nd", 1),
            (1, "caption", "c"),
            (1, "row", "a"),
            (2, "cell", "a"),
            (2, "cell", ""),
            (1, "row", "b"),
            (2, "cell", ""),
            (2, "cell", "b", "2"),
            (1, "row", "d"),
            (2, "cell", "d"),
        ],
    ),
    "code is exact": ("<pre>a\n  <b>b</b></pre>", [(0, "code", "a\n  b")]),
    "inline marks nest": (
        "<p>a <b>b <i>c</i></b> <code>d</code> x<sup>2</sup>",
        [
            (0, "strong", "b c"),
            (1, "emphasis", "c"),
            (0, "inline_code", "d"),
            (0, "superscript", "²"),
        ],
    ),
    "links have absolute targets": (
        '<p><a href="../a?b=1&copy=2 ">x</a> <a href="#y">y</a> <a href="mailto:z">z</a>',
        [(0, "link", "x", "https://example.org/a?b=1&copy=2")],
    ),
    "the base of a page counts": ('<base href="/b/"><p><a href=c>x', [(0, "link", "x", "https://example.org/b/c")]),
    "an image stands in a line": (f"<p>a {IMAGE} b", [(0, "image", "", "https://example.org/p/a.png", "A & b")]),
    "an image between blocks is a figure": (
        f"<p>a</p><p>{IMAGE}</p><p>b",
        [(0, "figure", ""), (1, "image", "", "https://example.org/p/a.png", "A & b")],
    ),
    "a formula stands in a line": (f"<p>a {MATH} b", [(0, "formula", "", "x^2")]),
    "a formula between blocks is displayed": (f"<p>a<div>{MATH}</div><p>b", [(0, "formula", "", 1, "x^2")]),
    "a formula in a script": ('<p>a <script type="math/tex">y_1</script>', [(0, "formula", "", "y_1")]),
    "a mark over blocks is one in each": ("<b><p>a<p>b</b>", [(0, "strong", "a"), (0, "strong", "b")]),
    "a table for layout has none": ("<table><tr><td><p>a<td><p>b</table>", []),
    "a grid of short cells is a table": (
        GRID.format("", "<td>a<td>b"),
        [(0, "table", "a\nb\n1\n2", 0), (1, "row", "a\nb"), *GRID_CELLS[:2], (1, "row", "1\n2"), *GRID_CELLS[2:]],
    ),
    "a first row in bold names the columns": (
        GRID.format("", "<td><b>a</b><td><b>b</b>"),
        [
            (0, "table", "a\nb\n1\n2", 1),
            (1, "row", "a\nb"),
            GRID_CELLS[0],
            (3, "strong", "a"),
            GRID_CELLS[1],
            (3, "strong", "b"),
            (1, "row", "1\n2"),
            *GRID_CELLS[2:],
        ],
    ),
    "a row that names the columns may have an empty corner": (
        GRID.format("", "<td><th>b"),
        [
            (0, "table", "b\n1\n2", 1),
            (1, "row", "b"),
            (2, "cell", ""),
            GRID_CELLS[1],
            (1, "row", "1\n2"),
            *GRID_CELLS[2:],
        ],
    ),
    "a cell may name its row": (
        "<table><tr><th>a<td>b<tr><th>1<td>2</table>",
        [
            (0, "table", "a\nb\n1\n2", 0),
            (1, "row", "a\nb"),
            (2, "header", "a"),
            GRID_CELLS[1],
            (1, "row", "1\n2"),
            (2, "header", "1"),
            GRID_CELLS[3],
        ],
    ),
    "a row ends without having begun": (
        "<table><tr><td>a<td>b</tr><td>1<td>2</tr><tbody><td>3<td>4</table>",
        [
            (0, "table", "a\nb\n1\n2\n3\n4", 0),
            (1, "row", "a\nb"),
            *GRID_CELLS[:2],
            (1, "row", "1\n2"),
            *GRID_CELLS[2:],
            (1, "row", "3\n4"),
            (2, "cell", "3"),
            (2, "cell", "4"),
        ],
    ),
    "cells right in a section are a row": (
        "<table><thead><th>a<th>b</thead><tr><td>1<td>2</table>",
        [(0, "table", "a\nb\n1\n2", 1), (1, "row", "a\nb"), *GRID_CELLS[:2], (1, "row", "1\n2"), *GRID_CELLS[2:]],
    ),
    "a role says that a table is for layout": (GRID.format(" role=presentation", "<th>a<th>b"), []),
    "a table with a table in it is for layout": (GRID.format("", "<td>a<td><table><tr><td>b</table>"), []),
    "a table with a heading below its first row and no headers is for layout": (
        "<table><tr><td>a<td>b<tr><td>1<td><h2>c</h2></table>",
        [(0, "heading", "c", 2)],
    ),
    "a heading that is all of a cell is its text": (
        GRID.format("", "<td><h3>a</h3><td><h3>b</h3>"),
        [(0, "table", "a\nb\n1\n2", 0), (1, "row", "a\nb"), *GRID_CELLS[:2], (1, "row", "1\n2"), *GRID_CELLS[2:]],
    ),
    "a table with text in one column is for layout": (
        f"<table><tr><td>{IMAGE}<td>a<tr><td>{IMAGE}<td>b</table>",
        [(0, "figure", ""), (1, "image", "", "https://example.org/p/a.png", "A & b")] * 2,
    ),
    "a table with a long cell and no headers is for layout": (GRID.format("", "<td>a<td>" + 500 * "long "), []),
    "a table of few texts and no headers is for layout": (GRID.format("", "<td><td>b<td><td><td>"), []),
    "a table of one column is for layout": ("<table><tr><th>a<tr><td>b</table>", []),
    "a list in navigation is none": ("<nav><ul><li>a</ul></nav><div role=navigation><ul><li>b</ul></div>", []),
}


@pytest.mark.parametrize("case", MARKED)
def test_marks(case: str) -> None:
    """Each element that has a mark, in its place."""
    page, expected = MARKED[case]
    assert marks_of(page) == expected


LANGUAGES = {
    "<pre class='language-js x'>a": "javascript",
    "<pre><code class='hljs lang-rust'>a": "rust",
    "<pre class='brush: c++;'>a": "cpp",
    "<pre class='sourceCode r'>a": "r",
    "<div class='highlight highlight-source-sh'><pre>a": "bash",
    "<div class='highlight-python3 notranslate'><div class=highlight><pre>a": "python",
    "<div data-lang=Go><pre>a": "go",
    "<pre class=language-text>a": None,
    "<body class=lang-en><pre>a": None,
    "<div class=lang-en><p>One.<p>Two.<p>Three.<p>Four.<p>Five.<pre>six</pre>": None,
}


@pytest.mark.parametrize("page", LANGUAGES)
def test_code_has_its_language(page: str) -> None:
    """By the classes and attributes of highlighters, on the code or right around it."""
    (mark,) = extracted(page).to_pylist()[0]["structure"]
    assert (mark["kind"], mark["value"]) == ("code", LANGUAGES[page])


ELEMENTS = ("p", "div", "h1", "h3", "ul", "ol", "li", "dl", "dt", "dd", "blockquote", "pre", "table", "tr", "td", "th")
PARTS = ("caption", "figure", "figcaption", "details", "summary", "a href=x", "b", "i", "sup", "sub", "code", "section")
TAGS = st.sampled_from(
    [*(f"<{name}>" for name in ELEMENTS + PARTS), *(f"</{name.split()[0]}>" for name in ELEMENTS + PARTS)]
)
TEXTS = st.sampled_from(
    ["a", " b ", "e\u0301", "\u0301", "2", "word\u200b", "\n", "漢", "ក\u200b", "<br>", "&amp;", IMAGE, MATH]
)
PAGES = st.lists(TAGS | TEXTS, max_size=40).map("".join)


@settings(max_examples=300)
@given(PAGES)
def test_marks_of_any_page_are_a_tree_over_the_same_text(page: str) -> None:
    """Structure changes nothing else, and every form of a text can be made of it."""
    with_marks, without = extracted(page), extracted(page, structure=False)
    names = [name for name in without.schema.names if name != "structure"]
    assert with_marks.select(names).equals(without.select(names))
    for row in with_marks.to_pylist():
        tree(row["text"], row["structure"])
    for form in ("plain", "markdown", "html"):
        render(with_marks["text"], with_marks["structure"], form)  # type: ignore[arg-type]


@pytest.mark.parametrize("case", sorted(CASES))
def test_hostile_pages_have_marks(case: str) -> None:
    """They end, and their marks are a tree."""
    page = hostile_page(case, 100_000).decode("utf-8", "replace")
    row = extracted(page).to_pylist()[0]
    tree(row["text"], row["structure"])


@pytest.mark.slow
def test_marks_of_true_pages_are_a_tree_over_the_same_text(corpus: Path) -> None:
    """As above, on real pages."""
    from tools.extractor.pages import read

    pages = [page.html for page in read(corpus / "pages")[::7]]
    with_marks, without = extracted(*pages), extracted(*pages, structure=False)
    assert with_marks["text"].equals(without["text"])
    for row in with_marks.to_pylist():
        tree(row["text"], row["structure"])


def test_links_are_marks_only_if_they_are_asked_for() -> None:
    """Without link marks, the marks inside links remain and the text is the same."""
    page, url = pa.array(["<p>a <a href=/x><b>b</b></a>"]), pa.array(["https://example.org/"])
    rows = [main_texts(page, url, "recall", structure=True, links=links).to_pylist()[0] for links in (True, False)]
    assert rows[0]["text"] == rows[1]["text"]
    kinds = [[(mark["depth"], mark["kind"]) for mark in row["structure"]] for row in rows]
    assert kinds == [[(0, "link"), (1, "strong")], [(0, "strong")]]
