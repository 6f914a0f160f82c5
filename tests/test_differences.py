"""The report of pages on which extraction engines differ."""

from __future__ import annotations

from tools.bench.differences import report
from tools.bench.gold import Capture
from tools.extractor.scoring import score

HOSTILE = "<script>alert(1)</script> & \"quotes\" 'too'"


def page(url: str, gold: str) -> Capture:
    """A page with a gold text."""
    return Capture(url, b"", "", gold, ("all", "type article"), (), ())


def test_what_is_quoted_is_escaped() -> None:
    """Neither URL nor texts are markup in the report."""
    texts = {"<a>": [HOSTILE], "b": ["other"]}
    made = report(
        [page(f"http://{HOSTILE}", HOSTILE)], texts, {name: [score(HOSTILE, t[0])] for name, t in texts.items()}
    )
    assert "<script" not in made
    assert "<a>" not in made
    assert made.count("&lt;script&gt;") == 3


def test_the_largest_differences_come_first() -> None:
    """Pages are in the order of the distance between their best and their worst score."""
    pages = [page("http://same/", "one two"), page("http://apart/", "one two")]
    texts = {"a": ["one two", "one two"], "b": ["one two", ""]}
    made = report(pages, texts, {name: [score("one two", text) for text in found] for name, found in texts.items()})
    assert made.index("http://apart/") < made.index("http://same/")
