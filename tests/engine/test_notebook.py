"""A root opened for a notebook: tables are the books, and files are those of current receipts."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

import refinery
from refinery.errors import UsageError
from refinery.inspect.counts import read_counts
from tests.engine.looked import make, recipe
from tests.engine.roots import quick


def test_tables_are_the_books(root: Path) -> None:
    """The funnel and the rules as Arrow, and pandas' own types are not needed."""
    held = refinery.open(str(root))
    books = {stage.name: stage.counts for stage in read_counts(str(root)).stages}
    assert held.stages == list(books)
    for row in held.funnel().to_pylist():
        counts = books[row["stage"]].unit(row["unit"])
        assert {side: row[side] for side in ("in", "kept", "removed")} == {
            s: counts[s] for s in ("in", "kept", "removed")
        }
    first = [row for row in held.rules().to_pylist() if row["counted"] == "first"]
    assert {(row["stage"], row["rule"]): row["documents"] for row in first} == {
        (name, rule): count for name, counts in books.items() for rule, count in counts.reasons.items()
    }


def test_files_are_the_current_ones(tmp_path: Path) -> None:
    """Rows in them are those that the statistics count, whatever other recipes made before."""
    root = make(tmp_path)
    quick(recipe(tmp_path, min_words=3))
    held = refinery.open(str(root))
    for stage in held.stages:
        counts = held.statistics(stage).documents
        assert sum(pq.read_metadata(path).num_rows for path in held.stage(stage).files()) == counts["kept"]
        assert held.manifest(stage).stage == stage
    with pytest.raises(UsageError):
        held.stage("nothing")
