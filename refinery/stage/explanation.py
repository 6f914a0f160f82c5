"""Figures that explain the settings of a stage, for people who choose them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Explanation:
    """Figures for a stage's settings: single values, and curves over an axis from 0 to 1.

    ``curves`` are values from 0 to 1, one for each of ``at``: that of the settings first, then others to compare with.
    """

    about: str
    figures: Mapping[str, str]
    axis: str = ""
    at: tuple[float, ...] = ()
    curves: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
