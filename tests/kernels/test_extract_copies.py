"""Copies: a text that a page shows twice is extracted once, but not where texts recur as parts of something."""

from __future__ import annotations

import pyarrow as pa
import pytest

from refinery.kernels import HAS_EXTRACTOR, main_texts

if not HAS_EXTRACTOR:
    pytest.skip("the native kernels are not built", allow_module_level=True)

SAID = "The committee met on Tuesday to discuss the bridge, and it was agreed that work would begin in the spring."
OTHER = "I have lived next to it for thirty years, and nobody has ever asked me what I think of the new one, or of it."
ANSWER = "Nobody has ever asked anyone, and so it is with all bridges, old and new, and with most of the roads, too."


def lines(page: str, url: str = "https://example.org/a") -> list[str]:
    """The lines of a page's main text."""
    return str(main_texts(pa.array([page]), pa.array([url]))["text"][0].as_py()).splitlines()


def post(*texts: str) -> str:
    """A post of a thread."""
    return f"<div class=post>{''.join(texts)}</div>"


def test_a_quote_of_an_earlier_post_is_dropped() -> None:
    """The post stays, and so does the answer."""
    quote = f"<blockquote><p>{OTHER}</p></blockquote>"
    page = f"<h1>A bridge</h1>{post(f'<p>{SAID}')}{post(f'<p>{OTHER}')}{post(quote, f'<p>{ANSWER}')}"
    assert lines(page, "https://example.org/forum/thread/1")[-3:] == [SAID, OTHER, ANSWER]


def test_a_paragraph_that_is_repeated_in_its_place_is_dropped() -> None:
    """From twenty words on."""
    assert lines(f"<article><p>{SAID}</p><p>{OTHER}</p><p>{SAID}</p></article>") == [SAID, OTHER]


def test_short_texts_recur_in_their_place() -> None:
    """As labels of items do."""
    page = "".join(f"<h3>{n}. {SAID}</h3><p>It was agreed.</p><p>{n}. {OTHER}</p>" for n in range(3))
    assert lines(f"<article>{page}</article>").count("It was agreed.") == 3


@pytest.mark.parametrize("part", [
    f"<table><tr><th>Tuesday<td>{OTHER}<tr><th>Friday<td>{OTHER}</table>",
    f"<pre>{OTHER}</pre><pre>{OTHER}</pre>",
])  # fmt: skip
def test_cells_and_code_recur(part: str) -> None:
    """A table or a program without them is another."""
    assert "\n".join(lines(f"<article><p>{SAID}</p>{part}<p>{ANSWER}</p></article>")).count(OTHER) == 2


def test_a_heading_stays_and_its_copy_in_a_table_of_contents_goes() -> None:
    """The heading is the copy that is kept."""
    contents = "<ul><li>How the bridge was built</li><li>How it was paid for</li></ul>"
    sections = f"<h2>How the bridge was built</h2><p>{SAID}</p><h2>How it was paid for</h2><p>{OTHER}</p>"
    found = lines(f"<article><p>{ANSWER}</p>{contents}{sections}</article>")
    assert found == [ANSWER, "How the bridge was built", SAID, "How it was paid for", OTHER]


def test_a_page_that_is_mostly_copies_keeps_them() -> None:
    """So that filters of repetition see them: nothing is dropped from all of an article three times."""
    text = [SAID, OTHER, ANSWER]
    assert lines(f"<article>{''.join(f'<p>{part}</p>' for part in text * 3)}</article>") == text * 3
