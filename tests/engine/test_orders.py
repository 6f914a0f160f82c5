"""Ranks, tiers and correlations within groups, against a naive oracle."""

from __future__ import annotations

from collections import defaultdict
from statistics import correlation

import numpy as np
import pytest
from hypothesis import given, strategies as st

from refinery.inspect.orders import TIERS, agreement, mean_ranks, places, tier_table, tiers

rows = st.lists(st.tuples(st.integers(0, 2), st.integers(-3, 3), st.integers(-3, 3)), max_size=40)


def columns(given_rows: list[tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Groups and two values of each row."""
    table = np.array(given_rows, float).reshape(-1, 3)
    return table[:, 0].astype(np.int64), table[:, 1], table[:, 2]


@given(rows)
def test_places_are_shares_of_lower_rows(given_rows: list[tuple[int, int, int]]) -> None:
    """Within a group, the later of equal rows is the higher one; tiers are twentieths."""
    groups, values, _ = columns(given_rows)
    order = np.arange(len(groups))
    found = places(values, groups, order)
    for row, (group, value) in enumerate(zip(groups, values, strict=True)):
        mine = [n for n in order if groups[n] == group]
        lower = sum((values[n], n) < (value, row) for n in mine)
        assert found[row] == lower / len(mine)
        assert tiers(values, groups, order)[row] == lower * TIERS // len(mine) + 1


@given(rows)
def test_agreement_is_the_correlation_of_mean_ranks(given_rows: list[tuple[int, int, int]]) -> None:
    """Equal values share the mean of their ranks; a missing value leaves a row out."""
    groups, left, right = columns(given_rows)
    by_group = defaultdict(list)
    for row, group in enumerate(groups):
        by_group[group].append(row)
    for side in (left, right):
        found = mean_ranks(side, groups)
        for mine in by_group.values():
            for row in mine:
                below, same = (sum(test(side[n], side[row]) for n in mine) for test in (np.less, np.equal))
                assert found[row] == pytest.approx((below + same / 2) / len(mine) - 0.5)
    found = agreement(left, right, groups)
    ranks = mean_ranks(left, groups), mean_ranks(right, groups)
    if found is None:
        assert not all(side.any() for side in ranks)
    elif len(groups) > 1:
        assert found == pytest.approx(correlation(*(list(side) for side in ranks)))
    missing = np.append(left, np.nan), np.append(right, 1.0), np.append(groups, 0)
    assert agreement(*missing) == found


def test_the_table_of_tiers_has_each_document_once() -> None:
    """Rows are tiers of the first score."""
    table = tier_table(np.array([1, 20, 20]), np.array([2, 20, 1]))
    assert table.sum() == 3
    assert (table[0, 1], table[19, 19], table[19, 0]) == (1, 1, 1)
