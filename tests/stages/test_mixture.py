"""Draws of a mixture: whole documents, in the order of their hashes, exact to one document."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from refinery import UsageError
from refinery.stages import _mixture
from refinery.stages._mixture import Batches, Counts, Draw, Hashes, draw, targets

DOCUMENTS = st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 50)), min_size=1, max_size=60)


def in_batches(documents: list[tuple[int, int]]) -> Batches:
    """Seven documents at once."""

    def batches() -> Iterator[tuple[Hashes, Counts]]:
        for at in range(0, len(documents), 7):
            hashes, tokens = zip(*documents[at : at + 7], strict=True)
            yield np.array(hashes, np.uint64), np.array(tokens, np.int64)

    return batches


@settings(deadline=None, max_examples=100)
@given(DOCUMENTS, st.integers(0, 5000))
def test_tokens_are_exact_to_one_document(documents: list[tuple[int, int]], target: int) -> None:
    """As a naive draw finds it, which tries every number of documents; the copies have the tokens that are reported."""
    documents = list({pair[0]: pair for pair in documents}.values())
    epoch = sum(tokens for _, tokens in documents)
    if not epoch:
        return
    found = draw(in_batches(documents), target)
    ordered = sorted(documents)
    rest = target % epoch
    naive = min(abs(sum(tokens for _, tokens in ordered[:count]) - rest) for count in range(len(ordered) + 1))
    assert abs(found.tokens - target) == naive <= max(tokens for _, tokens in documents)
    copies = found.copies(np.array([key for key, _ in documents], np.uint64))
    assert sum(int(n) * tokens for n, (_, tokens) in zip(copies, documents, strict=True)) == found.tokens


def test_a_larger_target_adds_documents_only() -> None:
    """A document that is in a mixture is in every larger one of its source."""
    rng = np.random.default_rng(1)
    documents = [
        (int(key), int(n)) for key, n in zip(rng.integers(0, 2**63, 500), rng.integers(1, 99, 500), strict=True)
    ]
    hashes = np.array([key for key, _ in documents], np.uint64)
    draws = [draw(in_batches(documents), target).copies(hashes) for target in range(0, 60_000, 997)]
    assert all((after >= before).all() for before, after in pairwise(draws))


def test_many_documents_in_one_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    """The result does not depend on how tokens are counted first."""
    documents = [(n * 2**40, 1 + n % 5) for n in range(100)]
    found = draw(in_batches(documents), 130)
    monkeypatch.setattr(_mixture, "BITS", 1)
    assert draw(in_batches(documents), 130) == found


def test_weights_are_tokens_that_add_up() -> None:
    """Tokens that rounding down leaves over go to the sources with the largest remainders."""
    assert targets({"a": 1, "b": 1, "c": 1}, 100) == {"a": 34, "b": 33, "c": 33}
    assert targets({"web": 0.7, "code": 0.3}, 10**12) == {"web": 7 * 10**11, "code": 3 * 10**11}
    for weights in ({"a": 0.0}, {"a": -1.0, "b": 2.0}, {"a": float("nan")}):
        with pytest.raises(UsageError, match="weights"):
            targets(weights, 10)


def test_a_source_without_tokens() -> None:
    """It cannot give any; nothing is drawn of it where none are wanted."""
    assert draw(in_batches([(1, 0)]), 0) == Draw(0, 0, 0)
    with pytest.raises(UsageError, match="has none"):
        draw(in_batches([(1, 0)]), 5)
