"""Mojibake repaired: UTF-8 that was read as another charset becomes what it was, and nothing else changes.

The kernel ``mojibake_segments`` finds the segments of a page that may be damaged; ftfy decides on each and repairs it.
Its other fixes, of quotes, widths, ligatures and controls, are off.

It works on markup, before extraction. An extractor drops control characters and soft hyphens and makes blanks of
no-break spaces, and these are parts of misread characters.

Source: https://ftfy.readthedocs.io/; FineWeb-2 (arXiv 2506.20920) repairs its texts by the same library.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from refinery.kernels import mojibake_segments

if TYPE_CHECKING:
    from ftfy import TextFixerConfig

LIBRARY = "ftfy"
"""The distribution that says what is damaged, and what it was."""

MOST = 1_000_000
"""Bytes of a page, in the segments that may be damaged, that are looked at; what is beyond stays."""


def repaired(pages: pa.StringArray) -> pa.ChunkedArray:
    """The pages with mojibake repaired, those between repaired ones as they lie. Linear in their size."""
    segments = mojibake_segments(pages)
    damaged = np.flatnonzero(pc.list_value_length(segments).to_numpy(zero_copy_only=False))
    chunks, end = [], 0
    for row in damaged.tolist():
        spans = [(span["start"], span["end"]) for span in segments[row].as_py()]
        made = _repaired(pages[row].as_py().encode(), spans)
        chunks += [pages[end:row], pa.array([made], pa.string())]
        end = row + 1
    return pa.chunked_array([*chunks, pages[end:]], pa.string())


def _repaired(page: bytes, segments: list[tuple[int, int]]) -> str:
    pieces, end, left = [], 0, MOST
    for start, stop in segments:
        left -= stop - start
        if left < 0:
            break
        pieces += [page[end:start].decode(), _fixed(page[start:stop].decode())]
        end = stop
    return "".join([*pieces, page[end:].decode()])


def _fixed(segment: str) -> str:
    from ftfy import fix_encoding  # not on top: most processes never meet a damaged page

    return fix_encoding(segment, _only_encoding())


@cache
def _only_encoding() -> TextFixerConfig:
    from ftfy import TextFixerConfig

    return TextFixerConfig(
        unescape_html=False,
        remove_terminal_escapes=False,
        fix_latin_ligatures=False,
        fix_character_width=False,
        uncurl_quotes=False,
        fix_line_breaks=False,
        fix_surrogates=False,
        remove_control_chars=False,
        normalization=None,
        explain=False,
    )
