"""Pages that break extractors, each with a size: the same bytes for the same name and size, everywhere.

A case is a function of the size in bytes that gives a page of about that size. To add one, add a line to ``CASES``.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

TAGS = re.findall(
    r"\S+",
    "p div a b i span ul li table tr td h1 h2 pre br img form select option noscript template svg math title "
    "textarea script style xmp dl dt dd button body html head main article x-y iframe",
)
Case = Callable[[int], bytes]

PROSE = "The committee met on Tuesday to discuss the bridge, and it was agreed that work would begin in the spring. "
ALPHABET = "abcdefghijklmnopqrstuvwxyz"


def hostile_page(name: str, size: int) -> bytes:
    """The page of the case ``name``, of about ``size`` bytes. Raises ``KeyError`` for a case that is not there."""
    return CASES[name](size)


def flood(unit: str | bytes, before: str = "", after: str = "") -> Case:
    """The unit over and over."""
    one = unit.encode() if isinstance(unit, str) else unit
    return lambda size: before.encode() + one * max(1, size // len(one)) + after.encode()


def nested(opens: str, inside: str = "x", closes: str = "") -> Case:
    """As many open as there are closed."""

    def page(size: int) -> bytes:
        depth = max(1, size // (len(opens) + len(closes)))
        return (opens * depth + inside + closes * depth).encode()

    return page


def counted(unit: str, before: str = "", after: str = "") -> Case:
    """The unit over and over, with a number where it says ``{}``."""

    def page(size: int) -> bytes:
        units = range(max(1, size // (len(unit) + 4)))
        return (before + "".join(unit.replace("{}", str(n)) for n in units) + after).encode()

    return page


def below(opens: str, depth: int, unit: str) -> Case:
    """The unit over and over, all below elements that stay open."""
    return flood(unit, opens * depth)


def encoded(encoding: str, label: str = "", mark: bytes = b"") -> Case:
    """An article in one encoding, which names another."""
    head = f'<meta charset="{label}">' if label else ""
    text = f"{head}<article><p>Grüße, привет, 漢字. {PROSE}</p></article>"
    return lambda size: (
        mark + (text.encode(encoding, "replace") * max(1, size // len(text.encode(encoding, "replace"))))
    )


def noise(low: int, high: int) -> Case:
    """Random bytes between two."""
    return lambda size: bytes(low + byte % (high - low) for byte in random.Random(size).randbytes(size))  # noqa: S311


def soup(size: int) -> bytes:
    """Random tags, of any order, with random attributes and texts."""
    chance = random.Random(size)  # noqa: S311
    made, length = [], 0
    while length < size:
        tag = chance.choice(TAGS) if chance.random() < 0.999 else "plaintext"
        end = chance.choice(("", "", "/"))
        attribute = chance.choice(("", "", " class=a", ' id="b c"', " hidden", ' href="x'))
        made.append(f"<{end}{tag}{attribute}>{chance.choice(('', 'x', 'Some text, ', '&amp;', '<!--', '-->', '&#0;'))}")
        length += len(made[-1])
    return "".join(made).encode()


def distinct_names(size: int) -> bytes:
    """Elements whose classes nobody else has."""
    chance = random.Random(size)  # noqa: S311

    def word() -> str:
        return "".join(chance.choices(ALPHABET, k=6))

    return b"".join(f"<p class={word()}-{word()} id={word()}>{word()}".encode() for _ in range(max(1, size // 36)))


_DEEP = '<div class="' + "ab-cd " * 42 + '">'

_LINKED = '<script type="application/ld+json">'

CASES: dict[str, Case] = {
    "nested div": nested("<div>"),
    "nested div closed": nested("<div>", closes="</div>"),
    "nested div with text": nested("<div>x"),
    "nested span": nested("<span>", closes="</span>"),
    "nested b i a": nested("<b><i><a href=x>", closes="</a></i></b>"),
    "nested b i a crossed": nested("<b><i><a>", closes="</b></i></a>"),
    "nested tables": nested("<table><tr><td>", closes="</table>"),
    "nested lists": nested("<ul><li>", closes="</ul>"),
    "nested definitions": nested("<dl><dd>"),
    "nested forms": nested("<form><fieldset>"),
    "nested noscript": nested("<noscript>", closes="</noscript>"),
    "nested template": nested("<template>", closes="</template>"),
    "nested svg": nested("<svg><g>", closes="</g></svg>"),
    "nested math": nested("<math><mi>", closes="</mi></math>"),
    "nested svg in html": nested("<svg><foreignObject><div>", closes="</div></foreignObject></svg>"),
    "nested quotes with text": nested("<blockquote>word word", closes="</blockquote>"),
    "nested unknown": nested("<x-y>", closes="</x-y>"),
    "nested buttons": nested("<button>"),
    "nested names": nested(_DEEP),
    "names above paragraphs": below(_DEEP, 240, "<p>word"),
    "deep unknown ends": below("<x-y>", 240, "</x-z>"),
    "deep inline ends": below("<i>", 240, "</b><b>"),
    "deep list ends": below("<b>", 240, "<li></li>"),
    "deep formatting": below("<div><b>", 120, "</b>x"),
    "deep paragraphs": below("<div>", 240, "<p>x"),
    "deep mixture": below("<i><table><td><b>", 60, "</i></p></li>x"),
    "attributes": counted(" a{}=1", "<p", ">text"),
    "attributes without end": counted(" a{}=1", "<p"),
    "same attribute": flood(" class=a", "<p", ">text"),
    "attribute of a megabyte": flood("x", '<p class="', '">text'),
    "id of a megabyte": flood("ArticleBody", '<p id="', '">text'),
    "style of a megabyte": flood("none:", '<p style="', '">text'),
    "itemprop of a megabyte": flood("Text ", '<p itemprop="', '">text'),
    "class of a million names": counted("c{} ", '<p class="', '">text'),
    "class list each": flood('<p class="article-body post content">x'),
    "distinct names": distinct_names,
    "names that take turns": counted("<p class=c{}>x</p><p class=d>y</p>"),
    "long names that take turns": flood(f"<p class={'ab-' * 80}>x</p><p class={'cd-' * 80}>y</p>"),
    "attribute without quote end": flood("x<p>", '<p class="'),
    "links": counted('<a href="/page/{}">page {}</a> '),
    "links without text": flood("<a href=x></a>"),
    "links unclosed": flood("<a href=x>y"),
    "paragraphs": flood("<p>A paragraph of words.</p>"),
    "paragraphs of a letter": flood("<p>x"),
    "prose": flood(f"<p>{PROSE}"),
    "paragraphs never opened": flood("</p>"),
    "ends of all kinds": flood("</div></span></a></table></li></b></p></x>"),
    "unclosed everything": flood("<div><p><span><ul><li><b><a><table><tr><td>text"),
    "table rows": flood("<tr><td>1<td>2", "<table>"),
    "table cells": flood("<td>", "<table><tr>", "x"),
    "table spans": flood('<tr><td colspan="9007199254740992" rowspan="9007199254740992">x</td></tr>', "<table>"),
    "table text outside": flood("<tr>x</tr>y<td>z", "<table>"),
    "list items": flood("<li>x", "<ul>"),
    "options": flood("<option>x", "<select>"),
    "headings": flood("<h1>x<h2>y"),
    "line breaks": flood("<br>", "x"),
    "lines of a letter": flood("x<br>"),
    "empty lines": flood("x<br><br>"),
    "images": flood("<img src=x>", "", "x"),
    "elements without text": flood("<b></b>"),
    "inline alternating": flood("a<b>b</b>"),
    "one text": flood("word word, ", "<p>"),
    "one text without a space": flood("x", "<p>"),
    "one word of entities": flood("&amp;", "<p>"),
    "spaces": flood(" ", "<p>x", "y"),
    "lines": flood("x\n", "<p>"),
    "preformatted lines": flood("x\n", "<pre>"),
    "preformatted blanks": flood(" \n", "<pre>x", "y"),
    "preformatted tabs": flood("\t", "<pre>x", "y"),
    "preformatted breaks": flood("x <br>\n", "<pre>"),
    "NUL": flood("\0", "<p>x", "y"),
    "NUL in tags": flood("<\0p\0>x\0"),
    "surrogate references": flood("&#xD800;&#57343;", "<p>"),
    "references too large": flood("&#x110000;&#99999999999999999999;", "<p>"),
    "references of controls": flood("&#1;&#x81;&#x9f;&#127;x&#13;", "<p>"),
    "a long reference": flood("0", "<p>&#", "65;x"),
    "ampersands": flood("&", "<p>"),
    "almost references": flood("&notanentity&abcdef&ampx;", "<p>"),
    "references that grow": flood("&NotEqualTilde;&nvlt;&ngE;", "<p>"),
    "less-than": flood("<", "<p>"),
    "less-than a": flood("<a "),
    "less-than a without space": flood("<a"),
    "less-than slash": flood("</", "<p>"),
    "greater-than": flood(">", "<p>"),
    "comment starts": flood("<!--", "<p>x"),
    "comments": flood("<!---->x"),
    "comment with almost ends": flood("--!-->"[:4] + " >", "<!--"),
    "comment unterminated": flood("<p>text", "x<!--"),
    "declarations": flood("<!x>y"),
    "declaration starts": flood("<!", "x"),
    "instructions": flood("<?x>y"),
    "CDATA unterminated": flood("text ]] ", "<svg><![CDATA["),
    "script unterminated": flood("if (a < b) '</p>' ", "x<script>"),
    "script nested": flood("<script><!--<script>", "x<script>"),
    "script almost ended": flood("</scrip", "x<script>"),
    "scripts": flood("<script>x</script>", "x"),
    "style unterminated": flood("p { } ", "x<style>"),
    "textarea unterminated": flood("<p>x", "x<textarea>"),
    "title unterminated": flood("title ", "<title>"),
    "title of references": flood("&NotEqualTilde; ", "<title>", "</title>x"),
    "titles": flood("<title>x</title>"),
    "plaintext": flood("<p>x</plaintext>", "<plaintext>"),
    "xmp": flood("<xmp><p>x</xmp>"),
    "body and html again": flood("<html lang=x class=y><body id=z>"),
    "meta": flood('<meta name=description content="x">', "", "x"),
    "structured data": flood('{"a":[', '<script type="application/ld+json">', "</script>x"),
    "structured data of texts": flood('{"@type":"Article","text":"Some words, a sentence."},', _LINKED + "["),
    "structured data of one text": flood("A sentence of words. ", _LINKED + '{"text":"', '"}'),
    "structured data of objects": flood("{},", _LINKED + "["),
    "structured data nested": flood('{"text":', _LINKED),
    "structured data of escapes": flood("\\ud800\\n.", _LINKED + '{"text":"a', '"}'),
    "structured data of quotes": flood('"', _LINKED + '{"text":'),
    "states": flood(f'<script>window.a={{"text":"{PROSE * 5}"}}</script>', "<p>x"),
    "state of texts": flood(f'{{"text":"{PROSE}"}},', "<p>x<script>window.a=["),
    "state of texts that ends": counted(f'{{"text":"{PROSE} {{}}"}},', "<p>x<script>window.a=[", "0]</script>"),
    "state of names": counted('{"a{}":"b"},', '<script type="application/json">['),
    "state of values": counted("x{}=[];", "<script>"),
    "state of markup": flood("<div><b><p>x. ", '<script>a=["', '"]</script>'),
    "state of tags": flood("<", f'<script>a=["{PROSE}', '"]</script>'),
    "state of open tags": flood("<a", f'<script>a=["{PROSE}', '"]</script>'),
    "state of lines": flood("x. \\n", f'<script>a=["{PROSE}', '"]</script>'),
    "state of references": flood("&lt;p&gt;a. ", '<script>a=["', '"]</script>'),
    "many structured data": flood('<script type="application/ld+json">{"@type":"X"}</script>', "", "x"),
    "combining marks": flood("\u0301\u0327\u0323", "<p>e"),
    "combining marks in wrong order": flood("\u0301" * 40 + "\u0327" * 40, "<p>e"),
    "combining marks of three bytes": flood("\u1dfe\u20d2", "<p>e"),
    "combining marks by turns": flood("e" + "\u0301\u0323" * 20, "<p>"),
    "decomposed": flood("e\u0301\u0323", "<p>"),
    "grow in composition": flood("\u0958\U0001d160", "<p>"),
    "jamo": flood("\u1112\u1161\u11ab", "<p>"),
    "zero-width": flood("\u200b", "<p>x", "y"),
    "zero-width joiners": flood("\u200d", "<p>x", "y"),
    "zero-width between": flood("x\u200b\u00ad\ufeff", "<p>"),
    "bidi": flood("\u202e\u2066x\u2069\u202c", "<p>"),
    "unassigned": flood("\u0378\U000e0fff\ufdd0", "<p>"),
    "han": flood("漢", "<p>"),
    "no-break spaces": flood("\u00a0", "<p>x", "y"),
    "line separators": flood("x\u2028\u2029\u0085", "<p>"),
    "utf-16": encoded("utf-16-le"),
    "utf-16 with mark": encoded("utf-16-le", mark=b"\xff\xfe"),
    "utf-16 said to be utf-8": encoded("utf-16-be", "utf-8"),
    "utf-8 said to be utf-16": encoded("utf-8", "utf-16"),
    "latin said to be utf-8": encoded("latin-1", "utf-8"),
    "utf-8 said to be shift_jis": encoded("utf-8", "shift_jis"),
    "utf-7": encoded("utf-7", "utf-7"),
    "charset unknown": encoded("utf-8", "no-such-charset"),
    "random bytes": noise(0, 256),
    "random ascii": noise(32, 127),
    "random punctuation": noise(32, 64),
    "broken utf-8": flood(b"\xf0\x9f\xc3\xed\xa0\x80\xff", "<p>"),
    "soup": soup,
}
"""Every case by its name."""
