"""MinHash with verified pairs: clusters are those of all pairs that are similar enough."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st
from pydantic import ValidationError

from refinery.kernels import similarities
from refinery.stage.documents import Docs
from refinery.stages import _copies
from refinery.stages._copies import EXCLUDED, SORTED_BYTES
from refinery.stages._resolving import EDGES
from refinery.stages.minhash import KEYS, MinHash
from refinery.testing import MemoryPart, documents
from tests.stages.globally import Metrics, by_id, spread
from tests.stages.test_minhash import SMALL, naive

LOOSE = MinHash(bands=16, rows=1, ngram=1, unit="words", verify=True, sketch=256, min_similarity=0.6)


def sketch_of(stage: MinHash, text: str) -> np.ndarray[Any, Any]:
    found = stage.map(documents([text]), 0).index.column("sketch")
    return np.frombuffer(found.buffers()[1], np.uint8)


def all_verified(stage: MinHash, docs: Docs) -> list[set[int]]:
    """Rows joined over every pair that shares a key and whose sketches are alike."""
    mapped = stage.map(docs, 0).keys.to_pydict()
    holders: dict[int, set[int]] = {}
    for key, row in zip(mapped["key"], mapped["row"], strict=True):
        holders.setdefault(key, set()).add(row)
    reported = [sketch_of(stage, text) for text in docs.texts()]
    clusters = [{row} for row in sorted(set().union(*holders.values()))]
    for rows in holders.values():
        for a in rows:
            for b in rows:
                alike = similarities(reported[a][None], reported[b][None])[0] >= stage.min_similarity - 1e-6
                one = next(cluster for cluster in clusters if a in cluster)
                if alike and b not in one:
                    other = next(cluster for cluster in clusters if b in cluster)
                    clusters = [c for c in clusters if c is not one and c is not other] + [one | other]
    return clusters


def clusters_in(metrics: dict[bytes, Metrics]) -> list[set[int]]:
    """The rows of each cluster of two or more."""
    found: dict[bytes, set[int]] = {}
    for member, metric in metrics.items():
        if metric["cluster"] is not None:
            found.setdefault(metric["cluster"], set()).add(int.from_bytes(member, "big"))
    return sorted(found.values(), key=min)


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=8).map(" ".join), min_size=1, max_size=12), st.randoms())
@settings(max_examples=60)
def test_verified_clusters_are_those_of_all_pairs(texts: list[str], draw: random.Random) -> None:
    """However they are spread, documents are together if a chain of verified pairs that share keys joins them."""
    docs = documents(texts)
    expected = sorted((cluster for cluster in all_verified(LOOSE, docs) if len(cluster) > 1), key=min)
    metrics = by_id(LOOSE, spread(docs, draw))
    assert clusters_in(metrics) == expected
    assert metrics == by_id(LOOSE, [[docs]])
    for metric in metrics.values():
        assert (metric["role"] == "unique") == (metric["cluster"] is None) == (metric["size"] == 1)


@given(
    st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=8).map(" ".join), min_size=1, max_size=12),
    st.integers(2, 6),
    st.randoms(),
)
@settings(max_examples=60)
def test_large_clusters_are_split_by_verification(texts: list[str], largest: int, draw: random.Random) -> None:
    """Clusters up to ``max_cluster`` are as without it; in larger ones only verified pairs stay together."""
    docs = documents(texts)
    stage = LOOSE.model_copy(update={"verify": False, "max_cluster": largest})
    whole = naive(stage, docs)
    parts = all_verified(stage, docs)
    expected = [cluster for cluster in whole if len(cluster) <= largest]
    expected += [part for part in parts for cluster in whole if part <= cluster and len(cluster) > largest]
    metrics = by_id(stage, spread(docs, draw))
    assert clusters_in(metrics) == sorted((cluster for cluster in expected if len(cluster) > 1), key=min)
    assert metrics == by_id(stage, [[docs]])


def test_verification_is_asked_for_once() -> None:
    """Where all pairs are verified there is nothing left to split by."""
    with pytest.raises(ValidationError, match="all pairs are verified"):
        MinHash(profile="verified", max_cluster=100)


@given(st.lists(st.lists(st.sampled_from("abcd"), max_size=6).map(" ".join), min_size=2, max_size=15), st.randoms())
@settings(max_examples=40)
def test_edges_count_in_any_order(texts: list[str], draw: random.Random) -> None:
    """Edges that come in another order, turned round or twice make the same clusters, split ones too."""
    docs = documents(texts)
    for stage in (SMALL, LOOSE.model_copy(update={"verify": False, "max_cluster": 3})):
        mapped = stage.map(docs, 0)
        part = MemoryPart(0, len(docs), pa.Table.from_batches([mapped.index]), pa.Table.from_batches([mapped.keys]))
        part = part.without(EXCLUDED.empty_table())
        keys, rows = mapped.keys.to_pydict().values()
        pairs = [
            (a, b, draw.random() < 0.5)
            for x, a in zip(keys, rows, strict=True)
            for y, b in zip(keys, rows, strict=True)
            if x == y and a < b
        ]
        (expected,) = stage.resolve([_edges_of(pairs)], [part])
        others = [
            (b, a, sure) if draw.random() < 0.5 else (a, b, sure)
            for a, b, sure in pairs
            for _ in range(draw.randint(1, 2))
        ]
        draw.shuffle(others)
        cut = draw.randint(0, len(others))
        (found,) = stage.resolve([_edges_of(others[:cut]), _edges_of(others[cut:])], [part])
        assert found.equals(expected)


@given(
    st.lists(st.lists(st.sampled_from(["", "a", "b c", "c b", "B c"]), max_size=6), min_size=1, max_size=4),
    st.booleans(),
)
def test_of_equal_texts_the_first_takes_part(parts: list[list[str]], new: bool) -> None:
    """The others are excluded, whatever the passes in which they are looked for; texts without characters are not."""
    mapped = [SMALL.map(documents(texts), 0) for texts in parts]
    held = [
        MemoryPart(at, len(m.index), pa.Table.from_batches([m.index]), KEYS.empty_table())
        for at, m in enumerate(mapped)
    ]
    numbered = list(enumerate(text for texts in parts for text in texts))
    first = {text: number for number, text in reversed(numbered) if text}
    wanted = [(number, first[text]) for number, text in numbered if text and number != first[text]]
    for passes in (1, 3):
        made = list(_copies.copies(held, max(1, len(numbered) * SORTED_BYTES // passes), new=new, reference=True))
        starts = np.cumsum([0, *map(len, parts)]).tolist()
        found = [
            (start + row["row"], starts[row["leader"] >> 32] + row["leader"] % 2**32)
            for start, table in zip(starts, made, strict=False)
            for row in table.to_pylist()
        ]
        assert found == (wanted if new else [])


def _edges_of(pairs: list[tuple[int, int, bool]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [pa.array([pair[at] for pair in pairs], field.type) for at, field in enumerate(EDGES)], schema=EDGES
    )


def test_a_long_chain_is_one_cluster() -> None:
    """2,000 documents, each like the next one and like few others, are one cluster, whatever its ends have in common."""
    words = [f"w{i}" for i in range(2_000 + 60)]
    texts = [" ".join(words[start : start + 60]) for start in range(2_000)]
    metrics = by_id(MinHash(bands=20, rows=4, ngram=1, unit="words"), [[documents(texts)]])
    assert {metric["size"] for metric in metrics.values()} == {2_000}
