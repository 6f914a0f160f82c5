"""The native extractor: what a page's blocks and texts are, for any page."""

from __future__ import annotations

import re
import unicodedata
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st
from resiliparse.parse.html import DOMNode, HTMLTree, NodeType
from warcio.archiveiterator import ArchiveIterator

native_extract = pytest.importorskip("refinery.kernels.native_extract", reason="the native kernels are not built")

PROSE = "The committee met on Tuesday to discuss the bridge, and it was agreed that work would begin in the spring. "
ARTICLE = f"<main><h1>A bridge</h1><article class=post><p>{PROSE * 2}</p><p>{PROSE * 3}</p></article></main>"
TAGS = re.findall(
    r"\S+", "p div a b i span li ul td tr table h1 br pre noscript script style svg title select option form body q-x"
)
DROPPED = frozenset(
    re.findall(
        r"\S+",
        "script style template iframe noembed noframes object embed svg canvas map audio video select option optgroup textarea "
        "input link meta math datalist dialog title",
    )
)
INVISIBLE = re.compile(
    r"[\0-\x1f\x7f-\x9f\xad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\s]"
)

markup = st.lists(
    st.one_of(
        st.sampled_from([f"<{tag}>" for tag in TAGS] + [f"</{tag}>" for tag in TAGS]),
        st.sampled_from(
            ["<", "</", "<!--", "-->", "<!", "&", "&amp", "&#x", "&#0;", "<p class='", "'>", " a=", "\0", "\n", "]]>"]
        ),
        st.text(max_size=8),
    ),
    max_size=40,
).map("".join)


def texts(*pages: str | None) -> list[str]:
    """The main texts of pages."""
    urls = pa.array(["https://example.org/a"] * len(pages), pa.string())
    found: list[str] = native_extract.main_texts(pa.array(pages, pa.string()), urls)["text"].to_pylist()
    return found


def blocks(page: str) -> list[str]:
    """The texts of all blocks of a page."""
    found: list[str] = native_extract.extractor(None).blocks(page, "")[0]
    return found


@given(markup)
def test_any_page_has_a_clean_text(page: str) -> None:
    """Normalised, without characters that are not shown, blanks at the ends of lines, or blank ends."""
    (text,) = texts(page)
    assert text == unicodedata.normalize("NFC", text)
    assert not re.search(r"[\0-\x09\x0b-\x1f\x7f-\x9f\xad\u200b\ufeff]|[ \t]\n|[ \n]\Z", text)


@given(markup, markup)
def test_a_page_has_the_same_text_in_any_company(page: str, other: str) -> None:
    """Nothing of a page is seen in the next one."""
    assert texts(other, page, None, page)[1:] == [*texts(page), "", *texts(page)]


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<p>one<p>two<li>three<li>four", ["one", "two", "three", "four"]),
        ("a<br>b<br><br>c", ["a\nb", "c"]),
        ("<table><tr><td>a<td>b<tr><th>c</table>d", ["a", "b", "c", "d"]),
        ("<b>bo<i>th</b>i</i>", ["bothi"]),
        ("<pre>\nx\n  y</pre>", ["x\n  y"]),
        ("<script>if (a<b) '<p>no'</script>yes<style>p{}</style>", ["yes"]),
        ("<script><!--<script></script>no</script>yes", ["yes"]),
        ("a<!-- <p>no --!>b<!-->c<![CDATA[no]]>d<?no>e</ no>f", ["abcdef"]),
        ("<svg><p>out</p></svg><svg><path/><text>no</svg>in", ["out", "in"]),
        ("&lt;&copy&notit;&#x80;&#8217;&nbsp;&bogus;&amp;amp;", ["<©¬it;€’ &bogus;&amp;"]),
        ("soft\u00adhyphen zero\u200bwidth", ["softhyphen zerowidth"]),
        ("1 < 2 <", ["1 < 2 <"]),
        ("<noscript><p>kept</noscript>", ["kept"]),
        ("<title>no</title><textarea><p>no</textarea>yes", ["yes"]),
    ],
)
def test_a_page_is_cut_into_blocks(page: str, expected: list[str]) -> None:
    """As a browser would show it."""
    assert blocks(page) == expected


def shown(node: DOMNode) -> str:
    """The text of a tree, but for dropped elements."""
    found, stack = [], [node]
    while stack:
        node = stack.pop()
        if node.type == NodeType.TEXT:
            found.append(node.value or "")
        elif node.tag not in DROPPED:
            stack.extend(reversed(node.child_nodes))
    return "".join(found)


def plain(text: str) -> str:
    """The text without white space and what is not shown, raised and lowered digits as others."""
    return INVISIBLE.sub("", unicodedata.normalize("NFKC", text))


@pytest.mark.slow
def test_the_text_of_all_blocks_is_that_of_another_parser(corpus: Path) -> None:
    """Of lexbor, but for white space, the form of digits, signs behind headings and what is not shown, in the same order."""
    with open(corpus / "pages" / "dev-00001.warc.gz", "rb") as stream:
        responses = (record for record in ArchiveIterator(stream) if record.rec_type == "response")
        pages = [record.content_stream().read().decode("utf-8", "replace") for record in islice(responses, 40)]
    for page in pages:
        found, expected = plain("".join(blocks(page))), plain(shown(HTMLTree.parse(page).document))
        assert found.replace("¶", "") == expected.replace("¶", "")


CODE = "<pre>x = 1\n\n}</pre>"
DATA = "<table><tr><th>Name<th>Value<tr><td>e\u0301<td>2</table>"


def marked(body: str, **options: Any) -> list[tuple[str, str]]:
    """What is protected in the text of an article that ends so, and its kind."""
    page = ARTICLE.replace("</article>", f"{body}<p>{PROSE * 2}</p></article>")
    found = native_extract.main_texts(pa.array([page]), pa.array(["https://example.org/a"]), "recall", **options)
    data = found["text"][0].as_py().encode()
    return [(data[span["start"] : span["end"]].decode(), span["kind"]) for span in found["protected"][0].as_py()]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("", []),
        (CODE, [("x = 1\n\n}", "code")]),
        ("<div><code>x = 1</code></div><p>Call <code>f()</code> now, and it is done.</p>", [("x = 1", "code")]),
        (DATA, [("Name\nValue\n\u00e9\n2", "table")]),
        (f"<p>e\u0301 {PROSE}</p>{CODE}", [("x = 1\n\n}", "code")]),
        (f"<table><tr><td><p>{PROSE}</p><td><p>{PROSE}</p></table>", []),
    ],
)
def test_code_and_tables_of_data_are_protected(body: str, expected: list[tuple[str, str]]) -> None:
    """Whole blocks, by their bytes in the composed text; a table without headers may be the layout of the page."""
    assert marked(body) == expected


@pytest.mark.parametrize(
    "unit",
    [
        "<div>",
        "<b>x",
        "</p>",
        "</x>",
        "<",
        "&",
        "<!--",
        "<td>",
        "<svg>",
        "<p a=1 ",
        "<p>word",
        "<script><!--<script>",
        "<a><p></a>",
        "<sup>1",
        "<sub>x</sub>",
        "<span>A</span>",
        "<pre><i class=line>x ",
        "<table><th>",
    ],
)
def test_deep_and_broken_pages_end(unit: str) -> None:
    """A megabyte of anything ends, and leaves the next page alone."""
    page = unit * (1_000_000 // len(unit))
    assert texts(page, ARTICLE)[1] == texts(ARTICLE)[0]


def test_the_article_is_found_and_the_rest_is_not() -> None:
    """Menus and footers are left out, at any favour."""
    menu = "<nav><ul>" + "<li><a href=/x>Some page</a>" * 10 + "</ul></nav>"
    page = f"<body>{menu}{ARTICLE}<footer><a href=/>Imprint</a> © 2020</footer>"
    assert PROSE.strip() in texts(page)[0]
    assert "Some page" not in texts(page)[0]
    assert "Imprint" not in texts(page)[0]


def test_what_a_page_is_made_of_tells_its_kind() -> None:
    """An article, a product and a forum are distinguished; a page without text is of no kind."""
    menu = "<nav>" + "<a href=/a>Some page</a>" * 8 + "</nav><h1>A bridge</h1>"
    data = '<meta property=og:type content={}><script type=application/ld+json>{{"@type": "{}"}}</script>'
    article = data.format("article", "NewsArticle") + menu + f"<article>{f'<p>{PROSE * 3}' * 6}</article>"
    offers = "<li><img src=a><a href=/b>Other bridge</a><span class=price>$ 19.99</span>" * 12
    product = data.format("product", "Product") + menu + f"<p class=price>$ 19.99<p>{PROSE}<ul>{offers}</ul>"
    forum = menu + f"<div class=post><b class=author>A</b> <time>2020</time><div class=message>{PROSE}</div></div>" * 12
    urls = ["https://example.org/2020/01/a", "https://example.org/products/a", "https://example.org/forum/t/a/12", ""]
    found = native_extract.main_texts(pa.array([article, product, forum, "<p>"]), pa.array(urls))
    assert found["kind"].to_pylist() == ["article", "product", "forum", None]


@pytest.mark.parametrize("weights", [b"", b"refinery extractor 2\n", b"refinery extractor 2\n" + b"\0" * 100])
def test_unfit_weights_are_refused(weights: bytes) -> None:
    """With a reason, before any page is read."""
    with pytest.raises(ValueError, match="weights"):
        native_extract.extractor(weights)


def test_pages_and_urls_go_together() -> None:
    """Columns of different lengths are an error."""
    with pytest.raises(ValueError, match="1 pages, but 0 urls"):
        native_extract.main_texts(pa.array(["x"]), pa.array([], pa.string()))
