"""Headings: kept with their sections, without what programs add to them."""

from __future__ import annotations

import pyarrow as pa
import pytest

from refinery.kernels import HAS_EXTRACTOR, main_texts, render

if not HAS_EXTRACTOR:
    pytest.skip("the native kernels are not built", allow_module_level=True)

SAID = "The committee met on Tuesday to discuss the bridge, and it was agreed that work would begin in the spring."
OTHER = "I have lived next to it for thirty years, and nobody has ever asked me what I think of the new one, or of it."


def extracted(page: str) -> tuple[str, str]:
    """The main text of a page and its Markdown."""
    row = main_texts(pa.array([page]), pa.array(["https://example.org/a"]), structure=True)
    return str(row["text"][0]), str(render(row["text"], row["structure"], "markdown")[0])


def page_of(heading: str, before: str = f"<p>{SAID}</p>") -> str:
    """A page with a heading, before a text and behind another."""
    top = "<nav><a href=/>Home</a> <a href=/b>Blog</a></nav>"
    return f"<body>{top}<div>{before}{heading}<p>{OTHER}</p><p>{SAID[:60]}, one said.</p></div><footer>Contact</footer>"


@pytest.mark.parametrize("level", range(1, 7))
@pytest.mark.parametrize("word", ["Login", "Share", "Tags", "Register", "1", "Advertisement", "Comments", "Types"])
def test_a_heading_is_kept_with_its_section(word: str, level: int) -> None:
    """Whatever its words are, and if it is a link."""
    heading = f"<h{level}><a href=/x>{word}</a></h{level}>"
    assert f"\n{word}\n" in extracted(page_of(heading))[0]


def test_a_heading_is_kept_with_a_section_within_its_own() -> None:
    """Of headings one after the other, and behind a line that is left out."""
    found = extracted(page_of("<h2>Tags</h2><h3>Share</h3><p><a href=/m>Mail</a></p><h4>Login</h4>"))[0]
    assert "Tags\nShare\n" in found
    assert "\nLogin\n" in found


ADDED = {
    "a pilcrow": 'Tides<a class="headerlink" href="#tides">¶</a>',
    "a hash before": '<a class="header-anchor" href="#tides">#</a> Tides',
    "a sign behind": 'Tides <a href="#tides" title="Permalink">\uf0c1</a>',
    "a picture with a variant": 'Tides <a href="#tides">🔗\ufe0f</a>',
    "a pilcrow in a wrong charset": 'Tides<a href="#tides">Â¶</a>',
    "in bold": '<b><a href="#tides">§</a> Tides</b>',
    "an edit link": 'Tides<span class="mw-editsection">[<a href="/e?section=1">edit</a>]</span>',
    "an old edit link": '<span class="editsection"><a href="/e?section=1">Edit</a></span> Tides',
    "a formula's place": '<a href="#tides">#<img src="l.png" alt="x"></a> Tides',
}


@pytest.mark.parametrize("heading", ADDED.values(), ids=ADDED.keys())
def test_what_programs_add_to_a_heading_is_left_out(heading: str) -> None:
    """Of the text and of Markdown."""
    plain, markdown = extracted(page_of(f"<h2>{heading}</h2>"))
    assert "\nTides\n" in plain
    assert "\n## Tides\n" in markdown or "\n## **Tides**\n" in markdown


KEPT = {
    "C#": "<a href=/c>C#</a>",
    "A #1": 'A <a href="#1">#1</a>',
    "operator !": "operator <a href=/n>!</a>",
    "f()": "f<a href=/f>()</a>",
    "Who pays?": "<button>Who pays?</button>",
    "I edit it": "I <a href=/e>edit</a> it",
    "九 lives": "<a href=/9>九</a> lives",
}


@pytest.mark.parametrize(("text", "heading"), KEPT.items(), ids=KEPT.keys())
def test_other_text_of_a_heading_is_kept(text: str, heading: str) -> None:
    """Signs of names, and what a button opens."""
    assert f"\n{text}\n" in extracted(page_of(f"<h2>{heading}</h2>"))[0]


def test_words_beside_an_addition_stay_apart() -> None:
    """Where a space stood before it."""
    assert "\nHigh tides\n" in extracted(page_of('<h2>High <a href="#h">#</a>tides</h2>'))[0]


def test_signs_outside_of_headings_are_kept() -> None:
    """As text of the page."""
    assert "¶ of" in extracted(page_of(f'<p>See <a href="#p">¶</a> of {SAID}</p>'))[0]
