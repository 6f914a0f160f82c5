"""Wholes: lists, figures and tables of data are extracted as one, or not at all."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from refinery.kernels import HAS_EXTRACTOR, main_texts

if not HAS_EXTRACTOR:
    pytest.skip("the native kernels are not built", allow_module_level=True)

SAID = "The committee met on Tuesday to discuss the bridge, and it was agreed that work would begin in the spring."
OTHER = "I have lived next to it for thirty years, and nobody has ever asked me what I think of the new one, or of it."

WORDS = st.lists(
    st.sampled_from(
        ["bridge", "road", "12", "spring", "read", "more", "login", "of", "the", "$4.99", "agreed", "2024"]
    ),
    min_size=1,
)
PARTS = st.lists(st.tuples(WORDS, st.booleans()), min_size=2, max_size=8)


def text(page: str) -> str:
    """The main text of a page."""
    return str(main_texts(pa.array([page]), pa.array(["https://example.org/a"]))["text"][0].as_py())


def marked(parts: list[tuple[list[str], bool]]) -> list[str]:
    """Parts with numbers that are nowhere else, some of them links."""
    plain = [f"n{at} {' '.join(words)}" for at, (words, _) in enumerate(parts)]
    return [f"<a href=/{at}>{one}</a>" if parts[at][1] else one for at, one in enumerate(plain)]


def page_of(whole: str) -> str:
    """A page with a list or the like between other texts."""
    return f"<nav><a href=/>Home</a></nav><article><h1>A bridge</h1><p>{SAID}</p>{whole}<p>{OTHER}</p></article>"


@given(parts=PARTS, element=st.sampled_from(["ul", "ol"]))
def test_a_list_is_kept_or_dropped_as_one(parts: list[tuple[list[str], bool]], element: str) -> None:
    """However different its items are."""
    items = "".join(f"<li>{part}</li>" for part in marked(parts))
    found = text(page_of(f"<{element}>{items}</{element}>"))
    assert len({f"n{at} " in found for at in range(len(parts))}) == 1


@given(parts=PARTS)
def test_a_table_with_headers_is_kept_or_dropped_as_one(parts: list[tuple[list[str], bool]]) -> None:
    """Cell by cell."""
    rows = "".join(
        f"<tr><th>{' '.join(words)}</th><td>{part}</td></tr>"
        for part, (words, _) in zip(marked(parts), parts, strict=True)
    )
    found = text(page_of(f"<table>{rows}</table>"))
    assert len({f"n{at} " in found for at in range(len(parts))}) == 1


SIGNS = "<table><tr><td>Plan<td>Basic<td>Full</tr>{}</table>".format(
    "".join(f"<tr><td>{name} by the hour<td>{one}<td>{other}</tr>" for name, one, other in [
        ("Bridge", "✔", "✔"), ("Road", "—", "✔"), ("River", "=", "▢"),
    ])
)  # fmt: skip


def test_cells_without_words_are_kept_with_their_table() -> None:
    """With or without header cells."""
    for table in (SIGNS, SIGNS.replace("td>", "th>", 3)):
        found = text(page_of(table)).split("\n")
        assert [found.count(sign) for sign in "✔—=▢"] == [3, 1, 1, 1]


@pytest.mark.parametrize("table", [
    "<table><tr><th>Version<th>Author<th>Date</tr><tr><td>4d2b236<td>ann<td>2018-05-21</tr></table>",
    "<table><tr><th>Related<th>See also</tr><tr><td><ul><li><a href=/a>tide</a></ul><td><ul><li><a href=/b>ebb</a></ul></table>",
    "<table><tr><td>x<td>0<td>1</tr><tr><td>y<td>-2<td>5</tr></table>",
])  # fmt: skip
def test_a_table_between_two_texts_is_kept(table: str) -> None:
    """Though its cells say little."""
    cells = re.findall(r">([^<>]+)<", table)
    assert cells == [line for line in text(page_of(table)).split("\n") if line in cells]
