"""Places of misread UTF-8 by the native kernel: ``refinery.kernels.reference.mojibake.suspects``, value for value.

Importing this fails where the native kernels are not built.
"""

from __future__ import annotations

from functools import cache

import pyarrow as pa

from refinery.kernels import _native
from refinery.kernels.reference.mojibake import SEGMENTS, roles


def suspects(texts: pa.StringArray) -> pa.ListArray:
    return _native.suspects(texts, _roles()).cast(SEGMENTS)


@cache
def _roles() -> pa.UInt64Array:
    return pa.array(roles())
