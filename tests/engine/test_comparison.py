"""Comparison: what roots keep together and alone is what reading all their rows gives, however many roots there are."""

from __future__ import annotations

import json
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest

from refinery.cli import execute
from refinery.errors import UsageError
from refinery.inspect.comparison import compare
from refinery.inspect.counts import read_counts
from refinery.inspect.stored_outcomes import ABSENT, KEPT
from tests.engine.looked import LINES, make, recipe
from tests.engine.roots import quick, write_inputs
from tests.engine.test_difference import ALL, outcomes


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Roots with three thresholds, and one with an input file more."""
    found = [make(tmp_path_factory.mktemp(f"words{words}"), min_words=words) for words in (2, 3, 4)]
    folder = tmp_path_factory.mktemp("more")
    write_inputs(folder / "in", [*LINES, ["a file that the others do not have"]])
    given = recipe(folder)
    quick(given)
    return [*found, Path(given.root)]


@pytest.mark.parametrize("rows", [1, 10**6])
def test_agreement_is_that_of_all_rows(roots: list[Path], rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pairs, documents by the number of roots that keep them, and those that one alone keeps with the reasons."""
    monkeypatch.setattr("refinery.inspect.stored_outcomes.SHARE_ROWS", rows)
    each = [outcomes(root) for root in roots]
    found = compare([str(root) for root in roots], ALL).agreement
    names = set().union(*each)
    kept = [{one for one, outcome in known.items() if outcome == KEPT} for known in each]
    assert found.documents == len(names)
    assert found.kept == tuple(map(len, kept))
    by = Counter(sum(one in some for some in kept) for one in names)
    assert found.kept_by == tuple(by[number] for number in range(len(roots) + 1))
    for pair, (left, right) in zip(found.pairs, combinations(range(len(roots)), 2), strict=True):
        both = len(kept[left] & kept[right])
        assert (pair.left, pair.right, pair.both) == (left, right, both)
        assert (pair.left_only, pair.right_only) == (len(kept[left]) - both, len(kept[right]) - both)
    for number, sole in enumerate(found.sole):
        mine = kept[number].difference(*(some for place, some in enumerate(kept) if place != number))
        assert {sample.document.id for sample in sole.samples} == mine
        assert sole.documents == len(mine)
        for sample in sole.samples:
            assert sample.outcomes == tuple(known.get(sample.document.id, ABSENT) for known in each)
        for place, outcomes_there in enumerate(sole.outcomes):
            there = Counter(each[place].get(one, ABSENT) for one in mine)
            assert dict(outcomes_there) == ({} if place == number else dict(there))
    assert any(sole.documents for sole in found.sole)


def test_counts_and_costs_are_those_of_the_roots(roots: list[Path]) -> None:
    """The funnel, the reasons and the seconds of each root are what its own counts say."""
    found = compare([str(root) for root in roots])
    counts = [read_counts(str(root)) for root in roots]
    for place, line in enumerate(found.funnel["documents"]):
        assert line.counts == tuple(one.stages[place].counts.documents["kept"] for one in counts)
    for cost, one in zip(found.costs, counts, strict=True):
        assert cost.seconds == pytest.approx(sum(stage.seconds for stage in one.stages), abs=0.01)
        assert cost.tokens == one.stages[-1].counts.tokens["kept"]
    assert sum(line.counts[0] for line in found.domains["documents"]) == counts[0].stages[-1].counts.documents["kept"]


def test_rows_that_are_not_stored_are_told(roots: list[Path], tmp_path: Path) -> None:
    """Counts are compared all the same."""
    write_inputs(tmp_path / "in", LINES)
    given = recipe(tmp_path).model_copy(update={"keep_removed": "counts"})
    quick(given)
    found = compare([str(roots[0]), given.root])
    assert "not stored" in found.agreement.note
    assert found.funnel["documents"]


def test_the_verb_takes_any_number(roots: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Text with a column a root, JSON with all of it, and an error for one root alone."""
    paths = [str(root) for root in roots]
    assert execute(["diff", *paths, "-n", "1"]) == 0
    out = capsys.readouterr().out
    assert "documents kept" in out
    assert "alone keeps" in out
    assert execute(["diff", *paths, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["comparison"]
    assert found["roots"] == paths
    assert [pair["share"] for pair in found["agreement"]["pairs"]] == [
        pair.share for pair in compare(paths).agreement.pairs
    ]
    assert execute(["diff", paths[0]]) == 2
    with pytest.raises(UsageError, match="one root"):
        compare(paths[:1])
