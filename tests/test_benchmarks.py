"""Benchmarks work on roots and texts as they are now."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from tools.bench import crowd, dashboard


def test_a_text_of_a_crowd_depends_on_its_number_and_cluster_alone() -> None:
    """Batches of any size make the same texts."""
    numbers, clusters = np.arange(6, dtype=np.uint64), np.array([0, 0, 1, 2, 0, 1], np.uint64)
    whole = crowd.texts(numbers, clusters).to_pylist()
    assert whole == [crowd.texts(numbers[n : n + 1], clusters[n : n + 1])[0].as_py() for n in range(6)]
    assert all(len(text.split()) == crowd.WORDS for text in whole)


def test_the_benchmark_of_the_dashboard_makes_pages_of_a_root_with_many_parts(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each part has all the files that a report reads."""
    monkeypatch.setattr(sys, "argv", ["dashboard", str(root), "--parts", "5"])
    assert dashboard.main() == 0
    assert capsys.readouterr().out.startswith("5 parts")
