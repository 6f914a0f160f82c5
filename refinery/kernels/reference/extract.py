"""What the native extractor gives, for an installation that does not have it.

An extractor has no readable twin (decision 010): here is only its contract. What a page's text is, is said by weights
that training made, and by laws (tests/kernels/test_native_extract.py).
"""

from __future__ import annotations

from typing import Literal

import pyarrow as pa

HAS_EXTRACTOR = False
"""Whether ``main_texts`` can be called."""

Favour = Literal["balance", "precision", "recall"]
Comments = Literal["auto", "keep", "drop"]

MAIN_TEXT = pa.schema(
    [
        pa.field("text", pa.string()),
        pa.field("title", pa.string()),
        pa.field("lang", pa.string()),
        pa.field("confidence", pa.float32()),
        pa.field("truncated", pa.bool_()),
        pa.field("share", pa.float32()),
        pa.field("origin", pa.string()),
        pa.field("kind", pa.string()),
        pa.field(
            "protected", pa.list_(pa.struct([("start", pa.uint64()), ("end", pa.uint64()), ("kind", pa.string())]))
        ),
    ]
)
"""Title and language are as the page states them; the confidence is the expected F-score of the text, 0 to 1.

The share is of the words that the page shows, runs of letters and digits or CJK characters; null where there are none.
The origin is one of ``ORIGINS``; no score is expected of data, so their confidence is null.
The kind is a guess at what page it is, as ``kinds`` of the native extractor has them; null where there is no block.
Protected are spans of the text, in bytes, whole lines in order: blocks of code and cells of tables that hold data.
"""

ORIGINS = ("page", "json-ld", "state")
"""Where a text was found: in what the page shows, or, where that is little, in its data: JSON-LD, states of scripts."""


def main_texts(
    pages: pa.StringArray,
    urls: pa.StringArray,
    favour: Favour = "balance",
    *,
    paragraphs: bool = False,
    comments: Comments = "auto",
) -> pa.RecordBatch:
    """Raises ``RuntimeError``: main text is found by the native extractor only."""
    del pages, urls, favour, paragraphs, comments
    raise RuntimeError("the native extractor is not built: install Rust, then refinery")


def extractor_versions() -> dict[str, str]:
    """Raises ``RuntimeError``, as ``main_texts`` does."""
    raise RuntimeError("the native extractor is not built: install Rust, then refinery")
