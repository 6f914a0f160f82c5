"""FineWeb's rules (Penedo et al. 2024) in datatrove: Gopher's, C4's without punctuation at the end, and its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.bench.parity import Row
from tools.bench.published import gopher
from tools.bench.published._c4_rules import c4_rows, fineweb_rows
from tools.bench.published._datatrove import NEEDS, is_comparable

__all__ = ["NEEDS", "is_comparable", "rows"]


def rows(steps: dict[str, Any]) -> Iterator[Row]:
    """Yield all rules in the order of the recipe."""
    yield from gopher.rows(steps)
    yield from c4_rows(steps)
    yield from fineweb_rows(steps)
