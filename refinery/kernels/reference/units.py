"""The units of windows: the ids of tokens, the hashes of words, or bytes; and the bytes of the text behind each.

The ids of tokens come from ``bpe.token_ids``, the hashes of words from ``minhash.word_ids``.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery.kernels.reference.ragged import flat, lists_of, offsets_of
from refinery.kernels.reference.segmenter import cuts_of, divided


def token_sizes(tokens: pa.ListArray, lengths: npt.NDArray[np.uint16]) -> pa.ListArray:
    """The bytes behind each token, ``list<uint16>``, where ``lengths`` are those behind each id."""
    ids, offsets = flat(tokens)
    return lists_of(lengths[ids], offsets)


def word_sizes(texts: pa.StringArray, cuts: pa.ListArray | None = None) -> pa.ListArray:
    """The bytes of each word of ``word_ids`` with the white space before it, ``list<uint32>``.

    White space at the end of a text is behind no word.
    """
    sizes = [_word_sizes(text, places) for text, places in cuts_of(texts, cuts)]
    values = np.concatenate([np.empty(0, np.uint32), *(np.array(each, np.uint32) for each in sizes)])
    return lists_of(values, offsets_of(np.array([*map(len, sizes)], np.int64)))


def text_bytes(texts: pa.StringArray) -> pa.ListArray:
    """The UTF-8 bytes of each text, ``list<uint8>``, without a copy. Raises ValueError for null."""
    if texts.null_count:
        raise ValueError(f"expected texts, found {texts.null_count} nulls")
    _, offsets, data = texts.buffers()
    ends = pa.Array.from_buffers(pa.int32(), len(texts) + 1, [None, offsets], offset=texts.offset)
    values = pa.Array.from_buffers(pa.uint8(), data.size if data else 0, [None, data])
    return pa.ListArray.from_arrays(ends, values)


def _word_sizes(text: str, cuts: list[int]) -> list[int]:
    ends = [0, *(end for _, end in divided(text, cuts))]
    return [len(text[start:end].encode()) for start, end in pairwise(ends)]
