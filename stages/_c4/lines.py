"""All lines of many texts as one table of places, by the separators of ``str.splitlines``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from refinery.stages._lines import BLANKS, byte_pieces

_CARRIAGE_RETURN, _NEWLINE = ord("\r"), ord("\n")

# What begins a separator of lines, by its first byte: 1 for one byte, 2 and 3 for the others.
_SEPARATORS = np.zeros(256, np.uint8)
_SEPARATORS[[*b"\n\r\x0b\x0c\x1c\x1d\x1e"]] = 1
_SEPARATORS[0xC2], _SEPARATORS[0xE2] = 2, 3

Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LineTable:
    """All lines of all texts. Places are bytes of the texts' data."""

    text: Places
    """The number of the text of each line."""
    firsts: Places
    """Starts of the texts, and the end of the last one."""
    start: Places
    end: Places
    next: Places
    """Start of the next line; at the end of a text its end."""
    content: pa.StringArray
    """Lines without white space at their ends."""
    core: Places
    """Start of the content."""
    core_end: Places

    @classmethod
    def of(cls, texts: pa.StringArray) -> Self:
        """Return the lines of texts without nulls: one more than there are separators."""
        _, offsets, data = texts.buffers()
        firsts = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
        places, sizes = _separators(np.frombuffer(data or b"", np.uint8)[firsts[0] : firsts[-1]])
        places += firsts[0]
        before = np.searchsorted(places, firsts[1:])  # the separators before the end of each text
        end, following = (np.insert(each, before, firsts[1:]) for each in (places, places + sizes))
        start = np.append(firsts[:1], following)[:-1]  # a text starts where the one before it ends
        text = np.repeat(np.arange(len(texts)), np.diff(before, prepend=0) + 1)
        pieces = byte_pieces(data, start, end)
        content = pc.utf8_trim(pieces, BLANKS)
        core = end - pc.binary_length(pc.utf8_ltrim(pieces, BLANKS)).to_numpy()
        return cls(text, firsts, start, end, following, content, core, core + pc.binary_length(content).to_numpy())


def _separators(data: npt.NDArray[np.uint8]) -> tuple[Places, Places]:
    """Return places and sizes of what ``str.splitlines`` splits at; of carriage return and newline only the newline."""
    places = np.flatnonzero(_SEPARATORS[data])
    after = np.append(data, [0, 0])
    this, one, two, size = after[places], after[places + 1], after[places + 2], _SEPARATORS[data[places]]
    found = (size == 1) & ~((this == _CARRIAGE_RETURN) & (one == _NEWLINE))
    found |= (size == 2) & (one == 0x85)
    found |= (size == 3) & (one == 0x80) & ((two == 0xA8) | (two == 0xA9))
    return places[found], size[found].astype(np.int64)
