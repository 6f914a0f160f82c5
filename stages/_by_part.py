"""What was decided in one key range after another, handed out part by part."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

PART = np.uint64(32)
"""The bits of an address below the number of the part."""


class ByPart:
    """Rows sorted by a ``key`` that begins with the number of a part; the parts are asked for in order.

    Memory is that of the rows of one part.
    """

    def __init__(self, reduced: Iterable[pa.RecordBatch], schema: pa.Schema) -> None:
        self._reduced, self._schema = iter(reduced), schema
        self._rest = next(self._reduced, None)

    def of(self, part: int) -> pa.Table:
        """The rows of a part."""
        found = []
        while self._rest is not None:
            parts = self._rest.column("key").to_numpy() >> PART
            begin, end = np.searchsorted(parts, np.array([part, part + 1], np.uint64)).tolist()
            found.append(self._rest.slice(begin, end - begin))
            if end < len(self._rest):
                self._rest = self._rest.slice(end)
                break
            self._rest = next(self._reduced, None)
        return pa.Table.from_batches(found, self._schema)
