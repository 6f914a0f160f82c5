"""What-if: what stored metrics say of other thresholds is what a run with these thresholds makes, to the document."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from refinery.cli import execute
from refinery.errors import StorageError, UsageError
from refinery.inspect.reader import open_root
from refinery.inspect.whatif import WhatIf, what_if
from refinery.planner.selection import Selection
from refinery.recipe import RecipeError, from_dict
from tests.engine.looked import make, recipe
from tests.engine.roots import RootContents, all_files, quick, write_inputs

ALL = 10**6
ROW_STAGES = {"words": "01-words", "snip": "02-snip"}


def rerun(root: Path, overrides: list[str], folder: Path) -> RootContents:
    """What a run with these thresholds makes in a new root."""
    given = from_dict(open_root(str(root)).head.recipe, str(folder), overrides=overrides)
    quick(given)
    return RootContents(folder)


def check(root: Path, overrides: list[str], folder: Path) -> WhatIf:
    """Hold the answer against a rerun: counts and tokens of each stage, and every flip."""
    found = what_if(str(root), overrides, ALL)
    before, after = RootContents(root), rerun(root, overrides, folder)
    for stage in found.stages:
        for reported, made in ((stage.before, before), (stage.after, after)):
            rows = made.rows(ROW_STAGES[stage.stage])
            gone = made.rows(ROW_STAGES[stage.stage], "removed")
            assert (reported.given, reported.kept) == (len(rows) + len(gone), len(rows))
            assert reported.tokens == sum(row["tokens"] for row in rows)
    old, new = ({row["id"].hex(): row for row in made.rows("02-snip")} for made in (before, after))
    for flips, mine, its, other in ((found.lost, old, new, after), (found.gained, new, old, before)):
        assert {flip.document.id for flip in flips.samples} == mine.keys() - its.keys()
        assert flips.documents == len(flips.samples)
        assert flips.tokens == sum(mine[name]["tokens"] for name in mine.keys() - its.keys())
        reasons = {row["id"].hex(): row["why"] for f in ROW_STAGES.values() for row in other.rows(f, "removed")}
        assert all(flip.why == reasons[flip.document.id] for flip in flips.samples)
    for one in (*found.by["language"], *found.by["domain"]):
        for count, rows in ((one.before, old.values()), (one.after, new.values())):
            mine = [row["tokens"] for row in rows if not one.name or one.name == row["url"][7:].partition("#")[0]]
            assert (count.documents, count.tokens) == (len(mine), sum(mine))
    changed = {
        row["url"][7:].partition("#")[0] for a, b in ((old, new), (new, old)) for n, row in a.items() if n not in b
    }
    assert {one.name for one in found.by["domain"]} == changed
    return found


@pytest.mark.parametrize(
    "overrides",
    [[f"words.min_words={n}"] for n in (0, 1, 3, 4, 9)]
    + [[f"snip.least={n}"] for n in (0, 9, 13, 99)]
    + [["words.min_words=1", "snip.least=1"], ["words.min_words=3", "snip.least=1"], ["words.min_words=0", "snip.least=9"]],
    ids=" ".join,
)  # fmt: skip
def test_the_answer_is_what_a_run_makes(root: Path, tmp_path: Path, overrides: list[str]) -> None:
    """Tightened, loosened, both at once, in a filter and in an edit; reasons are those that the other root stores."""
    check(root, overrides, tmp_path / "other")


def test_the_documents_next_to_a_threshold_are_those_of_its_sides(root: Path) -> None:
    """The nearest first; of those removed only documents that no other rule removes."""
    (near,) = what_if(str(root), ["words.min_words=3"], ALL).near
    assert (near.stage, near.rule, near.metric, near.threshold) == ("words", "short", "words", "≥ 3")
    rows = [row for side in ("kept", "removed") for row in RootContents(root).rows("01-words", side) if row["words"]]
    fine = {row["id"].hex(): row["words"]["words"] for row in rows if row["words"]["letters"] >= 0.5}
    for side, wanted in ((near.kept, lambda words: words >= 3), (near.removed, lambda words: words < 3)):
        scores = [one.score for one in side]
        assert {one.document.id: one.score for one in side} == {name: n for name, n in fine.items() if wanted(n)}
        assert scores == sorted(scores, key=lambda score: abs(score - 3))
    assert what_if(str(root), ["words.min_words=3"], 1).near[0].kept == near.kept[:1]


def test_nothing_is_written(copy: Path) -> None:
    """A question leaves the root as it is."""
    before = all_files(copy)
    what_if(str(copy), ["words.min_words=1"])
    assert all_files(copy) == before


def test_the_stages_behind_are_told_and_not_asked(root: Path) -> None:
    """From the first changed stage to the last before one that looks at all documents."""
    found = what_if(str(root), ["words.min_words=3"])
    assert [stage.stage for stage in found.stages] == ["words", "snip"]
    assert found.not_recomputed == ("same", "upper", "gather")
    assert [(c.stage, c.field, c.before, c.after) for c in found.changes] == [("words", "min_words", 2, 3)]


def test_samples_are_the_first_of_all_flips(root: Path) -> None:
    """A smaller sample is the beginning of a larger one, and the counts do not depend on it."""
    whole = what_if(str(root), ["words.min_words=9"], ALL).lost
    for count in (0, 1, 4):
        some = what_if(str(root), ["words.min_words=9"], count).lost
        assert (some.documents, some.tokens) == (whole.documents, whole.tokens)
        assert some.samples == whole.samples[:count]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["words.min_words=2"], "no threshold differs"),
        (["words.log=x"], "words.log is not a threshold"),
        (["dataset=other"], "dataset is not a threshold"),
        (["executor.batch=7"], "executor is not a threshold"),
    ],
)
def test_what_is_no_bound_is_refused(root: Path, overrides: list[str], message: str) -> None:
    """One line, and how to find what is one."""
    with pytest.raises(UsageError, match=message) as caught:
        what_if(str(root), overrides)
    assert "refinery stages" in caught.value.hint
    with pytest.raises(RecipeError, match="min_words"):
        what_if(str(root), ["words.min_word=3"])


def test_rows_that_are_not_stored_cannot_answer(tmp_path: Path) -> None:
    """Nor can stages that are not made; neither is guessed."""
    root = make(tmp_path / "a", keep_removed="counts")
    with pytest.raises(UsageError, match="rows that are not stored"):
        what_if(str(root), ["words.min_words=1"])
    write_inputs(tmp_path / "b" / "in")
    given = recipe(tmp_path / "b")
    quick(given, Selection(until="words"))
    found = what_if(given.root, ["words.min_words=1"])
    assert [stage.stage for stage in found.stages] == ["words"]
    with pytest.raises(UsageError, match="'snip' has no results yet"):
        what_if(given.root, ["snip.least=1"])


def test_a_lost_file_is_a_storage_error(copy: Path) -> None:
    """Not an answer about fewer documents."""
    next(copy.glob("01-words/removed/*.parquet")).unlink()
    with pytest.raises(StorageError):
        what_if(str(copy), ["words.min_words=1"])


def test_the_verb_shows_the_yield_and_the_flips(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line a stage with the changes, documents with the reason, and what was not asked."""
    assert execute(["what-if", "--root", str(root), "--set", "words.min_words=3", "-n", "1"]) == 0
    out = capsys.readouterr().out
    before, after = (what_if(str(root), ["words.min_words=3"]).stages[0].__dict__[name] for name in ("before", "after"))
    assert "words.min_words  2 → 3" in out
    assert re.search(rf"\n  words +{before.kept} +{after.kept} +-{before.kept - after.kept} \(-", out)
    assert "words short 2 (≥ 3)" in out
    assert "not recomputed: same, upper, gather" in out
    assert execute(["what-if", "--root", str(root)]) == 2
    assert "--set" in capsys.readouterr().err
