"""The contract of the native extractor, for installations without it.

An extractor has no readable twin (decision 010): the text of a page is defined by trained weights, and by laws
(tests/kernels/test_native_extract.py).
"""

from __future__ import annotations

from typing import Literal

import pyarrow as pa

from refinery.kernels.reference.marks import MARKS

HAS_EXTRACTOR = False
"""True where ``main_texts`` can be called."""

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
        pa.field("structure", MARKS),
    ]
)
"""Title and language are as the page states them; the confidence is the expected F-score of the text, 0 to 1.

The share is of the words that the page shows, runs of letters and digits or CJK characters; null where there are none.
The origin is one of ``ORIGINS``; no score is expected of data, so their confidence is null.
The kind is a guess at what page it is, as ``kinds`` of the native extractor has them; null where there is no block.
Protected are spans of the text, in bytes, whole lines in order: blocks of code and cells of tables with data.
The structure has no marks unless it is asked for.
"""

ORIGINS = ("page", "json-ld", "state")
"""Sources of a text: the visible page or, if that has little text, its data: JSON-LD, or states of scripts."""


def main_texts(
    pages: pa.StringArray,
    urls: pa.StringArray,
    favour: Favour = "balance",
    *,
    paragraphs: bool = False,
    comments: Comments = "auto",
    structure: bool = False,
    links: bool = False,
) -> pa.RecordBatch:
    """Return main text and metadata, as in ``MAIN_TEXT``, of pages with their URLs; a null of either counts as "".

    The text has a line per block. With ``paragraphs``, blank lines separate blocks, except lines of one list or table.
    ``comments`` of readers are kept, dropped, or left to the scorer. ``structure``: marks over the text, which is the
    same without them; with ``links`` there are some of links.

    Linear in the size of a page, for any page. Content beyond the limits of depth and size is merged into the nearest
    element within, and ``truncated`` is set. Raises RuntimeError where the native extractor is not built.
    """
    del pages, urls, favour, paragraphs, comments, structure, links
    raise RuntimeError("the native extractor is not built: install Rust, then refinery")


def extractor_versions() -> dict[str, str]:
    """Return the xxh3_64 of the weights' file, and of the extractor's sources.

    Raises RuntimeError where the native extractor is not built.
    """
    raise RuntimeError("the native extractor is not built: install Rust, then refinery")
