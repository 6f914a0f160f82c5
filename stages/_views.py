"""Statistics of texts that several stages share, so that a batch is measured once."""

from __future__ import annotations

import pyarrow as pa

from refinery import Docs
from refinery.kernels import text_statistics


def statistics(docs: Docs) -> pa.RecordBatch:
    """Word, line and n-gram statistics of the texts. Use as ``docs.view(statistics)``."""
    return text_statistics(docs.column("text"))
