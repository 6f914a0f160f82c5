"""What notebooks show of plans, statistics, samples and documents: whole, and never markup that was crawled."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

import refinery
from refinery import html
from refinery.planner.estimator import plan
from tests.engine.looked import recipe
from tests.engine.roots import quick, write_inputs

HOSTILE = "<script>alert('x')</script> \"><img src=x onerror=alert(1)> & \x1b[31m\u202e four words end"
ELEMENTS = {"p", "table", "thead", "tbody", "tr", "th", "td", "pre", "del", "mark", "hr"}


class Read(HTMLParser):
    """The elements of a piece of HTML, and its text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.open: list[str] = []
        self.text = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        assert {name for name, _ in attrs} <= {"style"}
        self.open += [tag] if tag != "hr" else []

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(shown: object) -> Read:
    """What a notebook is given of a value."""
    found = Read(shown._repr_html_())  # type: ignore[attr-defined]
    assert set(found.elements) <= ELEMENTS
    assert not found.open
    assert not {"\x1b", "\u202e"} & set(found.text)
    return found


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A root of hostile texts."""
    folder = tmp_path_factory.mktemp("<b>crawled")
    write_inputs(folder / "in", [[HOSTILE, "<b>short</b>", "four words are here"]])
    given = recipe(folder)
    quick(given)
    return given.root


def test_samples_show_their_text_and_no_markup_of_it(crawled: str) -> None:
    """Kept and removed ones, with their metrics and thresholds."""
    found = read(refinery.sample(crawled, refinery.SampleQuery(stage="snip", count=9)))
    assert "<script>alert('x')</script>" in found.text
    assert found.elements["pre"] == 2
    removed = read(refinery.sample(crawled, refinery.SampleQuery(side="removed", count=9)))
    assert "words: removed short" in removed.text
    assert "≥ 2" in removed.text


def test_a_document_shows_its_stages_and_texts(crawled: str) -> None:
    """And what is not there is said."""
    found = read(refinery.why(crawled, "file://0.txt#0"))
    assert found.elements["del"] == 1
    assert found.text.count("kept") >= 3
    assert "no such document" in read(refinery.why(crawled, "<script>")).text


def test_statistics_are_tables(crawled: str) -> None:
    """Of a root, of one stage, and of all stages with what does not reconcile."""
    books = refinery.read_counts(crawled)
    held = refinery.open(crawled)
    for shown in (books, held):
        assert all(stage.name in read(shown).text for stage in books.stages)
    counts = held.statistics("words")
    found = read(counts)
    assert all(reason in found.text for reason in counts.reasons)
    assert f"{counts.documents['kept']:,}" in found.text


def test_plans_and_runs_say_what_they_do(tmp_path: Path) -> None:
    """Before and after."""
    write_inputs(tmp_path / "in", [["one two three"]])
    given = recipe(tmp_path)
    before = read(plan(given))
    assert "no estimate" in before.text
    assert before.elements["tr"] == 1 + len(given.steps)
    assert "complete" in read(quick(given)).text
    assert "nothing to do" in read(plan(given)).text
    assert "total: " in read(plan(given, target=refinery.Target(files=1000))).text


def test_every_cell_is_escaped() -> None:
    """Whatever it is a part of."""
    for shown in (
        html.paragraph(HOSTILE),
        html.table([HOSTILE], [[HOSTILE, 1234, None, True]]),
        html.preformatted([(HOSTILE, "del")]),
    ):
        found = Read(shown)
        assert set(found.elements) <= ELEMENTS
        assert "<script>" in found.text
    assert "1,234" in html.table(["a"], [[1234]])
