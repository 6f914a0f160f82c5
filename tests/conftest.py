"""What all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real pages and odd archives beside a developer's checkout; tests that need it skip without it."""
    folder = REPOSITORY.parent / "shared" / "corpus"
    if not folder.is_dir():
        pytest.skip(f"needs the corpus of real pages at {folder.parent.name}/{folder.name} beside the checkout")
    return folder
