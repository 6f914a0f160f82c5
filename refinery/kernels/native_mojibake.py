"""Places of misread UTF-8 by the native kernel: ``refinery.kernels.reference.mojibake.suspects``, value for value.

Importing this fails where the native kernels are not built.
"""

from __future__ import annotations

from functools import cache

import pyarrow as pa

from refinery.kernels import _native
from refinery.kernels.reference.mojibake import SEGMENTS, roles


def suspects(texts: pa.StringArray) -> pa.ListArray:
    """The segments of each text, as ``SEGMENTS`` in UTF-8 bytes, that may be misread; none of a null text.

    Raises ``ValueError`` for a text that is not UTF-8 and ``TypeError`` for another type than ``pa.string()``.
    """
    return pa.array(_native.suspects(texts, _roles())).cast(SEGMENTS)


@cache
def _roles() -> pa.UInt64Array:
    return pa.array(roles())
