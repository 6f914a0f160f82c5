"""Marks: the structure of a text as spans over it, which form a tree. ``docs/output.md`` has their kinds.

A text has them in document order, parents first: ``depth`` is 0 at the top, and the children of a mark follow it with
its depth + 1. A child lies in its parent; siblings are in order and do not overlap.
"""

from __future__ import annotations

import pyarrow as pa

MARKS = pa.list_(
    pa.struct(
        [
            ("start", pa.uint32()),
            ("end", pa.uint32()),
            ("depth", pa.uint8()),
            ("kind", pa.string()),
            ("number", pa.int32()),
            ("value", pa.string()),
            ("label", pa.string()),
        ]
    )
)
"""``start`` and ``end`` are UTF-8 bytes of the text, equal for things without text.

``number``, ``value`` and ``label`` depend on the kind, and are null where it has none.
"""
