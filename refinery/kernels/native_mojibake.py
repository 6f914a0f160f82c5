"""Segments of misread UTF-8 by the native kernel."""

from __future__ import annotations

from functools import cache

import pyarrow as pa

from refinery.kernels import _native
from refinery.kernels.reference.mojibake import SEGMENTS, roles


def mojibake_segments(texts: pa.StringArray) -> pa.ListArray:
    return _native.mojibake_segments(texts, _roles()).cast(SEGMENTS)


@cache
def _roles() -> pa.UInt64Array:
    return pa.array(roles())
