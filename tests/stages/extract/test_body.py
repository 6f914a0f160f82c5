"""Marks over trafilatura's plain text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pyarrow as pa
import pytest
import trafilatura
from hypothesis import given, strategies as st
from lxml.etree import fromstring  # type: ignore[import-untyped]  # it has no stubs

from refinery.kernels import MARKS, render
from refinery.stages._extract.body import marks_of
from refinery.stages._extract.engines import trafilatura as engine

PROSE = "The committee met on Tuesday to discuss the bridge, and it was agreed that work would begin in the spring. "

PAGE = f"""<html><body><article><h1>Bridge &amp; road</h1><p>{PROSE * 3}</p><h3>Agenda</h3>
<ol><li>The <b>first</b> item<ul><li>of two</li><li>of two | more</li></ul></li><li>The second item</li></ol>
<pre><code>def f(x):
    return x * 2</code></pre>
<table><tr><th>Name</th><th>Size</th></tr><tr><td>a | b</td><td></td></tr><tr><td>c</td><td>2</td></tr></table>
<p>It is \\(a_1 + b\\), and $x^2$ costs $5 or $6.</p><blockquote>A quote of some words.</blockquote>
<p>{PROSE}</p></article></body></html>"""


def found(page: str, **options: Any) -> tuple[str, list[dict[str, Any]] | None]:
    """Text and marks of a page."""
    run = engine(**{"favour": "balance", "comments": "auto", "structure": True, **options})
    made = run(page)
    return made if isinstance(made, tuple) else (made, None)


def rendered(page: str, form: Literal["markdown", "html"] = "markdown") -> str:
    """A page in another form."""
    text, marks = found(page)
    made: str = render(pa.array([text]), pa.array([marks], MARKS), form)[0].as_py()
    return made


def covered(text: str, marks: list[dict[str, Any]], kind: str) -> list[str]:
    """Return the texts that marks of a kind cover."""
    return [text.encode()[mark["start"] : mark["end"]].decode() for mark in marks if mark["kind"] == kind]


def test_the_text_is_that_without_structure() -> None:
    """To the byte, whatever the marks."""
    assert found(PAGE)[0] == trafilatura.extract(PAGE, include_comments=False)
    assert found(PAGE, structure=False) == (found(PAGE)[0], None)


def test_marks_are_those_of_trafilaturas_tree() -> None:
    """Headings with levels, lists in lists, code with its indentation, tables with headers, and formulas."""
    text, marks = found(PAGE)
    assert marks is not None
    assert [(mark["kind"], mark["number"]) for mark in marks if mark["kind"] in ("heading", "list", "table")] == [
        ("heading", 1),
        ("heading", 3),
        ("list", 1),
        ("list", None),
        ("table", 1),
    ]
    assert covered(text, marks, "code") == ["def f(x):\n    return x * 2"]
    assert covered(text, marks, "cell") == ["Name", "Size", "a \\| b", "", "c", "2"]
    assert covered(text, marks, "strong") == ["first"]
    assert covered(text, marks, "formula") == ["\\(a_1 + b\\)", "$x^2$"]
    assert [mark["value"] for mark in marks if mark["kind"] == "formula"] == ["a_1 + b", "x^2"]
    assert covered(text, marks, "quote") == ["A quote of some words."]


def test_other_forms_have_no_signs_of_the_plain_text() -> None:
    """Dashes of items and bars of tables are written once, as the form has them."""
    markdown = rendered(PAGE)
    assert "1. The **first** item\n   - of two\n   - of two | more\n2. The second item" in markdown
    assert "| Name | Size |\n| --- | --- |\n" in markdown
    assert "| c | 2 |" in markdown
    assert "```\ndef f(x):\n    return x * 2\n```" in markdown
    assert "$a_1 + b$" in markdown
    html = rendered(PAGE, "html")
    assert "<td>c</td><td>2</td>" in html
    assert "---" not in html


@pytest.mark.parametrize("change", [lambda text: text + " more", lambda text: text[:-9], lambda text: "x" + text])
def test_a_text_that_is_not_the_trees_has_no_marks(change: Callable[[str], str]) -> None:
    """None rather than wrong ones."""
    tree = fromstring("<body><head rend='h2'>A heading</head><p>And text, some more of it</p></body>")
    assert marks_of([tree], "A heading\nAnd text, some more of it")
    assert marks_of([tree], change("A heading\nAnd text, some more of it")) is None


TAGS = st.sampled_from(["p", "head", "list", "item", "table", "row", "cell", "code", "quote", "hi", "lb", "graphic"])
TEXTS = st.none() | st.sampled_from(["a", " b ", "é\n  日", "- ", "|", "$x^2$", "1 < 2", "\u200b", " "])


@st.composite
def trees(draw: st.DrawFn, depth: int = 3) -> Any:
    """Arbitrary trees of trafilatura's elements."""
    element = fromstring("<x/>")
    element.tag, element.text, element.tail = draw(TAGS), draw(TEXTS), draw(TEXTS)
    element.set("rend", draw(st.sampled_from(["ol", "h2", "#b", "dl", "dt-1", ""])))
    for child in draw(st.lists(trees(depth - 1), max_size=3)) if depth else ():
        element.append(child)
    return element


@given(st.lists(trees(), max_size=4))
def test_marks_are_a_tree_over_the_text(children: list[Any]) -> None:
    """Of any tree whose text trafilatura writes as we read it; else there are none."""
    body = fromstring("<body/>")
    body.extend(children)
    text = trafilatura.xml.xmltotxt(body, include_formatting=False)
    marks = marks_of([body], text)
    if marks is not None:
        assert render(pa.array([text]), pa.array([marks], MARKS), "plain")[0].as_py() == text
        render(pa.array([text]), pa.array([marks], MARKS), "markdown")
