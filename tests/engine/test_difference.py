"""Diff: the differences of two roots are those of recipe, counts and reasons, and exactly the documents with another outcome."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from refinery.cli import execute
from refinery.errors import UsageError
from refinery.inspect.difference import RootDifference, diff
from refinery.inspect.stored_outcomes import ABSENT, KEPT
from tests.engine.looked import LINES, make, recipe
from tests.engine.roots import RootContents, quick, write_inputs

ALL = 10**6


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root like ``root`` but for one threshold."""
    return make(tmp_path_factory.mktemp("strict"), min_words=3)


def outcomes(root: Path) -> dict[str, str]:
    """Every document's outcome, by reading all rows."""
    held = RootContents(root)
    found = {}
    for folder in held.manifests:
        name = folder.partition("-")[2]
        found |= {row["id"].hex(): f"{name} {row['why']['rule']}" for row in held.rows(folder, "removed")}
    return found | {row["id"].hex(): KEPT for row in held.rows(list(held.manifests)[-1])}


def reported(found: RootDifference) -> dict[str, tuple[str, str]]:
    return {
        moved.document.id: (moved.left, moved.right) for movement in found.outcome_changes for moved in movement.samples
    }


def naive(left: Path, right: Path) -> dict[str, tuple[str, str]]:
    mine, its = outcomes(left), outcomes(right)
    pairs = {one: (mine.get(one, ABSENT), its.get(one, ABSENT)) for one in mine.keys() | its.keys()}
    return {one: pair for one, pair in pairs.items() if pair[0] != pair[1]}


def test_exactly_the_documents_that_changed(root: Path, strict: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Roots that differ in one threshold: both ways round, and however many rows fit the memory."""
    expected = naive(root, strict)
    assert expected
    for rows in (10**6, 1):
        monkeypatch.setattr("refinery.inspect.stored_outcomes.SHARE_ROWS", rows)
        found = diff(str(root), str(strict), ALL)
        assert reported(found) == expected
        assert {(m.left, m.right): m.documents for m in found.outcome_changes} == Counter(expected.values())
    back = diff(str(strict), str(root), ALL)
    assert reported(back) == {one: (b, a) for one, (a, b) in expected.items()}


def test_recipe_counts_and_reasons(root: Path, strict: Path) -> None:
    """What differs in the recipes is the threshold (and the folder of the input); counts are those of the rows."""
    found = diff(str(root), str(strict))
    assert {(one.name, one.left, one.right) for one in found.recipe if one.name != "inputs"} == {
        ("words.min_words", 2, 3)
    }
    assert not found.same
    for stage in found.stages:
        folder = next(f for f in RootContents(root).manifests if f.endswith(f"-{stage.stage}"))
        assert stage.kept == tuple(len(RootContents(path).rows(folder)) for path in (root, strict))
        for number, path in enumerate((root, strict)):
            stored = Counter(row["why"]["rule"] for row in RootContents(path).rows(folder, "removed"))
            stored |= {rule: pair[number] for rule, pair in stage.reasons.items() if rule == "comment"}
            assert {rule: pair[number] for rule, pair in stage.reasons.items() if pair[number]} == stored


def test_equal_roots_do_not_differ(root: Path, copy: Path) -> None:
    """A copy is the same; a root is the same as itself."""
    assert diff(str(root), str(copy)).same
    assert diff(str(root), str(root)).outcome_changes == ()


def test_documents_of_one_root_are_absent_from_the_other(root: Path, tmp_path: Path) -> None:
    """Another archive holds other documents."""
    write_inputs(tmp_path / "in", LINES[:2])
    given = recipe(tmp_path)
    quick(given)
    pairs = reported(diff(str(root), given.root, ALL))
    assert pairs == naive(root, Path(given.root))
    assert ABSENT in {right for _, right in pairs.values()}


def test_removed_rows_that_are_not_stored_are_told(root: Path, tmp_path: Path) -> None:
    """Counts are compared, and documents are not guessed."""
    other = make(tmp_path, keep_removed="counts")
    found = diff(str(root), str(other))
    assert (found.until, found.outcome_changes) == ("", ())
    assert "not stored" in found.note
    with pytest.raises(UsageError):
        diff(str(root), str(tmp_path))


def test_the_verb(root: Path, strict: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Text for people, and JSON with the same outcome_changes."""
    assert execute(["diff", str(root), str(strict), "-n", "1"]) == 0
    out = capsys.readouterr().out
    assert "words.min_words" in out
    assert "→ words short" in out
    assert execute(["diff", str(root), str(strict), "--json", "-n", str(ALL)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert not found["same"]
    assert sum(m["documents"] for m in found["outcome_changes"]) == len(naive(root, strict))
    assert execute(["diff", str(root), str(root)]) == 0
    assert capsys.readouterr().out == "no difference\n"
