"""Comments of readers: which parts of a page they are, and that they are kept or dropped as asked."""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa
import pytest

from refinery.kernels import HAS_EXTRACTOR, main_texts

if not HAS_EXTRACTOR:
    pytest.skip("the native kernels are not built", allow_module_level=True)

from refinery.kernels.native_extract import BETAS

FAVOURS: tuple[Any, ...] = ("precision", "balance", "recall")
TAG = re.compile("<[^>]*>")
PROSE = "The committee met on Tuesday to discuss the bridge, and it was agreed that work would begin in the spring. "
ARTICLE = f"<h1>A bridge</h1><article><p>{PROSE * 3}</p><p>{PROSE * 2}</p></article>"
SAID = "I lived next to it for years, and nobody asked me."


def text(page: str, comments: Any) -> str:
    """The main text of a page."""
    found = main_texts(pa.array([page]), pa.array(["https://example.org/a"]), comments=comments)
    return str(found["text"][0].as_py())


CALLED = {
    "a class": f"<div class=comment><p>{SAID}</div>",
    "an id": f"<div id=comments><p>{SAID}</div>",
    "a word of a class": f"<ul class='x commentList--new'><li>{SAID}</ul>",
    "a word at capitals": f"<div class=userComment><div><div>{SAID}</div></div></div>",
    "replies": f"<section class=reply><p>{SAID}</section>",
    "a property": f"<div itemprop=comment><p>{SAID}</div>",
    "a type": f"<div itemscope itemtype='https://schema.org/Comment'><p>{SAID}</div>",
}


@pytest.mark.parametrize("case", CALLED)
def test_what_is_called_a_comment(case: str) -> None:
    """By a word of its class or id, or by what it says it is."""
    page = ARTICLE + CALLED[case]
    assert SAID in text(page, "keep")
    assert SAID not in text(page, "drop")
    assert PROSE.strip() in text(page, "drop")


@pytest.mark.parametrize("page", [
    f"<body class=comments-open>{ARTICLE}",
    f"<body><div id=content-and-comments>{ARTICLE}<p>{PROSE}</div>",
    f"<main class=comment>{ARTICLE}</main>",
    f"{ARTICLE}<div class='recommended commentary'><p>{PROSE}</div>",
])  # fmt: skip
def test_what_is_not(page: str) -> None:
    """What is around the page or its title, and other words, change nothing."""
    assert text(page, "drop") == text(page, "keep") == text(page, "auto") != ""


@pytest.mark.parametrize("part", [
    "<form><p>Your address will not be published. Required fields are marked.</p></form>",
    "<button>Write a comment of your own, now.</button>",
    "<p><a href=/x>Reply to what this reader wrote, please.</a></p>",
    "<p>01.02.2003 04:05:06, 7th of 8</p>",
    "<p>Ann Example</p>",
])  # fmt: skip
def test_only_what_readers_wrote_is_kept(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not names, dates, links, or the form to write one: where the scorer would keep next to nothing."""
    monkeypatch.setitem(BETAS, "precision", 0.02)
    page = f"{ARTICLE}<div class=comments>{part}<p>{SAID}</p>{part}</div>"
    found = main_texts(pa.array([page]), pa.array([""]), "precision", comments="keep")["text"][0].as_py()
    assert SAID in found
    assert TAG.sub("", part)[:20] not in found


def test_comments_go_below_a_text_and_stay_in_a_thread() -> None:
    """The same markup: a thread is one by its URL or its data, and where nothing else is left."""
    said = "".join(f"<li class=comment><p>{SAID} It was {n} years, and {PROSE}</li>" for n in range(9))
    page = f"<h1>A bridge</h1><article><p>{PROSE * 4}</p></article><ol class=comments>{said}</ol>"
    data = '<script type="application/ld+json">{"@type":"QAPage"}</script>'
    pages = [page, page, page + data, page.replace(PROSE * 4, "What is it?")]
    urls = ["https://example.org/a", "https://example.org/forum/a", "https://example.org/a", "https://example.org/a"]
    for favour in FAVOURS:
        found = main_texts(pa.array(pages), pa.array(urls), favour)["text"].to_pylist()
        dropped = main_texts(pa.array(pages), pa.array(urls), favour, comments="drop")["text"].to_pylist()
        assert SAID not in found[0] + "".join(dropped)
        assert SAID in found[3]
    assert all(SAID in text for text in found[1:])


def test_asked_for_what_is_not_there() -> None:
    """A fourth choice is an error."""
    with pytest.raises(ValueError, match="auto, keep or drop, not all"):
        text(ARTICLE, "all")
