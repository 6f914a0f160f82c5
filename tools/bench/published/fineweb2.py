"""FineWeb-2's rules (Penedo et al. 2025) in datatrove: FineWeb's filters with thresholds and stop words by language.

Only languages of the recipe are compared whose words are those of the same tokenizer of spaCy.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.bench.parity import ROOT, Row
from tools.bench.published import gopher
from tools.bench.published._c4_rules import fineweb_rows
from tools.bench.published._datatrove import NEEDS, is_comparable as is_divided_alike

__all__ = ["NEEDS", "is_comparable", "rows"]

LANGUAGES = frozenset(path.stem for path in Path(ROOT, "configs", "fineweb2").glob("*.toml"))


def is_comparable(language: str) -> bool:
    """Return True for languages of the recipe that datatrove and refinery divide into the same words."""
    return language in LANGUAGES and is_divided_alike(language)


def rows(steps: dict[str, Any]) -> Iterator[Row]:
    """Yield the rules of the three filters; those that the recipe turns off never remove a text."""
    yield from gopher.rows(steps)
    yield from fineweb_rows(steps)
