"""Connected components."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from refinery.kernels import Unions, components, first_similar, forest_of, spanning_forest
from refinery.kernels.reference import similar as reference_similar, unionfind
from refinery.kernels.reference.unionfind import Edges

BIG = 1_000_000

nodes = st.one_of(st.integers(0, 12), st.sampled_from([2**32, 2**32 + 1, 2**63, 2**64 - 1]))
edges = st.lists(st.tuples(nodes, nodes), max_size=30)


def arrays(pairs: list[tuple[int, int]]) -> Edges:
    return np.array([a for a, _ in pairs], np.uint64), np.array([b for _, b in pairs], np.uint64)


def naive(pairs: list[tuple[int, int]]) -> dict[int, int]:
    """Spread the smallest label along edges until nothing changes."""
    label = {node: node for pair in pairs for node in pair}
    changed = True
    while changed:
        changed = False
        for a, b in pairs:
            low = min(label[a], label[b])
            changed |= label[a] != low or label[b] != low
            label[a] = label[b] = low
    return label


def labels(found: Edges) -> dict[int, int]:
    return dict(zip(found[0].tolist(), found[1].tolist(), strict=True))


@given(edges)
@settings(max_examples=200)
def test_labels_are_the_smallest_node(pairs: list[tuple[int, int]]) -> None:
    """Each node has the smallest node it is connected to as label; nodes come sorted."""
    found = components(*arrays(pairs))
    assert labels(found) == naive(pairs)
    assert found[0].tolist() == sorted(naive(pairs))


@given(edges, st.randoms())
@settings(max_examples=50)
def test_order_does_not_matter(pairs: list[tuple[int, int]], draw: random.Random) -> None:
    """Edges in any order and direction give the same components."""
    shuffled = [draw.choice([(a, b), (b, a)]) for a, b in draw.sample(pairs, len(pairs))]
    assert labels(components(*arrays(shuffled))) == labels(components(*arrays(pairs)))


@given(edges)
@settings(max_examples=100)
def test_forest_has_the_same_components(pairs: list[tuple[int, int]]) -> None:
    """A forest joins what the edges joined, with one edge less than nodes in each component."""
    forest = spanning_forest(*arrays(pairs))
    expected = {node: label for node, label in naive(pairs).items() if any({node} != {a, b} for a, b in pairs)}
    sizes = {label: list(expected.values()).count(label) for label in expected.values()}
    assert labels(components(*forest)) == {node: label for node, label in expected.items() if sizes[label] > 1}
    assert len(forest[0]) == len(expected) - len(sizes)


@given(st.lists(edges, max_size=6), st.integers(1, 20))
@settings(max_examples=100)
def test_a_stream_may_be_thinned_anywhere(stream: list[list[tuple[int, int]]], limit: int) -> None:
    """However the edges come in batches, and however early they are thinned, the forest is the same."""
    whole = spanning_forest(*arrays([pair for batch in stream for pair in batch]))
    found = forest_of((arrays(batch) for batch in stream), limit)
    assert [side.tolist() for side in found] == [side.tolist() for side in whole]


def _shape(name: str) -> Edges:
    nodes = np.arange(BIG, dtype=np.uint64)
    order = {
        "chain": nodes,
        "shuffled chain": np.random.default_rng(1).permutation(nodes),
        "zigzag chain": np.where(nodes % 2 == 0, nodes, BIG - nodes),
    }
    if name in order:
        return order[name][1:], order[name][:-1]
    if name == "random tree":
        return nodes[1:], (np.random.default_rng(1).random(BIG - 1) * nodes[1:]).astype(np.uint64)
    return np.full(BIG, BIG, np.uint64), nodes


@pytest.mark.parametrize("name", ["chain", "shuffled chain", "zigzag chain", "random tree", "star around the largest"])
def test_a_million_edges(name: str) -> None:
    """Shapes that are slow for careless methods are one component, in a second or so."""
    found, label = components(*_shape(name))
    assert len(found) >= BIG // 2
    assert (label == found[0]).all()


small = st.lists(st.tuples(st.integers(0, 199), st.integers(0, 199)), max_size=60)


@pytest.mark.parametrize("kind", [Unions, unionfind.Unions])
@given(pairs=small, draw=st.randoms(), cut=st.integers(0, 200))
@settings(max_examples=60)
def test_unions_are_the_components(
    kind: type[Unions], pairs: list[tuple[int, int]], draw: random.Random, cut: int
) -> None:
    """Joined edge by edge, in any order, documents are in the clusters that a naive spread of labels gives."""
    expected = naive(pairs)
    unions = kind(200)
    unions.mark(arrays(pairs)[0])
    unions.mark(arrays(pairs)[1])
    shuffled = draw.sample(pairs, len(pairs))
    for start in range(0, len(shuffled), 7):
        unions.join(*arrays(shuffled[start : start + 7]))
    rows, found = unions.clusters(0, 200)
    assert rows.tolist() == sorted(expected)
    places = {node: place for place, node in enumerate(rows.tolist())}
    assert found.tolist() == [places[expected[node]] for node in rows.tolist()]
    counts = Counter(expected.values())
    assert unions.sizes(np.array(sorted(expected), np.uint64)).tolist() == [
        counts[expected[n]] for n in sorted(expected)
    ]
    before, after = unions.clusters(0, cut), unions.clusters(cut, 200 - cut)
    assert [*before[0].tolist(), *(after[0] + cut).tolist()] == rows.tolist()
    assert [*before[1].tolist(), *after[1].tolist()] == found.tolist()


@pytest.mark.parametrize("kind", [Unions, unionfind.Unions])
def test_unions_refuse_what_is_not_there(kind: type[Unions]) -> None:
    """Documents beyond the last one, edges of unmarked ones, and marks after the first edge."""
    unions, one, three = kind(3), np.array([1], np.uint64), np.array([3], np.uint64)
    with pytest.raises(ValueError, match="no document 3"):
        unions.mark(three)
    unions.mark(one)
    for other in (three, np.array([2], np.uint64)):
        with pytest.raises(ValueError, match="not been marked"):
            unions.join(one, other)
    unions.join(one, one)
    with pytest.raises(ValueError, match="before the first edge"):
        unions.mark(one)


members = st.tuples(st.integers(0, 9), st.integers(0, 2))
groups = st.lists(st.lists(members, max_size=8), max_size=5)


@given(groups, st.lists(st.binary(min_size=3, max_size=3), min_size=10, max_size=10), st.integers(0, 4))
@settings(max_examples=150)
def test_similar_members(found: list[list[tuple[int, int]]], sketches: list[bytes], least: int) -> None:
    """The first member that a chain of similar sketches leads to within the group, natively and in the twin.

    Of one kind other than 0 only members with the same sketch are similar.
    """
    starts = np.cumsum([0, *map(len, found)]).astype(np.uint64)
    places = np.array([place for group in found for place, _ in group], np.uint32)
    kinds = np.array([kind for group in found for _, kind in group], np.uint8)
    column = pa.array(sketches, pa.binary(3))
    expected: list[int] = []
    for start, group in zip(starts.tolist(), found, strict=False):
        pairs = [
            (a, b)
            for a, (x, kind) in enumerate(group)
            for b, (y, other) in enumerate(group)
            if (x, kind) == (y, other)
            or (
                (kind != other or not kind)
                and sum(i == j for i, j in zip(sketches[x], sketches[y], strict=True)) >= least
            )
        ]
        expected += [start + naive(pairs)[place] for place in range(len(group))]
    assert first_similar(starts, places, kinds, column, least).tolist() == expected
    assert reference_similar.first_similar(starts, places, kinds, column, least).tolist() == expected
