"""The page about scores: what it says of yields, sides, other metrics and pairs is what the rows have."""

from __future__ import annotations

import re
from pathlib import Path
from statistics import median
from typing import Any, ClassVar

import pyarrow as pa
import pytest

from refinery.inspect.quality_scores import SHARES, quality_scores, score_pairs
from refinery.inspect.reader import open_root
from refinery.report import build
from refinery.stage.base import Filter, Values
from refinery.stage.documents import Docs
from refinery.stage.rules import Metric
from refinery.stages.rank import Rank
from tests.engine.roots import RootContents, pipeline, quick, steps, write_inputs
from tests.engine.toy import Length, LineSource

TEXTS = [
    [f"{'de' if n % 3 else '<i>'} {'word ' * (n * 7 % 23)}{'1' * (n * 5 % 11)}x" for n in range(start, start + 60)]
    for start in (0, 60)
]


class Named(Filter):
    """The first word is the language."""

    name: ClassVar = "named"
    version: ClassVar = 1
    metrics: ClassVar = (Metric("language", pa.string(), "label"),)
    language_metric: ClassVar = "language"

    def measure(self, docs: Docs) -> Values:
        """Return the first words."""
        return {"language": [text.partition(" ")[0] for text in docs.texts()]}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Documents of two languages, ranked by two metrics; one language has a hostile name."""
    folder = tmp_path_factory.mktemp("scores")
    write_inputs(folder / "in", TEXTS)
    rank = Rank(scores=("words.words", "words.letters"), combine="max", keep=0.4, thresholds={"de": {"keep": 0.5}})
    quick(pipeline(folder, steps(LineSource(), Named(), Length(min_words=0), rank), keep_removed="text"))
    return folder / "root"


def stored(root: Path, folder: str) -> dict[str, list[dict[str, Any]]]:
    """The rows of a stage by language, kept and removed."""
    found: dict[str, list[dict[str, Any]]] = {}
    for side in ("kept", "removed"):
        for row in RootContents(root).rows(folder, side):
            found.setdefault(row["lang"], []).append({**row, "side": side})
    return found


def test_yields_are_those_of_the_highest_scores(root: Path) -> None:
    """By language: the lowest score of the share with the highest ones, and its share of the tokens."""
    scores = {score.name: score for score in quality_scores(open_root(str(root)), 20)}
    assert list(scores) == ["words.words", "words.letters", "rank.rank"]
    rows = stored(root, "03-rank")
    for one in scores["rank.rank"].languages(9):
        mine = sorted(rows[one.language], key=lambda row: -row["rank"]["rank"])
        assert (len(one.values), int(one.kept.sum())) == (len(mine), sum(row["side"] == "kept" for row in mine))
        for share, found in zip(SHARES, one.yields, strict=True):
            best = mine[: int(share * len(mine) + 1e-9)]
            if found is None:
                assert not best
            else:
                assert found.score == best[-1]["rank"]["rank"]
                tokens = sum(row["tokens"] or 0 for row in best) / sum(row["tokens"] or 0 for row in mine)
                assert found.tokens == pytest.approx(tokens)


def test_domains_have_their_shares_of_the_best(root: Path) -> None:
    """Of the documents of a domain, those among the best of their language, and their tokens."""
    score = quality_scores(open_root(str(root)), 20)[2]
    rows = [row for mine in stored(root, "03-rank").values() for row in mine]
    found = score.domains(9)
    assert {one.domain for one in found} == {"0.txt", "1.txt"}
    for one in found:
        mine = [row for row in rows if row["url"].startswith(f"file://{one.domain}")]
        assert (one.documents, one.tier) == (len(mine), median(row["rank"]["tier"] for row in mine))
        for share, (documents, _) in zip(SHARES, one.best, strict=True):
            best = [row for row in mine if 1 - row["rank"]["rank"] <= share + 1e-9]
            assert documents == pytest.approx(len(best) / len(mine))
        whole = sum(row["tokens"] or 0 for row in mine)
        half = sum(row["tokens"] or 0 for row in mine if row["rank"]["rank"] >= 0.5)
        assert one.best[-1][1] == pytest.approx(half / whole)
    assert sum(one.documents for one in found) == len(rows)


def test_both_sides_and_all_tiers_have_samples(root: Path) -> None:
    """The nearest documents of each side to the threshold of their language, and one of each tier."""
    score = quality_scores(open_root(str(root)), 20)[2]
    near = score.nearest(3)
    assert [one.side for one in near] == ["kept"] * 3 + ["removed"] * 3
    rows = [row for mine in stored(root, "03-rank").values() for row in mine]
    away = {"de": 0.5, "<i>": 0.6}
    for side, found in (("kept", near[2::-1]), ("removed", near[3:])):
        nearest = sorted(abs(row["rank"]["rank"] - away[row["lang"]]) for row in rows if row["side"] == side)[:3]
        assert [abs(one.score - away[one.language]) for one in found] == pytest.approx(nearest)
    assert [one.tier for one in score.ladder()] == [*range(20, 0, -1)]
    assert {one.language for one in score.ladder()} == {"de"}


def test_other_metrics_have_the_medians_of_the_tiers(root: Path) -> None:
    """From the lowest four tiers to the highest."""
    score = quality_scores(open_root(str(root)), 20)[2]
    rows = [row for mine in stored(root, "03-rank").values() for row in mine]
    found = {one.name: one for one in score.against()}
    assert set(found) == {"words.words", "words.letters"}
    for band, value in enumerate(found["words.words"].medians):
        mine = [row["words"]["words"] for row in rows if (row["rank"]["tier"] - 1) // 4 == band]
        assert value == median(mine)


def test_pairs_have_the_documents_of_the_later_stage(root: Path) -> None:
    """All of them, by tier, and a correlation for each language."""
    scores = quality_scores(open_root(str(root)), 20)
    pairs = list(score_pairs(scores, 9))
    assert [(pair.left, pair.right) for pair in pairs] == [
        ("words.words", "words.letters"),
        ("words.words", "rank.rank"),
        ("words.letters", "rank.rank"),
    ]
    for pair, folder in zip(pairs, ("02-words", "03-rank", "03-rank"), strict=True):
        sizes = {language: len(rows) for language, rows in stored(root, folder).items()}
        assert pair.tiers.sum() == pair.documents == sum(sizes.values())
        assert {name: documents for name, documents, _ in pair.languages} == sizes


@pytest.mark.slow
def test_the_page_shows_them(root: Path, tmp_path: Path) -> None:
    """It says that languages are not on one scale, and escapes what is crawled."""
    files = build(str(root), str(tmp_path)).files
    assert "quality.html" in files
    text = (tmp_path / "quality.html").read_text(encoding="utf-8")
    assert "The same score is not the same quality in two languages." in text
    assert re.findall(r'<h2 id="([^"]*)"', text.partition("<main")[2]) == [
        "words.words",
        "words.letters",
        "rank.rank",
        "agreement",
    ]
    assert "&lt;i&gt;" in text
    assert "<i>" not in text
    assert 'href="quality.html"' in (tmp_path / "index.html").read_text(encoding="utf-8")
