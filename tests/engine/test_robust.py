"""Robust thresholds: a fifth of junk hardly moves them, and nothing but the values decides them."""

from __future__ import annotations

import random

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, strategies as st

from refinery.inspect.robust import derive, ordinary

LOWER, UPPER = np.array([1.0]), np.array([-1.0])
SAMPLES = {
    "normal": (LOWER, lambda draw, n: draw.normal(0.35, 0.05, n)),
    "skewed": (LOWER, lambda draw, n: 5 + draw.gamma(4, 0.2, n)),
    "bounded": (LOWER, lambda draw, n: 1 - draw.beta(1, 20, n)),
    "wide": (LOWER, lambda draw, n: draw.gamma(9, 0.015, n)),
    "upper": (UPPER, lambda draw, n: draw.normal(6, 0.5, n)),
}


@pytest.mark.parametrize("kind", SAMPLES)
@pytest.mark.parametrize("junk", ["point", "spread"])
@pytest.mark.parametrize("size", [40, 400])
def test_a_fifth_of_junk_hardly_moves_a_threshold(kind: str, junk: str, size: int) -> None:
    """Junk far from the texts, all alike or spread out, moves the threshold by 6 % at most."""
    draw = np.random.default_rng(7)
    signs, sample = SAMPLES[kind]
    clean = sample(draw, size)
    away = draw.uniform(6, 20, size // 4) if junk == "spread" else np.full(size // 4, 8.0)
    mixed = np.concatenate([clean, np.median(clean) / away**signs])[:, None]
    before, after = (
        derive(signs * rows[ordinary(rows, signs)][:, 0], 0.5).threshold for rows in (clean[:, None], mixed)
    )
    assert abs(after - before) <= 0.06 * abs(before)
    naive = 0.5 * np.quantile(signs * mixed, 0.05)
    assert abs(naive - before) > 0.3 * abs(before)  # what the plain quantile of the sample would be


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.randoms(use_true_random=False))
def test_order_does_not_matter_and_the_interval_is_reproducible(values: list[float], chance: random.Random) -> None:
    """The order of documents changes neither the threshold nor its interval, which contains no NaN."""
    shuffled = list(values)
    chance.shuffle(shuffled)
    first, second = derive(np.array(values), 0.7), derive(np.array(shuffled), 0.7)
    assert first == second and np.isfinite(first.interval).all() and first.interval[0] <= first.interval[1]
    assert min(values) <= first.quantile <= first.median <= max(values)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=40), st.sampled_from([LOWER, UPPER]))
def test_most_rows_are_ordinary(values: list[float], signs: npt.NDArray[np.float64]) -> None:
    """At least half of the rows are ordinary, and every row on the good side of their median is."""
    column = np.array(values)
    kept = ordinary(column[:, None], signs)
    assert kept.sum() * 2 >= len(values) and kept[signs * column >= np.median(signs * column[kept])].all()


def test_a_metric_that_was_not_measured_has_no_outliers() -> None:
    """Rows without a value are judged by their other columns."""
    rows = np.array([[np.nan, value] for value in (1.0, 1.1, 0.9, 1.05, 0.95, 0.0)])
    assert ordinary(rows, np.array([1.0, 1.0])).tolist() == [True] * 5 + [False]


def test_a_second_kind_of_text_is_no_junk() -> None:
    """Two scripts of a language, one with lower scores: a third of the documents is not left out."""
    scores = np.concatenate([np.linspace(0.9, 1, 24), np.linspace(0.3, 0.5, 13)])
    assert ordinary(scores[:, None], LOWER).all()
    assert ordinary(scores[:30, None], LOWER).sum() == 24
