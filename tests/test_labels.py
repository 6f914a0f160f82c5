"""Which blocks of a page are labelled as main text, for training."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

pages = pytest.importorskip("tools.extractor.pages", reason="the native kernels are not built")

MENU = ["Home", "Reviews", "Log in to your account", "Contact us for any question"]


def labelled(texts: list[str], gold: str) -> list[str]:
    """The texts of the blocks that are labelled as main text."""
    return [text for text, label in zip(texts, pages.labels(texts, gold), strict=True) if label]


@given(st.lists(st.tuples(st.integers(1, 9), st.booleans()), max_size=12))
def test_a_gold_text_of_whole_blocks_labels_these(blocks: list[tuple[int, bool]]) -> None:
    """Of blocks without a common word; one of one or two words may stand alone in the gold text, and is not found then."""
    texts = [" ".join(f"word{at}x{n}" for n in range(size)) for at, (size, _) in enumerate(blocks)]
    chosen = [text for text, (_, is_gold) in zip(texts, blocks, strict=True) if is_gold]
    found = labelled(texts, "\n".join(chosen))
    assert set(found) <= set(chosen)
    assert [text for text in found if text.count(" ") > 1] == [text for text in chosen if text.count(" ") > 1]


@pytest.mark.parametrize(
    "gold", ["Length 4 m\nWeight 2 t", "| Length | 4 m |\n| Weight | 2 t |", "Length\n4 m\nWeight\n2 t"]
)
def test_cells_are_found_in_a_line_of_a_row(gold: str) -> None:
    """People write a row as a line, and the page has a block for each cell."""
    cells = ["Length", "4 m", "Weight", "2 t"]
    assert labelled([*MENU, *cells, *MENU], gold) == cells


def test_a_heading_is_found_and_the_same_word_in_a_menu_is_not() -> None:
    """A line of one or two words is of the gold text only next to others that are."""
    texts = [*MENU, "Reviews", "It has stood for thirty years.", *MENU]
    assert labelled(texts, "Reviews\nIt has stood for thirty years.") == ["Reviews", "It has stood for thirty years."]


def test_blocks_without_words_are_not_found() -> None:
    """Nor is anything on a page whose gold text is empty."""
    assert labelled(["", "...", "one", "one two three four"], "") == []
    assert labelled([], "one two three") == []
