"""Ranks by one score and by several: exact, distinct, and the same in whatever parts the documents come."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st
from pydantic import ValidationError

import refinery.stages.rank
from refinery.errors import UsageError
from refinery.stage.documents import Docs
from refinery.stages.rank import Combine, Rank
from refinery.testing import documents, run_global
from tests.stages.globally import Metrics, by_id, spread

Scores = tuple[float | None, float | None]

COMBINED: dict[Combine, Callable[[Sequence[Fraction]], Fraction]] = {
    "min": min,
    "max": max,
    "mean_of_ranks": lambda ranks: sum(ranks, Fraction(0)) / len(ranks),
}


def scored(rows: Sequence[tuple[str | None, Scores]]) -> Docs:
    """Documents with languages and two scores."""
    columns = {name: pa.array([scores[n] for _, scores in rows], pa.float64()) for n, name in enumerate(("a", "b"))}
    struct = pa.StructArray.from_arrays(list(columns.values()), names=list(columns))
    languages = pa.array([language for language, _ in rows], pa.string())
    return documents([""] * len(rows)).with_columns({"lang": languages, "edu": struct})


def naive(docs: Docs, scores: Sequence[str], combine: Combine) -> dict[bytes, Metrics]:
    """The metrics of each document, by sorting all of a language."""
    rows = docs.batch.to_pylist()
    metrics: dict[bytes, Metrics] = {row["id"]: dict.fromkeys(("rank", "tier", "combined")) for row in rows}
    languages = defaultdict(list)
    for row in rows:
        if all(row["edu"][score] is not None for score in scores):
            languages[row["lang"]].append(row)
    for ranked in languages.values():
        places = [_places({row["id"]: row["edu"][score] for row in ranked}) for score in scores]
        combined: dict[bytes, Any] = {row["id"]: row["edu"][scores[0]] for row in ranked}
        if len(scores) > 1:
            combined = {one: COMBINED[combine]([ranks[one] for ranks in places]) for one in combined}
        for one, rank in _places(combined).items():
            metrics[one] = {"rank": float(rank), "tier": int(rank * 20) + 1, "combined": float(combined[one])}
    return metrics


def _places(values: dict[bytes, Any]) -> dict[bytes, Fraction]:
    ordered = sorted(values, key=lambda one: (values[one], one))
    return {one: Fraction(place, len(ordered)) for place, one in enumerate(ordered)}


@pytest.fixture(params=[(4096, 256), (2, 1), (1, 3)], ids=["one bucket", "tiny buckets", "all in the sample"])
def buckets(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another size of buckets, which changes no rank."""
    monkeypatch.setattr(refinery.stages.rank, "SAMPLED", request.param[0])
    monkeypatch.setattr(refinery.stages.rank, "BUCKET", request.param[1])


numbers = st.none() | st.sampled_from([0.0, -0.0, 1.0, 1.0, 1.0, 0.5, -3.0, float("inf"), 1e-300]) | st.floats(0, 1)
documents_of = st.lists(st.tuples(st.sampled_from(["en", "en", "de", None]), st.tuples(numbers, numbers)), max_size=60)


@pytest.mark.usefixtures("buckets")
@pytest.mark.parametrize(("scores", "combine"), [(("a",), "min"), *product([("a", "b"), ("b", "a")], COMBINED)])
@settings(max_examples=40)
@given(documents_of, st.randoms(use_true_random=False))
def test_ranks_are_those_of_sorting_all(
    scores: tuple[str, ...], combine: Combine, rows: list[tuple[str | None, Scores]], draw: random.Random
) -> None:
    """Ranks are exact and distinct in a language, whatever the order, parts, batches and buckets."""
    docs = scored(rows)
    stage = Rank(scores=tuple(f"edu.{score}" for score in scores), combine=combine)
    assert by_id(stage, spread(docs, draw)) == naive(docs, scores, combine)


@pytest.mark.usefixtures("buckets")
@pytest.mark.parametrize("combine", COMBINED)
def test_opposite_scores_have_distinct_ranks(combine: Combine) -> None:
    """Where all means are equal the ids decide, as with equal scores."""
    docs = scored([("en", (n / 100, -n / 100)) for n in range(100)])
    stage = Rank(scores=("edu.a", "edu.b"), combine=combine)
    found = by_id(stage, [[docs.slice(0, 30)], [docs.slice(30)]])
    assert found == naive(docs, ["a", "b"], combine)
    assert sorted(one["tier"] for one in found.values()) == sorted([*range(1, 21)] * 5)


@pytest.mark.slow
@pytest.mark.parametrize("scores", [("edu.a",), ("edu.a", "edu.b")])
def test_a_threshold_keeps_the_share_that_it_states(scores: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 100,000 documents in each of two languages, most with one score: 1, 5, 10 and 30 %, to the document."""
    monkeypatch.setattr(refinery.stages.rank, "SAMPLED", 64)
    monkeypatch.setattr(refinery.stages.rank, "BUCKET", 32)
    chance = np.random.default_rng(0)
    values = np.where(chance.random((2, 200_000)) < 0.9, 1.0, chance.random((2, 200_000)))
    docs = documents([""] * 200_000)
    struct = pa.StructArray.from_arrays(list(map(pa.array, values)), names=["a", "b"])
    docs = docs.with_columns({"edu": struct, "lang": pa.array(["en", "de"] * 100_000)})
    parts = [[docs.slice(start, 20_000)] for start in range(0, 200_000, 20_000)]
    ranks = np.concatenate([edit.metrics["rank"] for (edit,) in run_global(Rank(scores=scores), parts)])
    for language in (ranks[::2], ranks[1::2]):
        assert sorted(language) == (np.arange(100_000) / 100_000).tolist()
        for percent in (1, 5, 10, 30):
            (rule,) = Rank(scores=scores, keep=percent / 100).rules()
            assert 100_000 - rule.violated(pa.array(language)).true_count == percent * 1000


def test_any_number_can_be_ranked() -> None:
    """Whole numbers and flags as well as scores; a text cannot."""
    columns = {"words": pa.array([3, 1, 2], pa.uint32()), "long": pa.array([True, False, True]), "why": pa.array("abc")}
    struct = pa.StructArray.from_arrays(list(columns.values()), names=list(columns))
    docs = documents([""] * 3).with_columns({"quality": struct})
    found = by_id(Rank(scores=("quality.words",)), [[docs]])
    assert [one["combined"] for one in found.values()] == [3, 1, 2]
    assert [one["rank"] for one in by_id(Rank(scores=("quality.long",)), [[docs]]).values()] == [1 / 3, 0, 2 / 3]
    with pytest.raises(UsageError, match=r"quality\.why is no number but string"):
        Rank(scores=("quality.why",)).check_columns(docs.schema)


@pytest.mark.parametrize(("written", "least"), [("30%", 0.7), ("0.5%", 0.995), (0.1, 0.9), (1, 0)])
def test_a_share_is_written_in_percent_or_as_a_number(written: Any, least: float) -> None:
    """The threshold of the rule is the share below."""
    (rule,) = Rank.model_validate({"scores": ["edu.a"], "keep": written}).rules()
    assert rule.at_least == least


@pytest.mark.parametrize("keep", ["30", "x%", "130%", 30, -0.1])
def test_other_shares_are_refused(keep: Any) -> None:
    """Only shares of a whole, and no score twice."""
    with pytest.raises(ValidationError):
        Rank.model_validate({"scores": ["edu.a"], "keep": keep})
    with pytest.raises(ValidationError, match="named twice"):
        Rank(scores=("edu.a", "edu.a"))
