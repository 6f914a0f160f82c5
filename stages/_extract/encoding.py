"""Repairs mojibake, UTF-8 that was decoded as another charset, and changes nothing else.

The kernel ``mojibake_segments`` finds the segments of a page that may be damaged; ftfy decides on each and repairs it.
Its other fixes, of quotes, widths, ligatures and controls, are off.

The repair precedes extraction, because extractors drop control characters and soft hyphens and replace no-break spaces,
which are parts of misread characters.

Source: https://ftfy.readthedocs.io/; FineWeb-2 (arXiv 2506.20920) repairs its texts by the same library.
"""

from __future__ import annotations

from collections import Counter
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


def repaired(pages: pa.StringArray) -> tuple[pa.ChunkedArray, list[int]]:
    """Return the pages with mojibake repaired, without copying other pages, and the letters that this restored in each.

    Linear in their size.
    """
    segments = mojibake_segments(pages)
    damaged = np.flatnonzero(pc.list_value_length(segments).to_numpy(zero_copy_only=False))
    chunks, end, letters = [], 0, [0] * len(pages)
    for row in damaged.tolist():
        spans = [(span["start"], span["end"]) for span in segments[row].as_py()]
        text, letters[row] = _repaired(pages[row].as_py().encode(), spans)
        chunks += [pages[end:row], pa.array([text], pa.string())]
        end = row + 1
    return pa.chunked_array([*chunks, pages[end:]], pa.string()), letters


def _repaired(page: bytes, segments: list[tuple[int, int]]) -> tuple[str, int]:
    pieces, end, left, letters = [], 0, MOST, 0
    for start, stop in segments:
        left -= stop - start
        if left < 0:
            break
        before = page[start:stop].decode()
        after = _fixed(before)
        letters += _restored(before, after)
        pieces += [page[end:start].decode(), after]
        end = stop
    return "".join([*pieces, page[end:].decode()]), letters


def _restored(before: str, after: str) -> int:
    """Return how many letters beyond ASCII the repair added; those that it took away do not count."""
    if before == after:
        return 0
    added = Counter(after) - Counter(before)
    return sum(count for letter, count in added.items() if letter.isalpha() and not letter.isascii())


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
