"""MinHash in rounds over ranges of keys: what it decides is what the two tasks that see all documents decide."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from refinery import testing
from refinery.stage.addresses import address, reference_number
from refinery.stage.documents import Docs
from refinery.stage.keyed import KEY, sort_rows
from refinery.stage.rounds import in_turn
from refinery.stages._clusters import Policy
from refinery.stages._copies import EXCLUDED
from refinery.stages._partitioned import InRanges
from refinery.stages._resolving import edges_between
from refinery.stages.minhash import MinHash
from refinery.testing import MemoryPart, Past, documents, run_global
from tests.stages.globally import spread
from tests.stages.test_minhash import labelled_documents

LOOSE = {"bands": 8, "rows": 2, "ngram": 2, "unit": "words"}
SKETCHED = {"bands": 16, "rows": 1, "ngram": 1, "unit": "words", "sketch": 64, "min_similarity": 0.6}
KINDS: dict[str, dict[str, Any]] = {
    "plain": LOOSE,
    "verified": SKETCHED | {"verify": True},
    "split": SKETCHED | {"max_cluster": 3},
}

texts = st.lists(st.sampled_from("abcdef"), max_size=8).map(" ".join)
policies = st.sampled_from(["random", "first", "newest", "longest"])
kinds = st.sampled_from(sorted(KINDS))
ranges = st.sampled_from([1, 2, 7])
"""Numbers of partitions."""


def both_forms(
    stage: MinHash, parts: Sequence[Sequence[Docs]], partitions: int, past: Sequence[Past] = ()
) -> tuple[list[Any], list[Any]]:
    """Metrics of all documents, in order, from the single tasks and from rounds over so many partitions."""
    found = []
    for one_task in (10**9, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(testing, "RANGES", partitions)
            edits = run_global(stage.model_copy(update={"one_task": one_task}), parts, past)
        found.append([{name: column.to_pylist() for name, column in e.metrics.items()} for part in edits for e in part])
    return found[0], found[1]


@given(st.lists(texts, max_size=15), kinds, policies, ranges, st.randoms())
@settings(max_examples=40)
def test_any_partitions_decide_as_one_task(
    lines: list[str], kind: str, survivor: Policy, partitions: int, draw: random.Random
) -> None:
    """Roles, sizes, similarities, clusters and survivors are the same, row for row."""
    stage = MinHash(**KINDS[kind], survivor=survivor)
    one, rounds = both_forms(stage, spread(documents(lines), draw), partitions)
    assert one == rounds


@given(
    st.lists(texts, max_size=12),
    st.lists(texts, max_size=9),
    st.lists(texts, max_size=9),
    kinds,
    policies,
    ranges,
    st.booleans(),
    st.booleans(),
    st.randoms(),
)
@settings(max_examples=30, deadline=None)
def test_any_partitions_decide_as_one_task_with_reference_roots(
    first: list[str],
    second: list[str],
    new: list[str],
    kind: str,
    survivor: Policy,
    partitions: int,
    within: bool,
    same_ids: bool,
    draw: random.Random,
) -> None:
    """Against two roots, the second against the first or not, whose documents may have the ids of new ones."""
    stage = MinHash(**KINDS[kind], survivor=survivor)
    one, two = documents(first), documents(second, 0 if same_ids else len(first))
    past = [Past(stage, spread(one, draw))]
    before = past[:] if draw.random() < 0.5 else []
    after = stage.model_copy(update={"against": ("one",)}) if before else stage
    past.append(Past(after, spread(two, draw), before))
    last = stage.model_copy(update={"against": ("one", "two"), "within": within})
    parts = spread(documents(new, 0 if same_ids else len(first) + len(second)), draw)
    single, rounds = both_forms(last, parts, partitions, past)
    assert single == rounds


@given(
    st.lists(texts, min_size=1, max_size=12),
    st.lists(st.sampled_from(["de", "en", None]), min_size=12, max_size=12),
    kinds,
    ranges,
    st.randoms(),
)
@settings(max_examples=15)
def test_any_partitions_decide_as_one_task_by_label(
    lines: list[str], labels: list[str | None], kind: str, partitions: int, draw: random.Random
) -> None:
    """With ``by`` too."""
    docs = labelled_documents(lines, labels[: len(lines)])
    one, rounds = both_forms(MinHash(**KINDS[kind], by="lang"), spread(docs, draw), partitions)
    assert one == rounds


@pytest.mark.parametrize("partitions", [1, 7])
def test_a_chain_is_one_cluster(partitions: int) -> None:
    """1,000 documents, each like the next one and like few others."""
    words = [f"w{i}" for i in range(1_060)]
    lines = [" ".join(words[start : start + 60]) for start in range(1_000)]
    stage = MinHash(bands=20, rows=4, ngram=1, unit="words")
    one, rounds = both_forms(stage, spread(documents(lines), random.Random(1)), partitions)
    assert one == rounds
    assert {size for batch in rounds for size in batch["size"]} == {1_000}


# --------------------------------------------------------------------------------------------------------- components


Pair = tuple[int, int, bool]
"""Two documents, and if their edge is verified."""


class _Ranges(testing._MemoryShuffle):
    """Rounds in memory from the edges of parts on."""

    def __init__(self, parts: Sequence[MemoryPart], edges: pa.Table) -> None:
        super().__init__(len(parts), parts)
        self._sent = {"reduced": [edges]}
        self.rounds = 0


def clusters_by_rounds(
    sizes: Sequence[int], pairs: Sequence[Pair], partitions: int, largest: int | None = None
) -> tuple[set[frozenset[int]], int]:
    """Clusters of documents that are numbered through parts of these sizes, and how many times rounds were repeated."""
    starts = np.cumsum([0, *sizes])
    where = np.concatenate([np.empty(0, np.uint64), *(address(n, np.arange(size)) for n, size in enumerate(sizes))])
    batches = [
        edges_between(where[[min(a, b)]], where[[max(a, b)]], verified=verified) for a, b, verified in pairs if a != b
    ]
    none = edges_between(where[:0], where[:0])
    index = pa.table({"row": pa.array([], pa.uint32())})
    parts = [MemoryPart(n, size, index, KEYS_TABLE, left_out=EXCLUDED.empty_table()) for n, size in enumerate(sizes)]
    shuffle = _Ranges(parts, sort_rows(pa.Table.from_batches([none, *batches]).combine_chunks()))
    repeated = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(testing, "RANGES", partitions)
        for operator in in_turn(InRanges(within=True, max_cluster=largest, against=False).clusters(), shuffle):
            repeated += operator.name == "spread"
            made = [
                [testing._checked(operator, output) for output in operator.perform(task)]
                for task in operator.tasks(shuffle)
            ]
            operator.pass_on(shuffle, made)
    found: dict[int, set[int]] = {}
    for table in shuffle._sent.get("reduced", []):
        for key, cluster in zip(table.column("key").to_pylist(), table.column("cluster").to_pylist(), strict=True):
            found.setdefault(cluster, set()).add(int(starts[key >> 32]) + key % 2**32)
    return {frozenset(members) for members in found.values()}, repeated


KEYS_TABLE = pa.table({KEY: pa.array([], pa.uint64()), "row": pa.array([], pa.uint32())})


def naive_clusters(pairs: Sequence[Pair], largest: int | None = None) -> set[frozenset[int]]:
    """Join sets that share a document until none do; large ones again by verified edges alone."""

    def joined(some: Sequence[Pair], alone: set[int]) -> set[frozenset[int]]:
        sets = [{document} for document in alone]
        for a, b, _ in some:
            met = [one for one in sets if one & {a, b}]
            sets = [one for one in sets if not one & {a, b}] + [{a, b}.union(*met)]
        return {frozenset(one) for one in sets}

    edges = [pair for pair in pairs if pair[0] != pair[1]]
    found = joined(edges, set())
    if largest is None:
        return found
    large = {cluster for cluster in found if len(cluster) > largest}
    parts = {
        part
        for cluster in large
        for part in joined([pair for pair in edges if pair[2] and pair[0] in cluster], set(cluster))
    }
    return (found - large) | parts


@given(
    st.lists(st.integers(0, 2), min_size=4, max_size=20).filter(sum),
    st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99), st.booleans()), min_size=5, max_size=30),
    st.none() | st.integers(2, 6),
    ranges,
)
@settings(max_examples=80)
def test_clusters_are_those_of_a_naive_join(
    sizes: list[int], drawn: list[Pair], largest: int | None, partitions: int
) -> None:
    """Random edges between documents of many parts, each of which sees few, split by ``max_cluster`` or not."""
    pairs = [(a % sum(sizes), b % sum(sizes), verified) for a, b, verified in drawn]
    found, _ = clusters_by_rounds(sizes, pairs, partitions, largest)
    assert found == naive_clusters(pairs, largest)


def test_reference_documents_get_their_edges_at_either_end() -> None:
    """The part of a removed one looks its survivor up, so it must see that the document was met."""
    new, old = address(0, np.array([1])), address(reference_number(0, 3), np.array([5, 6]))
    assert edges_between(new, old[:1]).to_pylist() == [{"key": int(old[0]), "other": int(new[0]), "verified": True}]
    both = edges_between(old[:1], old[1:], verified=False).to_pylist()
    assert {(row["key"], row["other"]) for row in both} == {(old[0], old[1]), (old[1], old[0])}


def shapes() -> Iterator[tuple[str, list[Pair], int]]:
    """Graphs of one cluster that take many rounds, and the most times that they should be repeated."""
    count = 1_000
    order = random.Random(1).sample(range(count), count)
    zigzag = [n // 2 if n % 2 else count - 1 - n // 2 for n in range(count)]
    for name, nodes in (("chain", list(range(count))), ("shuffled", order), ("zigzag", zigzag)):
        yield name, [(a, b, True) for a, b in pairwise(nodes)], 12
    yield "star", [(count - 1, n, True) for n in range(count - 1)], 4
    yield "tree", [(n, (n - 1) // 2, True) for n in range(1, count)], 8


@pytest.mark.parametrize(("pairs", "most"), [shape[1:] for shape in shapes()], ids=[shape[0] for shape in shapes()])
def test_few_rounds_are_enough(pairs: list[Pair], most: int) -> None:
    """Long chains, a star around the largest document and a tree are one cluster after few rounds."""
    found, repeated = clusters_by_rounds([300, 400, 300], pairs, 7)
    assert found == {frozenset(range(1_000))}
    assert repeated <= most


def test_a_range_that_has_all_needs_one_round() -> None:
    """One range joins everything at once: it is repeated once, to see that nothing changes."""
    (_, pairs, _), *_ = shapes()
    assert clusters_by_rounds([1_000], pairs, 1)[1] == 1
