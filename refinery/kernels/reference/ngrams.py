"""Hashed n-grams of a text, of one and two tokens, for classifiers.

A token is a run of characters that are neither white space nor punctuation or symbols, with capitals of ASCII in lower
case. Each n-gram counts in one of ``2 ** bits`` buckets, by its hash.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from refinery.kernels.reference.features import FACTOR
from refinery.kernels.reference.text import is_mark

_MASK = 2**64 - 1

Sizes = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.uint32]


def text_ngrams(texts: pa.StringArray, bits: int) -> tuple[Sizes, Numbers, Numbers]:
    """Return how many buckets each text has, and of all texts the buckets and their counts.

    The buckets of a text are in the order in which they are first met. A null text counts as empty. Linear in the
    texts' length.
    """
    found = [Counter(bucket for _, bucket in ngrams(text or "", bits)) for text in texts.to_pylist()]
    sizes = np.array([len(counts) for counts in found], np.int64)
    buckets = np.array([bucket for counts in found for bucket in counts], np.uint32)
    counts = np.array([count for counts in found for count in counts.values()], np.uint32)
    return sizes, buckets, counts


def ngrams(text: str, bits: int) -> Iterator[tuple[str, int]]:
    """Yield each n-gram of a text with its bucket: each token, followed by the pair that it ends."""
    previous = ""
    for token in tokens(text):
        yield token, bucket(token, bits)
        if previous:
            pair = f"{previous} {token}"
            yield pair, bucket(pair, bits)
        previous = token


def bucket(ngram: str, bits: int) -> int:
    """Return the bucket of an n-gram, whose tokens are joined by spaces."""
    value = 0
    for token in ngram.split(" "):
        value = value * FACTOR + xxhash.xxh3_64_intdigest(token.encode())
    return (value * FACTOR & _MASK) >> (64 - bits)


def tokens(text: str) -> list[str]:
    """Return the tokens of a text."""
    return "".join(_read(character) for character in text).split()


@cache
def _read(character: str) -> str:
    if is_mark(character):
        return " "
    return character.lower() if character.isascii() else character
