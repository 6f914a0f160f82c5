"""Groups of equal keys in columns whose equal keys are adjacent."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def starts_group(*keys: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Return True for the first row, and for each that differs from the row before it in any of the ``keys``."""
    starts = np.zeros(len(keys[0]), np.bool_)
    starts[:1] = True
    for values in keys:
        starts[1:] |= values[1:] != values[:-1]
    return starts


def key_groups(*keys: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the first row of each group of equal ``keys``, and for each row the number of its group."""
    starts = starts_group(*keys)
    return np.flatnonzero(starts), np.cumsum(starts) - 1
