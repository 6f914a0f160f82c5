"""Thresholds by language on the pages: which rule removes whom, the thresholds in figures, and their sliders."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from refinery.inspect.reader import open_root
from refinery.report import build
from refinery.report.controls import controls
from refinery.report.figures import metric_figures
from refinery.report.language_rules import language_settings, removals_by_language
from refinery.report.scores import ZONE, scores
from refinery.report.view import View, view
from refinery.stage.rules import Rule
from tests.engine.roots import pipeline, quick, steps, write_inputs
from tests.engine.test_language_rules import LINES, Tongue, Worded
from tests.engine.toy import LineSource
from tests.report.test_serve import Client

TABLE: dict[str, Any] = {"de": {"min_words": 4}, "en": {"min_words": 2}, "th": {"min_words": 2}, "xx": {"min_words": 9}}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with thresholds by language in two stages."""
    folder = tmp_path_factory.mktemp("languages")
    write_inputs(folder / "in", [[*lines] * 7 for lines in LINES])
    tongue = Tongue(min_score=0.2, thresholds={"de": {"min_score": 0.3}})
    quick(pipeline(folder, steps(LineSource(), tongue, Worded(min_words=3, thresholds=TABLE))))
    return folder / "root"


@pytest.fixture(scope="module")
def shown(root: Path) -> View:
    """Its view."""
    return view(open_root(str(root)))


def test_removals_by_language_are_those_of_the_rows(root: Path, shown: View) -> None:
    """Each count of language and rule, and the language's own threshold below it."""
    found = removals_by_language(shown, shown.stages[2])
    assert found is not None
    counted = {}
    for side in ("kept", "removed"):
        reason = "why.rule" if side == "removed" else "'kept'"
        rows = f"select coalesce(lang, ''), {reason}, count(*) from '{root}/02-worded/{side}/*.parquet' group by all"
        counted |= {(language, rule): number for language, rule, number in duckdb.sql(rows).fetchall()}
    made = {(row.language, rule): count.documents for row in found.rows for rule, count in row.removed.items()}
    made |= {(row.language, "kept"): row.kept.documents for row in found.rows}
    assert {pair: number for pair, number in made.items() if number} == counted
    assert {row.language: dict(row.own) for row in found.rows} == {
        "": {}, "de": {"short": "≥ 4 (de)"}, "en": {"short": "≥ 2 (en)"}, "th": {"short": "≥ 2 (th)"}
    }  # fmt: skip
    assert removals_by_language(shown, shown.stages[0]) is None


def test_figures_name_the_thresholds_of_the_largest_languages(shown: View) -> None:
    """Others are counted; a curve for all languages at once would be wrong, so there is none."""
    words = metric_figures(shown.stages[2], ("de", "en"))[0]
    assert words.thresholds == ("short ≥ 3; ≥ 4 (de); ≥ 2 (en); 2 more languages with another",)
    assert words.curves == ()
    assert "thresholds differ by language" in words.note
    letters = metric_figures(shown.stages[2], ("de", "en"))[1]
    assert letters.thresholds == ("digits ≥ 0.5",)


def test_scores_near_a_threshold_are_near_that_of_their_language(root: Path, shown: View) -> None:
    """Counts of documents, and the nearest ones, with the threshold of each language."""
    found = scores(shown)["tongue"]
    rule = Rule("unsure", "score", at_least=0.2, by_language={"de": 0.3})
    rows = duckdb.sql(f"select lang, tongue.score from '{root}/01-tongue/*/*.parquet'").fetchall()
    away = [score - float(rule.by_language.get(language, 0.2)) for language, score in rows if score is not None]
    assert found.above == sum(0 <= one <= ZONE + 1e-9 for one in away)
    assert found.below == sum(-ZONE - 1e-9 <= one < 0 for one in away)
    assert found.above
    assert found.below
    assert found.languages == 1


def test_pages_show_the_thresholds_of_languages(root: Path, tmp_path: Path) -> None:
    """The rules by language, the number of languages beside a rule, and the numbers of all languages."""
    folder = Path(build(str(root), str(tmp_path / "pages")).folder)
    page = (folder / "stage-02-worded.html").read_text("utf-8")
    assert "4 languages with another threshold" in page
    assert "Rules by language" in page
    assert "≥ 4 (de)" in page
    assert re.search(
        r"Thresholds of 4 languages</summary>.*<th scope=\"row\">xx</th><td>min_words 9</td>", page, re.DOTALL
    )
    sources = (folder / "sources.html").read_text("utf-8")
    assert "or above the threshold of their language (1 with another)" in sources


def test_sliders_are_of_a_language(shown: View) -> None:
    """Those of a language have its numbers, where it has none the general ones."""
    general = {one.key: one.now for group in controls(shown, {}) for one in group.controls}
    assert general == {"tongue.min_score": "0.2", "worded.min_words": "3"}
    german = {one.key: one.now for group in controls(shown, {"language": "de"}) for one in group.controls}
    assert german == {"tongue.de.min_score": "0.3", "worded.de.min_words": "4"}
    other = {one.key: one.now for group in controls(shown, {"language": "fi"}) for one in group.controls}
    assert other == {"tongue.fi.min_score": "0.2", "worded.fi.min_words": "3"}


def test_settings_of_languages_are_listed(shown: View) -> None:
    """Each language with its numbers."""
    assert language_settings(shown.stages[1]) == [("de", "min_score 0.3")]
    assert language_settings(shown.stages[0]) == []


def test_the_served_page_tries_the_threshold_of_a_language(root: Path) -> None:
    """Its sliders are of the language asked for, and the yield is that of the terminal."""
    answer = Client(root).get("/what-if?language=de&worded.de.min_words=2&tongue.de.min_score=0.3")
    assert answer.status_code == 200
    assert "<code>worded.de.min_words</code> 4 → 2" in answer.text
    assert "--set worded.de.min_words=2" in answer.text
    assert '<input type="hidden" name="language" value="de">' in answer.text
    assert 'href="what-if?language=en"' in answer.text
    odd = Client(root).get("/what-if?language=%3Cb%3E&worded.%3Cb%3E.min_words=2")
    assert "<b>" not in odd.text.replace("<b>hint:</b>", "")
