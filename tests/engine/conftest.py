"""What tests of runs share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.roots import Log, write_inputs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the toy inputs in ``in``."""
    write_inputs(tmp_path / "in")
    return tmp_path


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """A log of what is measured."""
    return Log(tmp_path / "log")
