"""Which document of a cluster MinHash keeps, by each policy."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st
from pydantic import ValidationError

from refinery.errors import UsageError
from refinery.recipe import Step
from refinery.recipe.columns import flows
from refinery.stage.base import Stage
from refinery.stages._clusters import Policy
from refinery.stages.minhash import MinHash
from refinery.testing import documents
from tests.stages.globally import by_id, rows_of, spread
from tests.stages.test_minhash import SMALL


def survivor_of(stage: MinHash, texts: list[str]) -> int:
    (survivor,) = {f["survivor"] for f in by_id(stage, [[documents(texts)]]).values()}
    return int.from_bytes(survivor, "big")


def test_policies() -> None:
    """First and newest are by date, longest has the most characters; random is none of them but the same for a seed."""
    texts = ["a b c d", "A B C D!", "a, b, c, d ......", "a b c d"]
    assert survivor_of(MinHash(bands=8, rows=2, survivor="first"), texts) == 0
    assert survivor_of(MinHash(bands=8, rows=2, survivor="newest"), texts) == 3
    assert survivor_of(MinHash(bands=8, rows=2, survivor="longest"), texts) == 2
    seeds = [survivor_of(MinHash(bands=8, rows=2, seed=seed), texts) for seed in range(200)]
    assert seeds == [survivor_of(MinHash(bands=8, rows=2, seed=seed), texts) for seed in range(200)]
    assert all(30 < count < 75 for count in Counter(seeds).values())
    assert set(seeds) == {0, 1, 2, 3}


@pytest.mark.parametrize("survivor", ["first", "newest"])
def test_a_document_without_a_date_is_last(survivor: Policy) -> None:
    """A null date neither comes first nor is new."""
    docs = documents(["a b c", "a b c"])
    undated = docs.with_columns({"date": pa.array([None, -5], docs.schema.field("date").type)})
    metrics = by_id(SMALL.model_copy(update={"survivor": survivor}), [[undated]])
    assert [f["role"] for f in metrics.values()] == ["exact", "survivor"]


numbers = st.none() | st.floats(allow_nan=True, allow_infinity=True, width=32)


@given(st.lists(numbers, min_size=2, max_size=6), st.randoms())
@settings(max_examples=60)
def test_the_best_has_the_highest_value(values: list[float | None], draw: random.Random) -> None:
    """Of copies that one survives whose value is highest; where none has a value, one survives all the same."""
    stage = SMALL.model_copy(update={"survivor": "best", "best": "language.score"})
    docs = documents(["a b c"] * len(values))
    scores = pa.StructArray.from_arrays([pa.array(values, pa.float32(), from_pandas=False)], ["score"])
    parts = spread(docs.with_columns({"language": scores}), draw)
    (survivor,) = {f["survivor"] for f in by_id(stage, parts).values()}
    known = [value for value in values if value is not None and not np.isnan(value)]
    if known:
        assert values[int.from_bytes(survivor, "big")] == max(known)


def test_a_fact_that_is_not_measured_is_no_best() -> None:
    """The columns of a recipe are checked for the metric that tells the best, and the two fields go together."""
    stage = MinHash(survivor="best", best="language.score")
    docs = documents(["a"])
    given = type("Given", (Stage,), {"name": "given", "version": 1, "adds": tuple(docs.schema)[6:]})()
    with pytest.raises(UsageError, match=r"language\.score"):
        flows([Step("given", given), Step("minhash", stage)])
    for fields in ({"survivor": "best"}, {"best": "language.score"}):
        with pytest.raises(ValidationError, match="go together"):
            MinHash(**fields)


@pytest.mark.parametrize("survivor", ["random", "first", "newest", "longest"])
def test_one_record_read_twice(survivor: Policy) -> None:
    """Two documents with one id are a cluster with one survivor; if their records differ, the same one in any order."""
    stage = SMALL.model_copy(update={"survivor": survivor})
    docs = documents(["a b c", "a b c"], 7)
    same_id = pa.array([bytes(16)] * 2, pa.binary(16))
    same_date = docs.column("date").take(pa.array([0, 0]))
    twice = docs.with_columns({"id": same_id, "date": same_date}, [docs.schema.field("id")])
    kept = set()
    for parts in ([[twice]], [[twice.slice(1), twice.slice(0, 1)]], [[twice.slice(1)], [twice.slice(0, 1)]]):
        roles = [metrics["role"] for _, metrics in rows_of(stage, parts)]
        assert sorted(roles) == ["exact", "survivor"]
        offsets = [offset for part in parts for batch in part for offset in batch.column("offset").to_pylist()]
        kept.add(offsets[roles.index("survivor")])
    assert len(kept) == 1
