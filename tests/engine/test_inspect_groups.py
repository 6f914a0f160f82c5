"""Survival by group: what DuckDB counts over the Parquet of every stage, and bounds where names are left out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import duckdb
import pyarrow as pa
import pytest

from refinery.cli import execute
from refinery.errors import UsageError
from refinery.inspect.group_counts import Count, Counted
from refinery.inspect.groups import GroupCounts, Survival, survival, survival_of
from refinery.inspect.reader import open_root
from refinery.inspect.verification import verify
from refinery.recipe import Pipeline
from refinery.report import build
from refinery.report.by_group import by_stage
from refinery.stage.base import Filter, Records, Values
from refinery.stage.documents import Docs
from refinery.stage.rules import Metric, Rule
from refinery.statistics import groups
from refinery.statistics.groups import KINDS
from refinery.store import Store
from tests.engine.roots import pipeline, quick, steps, write_inputs
from tests.engine.toy import Gather, Length, LineSource, Same

WORDS = ("a", "few words", "more words here", "so many words are here", "the same text of words")
LINES = [
    [
        f"site{(7 * part + number) ** 2 % 61}.co.uk {'en' if number % 3 else 'de'} 20{10 + number % 4}-0{1 + number % 9} "
        f"{WORDS[number % len(WORDS)]}{'' if number % 4 else f' {number}'}"
        for number in range(90)
    ]
    for part in range(4)
]
"""Lines of input files: domain, language, month, text."""


class Pages(LineSource):
    """The first words of a line are its domain, language and month."""

    name: ClassVar = "pages"
    version: ClassVar = 1

    def read(self, path: str, store: Store) -> Iterator[Records]:
        """The lines, with their URLs and dates."""
        for made in super().read(path, store):
            words = [text.split(" ", 3) for text in made.columns["text"]]
            urls = [f"https://www.{host}/{number}" for number, (host, *_) in enumerate(words)]
            dates = [datetime.fromisoformat(f"{month}-05").replace(tzinfo=UTC) for _, _, month, _ in words]
            texts = [f"{lang} {text}" for _, lang, _, text in words]
            yield Records({**made.columns, "url": urls, "date": dates, "text": texts}, made.metrics, made.skipped)


class Tongue(Filter):
    """The first word is the language."""

    name: ClassVar = "tongue"
    version: ClassVar = 1
    metrics: ClassVar = (Metric("lang", pa.string(), "label"),)
    language_metric: ClassVar = "lang"

    def rules(self) -> tuple[Rule, ...]:
        """English alone, and a text of one letter is none."""
        return (Rule("foreign", "lang", is_in=("en",)),)

    def measure(self, docs: Docs) -> Values:
        """The first words; of some there is nothing to be known."""
        return {"lang": [text.split(" ", 1)[0] for text in docs.texts()]}


STAGES = ("pages", "tongue", "words", "same", "gather")
SUFFIX = "regexp_extract(url, '//www\\.([^/]*)/', 1)"
NAMES = {"domain": SUFFIX, "suffix": "'co.uk'", "language": "tongue.lang", "month": "strftime(date, '%Y-%m')"}


def recipe(folder: Path) -> Pipeline:
    """Every kind of stage; the language is known from the second one on."""
    return pipeline(folder, steps(Pages(), Tongue(), Length(min_words=4), Same(), Gather()))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished root."""
    folder = tmp_path_factory.mktemp("survival")
    write_inputs(folder / "in", LINES)
    assert quick(recipe(folder)).complete
    return folder / "root"


def counts(one: GroupCounts) -> dict[str, dict[str, tuple[int, int]]]:
    """Documents and tokens by stage and outcome."""
    return {
        stage.stage: {
            outcome: (count.documents, count.tokens)
            for outcome, count in {"kept": stage.kept, **stage.removed}.items()
            if count.documents
        }
        for stage in one.stages
    }


def over_parquet(root: Path, kind: str, stages: tuple[str, ...]) -> dict[str, dict[str, dict[str, tuple[int, int]]]]:
    """The same by name, counted by DuckDB."""
    found: dict[str, dict[str, dict[str, tuple[int, int]]]] = {}
    for stage in stages:
        place = next(root.glob(f"[0-9][0-9]-{stage}"))
        for side, outcome in (("kept", "'kept'"), ("removed", "why.rule")):
            if list((place / side).glob("*.parquet")):
                query = f"select {NAMES[kind]}, {outcome}, count(*), sum(tokens) from '{place}/{side}/*.parquet' group by 1, 2"
                for name, reason, documents, tokens in duckdb.execute(query).fetchall():
                    by_stage = found.setdefault(name, {stage: {} for stage in stages})
                    by_stage[stage][reason] = documents, int(tokens)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_group_is_what_duckdb_counts(root: Path, kind: str) -> None:
    """Of every group, at every stage and for every reason: documents and tokens are those of the rows."""
    stages = STAGES[1:] if kind == "language" else STAGES
    found = survival(str(root), kind, first=stages[0])
    assert found.stages == stages
    assert {one.name: counts(one) for one in found.groups} == over_parquet(root, kind, stages)
    assert found.others is None
    assert found.names == len(found.groups)


def test_what_is_found_is_what_first_knows(root: Path) -> None:
    """Without a selection, domains count from the source's kept documents on, languages from where they are known."""
    assert survival(str(root), "domain").stages == STAGES
    languages = survival(str(root), "language")
    assert languages.stages == STAGES[1:]
    assert [(one.name, one.read.documents) for one in languages.groups] == [("en", 240), ("de", 120)]
    assert languages.groups[1].reasons == [("tongue", "foreign", Count(120, languages.groups[1].read.tokens))]
    some = survival(str(root), "language", parts=[1])
    assert [one.read.documents for one in some.groups] == [60, 30]
    with pytest.raises(UsageError, match="none of the selected parts"):
        survival(str(root), "language", parts=[9])


def test_shares_of_all_groups_are_one(root: Path) -> None:
    """Of tokens that the last stage kept, also where only the largest groups are asked for."""
    for kind in KINDS:
        found = survival(str(root), kind)
        assert sum(found.share(one) or 0 for one in found.groups) == pytest.approx(1)
        assert found.kept.tokens == sum(one.kept.tokens for one in found.groups)
        some = survival(str(root), kind, count=1)
        assert some.kept == found.kept
        assert some.share(some.groups[0]) == found.share(found.groups[0])


def test_languages_are_printed_stage_by_stage(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second table has the share that is left of each language that the stage keeps which identifies it."""
    assert execute(["stats", "--by", "language", "--root", str(root)]) == 0
    lines = capsys.readouterr().out.splitlines()
    titles = lines.index("  kept of the documents read, after each stage") + 1
    assert lines[titles].split() == ["language", *STAGES[1:]]
    left = {line.split()[0]: line.split()[1:] for line in lines[titles + 1 :]}
    english = survival(str(root), "language").groups[0]
    assert left == {"en": [f"{one.kept.documents / english.read.documents:.1%}" for one in english.stages]}


def test_the_report_has_every_removal_of_a_language_once(root: Path) -> None:
    """All stages together remove of a language the documents that are read and not kept."""
    found = survival(str(root), "language")
    removals = by_stage(found)
    for group, (name, cells) in zip(found.groups, removals, strict=True):
        assert group.name == name
        assert sum(one.count.documents for one in cells) == group.read.documents - group.kept.documents
    page = (Path(build(str(root)).folder) / "sources.html").read_text("utf-8")
    assert all(f'<th scope="row">{name}</th>' in page for name, _ in removals)


def test_json_and_text_are_the_same_counts(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``stats --by`` prints the groups of the library, largest first, and the report's pages have them."""
    found = survival(str(root), "domain")
    assert execute(["stats", "--by", "domain", "--root", str(root), "--json"]) == 0
    reported = json.loads(capsys.readouterr().out)
    assert reported["exact"]
    assert [(g["name"], g["read"]["documents"], g["kept"]["tokens"]) for g in reported["groups"]] == [
        (one.name, one.read.documents, one.kept.tokens) for one in found.groups
    ]
    assert execute(["stats", "--by", "domain", "--root", str(root), "-v"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [one.name for one in found.groups]
    page = (Path(build(str(root)).folder) / "sources.html").read_text("utf-8")
    for one in found.groups:
        row = f'data-group="{one.name}" data-found="{one.read.documents}" data-kept="{one.kept.documents}"'
        assert row in page


def _bounded(found: Survival, exact: Survival) -> None:
    truth = {one.name: one for one in exact.groups}
    for one in found.groups:
        pairs = [(one.read, truth[one.name].read)]
        for mine, its in zip(one.stages, truth[one.name].stages, strict=True):
            pairs.append((mine.kept, its.kept))
            assert set(its.removed) <= set(mine.removed)
            pairs += [(count, its.removed.get(reason, Count())) for reason, count in mine.removed.items()]
        for estimate, count in pairs:
            assert estimate.documents <= count.documents <= estimate.upper[0]
            assert estimate.tokens <= count.tokens <= estimate.upper[1]


@pytest.mark.slow
def test_an_estimate_is_marked_and_bounded(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With more domains than are counted by name, no count is exact that is wrong, and none is a silent zero."""
    exact = survival(str(root), "domain")
    monkeypatch.setattr(groups, "LIMIT", 5)
    write_inputs(tmp_path / "in", LINES)
    quick(recipe(tmp_path))
    path = str(tmp_path / "root")
    found = survival(path, "domain")
    assert found.others is not None
    assert not all(one.exact for one in found.groups)
    _bounded(found, exact)
    whole = sum(one.read.documents for one in (*found.groups, found.others))
    assert whole == sum(one.read.documents for one in exact.groups)
    heavy = survival_of(Counted(open_root(path)), "domain", count=2, order="kept")
    _bounded(heavy, exact)
    assert execute(["stats", "--by", "domain", "--root", path]) == 0
    text = capsys.readouterr().out
    assert "≈" in text
    assert "all others" in text
    assert execute(["stats", "--by", "domain", "--root", path, "--json"]) == 0
    reported = json.loads(capsys.readouterr().out)
    assert not reported["exact"]
    assert any("at_most" in group["read"] for group in reported["groups"])
    page = (Path(build(path).folder) / "sources.html").read_text("utf-8")
    assert "≈" in page


def test_merged_counts_are_of_the_parts_that_the_manifest_names(root: Path) -> None:
    """Without the merged file, or with a damaged one or one of other parts, the answer is the same, from the parts."""
    expected = survival(str(root), "domain")
    (merged,) = (root / "01-tongue").glob("groups-*.parquet")
    data = merged.read_bytes()
    (other,) = (root / "02-words").glob("groups-*.parquet")
    try:
        merged.unlink()
        assert survival(str(root), "domain") == expected
        merged.write_bytes(other.read_bytes())
        assert survival(str(root), "domain") == expected
        merged.write_bytes(data[: len(data) // 2])
        assert survival(str(root), "domain") == expected
        assert str(merged.relative_to(root)) in {finding.file for finding in verify(str(root)).findings}
    finally:
        merged.write_bytes(data)
