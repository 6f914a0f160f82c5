"""What all tests share."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

from tests.engine.looked import make

REPOSITORY = Path(__file__).resolve().parent.parent

# How long an example takes depends on what else the machine does. What CI finds, a developer must find again.
settings.register_profile("refinery", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("refinery")


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real pages and odd archives beside a developer's checkout; tests that need it skip without it."""
    folder = REPOSITORY.parent / "shared" / "corpus"
    if not folder.is_dir():
        pytest.skip(f"needs the corpus of real pages at {folder.parent.name}/{folder.name} beside the checkout")
    return folder


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished root of toy stages, to be left as it is."""
    return make(tmp_path_factory.mktemp("looked"))


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    """The same to be changed, damaged or swept."""
    return Path(shutil.copytree(root, tmp_path / "copy"))
