"""GPT-2 tokens by the native kernel.

tiktoken defines which characters are letters, numbers or white space, and its Unicode tables are neither the
interpreter's nor the kernel's. Therefore its classes of all characters are read once per process.
"""

from __future__ import annotations

import sys
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import tiktoken

from refinery.kernels import _native
from refinery.kernels.reference.bpe import ranks

LETTER, NUMBER, SPACE = 1, 2, 3

_PATTERNS = {LETTER: r"\p{L}", NUMBER: r"\p{N}", SPACE: r"\s"}
_SINGLE_BYTES = {bytes([byte]): byte for byte in range(256)}
_SURROGATES = range(0xD800, 0xE000)


def token_ids(texts: pa.StringArray, merges: str) -> pa.ListArray:
    return _tokenizer(merges).token_ids(texts)


def count_tokens(texts: pa.StringArray, merges: str) -> pa.UInt32Array:
    return _tokenizer(merges).count_tokens(texts)


@lru_cache(maxsize=4)
def _tokenizer(merges: str) -> _native.Tokenizer:
    return _native.Tokenizer(pa.array(list(ranks(merges)), pa.binary()), character_classes())


@cache
def character_classes() -> bytes:
    """Return ``LETTER``, ``NUMBER``, ``SPACE`` or 0 for each code point, by tiktoken's patterns."""
    classes = np.zeros(sys.maxunicode + 1, np.uint8)
    for number, pattern in _PATTERNS.items():
        classes[_matched(pattern)] = number
    return classes.tobytes()


def _matched(pattern: str) -> npt.NDArray[np.uint32]:
    """Return the code points that match a pattern; tiktoken skips those that do not."""
    codes = np.delete(np.arange(sys.maxunicode + 1, dtype="<u4"), _SURROGATES)
    encoding = tiktoken.Encoding("characters", pat_str=pattern, mergeable_ranks=_SINGLE_BYTES, special_tokens={})
    matched = bytes(encoding.encode_ordinary(codes.tobytes().decode("utf-32-le"))).decode()
    return np.frombuffer(matched.encode("utf-32-le"), "<u4")
