"""Thresholds from a sample of which a fifth may be junk: pure functions of arrays.

Outliers are found among logarithms, because distances of metrics are ratios: a share of common words of .003 is far
from .1, and .2 is not. All values are oriented so that junk is low: those of a metric with an upper threshold are
negated.
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

FAR = 3.0
"""An outlier is farther below the median than so many distances of the lower quartile from it (2 σ if normal) ..."""

NEAR = 0.36
"""... and than this, a factor of .7: values that hardly vary have no outliers."""

MOST = 0.3
"""More outliers than this share of the rows are no junk but texts of another kind, such as a second script."""

TINY = 1e-9
"""The least value that has a logarithm here."""

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


def ordinary(values: Floats, signs: Floats) -> Mask:
    """Return the rows that are an outlier in no column; NaN is none. ``signs`` are -1 for upper thresholds, else 1.

    Median and quartile of the ordinary rows decide which rows those are, so both are computed until nothing changes.
    """
    columns = signs * np.log(np.maximum(values, TINY))
    kept = np.ones(len(columns), dtype=bool)
    for _ in range(_ROUNDS):
        limits = np.array([_limit(column[kept]) for column in columns.T])
        limits[(columns < limits).mean(axis=0) > MOST] = -np.inf
        again: Mask = np.asarray(~(columns < limits).any(axis=1))
        if (again == kept).all():
            break
        kept = again
    return kept


def _limit(column: Floats) -> float:
    measured = column[~np.isnan(column)]
    if not len(measured):
        return -np.inf
    quartile, median = np.quantile(measured, (0.25, 0.5))
    return float(median - max(FAR * (median - quartile), NEAR))


def derive(values: Floats, multiple: float) -> Derived:
    """Return the threshold at a multiple of the quantile. The same values, in any order, have the same interval."""
    values = np.sort(values)
    quantile, median = np.quantile(values, (QUANTILE, 0.5)).tolist()
    draw = np.random.default_rng(xxhash.xxh64_intdigest(values.tobytes()))
    quantiles = [np.quantile(draw.choice(values, len(values)), QUANTILE) for _ in range(RESAMPLES)]
    low, high = np.quantile(np.array(quantiles) * multiple, INTERVAL).tolist()
    return Derived(median, quantile, quantile * multiple, (low, high))
