"""Connected components."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refinery.kernels import components, forest_of, spanning_forest
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
