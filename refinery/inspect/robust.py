"""Thresholds from a sample of which a fifth may be junk: pure functions of arrays.

Values are oriented so that junk is low: those of a metric with an upper threshold are negated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xxhash

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

QUANTILE = 0.05
"""The quantile of a metric from which a threshold is derived."""

FAR = 4.0
"""An outlier is farther below the median than so many distances of the lower quartile from it (2.7 σ if normal) ..."""

NEAR = 0.3
"""... and than this share of the median: values that hardly vary have no outliers."""

RESAMPLES = 200
"""Bootstrap samples."""

INTERVAL = (0.05, 0.95)
"""Quantiles of the thresholds of the bootstrap samples."""

_ROUNDS = 30


@dataclass(frozen=True)
class Derived:
    """The median and the quantile of a metric, the threshold, and the interval of the bootstrap."""

    median: float
    quantile: float
    threshold: float
    interval: tuple[float, float]


def ordinary(columns: Floats) -> Mask:
    """Return the rows that are an outlier in no column; NaN is none.

    Median and quartile of the ordinary rows decide which rows those are, so both are computed until nothing changes.
    """
    kept = np.ones(len(columns), dtype=bool)
    for _ in range(_ROUNDS):
        limits = np.array([_limit(column[kept]) for column in columns.T])
        again: Mask = np.asarray(~(columns < limits).any(axis=1))
        if (again == kept).all():
            break
        kept = again
    return kept


def _limit(column: Floats) -> float:
    values = column[~np.isnan(column)]
    if not len(values):
        return -np.inf
    quartile, median = np.quantile(values, (0.25, 0.5))
    return float(median - max(FAR * (median - quartile), NEAR * abs(median)))


def derive(values: Floats, multiple: float) -> Derived:
    """Return the threshold at a multiple of the quantile. The same values, in any order, have the same interval."""
    values = np.sort(values)
    quantile, median = np.quantile(values, (QUANTILE, 0.5)).tolist()
    draw = np.random.default_rng(xxhash.xxh64_intdigest(values.tobytes()))
    quantiles = [np.quantile(draw.choice(values, len(values)), QUANTILE) for _ in range(RESAMPLES)]
    low, high = np.quantile(np.array(quantiles) * multiple, INTERVAL).tolist()
    return Derived(median, quantile, quantile * multiple, (low, high))
