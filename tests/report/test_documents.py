"""What pages tell from the rows: what is marked in a text, and how sure a language was."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import duckdb
import pyarrow as pa

from refinery.inspect.reader import open_root
from refinery.kernels import SPANS
from refinery.report import build, limits
from refinery.report.scores import ZONE, scores
from refinery.report.view import view
from refinery.stage.base import Edit, Edited, Filter, Values
from refinery.stage.documents import TEXT, Docs
from refinery.stage.fields import threshold
from refinery.stage.rules import Metric, Rule
from tests.engine.looked import make
from tests.engine.roots import pipeline, quick, steps, write_inputs
from tests.engine.toy import LineSource
from tests.report.test_serve import Client


def test_a_page_shows_what_an_edit_took_out(tmp_path: Path) -> None:
    """In the text as it came to the stage, which is that of the stage before."""
    built = build(str(make(tmp_path)))
    page = (Path(built.folder) / "samples-02-snip.html").read_text("utf-8")
    assert "four words are here" not in page or '<del title="end">' in page
    assert '<pre class="crawled text">tail off<del title="end"> end</del></pre>' in page
    assert len(page) < 100 * limits.TEXT


class Hide(Edit):
    """Hides words."""

    name: ClassVar = "hide"
    version: ClassVar = 1
    adds: ClassVar = (TEXT,)
    evidence: ClassVar = (pa.field("hidden", pa.list_(pa.struct([*SPANS.value_type, ("replacement", pa.string())]))),)

    def edit(self, docs: Docs) -> Edited:
        """The first word, by its length."""
        words = [text.partition(" ")[0] for text in docs.texts()]
        texts = [f"*{text[len(word) :]}" for text, word in zip(docs.texts(), words, strict=True)]
        spans = [
            [{"offset": 0, "length": len(word), "reason": f"of {len(word)}", "cut": True, "replacement": "*"}]
            for word in words
        ]
        return Edited({"text": texts}, {"hidden": spans})


def test_a_page_counts_replaced_spans_by_reason_and_domain(tmp_path: Path) -> None:
    """Also where the stage stores no text of them."""
    write_inputs(tmp_path / "in", [["one line", "two lines", "three lines"]])
    given_ = pipeline(tmp_path, steps(LineSource(), Hide()))
    quick(given_)
    built = build(given_.root)
    page = (Path(built.folder) / "stage-01-hide.html").read_text("utf-8")
    table = page.partition('id="spans"')[2].partition("</table>")[0]
    assert '<th scope="col" class="n">of 3</th><th scope="col" class="n">of 5</th>' in table
    assert '<tr><th scope="row">(all)</th><td class="n">2</td><td class="n">1</td></tr>' in table
    assert 'id="spans"' not in (Path(built.folder) / "stage-00-lines-of-text.html").read_text("utf-8")


class Classify(Edit):
    """Marks first words, by their letter."""

    name: ClassVar = "classify"
    version: ClassVar = 1
    evidence: ClassVar = (pa.field("words", pa.list_(pa.struct([*SPANS.value_type, ("category", pa.string())]))),)

    def edit(self, docs: Docs) -> Edited:
        """No text is changed."""
        words = [text.partition(" ")[0] for text in docs.texts()]
        spans = [
            [{"offset": 0, "length": len(word), "reason": word, "cut": False, "category": word[:1]}] for word in words
        ]
        return Edited({}, {"words": spans})


def test_a_page_counts_spans_with_a_category(tmp_path: Path) -> None:
    """By category and domain, and by reason, whether they are cut or only marked."""
    write_inputs(tmp_path / "in", [["one line", "two lines", "three lines", "one text"]])
    given_ = pipeline(tmp_path, steps(LineSource(), Classify()))
    quick(given_)
    page = (Path(build(given_.root).folder) / "stage-01-classify.html").read_text("utf-8")
    table, _, rest = page.partition('id="spans"')[2].partition("</table>")
    assert '<th scope="col" class="n">o</th><th scope="col" class="n">t</th>' in table
    assert '<tr><th scope="row">(all)</th><td class="n">2</td><td class="n">2</td></tr>' in table
    assert re.findall(r'class="crawled">(\w+)<', rest.partition("</table>")[0]) == ["one", "three", "two"]


class Calm(Filter):
    """Keeps what does not shout."""

    name: ClassVar = "calm"
    version: ClassVar = 1
    metrics: ClassVar = (Metric("shouts", pa.uint64(), "count"),)

    def rules(self) -> tuple[Rule, ...]:
        """Not at all."""
        return (Rule("loud", "shouts", at_most=0),)

    def measure(self, docs: Docs) -> Values:
        """How often."""
        return {"shouts": [text.count("!") for text in docs.texts()]}

    def highlights(self, text: str, metric: str) -> Iterable[tuple[int, int]]:
        """Where."""
        assert metric == "shouts"
        return [(at, at + 1) for at, letter in enumerate(text) if letter == "!"]


def test_a_text_shows_what_it_was_removed_for(tmp_path: Path) -> None:
    """On pages that are built and on those that are served; crawled text stays text."""
    write_inputs(tmp_path / "in", [["a calm line", "<b>oh! my!"]])
    given_ = pipeline(tmp_path, steps(LineSource(), Calm()))
    quick(given_)
    page = (Path(build(given_.root).folder) / "samples-01-calm.html").read_text("utf-8")
    asked = Client(Path(given_.root)).get("documents?rule=loud").text
    mark = '<mark title="loud">!</mark>'
    for found in (page, asked):
        assert f'<pre class="crawled text">&lt;b&gt;oh{mark} my{mark}</pre>' in found
    assert '<pre class="crawled text">a calm line</pre>' in page


class Sure(Filter):
    """A line's first word as its language, its second as how sure that is."""

    name: ClassVar = "sure"
    version: ClassVar = 1
    metrics: ClassVar = (Metric("lang", pa.string(), "label"), Metric("score", pa.float64(), "ratio"))
    language_metric: ClassVar = "lang"

    least: float = threshold(0.65)

    def rules(self) -> tuple[Rule, ...]:
        """English, and sure."""
        return Rule("other", "lang", is_in=("en",)), Rule("unsure", "score", at_least=self.least)

    def measure(self, docs: Docs) -> Values:
        """What the words say."""
        words = [text.split() for text in docs.texts()]
        return {"lang": [one[0] for one in words], "score": [float(one[1]) for one in words]}


def test_the_grey_zone_is_what_the_rows_say(tmp_path: Path) -> None:
    """Documents on either side of the threshold, those nearest to it, and languages by score."""
    lines = [f"{'de' if number % 3 == 0 else 'en'} {number % 100 / 100:.2f} {number}" for number in range(400)]
    write_inputs(tmp_path / "in", [lines[:250], lines[250:]])
    given_ = pipeline(tmp_path, steps(LineSource(), Sure()))
    quick(given_)
    found = scores(view(open_root(given_.root)))["sure"]
    rows = f"(select sure.lang as lang, sure.score as score from '{given_.root}/01-sure/*/*.parquet')"
    above, below = (
        duckdb.sql(f"select count(*) from {rows} where lang = 'en' and score {where}").fetchall()[0][0]
        for where in (f">= .65 and score < .65 + {ZONE}", f"< .65 and score >= .65 - {ZONE}")
    )
    assert (found.above, found.below, found.parts, found.of) == (above, below, 2, 2)
    assert above > 0
    assert below > 0
    assert [one.score for one in found.kept] == [0.65] * min(limits.NEAREST, 3) + [0.66] * (limits.NEAREST - 3)
    assert {one.language for one in (*found.kept, *found.removed)} == {"en"}
    assert max(one.score for one in found.removed) == 0.64
    assert found.chart is not None
    counted = duckdb.sql(f"select count(*) from {rows} where lang = 'de' and score >= .95").fetchall()[0][0]
    assert f"de, 0.95 to 1.00: 0 kept, {counted:,} removed" in found.chart
    folder = Path(build(given_.root).folder)
    page = (folder / "sources.html").read_text("utf-8")
    assert (
        f"at most .05 above 0.65: {above} documents; documents that only this rule removes, at most .05 below: {below}."
        in page
    )
    kept, removed = (
        duckdb.sql(f"select count(*) from '{given_.root}/01-sure/{side}/*.parquet' where sure.lang = 'en'").fetchall()[
            0
        ][0]
        for side in ("kept", "removed")
    )
    row = f'data-group="en" data-found="{kept + removed}" data-kept="{kept}"'
    assert row in page
    row = f'<td>en</td><td class="n">{kept + removed}</td><td class="n">{kept}</td>'
    assert row in (folder / "index.html").read_text("utf-8")


def test_records_that_are_no_documents_are_no_outlier(tmp_path: Path) -> None:
    """A file without request records keeps as much of its documents as files with them."""
    files = [[f"{'# ' * (n % 2)}line {number} {n}" for n in range(240)] for number in range(4)]
    write_inputs(tmp_path / "in", [*files, [f"line {n}" for n in range(120)]])
    given_ = pipeline(tmp_path, steps(LineSource()))
    quick(given_)
    found = view(open_root(given_.root))
    assert {(part.given, part.kept) for part in found.first.parts} == {(120, 120)}
    assert [warning.text for warning in found.warnings if "keeps" in warning.text] == []


class Late(Filter):
    """Removes what the language stage keeps of one language."""

    name: ClassVar = "late"
    version: ClassVar = 1
    metrics: ClassVar = (Metric("german", pa.uint64(), "count"),)

    def rules(self) -> tuple[Rule, ...]:
        """None of it."""
        return (Rule("german", "german", at_most=0),)

    def measure(self, docs: Docs) -> Values:
        """Those that begin so."""
        return {"german": [int(text.startswith("de")) for text in docs.texts()]}


class Either(Sure):
    """Keeps two languages."""

    name: ClassVar = "either"

    def rules(self) -> tuple[Rule, ...]:
        """English or German."""
        return (Rule("other", "lang", is_in=("en", "de")),)


def test_languages_are_counted_by_their_outcome(tmp_path: Path) -> None:
    """On the overview, side by side and in the card: what the last stage keeps of each, and not the language stage."""
    write_inputs(tmp_path / "in", [["en .9 one", "en .9 two", "de .9 drei", "de .9 vier", "de .9 fünf", "fr .9 six"]])
    given_ = pipeline(tmp_path, steps(LineSource(), Either(), Late()))
    quick(given_)
    folder = Path(build(given_.root, against=[given_.root]).folder)
    page = (folder / "index.html").read_text("utf-8")
    assert "language that either identified, and those kept after late" in page
    for name, found, kept, share in (("de", 3, 0, "0.0%"), ("en", 2, 2, "100.0%"), ("fr", 1, 0, "0.0%")):
        assert f'<td>{name}</td><td class="n">{found}</td><td class="n">{kept}</td><td class="n">{share}</td>' in page
    assert 'language:\n- "en"\n' in (folder / "card.md").read_text("utf-8")
    languages = (folder / "compare.html").read_text("utf-8").partition('id="languages"')[2]
    assert ">en</th>" in languages
    assert ">de</th>" not in languages
