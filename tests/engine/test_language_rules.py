"""Thresholds by language in a run: verdicts, stored metrics, what-if and why."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from refinery.cli import execute
from refinery.inspect.accounts import why
from refinery.inspect.sample_query import SampleQuery
from refinery.inspect.samples import sample
from refinery.inspect.verification import verify
from refinery.inspect.whatif import what_if
from refinery.planner.reasons import reason_of
from refinery.planner.selection import Selection
from refinery.recipe import Pipeline, from_dict, recipe_dict
from refinery.stage.base import Filter, Values
from refinery.stage.by_language import ByLanguage
from refinery.stage.documents import Docs
from refinery.stage.fields import threshold
from refinery.stage.rules import Metric, Rule
from tests.engine.roots import Log, RootContents, fresh, pipeline, quick, steps, write_inputs
from tests.engine.toy import Gather, Length, LineSource

LINES = (
    ["de eins", "de eins zwei", "de eins zwei drei", "th a", "th a b c d", "?? one", "?? one two three", ""],
    ["en one two", "en one", "de vier fünf sechs sieben", "th", "?? two three", "de"],
)


class Tongue(ByLanguage, Filter):
    """The language of a text is its first word."""

    name: ClassVar = "tongue"
    version: ClassVar = 1
    metrics: ClassVar = (Metric("code", pa.string(), "label"), Metric("score"))
    language_metric: ClassVar = "code"

    min_score: float = threshold(0.0)

    def rules(self) -> tuple[Rule, ...]:
        """The language is certain."""
        return (Rule("unsure", "score", at_least=self.min_score),)

    def measure(self, docs: Docs) -> Values:
        """The code, null for ``??``, and a score that falls with the length of the text."""
        codes = [text[:2] if text[:2] != "??" else None for text in docs.texts()]
        return {"code": codes, "score": [1 / len(text.split()) for text in docs.texts()]}


class Worded(ByLanguage, Length):
    """Keep texts of enough words of their language."""

    name: ClassVar = "worded"


def recipe(
    folder: Path, table: Mapping[str, Any], score: Mapping[str, Any] = {}, *, log: Log | None = None, **settings: Any
) -> Pipeline:
    """A recipe with thresholds by language in two stages."""
    measured = Worded(min_words=3, thresholds=table, log=str(log.path) if log else "")
    return pipeline(folder, steps(LineSource(), Tongue(thresholds=score), measured, Gather()), **settings)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with inputs."""
    write_inputs(tmp_path / "in", LINES)
    return tmp_path


TABLES: list[dict[str, Any]] = [
    {},
    {"de": {"min_words": 4}},
    {"th": {"min_words": 1}, "de": {"min_words": 2}},
    {"xx": {"min_words": 9}, "en": {"min_words": 9}},
]


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_verdicts_are_those_of_the_language(folder: Path, table: dict[str, Any]) -> None:
    """Each document is held against the number of its language, one without a language against the general one."""
    quick(recipe(folder, table))
    held = RootContents(folder / "root")
    for side in ("kept", "removed"):
        for row in held.rows("02-worded", side):
            least = table.get(row["lang"] or "", {}).get("min_words", 3)
            assert (row["worded"]["words"] >= least) == (side == "kept")
            if side == "removed" and row["why"]["rule"] == "short":
                own = f" ({row['lang']})" if least != 3 else ""
                assert row["why"]["threshold"] == f"≥ {least}{own}"


@pytest.mark.parametrize("table", TABLES[1:], ids=str)
def test_thresholds_of_a_language_are_applied_to_stored_metrics(folder: Path, log: Log, table: dict[str, Any]) -> None:
    """Nothing is measured again, and the root is that of a new run with these thresholds."""
    quick(recipe(folder, {}, log=log))
    assert log.batches()
    changed = recipe(folder, table, log=log)
    quick(changed)
    assert log.batches() == 0
    assert RootContents(folder / "root").everything() == fresh(folder, changed).everything()


@pytest.mark.parametrize("override", ["worded.de.min_words=2", "worded.min_words=1", "tongue.de.min_score=0.3"])
def test_what_if_is_what_a_run_makes(folder: Path, override: str) -> None:
    """The yields are those of a run, and each reason names the language."""
    given = recipe(folder, {"de": {"min_words": 4}, "th": {"min_words": 2}})
    quick(given)
    found = what_if(given.root, [override], 100)
    changed = from_dict(recipe_dict(given), str(folder / "other"), overrides=[override])
    quick(changed)
    made = RootContents(folder / "other")
    for stage in found.stages:
        folder_name = {"tongue": "01-tongue", "worded": "02-worded"}[stage.stage]
        assert stage.after.kept == len(made.rows(folder_name))
    assert found.lost.documents + found.gained.documents
    if ".de." in override:
        flips = [*found.lost.samples, *found.gained.samples]
        assert {flip.why["threshold"].rpartition(" ")[2] for flip in flips} == {"(de)"}
        assert [change.field.partition(".")[0] for change in found.changes] == ["de"]


def test_the_change_of_a_language_starts_from_the_general_number(folder: Path) -> None:
    """A language without its own threshold had the general one."""
    given = recipe(folder, {})
    quick(given)
    (change,) = what_if(given.root, ["worded.en.min_words=2"]).changes
    assert (change.stage, change.field, change.before, change.after) == ("worded", "en.min_words", 3, 2)


def test_why_and_samples_have_the_threshold_of_the_language(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Stored and replayed outcomes agree, for kept and removed documents."""
    given = recipe(folder, {"de": {"min_words": 4}})
    quick(given)
    rows = RootContents(folder / "root").rows("02-worded") + RootContents(folder / "root").rows("02-worded", "removed")
    for row in rows:
        (account,) = why(given.root, row["id"].hex(), given).documents
        assert account.same
        station = next(one for one in account.stations if one.stage == "worded")
        assert station.stored == station.replayed
        assert station.stored is not None
        words = next(metric for metric in station.stored.metrics if metric.name == "words")
        assert [rule.threshold for rule in words.rules] == ["≥ 4 (de)" if row["lang"] == "de" else "≥ 3"]
    drawn = sample(given.root, SampleQuery(stage="worded", side="removed", rule="short", count=50)).documents
    assert {one.outcome.metrics[0].rules[0].threshold for one in drawn} == {"≥ 4 (de)", "≥ 3"}
    assert execute(["what-if", "--root", given.root, "--set", "worded.de.min_words=2"]) == 0
    assert "worded.de.min_words  4 → 2" in capsys.readouterr().out


def test_a_stage_without_identification_before_it_has_general_thresholds(folder: Path) -> None:
    """No language is known: a recipe without identification runs, and the thresholds of languages never apply."""
    worded = Worded(min_words=3, thresholds={"de": {"min_words": 9}})
    quick(pipeline(folder, steps(LineSource(), worded, Gather())))
    plain = pipeline(folder, steps(LineSource(), Worded(min_words=3), Gather()), root="plain")
    quick(plain)
    held, other = RootContents(folder / "root"), RootContents(folder / "plain")
    for side in ("kept", "removed"):
        assert held.rows("01-worded", side) == other.rows("01-worded", side)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"de": {"min_words": 5}}, "de.min_words 4 → 5"),
        ({}, "de.min_words 4 → –"),
        ({"th": {"min_words": 2}}, "thresholds of 2 languages: de, th"),
    ],
)
def test_a_plan_names_the_languages_whose_thresholds_changed(folder: Path, table: dict[str, Any], reason: str) -> None:
    """Of one language each number; of several their codes."""
    quick(recipe(folder, {"de": {"min_words": 4}}))
    manifest = RootContents(folder / "root").manifests["02-worded"]
    stage = recipe(folder, table).steps[2].stage
    found = reason_of(stage, manifest, "reapply", 1, Selection(), changing=False)
    assert found == f"{reason} (metrics are stored)"


def test_batches_leave_no_trace(folder: Path) -> None:
    """The root is the same whether documents are processed one by one or all at once."""
    table, score = {"de": {"min_words": 4}, "th": {"min_words": 1}}, {"de": {"min_score": 0.3}}
    quick(recipe(folder, table, score))
    quick(recipe(folder, table, score, batch=1, root="single"))
    assert RootContents(folder / "root").everything() == RootContents(folder / "single").everything()
    assert verify(str(folder / "root")).ok


def test_the_audit_applies_the_thresholds_of_languages(folder: Path) -> None:
    """Documents that an earlier stage removes have their language as well."""
    quick(recipe(folder, {"de": {"min_words": 4}, "th": {"min_words": 1}}, {"de": {"min_score": 0.9}}, audit=1))
    rows = [row for path in (folder / "root").glob("00-*/audit/*.parquet") for row in pq.read_table(path).to_pylist()]
    assert rows
    for row in rows:
        least = {"de": 4, "th": 1}.get(row["tongue"]["code"] or "", 3) if row["tongue"] else 3
        if row["worded"]:
            assert ("worded.short" in row["failed"]) == (row["worded"]["words"] < least)
