"""C4's rules (Raffel et al. 2020, §2.2) in datatrove: C4QualityFilter.

The recipe has the marks of the original code and sentences without spaCy; here both are datatrove's. The list of words
is left out: it must be downloaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.bench.parity import Row
from tools.bench.published._c4_rules import c4_rows
from tools.bench.published._datatrove import NEEDS, is_comparable

__all__ = ["NEEDS", "is_comparable", "rows"]


def rows(steps: dict[str, Any]) -> Iterator[Row]:
    """Yield the rules of the step, which is changed as this page describes."""
    marks = type(steps["c4"]).model_fields["marks"].default
    steps["c4"] = steps["c4"].model_copy(update={"words": "spacy", "marks": marks, "bad_words": ()})
    yield from c4_rows(steps)
