"""Repairs mojibake, UTF-8 that was decoded as another charset, and changes nothing else.

The kernel ``mojibake_segments`` finds the segments of a page that may be damaged; ftfy decides on each and repairs it.
Its other fixes, of quotes, widths, ligatures and controls, are off.

The repair precedes extraction, because extractors drop control characters and soft hyphens and replace no-break spaces,
which are parts of misread characters.

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
"""The distribution that detects and repairs damage."""

MOST = 1_000_000
"""Most bytes of a page, within segments that may be damaged, that are checked; later ones are not changed."""


def repaired(pages: pa.StringArray) -> pa.ChunkedArray:
    """Return the pages with mojibake repaired, without copying other pages. Linear in their size."""
    segments = mojibake_segments(pages)
    damaged = np.flatnonzero(pc.list_value_length(segments).to_numpy(zero_copy_only=False))
    chunks, end = [], 0
    for row in damaged.tolist():
        spans = [(span["start"], span["end"]) for span in segments[row].as_py()]
        text = _repaired(pages[row].as_py().encode(), spans)
        chunks += [pages[end:row], pa.array([text], pa.string())]
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
    from ftfy import fix_encoding  # imported late: most processes never meet a damaged page

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
