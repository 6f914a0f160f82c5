r"""Patterns of questionable sentences that MADLAD-400 found in its audit.

The list is that of the data set's card, https://huggingface.co/datasets/allenai/MADLAD-400 (ODC-BY 1.0). Sentences have
no white space at their ends, so the card's ``\s*$`` is ``$``. Its last patterns, of wildcards at fixed distances, make
regular expressions slow: ``are_cursed`` looks for them by place.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_PATTERNS = (
    " №",
    "���",
    r"\|$",
    r" nr\.$",
    "aute irure dolor ",
    " sunt in culpa qui ",
    "orem ipsum ",
    " quis nostrud ",
    " adipisicing ",
    " dolore eu ",
    " cupidatat ",
    "autem vel eum",
    "wisi enim ad",
    " sex ",
    " porn ",
    "黄色电影",
    "mp3",
    "ownload",
    r"Vol\.",
    r" Ep\.",
    "Episode",
    r" г\.$",
    r" кг\.$",
    r" шт\.",
    "Develop",
    "Facebook",
    " crusher ",
    " xxx ",
    ", ..,,? ..,,? ..,,? ..,,?",
)
_CURSED = "|".join(_PATTERNS)

REPEATS = 9
"""Number of spaces, each with characters after it, in the patterns of wildcards."""
_GAPS = (3, 4)
"""Characters after each space, of any kind."""

Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]


def are_cursed(sentences: pa.StringArray, codes: npt.NDArray[np.uint32], starts: Places) -> Flags:
    """Return True for sentences with a pattern. Sentence ``i`` has the code points from ``starts[i]`` on."""
    found: Flags = pc.match_substring_regex(sentences, _CURSED).to_numpy(zero_copy_only=False)
    spaces = codes == ord(" ")
    begins = [_periodic(spaces, gap + 1) for gap in _GAPS]
    apart = spaces.copy()
    apart[:-1] &= ~spaces[1:]  # a space and one other character
    begins.append(_periodic(apart, 2))
    for period, places in zip((*(gap + 1 for gap in _GAPS), 2), begins, strict=True):
        sentence = np.searchsorted(starts, places, side="right") - 1
        ends = np.append(starts[1:], len(codes))[sentence]
        found[sentence[places + REPEATS * period <= ends]] = True
    return found


def _periodic(flags: Flags, period: int) -> Places:
    """Return where ``REPEATS`` flags follow each other at this distance."""
    length = max(len(flags) - (REPEATS - 1) * period, 0)
    found = np.ones(length, np.bool_)
    for repeat in range(REPEATS):
        found &= flags[repeat * period :][:length]
    return np.flatnonzero(found)
