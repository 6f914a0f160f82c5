"""Laws of the text that the native extractor makes of pages: its lines, its characters, and what becomes of elements."""

from __future__ import annotations

import unicodedata

import pyarrow as pa
import pytest
from hypothesis import example, given, settings, strategies as st

from refinery.kernels import HAS_EXTRACTOR, main_texts

if not HAS_EXTRACTOR:
    pytest.skip("the native kernels are not built", allow_module_level=True)

from refinery.kernels.native_extract import BETAS, extractor

CUTTER = extractor(None)
JOINERS = "\u200c\u200d"

CUT = {
    "a block element is a line": ("<h1>One</h1><p>Two</p>three<div>four</div>five", ["One", "Two", "three", "four", "five"]),
    "inline elements do not part words": ("<p>a<span>b</span> <b> c </b>d<i>e</i></p>", ["ab c de"]),
    "white space is one blank": ("<p> a&nbsp; b\n\n\tc\u3000d\u2028e </p>", ["a b c d e"]),
    "br ends a line": ("<p>one<br>two <br/> three</p>", ["one\ntwo\nthree"]),
    "two br end a paragraph": ("<p>one<br><br>two<br>\n<br>&nbsp;<br>three</p>", ["one", "two", "three"]),
    "list items are lines": ("<ul><li>1<ul><li>1.1<li>1.2</ul>rest<li>2</ul>", ["1", "1.1", "1.2", "rest", "2"]),
    "terms and definitions are lines": ("<dl><dt>Term<dd>One<dd>Two<dt>Next<dd>Three</dl>", ["Term", "One", "Two", "Next", "Three"]),
    "cells are lines": ("<table><caption>C</caption><tr><th>a<th>b<tr><td>c<br>d<td>e</table>", ["C", "a", "b", "c\nd", "e"]),
    "cells of a table in a cell too": ("<table><tr><td>a<table><tr><td>b<td>c</table>d<td>e</table>", ["a", "b", "c", "d", "e"]),
    "pre keeps its lines and indentation": ("<pre>def f():\n    return 1\n\n\n\treturn 2</pre>", ["def f():\n    return 1\n\n\n    return 2"]),
    "pre keeps indentation by nbsp": ("<pre>a\n&nbsp;&nbsp;b&nbsp;\n\xa0\xa0c</pre>", ["a\n  b\n  c"]),
    "pre keeps lines by br": ("<pre>a <br>  b<br><br>c</pre>", ["a\n  b\n\nc"]),
    "pre has no blank first and last lines": ("<pre>\n  \n  a\n b \n\n  </pre>", ["  a\n b"]),
    "any newline ends a line of pre": ("<pre>a\r\nb\rc\nd&#13;e&#10;f</pre>", ["a\nb\nc\nd\ne\nf"]),
    "code in pre has its lines": ("<p>Call <code>f( a )</code>:</p><pre><code>f(\n  a\n)</code></pre>", ["Call f( a ):", "f(\n  a\n)"]),
    "code in a line has none": ("<p><code>a\n  b</code>", ["a b"]),
    "character references are decoded": ("<p>&lt;&amp;amp; &notin; &notit; &copy2 &#x41;&#66; &#128; &unknown;", ["<&amp; ∉ ¬it; ©2 AB € &unknown;"]),
    "references to no character are U+FFFD": ("<p>&#0;&#xD800;&#x110000;&#99999999999;", ["\ufffd" * 4]),
    "scripts, styles and forms' values are no text": ("<style>a{}</style><script>b<p></script><textarea>c</textarea><select><option>d</select>e", ["e"]),
    "noscript is text": ("<noscript><p>One</p>two</noscript><p>three", ["One", "two", "three"]),
    "svg and math are no text": ("<p>a<svg><text>b</text></svg>c<math><mi>x</mi></math>d", ["acd"]),
    "comments and declarations are no text": ("<!doctype html><p>a<!-- b <p> -->c<?d?>e<![CDATA[f]]>g", ["aceg"]),
    "unclosed elements end where they must": ("<p>a<p>b<div>c<p>d</div>e<li>f<li>g", ["a", "b", "c", "d", "e", "f", "g"]),
    "nobody sees these characters": ("<p>so\u00adft&shy; ze\u200bro\ufeff \u202ebidi\u202c \x07bell\x85 \U000e0041tag", ["soft zero bidi bell tag"]),
    "ends of words without spaces stay": ("<p>ຄວາມ\u200b\u200bພະ&#8203;ຍາ\u200b ຍາມ a\u200bb ខ្មែរ\u200b", ["ຄວາມ\u200bພະ\u200bຍາ ຍາມ ab ខ្មែរ"]),
    "joiners spell words": ("<p>می\u200cخواهم क्\u200dष &zwj;", ["می\u200cخواهم क्\u200dष \u200d"]),
    "ruby is in its line": ("<p><ruby>漢<rt>kan</rt></ruby>字", ["漢kan字"]),
    "raised digits and signs have forms of their own": ("<p>10<sup>6</sup>m<sup>-1</sup> x<sup>n</sup> Na<sup><b>+</b></sup>", ["10⁶m⁻¹ xⁿ Na⁺"]),
    "lowered ones too": ("<p>H<sub>2</sub>O x<sub>n+1</sub> <sub>0</sub>", ["H₂O x_(n+1) ₀"]),
    "raised letters are part of the word": ("<p>1<sup>st</sup> M<sup>me</sup> Name<sup>TM</sup>", ["1st Mme Name™"]),
    "letters in an exponent are parted": ("<p>2<sup>2k</sup> V<sub>max</sub> Smith<sup>1,*</sup>", ["2^(2k) V_max Smith 1,*"]),
    "notes are as they are": ("<p>word<sup>[1]</sup> word<sup>12</sup>, word<sup>1, 2</sup>", ["word[1] word¹², word¹, ²"]),
    "a capital or a digit begins a word in an element": ("<p>Pages<span>240</span>Pages <a>Home</a><a>News</a>", ["Pages 240 Pages Home News"]),
    "small letters go on with one": ("<p>pro<span>ducts</span> 3<span>rd</span> <span>T</span><span>IME</span>", ["products 3rd TIME"]),
    "capitals in bold go on with one": ("<p>My<b>SQL</b> <b>Y</b>ou <i>M</i><b>C</b>", ["MySQL You MC"]),
    "a sentence ends with its element, a name does not": ("<p><span>The end.</span><span>Next</span> <i>json.</i><a>Decoder</a>", ["The end. Next json.Decoder"]),
    "an image parts words": ("<p>one<img>two<wbr>three", ["one twothree"]),
    "code elements are apart": ("<p><code>a = 1</code><code>b = 2</code>", ["a = 1 b = 2"]),
    "code elements in pre are lines": ("<pre><code>a = 1</code><code>b = 2</code></pre>", ["a = 1\nb = 2"]),
    "elements that are called lines are lines": (
        "<pre><span class=line>a = 1</span><span class='x line'>b = 2</span>\n<i class=code-line>c</i></pre>",
        ["a = 1\nb = 2\nc"],
    ),
    "nothing": ("", []),
    "only blanks": ("<p> &nbsp; </p>\u3000<div>\u200b</div>", []),
}  # fmt: skip

PARTED = {
    "paragraphs": ("<h1>A</h1><p>B</p><p>C<br>D</p><pre>E\n\nF</pre>", "A||B||C|D||E||F"),
    "items of a list are lines": ("<p>A</p><ul><li>B<li><a>C</a><li><div>D</div></ul><p>E", "A||B|C|D||E"),
    "lists in lists are one": ("<ol><li>A<ul><li>B<li>C</ul><li>D</ol><p>E", "A|B|C|D||E"),
    "lists side by side are two": ("<ul><li>A<li>B</ul><ul><li>C</ul>", "A|B||C"),
    "items of paragraphs are paragraphs": ("<ul><li><p>A<p>B<li>C</ul>", "A||B||C"),
    "definitions": ("<dl><dt>A<dd>B<div><dt>C<dd>D</div></dl>E", "A|B|C|D||E"),
    "cells": ("<table><caption>A</caption><tr><th>B<th>C<tr><td>D<td><p>E</p></table>F", "A|B|C|D|E||F"),
    "a table for layout": ("<table><tr><td><p>A<p>B</table>", "A||B"),
    "an item of no list": ("<li>A<li>B", "A||B"),
}  # fmt: skip

PIECES = [
    *("<p>", "</p>", "<div>", "</div>", "<pre>", "</pre>", "<br>", "<b>", "</b>", "<a href=x>", "</a>", "<li>", "<ul>", "</ul>"),
    *("<table>", "</table>", "<tr>", "<td>", "<noscript>", "</noscript>", "<textarea>", "<title>", "<script>", "</script>", "<svg>"),
    *("<sup>", "</sup>", "<sub>", "</sub>", "<span>", "</span>", "<code>", "</code>", "<img>", "<i class=line>", "A", "6", "."),
    *("<!--", "-->", "<", ">", "&", "&amp;", "&nbsp;", "&#13;", "&#10;", "&shy;", "&#x9f;", "&zwnj;", "&#x301;", "</"),
    *("a", "é", "e", "\u0301", "\u1100", "\u1161", "日本", "word word", "\u00ad", "\u200b", "\ufeff", "\u202e", "\x00", "\x1f"),
    *("\x7f", "\x85", "\u2028", "\u3000", "\ufffe", "\U000e0001", " ", "\t", "\n", "\r", "\r\n", "\x0c", "\u0378"),
]  # fmt: skip
PAGES = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)


def blocks(page: str) -> list[str]:
    """The texts of a page's blocks."""
    return CUTTER.blocks(page, "")[0]


@pytest.mark.parametrize("law", CUT)
def test_elements_become_lines(law: str) -> None:
    """What a page of a kind is cut into."""
    page, expected = CUT[law]
    assert blocks(page) == expected


@pytest.mark.parametrize("law", PARTED)
def test_blank_lines_part_paragraphs(law: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where they are asked for, and not within lists and tables; no word depends on it."""
    monkeypatch.setitem(BETAS, "recall", 1e6)  # all blocks are kept
    page, expected = PARTED[law]
    texts = [
        main_texts(pa.array([page]), pa.array([""]), "recall", paragraphs=parted)["text"][0].as_py()
        for parted in (True, False)
    ]
    assert texts[0].replace("\n", "|") == expected
    assert texts[0].split() == texts[1].split()


@given(PAGES)
@settings(max_examples=400)
@example("<pre>a\n \u0378\n\n</pre>")
def test_blocks_are_clean(page: str) -> None:
    """No block is empty, has blanks at the ends of lines, newlines around it, or a character that nobody sees."""
    for text in blocks(page):
        assert text.strip()
        assert text == text.strip("\n")
        for line in text.split("\n"):
            assert line == line.rstrip(" ")
            assert not [
                c for c in line if c not in " " + JOINERS and (c.isspace() or unicodedata.category(c) in {"Cc", "Cf"})
            ]


@given(PAGES)
@settings(max_examples=200)
def test_only_preformatted_text_has_empty_lines(page: str) -> None:
    """A block of other text has single blanks and no empty lines."""
    for text in blocks(page.replace("<pre>", "")):
        assert "\n\n" not in text
        assert "  " not in text
        assert text == text.strip()


@given(st.lists(PAGES, max_size=6))
@settings(max_examples=100)
def test_main_text_is_composed_blocks(pages: list[str]) -> None:
    """The text of a page is in NFC and consists of blocks, in their order; each page has its own, whatever the others."""
    found = main_texts(pa.array(pages, pa.string()), pa.array([""] * len(pages), pa.string()))
    found.validate(full=True)
    for page, text in zip(pages, found["text"].to_pylist(), strict=True):
        assert unicodedata.is_normalized("NFC", text)
        rest = iter([unicodedata.normalize("NFC", line) for block in blocks(page) for line in block.split("\n")])
        assert all(line in rest for line in text.split("\n")) or not text
        assert main_texts(pa.array([page]), pa.array([""]))["text"][0].as_py() == text


def test_decomposed_text_is_composed() -> None:
    """A page in a decomposed script has the text that its composed twin has."""
    page = f"<article><p>{'Tiếng Việt có dấu, và 한국어 문장도 있다. ' * 8}</p></article>"
    pages = pa.array([page, unicodedata.normalize("NFD", page)])
    texts = main_texts(pages, pa.array(["", ""]))["text"].to_pylist()
    assert texts[0]
    assert texts[0] == texts[1]


def test_nulls_and_slices() -> None:
    """A null page has an empty text; a slice of an array is its rows."""
    page = f"<p>{'A sentence of some length, and another one. ' * 5}"
    pages, urls = pa.array(["<p>x", None, page, "<p>y"]), pa.array([None, "http://a/", None, None], pa.string())
    whole = main_texts(pages, urls)
    assert whole["text"][1].as_py() == ""
    assert main_texts(pages.slice(1, 2), urls.slice(1, 2)).equals(whole.slice(1, 2))


def test_a_page_in_bytes_that_are_no_text_is_refused() -> None:
    """Bytes that are not UTF-8 are an error, not a crash."""
    broken = pa.array([b"<p>\xff"], pa.binary()).view(pa.string())
    with pytest.raises(ValueError, match="utf-8"):
        main_texts(broken, pa.array([""]))
