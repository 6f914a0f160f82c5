"""What ``import refinery`` promises."""

from __future__ import annotations

import subprocess
import sys

import refinery


def test_every_public_name_is_there() -> None:
    """``__all__`` is what is public, and each name leads somewhere."""
    assert len(refinery.__all__) == len(set(refinery.__all__))
    for name in refinery.__all__:
        assert getattr(refinery, name) is not None


def test_names_are_functions_though_modules_are_loaded() -> None:
    """No module of the package hides a function of the same name."""
    assert callable(refinery.run)
    assert callable(refinery.plan)
    assert callable(refinery.verify)


def test_importing_is_light() -> None:
    """``import refinery`` loads none of the heavy libraries."""
    code = "import sys, refinery; print([m for m in ('pyarrow', 'pydantic', 'numpy', 'yaml') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
