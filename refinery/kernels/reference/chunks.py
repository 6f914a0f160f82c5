"""Answers of a tokenizer of words that looks at each chunk between white space on its own.

Such a tokenizer (spaCy's) is slow, and texts repeat their chunks. Therefore it is asked once for each chunk, and the
answers are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery.kernels.reference.ragged import lists_of, offsets_of
from refinery.kernels.reference.segmenter import in_bytes

LONGEST = 256
"""Characters of the longest chunk; a longer one is divided after as many, as a tokenizer's time may grow with them."""
MOST_KEPT = 1 << 20
"""Chunks that are kept from batch to batch."""


class Chunks:
    """Answers of one tokenizer.

    Ask for the ``cuts`` of a batch, let ``learn`` have the answers for the chunks that are not known, and ask again:
    then all are known. Chunks are forgotten between batches only, so that those of one batch are known together.
    """

    def __init__(self) -> None:
        self._known: dict[str, list[int]] = {}
        self._is_asking = False

    def cuts(self, texts: pa.StringArray) -> tuple[pa.ListArray, list[str]]:
        """Return where words begin without white space before them, as ``word_cuts``, and the chunks not known.

        The cuts are right if all chunks are known.
        """
        if len(self._known) > MOST_KEPT and not self._is_asking:
            self._known.clear()
        unknown: dict[str, None] = {}
        found = [in_bytes(text or "", list(self._cuts(text or "", unknown))) for text in texts.to_pylist()]
        self._is_asking = bool(unknown)
        values = np.array([cut for each in found for cut in each], np.uint32)
        return lists_of(values, offsets_of(np.array([*map(len, found)], np.int64))), list(unknown)

    def learn(self, chunks: Sequence[str], starts: npt.NDArray[np.uint64]) -> None:
        """Take where the tokenizer's words start, in characters of the chunks with a newline between any two.

        A newline may be a word.
        """
        begin = 0
        for chunk in chunks:
            first, last = np.searchsorted(starts, [begin + 1, begin + len(chunk)])
            self._known[chunk] = (starts[first:last] - begin).tolist()
            begin += len(chunk) + 1

    def _cuts(self, text: str, unknown: dict[str, None]) -> Iterator[int]:
        """Yield the cuts of a text, in characters."""
        for chunk in re.finditer(rf"\S{{1,{LONGEST}}}", text):
            at = chunk.start()
            if at and not text[at - 1].isspace():
                yield at
            if chunk[0] in self._known:
                yield from (at + cut for cut in self._known[chunk[0]])
            else:
                unknown[chunk[0]] = None
