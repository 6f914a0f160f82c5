"""Native kernels and their twins by name. Modules of tests that import this are skipped where the extension is not built."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip("refinery.kernels._native", reason="the native kernels are not built", exc_type=ImportError)

from tools.parity import pairs

PAIRS = pairs()
native = SimpleNamespace(**{name: pair.native for name, pair in PAIRS.items()})
twin = SimpleNamespace(**{name: pair.twin for name, pair in PAIRS.items()})
