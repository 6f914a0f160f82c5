"""The queries that the report prints answer what the counts of the root say."""

from __future__ import annotations

import html
import re
from pathlib import Path

import duckdb
import pytest

import refinery
from refinery.report import build


@pytest.fixture(scope="module")
def queries(root: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The SQL of the data dictionary, stage by stage: kept rows, then reasons of removed ones."""
    folder = tmp_path_factory.mktemp("report")
    build(str(root), str(folder))
    page = html.unescape((folder / "dictionary.html").read_text(encoding="utf-8"))
    return re.findall(r'duckdb -c "(.+)"', page)


def test_they_count_what_the_root_counts(root: Path, queries: list[str]) -> None:
    """Of each stage, documents and tokens kept, and documents by reason."""
    opened = refinery.open(str(root))
    found = [duckdb.sql(query).fetchall() for query in queries]
    assert len(found) == 2 * len(opened.stages)
    rules = [row for row in opened.rules().to_pylist() if row["counted"] == "first"]
    funnel = {(row["stage"], row["unit"]): row["kept"] for row in opened.funnel().to_pylist()}
    for stage, kept, removed in zip(opened.stages, found[::2], found[1::2], strict=True):
        counts = [funnel[stage, unit] for unit in ("documents", "tokens")]
        assert list(kept[0]) == counts[: len(kept[0])]
        counted = {row["rule"]: row["documents"] for row in rules if row["stage"] == stage}
        assert dict(removed).items() <= counted.items()  # records that are no documents have no rows
        assert sum(dict(removed).values()) == opened.stage(stage).dataset("removed").count_rows()
