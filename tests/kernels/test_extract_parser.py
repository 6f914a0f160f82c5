"""The native extractor's tree against that of lexbor (in resiliparse), which is a parser of the HTML standard: the same text in the same order.

White space and characters that nobody sees do not count, nor do elements that are dropped with what is in them.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings, strategies as st
from resiliparse.parse.html import DOMNode, HTMLTree, NodeType

from refinery.kernels import HAS_EXTRACTOR
from refinery.stages.warc import Warc
from refinery.store import store_for

if not HAS_EXTRACTOR:
    pytest.skip("the native kernels are not built", allow_module_level=True)

from refinery.kernels.native_extract import extractor

CUTTER = extractor(None)
DROPPED = frozenset(
    [
        "script",
        "style",
        "template",
        "iframe",
        "noembed",
        "noframes",
        "object",
        "embed",
        "svg",
        "canvas",
        "map",
        "audio",
        "video",
        "select",
        "option",
        "optgroup",
        "textarea",
        "input",
        "link",
        "meta",
        "math",
        "datalist",
        "dialog",
        "title",
    ]
)
_FORMATS = "".join(chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in {"Cc", "Cf"})
_UNSEEN = re.compile(rf"[\s{re.escape(_FORMATS)}\u034f\ufffe\uffff]+")

NESTED = [
    "p",
    "div",
    "b",
    "i",
    "a",
    "span",
    "ul",
    "li",
    "dl",
    "dt",
    "dd",
    "h1",
    "h2",
    "pre",
    "blockquote",
    "form",
    "button",
]
TAGS = st.sampled_from([f"<{slash}{name}>" for name in NESTED for slash in ("", "", "/")])
SOUP = st.lists(TAGS | st.sampled_from(["x", "y", "<br>", "<!--c-->", "</ x>", "&amp;", "<hr>"]), max_size=30)


def ours(page: str) -> str:
    """The text of our blocks, in their order."""
    return visible("".join(CUTTER.blocks(page, "")[0]))


def lexbors(page: str) -> str:
    """The text of lexbor's tree in document order."""
    found: list[str] = []
    stack: list[DOMNode] = [HTMLTree.parse(page).document]
    while stack:
        node = stack.pop()
        if node.type == NodeType.TEXT:
            found.append(node.value or "")
        elif node.type == NodeType.DOCUMENT or (node.type == NodeType.ELEMENT and node.tag not in DROPPED):
            stack.extend(reversed(node.child_nodes))
    return visible("".join(found))


def visible(text: str) -> str:
    """Characters that are seen."""
    return _UNSEEN.sub("", text)


@pytest.mark.parametrize(
    "page",
    [
        "<p>a<table><tr><td>b<p>c</tr><tr><td>d<th>e</table>f",
        "<b>a<p>b</b>c</p>d",
        "<a href=1>a<div>b<a href=2>c</div>d</a>e",
        "<ul><li>a<p>b<li>c</ul></li>d",
        "<body>a</body></html>b<p>c",
        "<head><title>t</title>a<p>b",
        "<noscript><img><p>a</noscript>b",
        "<select><option>a<p>b</select>c",
        "<textarea><p>a</textarea>b<title>c</title>d",
        "<script>a<!--<script>b</script>c--></script>d",
        "<svg><desc><p>a</p></desc></svg>b<svg><title>c</title></svg>d",
        "<math><mi>a</mi><annotation-xml encoding='text/html'><p>b</p></annotation-xml></math>c",
        "<plaintext>a</plaintext><p>b",
        "<button>a<button>b</button>c<form>d<form>e</form>f",
        "<h1>a<h2>b</h1>c<dl><dt>d<dd>e<dt>f</dl>g",
        "<!-->a<!--->b<!--c--!>d<!-- e --!x>f-->g",
        "<p title='>'>a<p title=\"<b>\">b<p title=x>y>c< d</ e><5>f<a<b>g",
        "<image>a</image><br/>b</br>c</p>d",
        "<svg><title/><path/></svg>a<svg><script/><style/></svg>b<svg><desc/><iframe/><textarea/></svg>c",
        "<svg><script href='x' /><p>a",
        "<p>a<svg><path></p>b<math><mrow></br>c<svg><g><ruby>d<svg><var>e",
        "<select><option>a<input>b<select><option>c<select>d",
        "<template><p>a</p></template><p>b",
        "<head><template><div><template>a</template>b</div></template><title>c</title></head>d",
    ],
)
def test_pages_that_parsers_differ_on(page: str) -> None:
    """Misnested, unclosed and foreign elements leave the text that the standard's algorithm leaves."""
    assert ours(page) == lexbors(page)


@pytest.mark.parametrize("mode", ["open", "closed", "OPEN"])
def test_what_is_in_a_shadow_root_is_shown(mode: str) -> None:
    """Browsers take a page's shadow roots for what is in their hosts; other templates, in them too, are no text."""
    root = f"<template shadowrootmode={mode}>"
    page = f"a<x-y>{root}b<template>c</template><x-z>{root}d</template></x-z>e</template>f</x-y>g"
    assert ours(page) == "abdefg"
    assert ours(f"<template>{page}</template>h") == "h"
    assert ours(page.replace("shadowrootmode", "shadowroot")) == "afg"
    assert ours(page.replace(mode, "other")) == "afg"


def test_in_xml_any_element_may_close_itself() -> None:
    """The extractor knows XML by its declaration only: elsewhere a tag of HTML is one, as for lexbor."""
    page = (
        "<html><head><title/><script src='a'/><style/></head><body><p>a</p><iframe src='b'/><textarea/>b</body></html>"
    )
    assert ours(f"<?xml version='1.0'?>\n{page}") == "ab"
    assert ours(page) == lexbors(page) == ""


def test_text_between_cells_stays_in_its_place() -> None:
    """The standard moves it before the table, out of its context; here it is where its author put it."""
    page = "<p>a</p><table><tr><td>b</td>c<td>d</td></tr></table>e"
    assert (ours(page), lexbors(page)) == ("abcde", "acbde")


@given(SOUP.map("".join))
@settings(max_examples=500)
@example("<p><button></p>x")
def test_soup(page: str) -> None:
    """Elements that are opened and closed in any order leave the same text, but for buttons in code."""
    assume("<pre>" not in page or "<button>" not in page)
    assert ours(page) == lexbors(page)


@pytest.mark.slow
def test_real_pages(corpus: Path) -> None:
    """On real pages too, but for what the standard moves out of tables."""
    batches = Warc().read(str(corpus / "pages" / "dev-00001.warc.gz"), store_for(str(corpus)))
    pages = [html for html in next(iter(batches)).columns["html"].to_pylist() if html][:20]
    different = [page for page in pages if ours(page) != lexbors(page)]
    assert len(different) <= 1
