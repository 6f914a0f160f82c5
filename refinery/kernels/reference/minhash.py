"""MinHash of token n-grams, and the keys under which similar documents meet.

Documents whose n-gram sets have Jaccard similarity s agree in one band with probability 1 - (1 - s**rows)**bands.

The hash functions are ``a * mix32(x) + b`` modulo 2**32 with odd ``a``: bijections, so no two n-grams fall together.
They are the ones datasketch calls "affine32": ``signatures`` of hashes equals ``datasketch.MinHash(num_perm, seed,
hashfunc=lambda x: x)`` fed with the same hashes, bit for bit. Signatures are never stored: 9,000 values are 36 kB a
document, their band keys 3.6 kB.

Source: Penedo et al. 2023, arXiv 2306.01116, section G.3.1; Broder 1997; https://github.com/ekzhu/datasketch.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from refinery.kernels.reference.ragged import flat, lists_of, offsets_of
from refinery.kernels.reference.segmenter import cuts_of, words_at
from refinery.kernels.reference.windows import span_hashes, window_hashes

Signature = npt.NDArray[np.uint32]

EMPTY = 0xFFFF_FFFF
"""All values of the signature of a set without members."""

SKETCH = 0x9E3779B9
"""Combined with a seed for the hash functions of sketches."""

_AT_ONCE = 16
"""N-grams that are hashed together: 16 times 9,000 values fit a core's cache."""


def string_hashes(texts: pa.StringArray) -> pa.UInt64Array:
    """xxh3_64 of the UTF-8 bytes of each string; null counts as ""."""
    hashes = [xxhash.xxh3_64_intdigest((text or "").encode()) for text in texts.to_pylist()]
    return pa.array(hashes, pa.uint64())


def word_ids(texts: pa.StringArray, cuts: pa.ListArray | None = None) -> pa.ListArray:
    """Words between white space, and ``cuts``, as 64-bit hashes, ``list<uint64>``: an alternative to ids of tokens."""
    words = [words_at(text, places) for text, places in cuts_of(texts, cuts)]
    flat_words = pa.array([word for each in words for word in each], pa.string())
    return lists_of(string_hashes(flat_words).to_numpy(), offsets_of(np.array([len(w) for w in words], np.int64)))


def shingles(tokens: pa.ListArray, size: int) -> pa.ListArray:
    """The set of n-grams of each document as sorted distinct hashes, ``list<uint32>``: the upper half of window hashes.

    A document of fewer than ``size`` tokens has one shingle, of all its tokens; one without tokens has none.
    """
    values, offsets = flat(tokens)
    hashes, firsts = flat(window_hashes(tokens, size))
    lengths = np.diff(offsets)
    short = np.flatnonzero((lengths > 0) & (lengths < size))
    whole = dict(zip(short.tolist(), span_hashes(values, offsets[short], lengths[short]), strict=True))
    sets = [
        np.unique(_upper(np.array([whole[i]]) if i in whole else hashes[firsts[i] : firsts[i + 1]]))
        for i in range(len(tokens))
    ]
    return lists_of(
        np.concatenate([np.empty(0, np.uint32), *sets]), offsets_of(np.array([len(s) for s in sets], np.int64))
    )


def signatures(sets: pa.ListArray, count: int, seed: int) -> npt.NDArray[np.uint32]:
    """``count`` minima of each set of 32-bit hashes, as a matrix [documents, count]; ``EMPTY`` for an empty set."""
    values, offsets = flat(sets)
    mixed = _mix32(values)
    return np.array(
        [_signature(mixed[start:end], count, seed) for start, end in pairwise(offsets)],
        np.uint32,
    ).reshape(len(sets), count)


def band_keys(sets: pa.ListArray, bands: int, rows: int, seed: int) -> pa.ListArray:
    """One key a band for each set of 32-bit hashes, ``list<uint64>``; none for an empty set.

    The key is xxh3_64 of the band's ``rows`` minima as little-endian 32-bit integers, with the band's number as seed.
    """
    values, offsets = flat(sets)
    mixed = _mix32(values)
    keys = [
        _bands(_signature(mixed[start:end], bands * rows, seed), bands)
        for start, end in pairwise(offsets)
        if end > start
    ]
    flat_keys = np.concatenate([np.empty(0, np.uint64), *keys])
    return lists_of(flat_keys, offsets_of(np.where(np.diff(offsets) > 0, bands, 0)))


def sketches(sets: pa.ListArray, size: int, seed: int) -> pa.FixedSizeBinaryArray:
    """``size`` bytes for each set of 32-bit hashes, of which two sets of similarity s share (255 s + 1) / 256.

    Each byte is the highest of a mixed minimum: b-bit minwise hashing (Li and König 2010, arXiv 0910.3349) with b = 8.
    The hash functions are others than those of ``band_keys`` with the same seed, so that what is estimated from
    sketches does not depend on which bands agree. The sketch of an empty set has no meaning.
    """
    minima = signatures(sets, size, seed ^ SKETCH)
    rows = (_mix32(minima) >> np.uint32(24)).astype(np.uint8)
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(size), len(sets), [None, pa.py_buffer(rows.tobytes())])


def similarities(left: npt.NDArray[np.uint8], right: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return the Jaccard similarities, 0 to 1, estimated from the rows of two matrices of sketches.

    Unbiased but for the cut at 0; the standard error is sqrt(s (1 - s) / bytes): .03 at .75 for 256 bytes, .05 for 64.
    """
    shared = (left == right).mean(axis=1)
    estimated: npt.NDArray[np.float32] = np.clip((256 * shared - 1) / 255, 0, 1).astype(np.float32)
    return estimated


@lru_cache(maxsize=4)
def permutations(count: int, seed: int) -> tuple[Signature, Signature]:
    """Factors and terms of the hash functions, drawn as datasketch draws them: NumPy's frozen MT19937 stream."""
    draw = np.random.RandomState(seed)
    factors = draw.randint(0, 2**31, count, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    return factors, draw.randint(0, 2**32, count, dtype=np.uint32)


def _signature(mixed: npt.NDArray[np.uint32], count: int, seed: int) -> Signature:
    factors, terms = permutations(count, seed)
    minima = np.full(count, EMPTY, np.uint32)
    for start in range(0, len(mixed), _AT_ONCE):
        block = mixed[start : start + _AT_ONCE, None] * factors + terms
        np.minimum(minima, block.min(axis=0), out=minima)
    return minima


def _bands(signature: Signature, bands: int) -> npt.NDArray[np.uint64]:
    rows = signature.astype("<u4").reshape(bands, -1)
    return np.array([xxhash.xxh3_64_intdigest(row.tobytes(), band) for band, row in enumerate(rows)], np.uint64)


def _mix32(values: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """A fixed bijection of 32-bit integers (MurmurHash3's finalizer)."""
    x = (values ^ (values >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return x ^ (x >> np.uint32(16))


def _upper(hashes: npt.NDArray[Any]) -> npt.NDArray[np.uint32]:
    return (hashes >> np.uint64(32)).astype(np.uint32)
