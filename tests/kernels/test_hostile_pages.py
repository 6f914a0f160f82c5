"""The native extractor on pages made to break it: each ends with a clean text, and costs no more than its size allows."""

from __future__ import annotations

import re
import sys
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from refinery.kernels import decoded
from tools.bench.hostile import MOST_BYTES, costs
from tools.hostile import CASES, hostile_page

native_extract = pytest.importorskip("refinery.kernels.native_extract", reason="the native kernels are not built")

NOT_SHOWN = re.compile(r"[\0-\x09\x0b-\x1f\x7f-\x9f\xad\u200b\u2028\u2029\ufeff]|[ \t]\n|\s\Z|\A\n")
SMALL = 20_000

names = st.sampled_from(
    re.findall(
        r"\S+",
        "p div a b i span ul ol li table tr td th h1 h6 br hr pre img form select option button noscript template svg math desc "
        "title sup sub code textarea script style xmp plaintext dl dt dd body html head main article nav x-y iframe foreignObject base meta",
    )
)
text = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [" ", "\n", "\t", "\0", "&", "&amp", "&#0;", "&#xD800;", "&#x110000;", "&nbsp;", "e\u0301", "\u200b"]
    ),
    st.sampled_from(
        ["<", "</", "<!", "<!--", "-->", "--!>", "<![CDATA[", "]]>", "<?", ">", "'", '"', "=", "\ufeff", "\u2028"]
    ),
)
attribute = st.one_of(
    st.sampled_from(
        [" class=a", ' id="b c', " class='d-e'", " hidden", " style=display:none", " colspan=9007199254740992", " /"]
    ),
    st.tuples(st.text(max_size=4), text).map(lambda both: f" {both[0]}={both[1]}"),
)
start = st.tuples(names, st.lists(attribute, max_size=3)).map(lambda tag: f"<{tag[0]}{''.join(tag[1])}>")
end = names.map(lambda name: f"</{name}>")
markup = st.recursive(
    st.one_of(text, start, end),
    lambda inner: st.one_of(
        st.lists(inner, max_size=6).map("".join),
        st.tuples(names, inner).map(lambda both: f"<{both[0]}>{both[1]}</{both[0]}>"),
        st.tuples(inner, st.integers(1, 300)).map(lambda both: both[0] * both[1] if len(both[0]) < 99 else both[0]),
    ),
    max_leaves=25,
)


def main_texts(*pages: str) -> pa.RecordBatch:
    """What is found in pages."""
    return native_extract.main_texts(pa.array(pages, pa.string()), pa.array([""] * len(pages), pa.string()))


def is_clean(text: str) -> bool:
    """Normalised, and without controls, what is not shown, blanks at the ends of lines, or an empty first line."""
    return not NOT_SHOWN.search(text) and unicodedata.is_normalized("NFC", text)


@pytest.fixture(scope="module")
def pages() -> list[str]:
    """Every hostile page, small."""
    return [hostile_page(name, SMALL).decode("utf-8", "replace") for name in CASES]


@pytest.fixture(scope="module")
def found(pages: list[str]) -> pa.RecordBatch:
    """What is found in all of them at once."""
    return main_texts(*pages)


@pytest.mark.parametrize("row", range(len(CASES)), ids=list(CASES))
def test_a_hostile_page_has_a_clean_text(row: int, found: pa.RecordBatch) -> None:
    """Its title is clean, too, and its confidence a share."""
    assert is_clean(found["text"][row].as_py())
    assert is_clean(found["title"][row].as_py() or "")
    shown = found["origin"][row].as_py() == "page"
    assert 0 <= found["confidence"][row].as_py() <= 1 if shown else found["confidence"][row].as_py() is None


def test_hostile_pages_do_not_depend_on_their_company(pages: list[str], found: pa.RecordBatch) -> None:
    """Alone, again, or in other batches in many threads, each has the same text and metrics."""
    assert main_texts(*pages).equals(found)
    size = 7
    parts = [pages[at : at + size] for at in range(0, len(pages), size)]
    with ThreadPoolExecutor(4) as threads:
        batches = list(threads.map(lambda part: main_texts(*part), parts))
    assert pa.Table.from_batches(batches).combine_chunks().to_batches()[0].equals(found)


def test_hostile_pages_are_hostile(pages: list[str]) -> None:
    """The generator gives about what was asked for, the same each time."""
    for name, page in zip(CASES, pages, strict=True):
        assert hostile_page(name, SMALL) == hostile_page(name, SMALL)
        assert SMALL / 8 < len(page) < SMALL * 5, name


@pytest.mark.parametrize("name", ["soup", "nested b i a", "utf-16 with mark", "random bytes", "unclosed everything"])
def test_every_beginning_of_a_page_has_a_clean_text(name: str) -> None:
    """A download may end anywhere, within a character, too."""
    page = hostile_page(name, 1500)
    beginnings = [page[:size].decode("utf-8", "replace") for size in range(len(page))]
    assert all(is_clean(text) for text in main_texts(*beginnings)["text"].to_pylist())


def test_whatever_bytes_say_they_are_has_a_clean_text() -> None:
    """The charset of a page is decided before, and its text is never more than text."""
    read = [decoded(hostile_page(name, 2000), "") for name in CASES]
    assert all(is_clean(text) for text in main_texts(*(one.utf8.decode() for one in read))["text"].to_pylist())


@given(markup)
@settings(max_examples=150)
def test_any_markup_has_a_clean_text(page: str) -> None:
    """Of whatever structure, twice in a row."""
    first = main_texts(page, page)
    assert is_clean(first["text"][0].as_py())
    assert first.slice(0, 1).equals(first.slice(1, 1))


def test_a_page_far_beyond_every_limit_says_so() -> None:
    """Depth, elements, blocks: the text goes on where it can."""
    for name in ("nested div with text", "paragraphs of a letter", "table rows"):
        page = hostile_page(name, 300_000).decode()
        (one,) = main_texts(f"{page}<p>after all").to_pylist()
        assert one["truncated"] and one["text"]


def test_blanks_that_are_taken_off_a_line_again_are_not_counted() -> None:
    """In bold or a link, where a piece of text ends the line of the piece before."""
    for end in ("\n", "\n\u00e9", "\n\U0001f600x", "\r\n"):
        assert is_clean(
            main_texts(f"<pre><b>x   <i>{end}</i></b><a href=y>z\t<i>{end}</i></a></pre>")["text"][0].as_py()
        )


def test_elements_without_a_place_take_nothing_off_the_stack() -> None:
    """Raw text beyond the limit of elements is not taken for an element that was opened."""
    page = "<b></b>" * 400_000 + "<xmp>x</xmp>" * 300 + "<p>after"
    assert main_texts(page)["truncated"][0].as_py()


def test_titles_and_marks_on_a_character_have_an_end() -> None:
    """A thousand characters of a title, which then counts as truncated, and thirty marks where marks have an order."""
    heap = "e" + "\u0323" * 40 + "\u0301"
    pages = f"<title>{'t' * 1000}</title>x", f"<title>{'t é' * 1000}</title>x", f"<p>{heap}x"
    short, long, marked = main_texts(*pages).to_pylist()
    assert (short["title"], short["truncated"]) == ("t" * 1000, False)
    assert (long["title"], long["truncated"]) == (("t é" * 334)[:1000], True)
    assert marked["text"] == unicodedata.normalize("NFC", "e" + "\u0323" * 30) + "x"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_memory_is_a_small_multiple_of_the_page() -> None:
    """At two megabytes, for the pages that need most."""
    worst = [
        "elements without text",
        "paragraphs of a letter",
        "inline alternating",
        "links unclosed",
        "preformatted tabs",
        "combining marks in wrong order",
    ]
    for cost in costs(worst, 2_000_000):
        assert cost.bytes_per_byte < MOST_BYTES, cost
