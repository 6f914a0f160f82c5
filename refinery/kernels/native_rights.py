"""Tags that may state rights, by the native kernel: it returns their columns."""

from __future__ import annotations

import pyarrow as pa

from refinery.kernels import _native
from refinery.kernels.reference.rights import RIGHTS_TAGS


def rights_tags(pages: pa.StringArray) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(_native.rights_tags(pages), schema=RIGHTS_TAGS)
