"""Shingles, signatures and band keys."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import xxhash
from hypothesis import given, settings, strategies as st

from refinery.kernels import band_keys, shingles, similarities, sketches, string_hashes, window_hashes, word_ids
from refinery.kernels.reference import minhash

SETS = pa.list_(pa.uint32())
TOKENS = pa.list_(pa.uint16())

sets = st.lists(st.sets(st.integers(0, 2**32 - 1), max_size=40), max_size=4)
documents = st.lists(st.lists(st.integers(0, 3), max_size=20), max_size=5)
seeds = st.integers(0, 2**32 - 1)


def by_datasketch(values: list[int], count: int, seed: int) -> list[int]:
    import datasketch  # with a large part of scipy, which no other test needs

    theirs = datasketch.MinHash(num_perm=count, seed=seed, hashfunc=lambda x: x, scheme="affine32")
    theirs.update_batch(values)
    return list(theirs.hashvalues.tolist())


@given(sets, st.integers(1, 64), seeds)
@settings(max_examples=60)
def test_signatures_equal_datasketch(batch: list[set[int]], count: int, seed: int) -> None:
    """Fed with the same 32-bit hashes, datasketch's affine32 scheme has the same signature, bit for bit."""
    array = pa.array([sorted(values) for values in batch], SETS)
    expected = [by_datasketch(sorted(values), count, seed) for values in batch]
    assert minhash.signatures(array, count, seed).tolist() == expected


def test_refinedweb_signature_equals_datasketch() -> None:
    """So do all 9,000 values of a document of 1,000 shingles."""
    values = np.random.default_rng(1).integers(0, 2**32, 1000).tolist()
    assert minhash.signatures(pa.array([values], SETS), 9000, 1).tolist() == [by_datasketch(values, 9000, 1)]


@given(documents, st.integers(1, 6))
@settings(max_examples=100)
def test_shingles_are_the_set_of_ngrams(tokens: list[list[int]], size: int) -> None:
    """One hash a distinct n-gram: order and repetition of n-grams do not show, a short document is one shingle."""
    names: dict[int, tuple[int, ...]] = {}
    for document, found in zip(tokens, shingles(pa.array(tokens, TOKENS), size).to_pylist(), strict=True):
        ngrams = {tuple(document[i : i + size]) for i in range(max(1, len(document) - size + 1))} - {()}
        assert found == sorted(set(found))
        assert len(found) == len(ngrams)
        for ngram in ngrams:
            whole = window_hashes(pa.array([ngram], TOKENS), len(ngram))[0].as_py()[0]
            assert whole >> 32 in found
            assert names.setdefault(whole >> 32, ngram) == ngram


@given(sets, st.integers(1, 5), st.integers(1, 4), seeds)
@settings(max_examples=60)
def test_keys_hash_the_rows_of_a_band(batch: list[set[int]], bands: int, rows: int, seed: int) -> None:
    """A key is xxh3_64 of its band's minima, seeded with the band; a document without shingles has no key."""
    array = pa.array([sorted(values) for values in batch], SETS)
    signatures = minhash.signatures(array, bands * rows, seed)
    for values, keys, signature in zip(batch, band_keys(array, bands, rows, seed).to_pylist(), signatures, strict=True):
        pieces = [signature[band * rows : (band + 1) * rows].tolist() for band in range(bands)]
        expected = [
            xxhash.xxh3_64_intdigest(b"".join(value.to_bytes(4, "little") for value in piece), seed=band)
            for band, piece in enumerate(pieces)
        ]
        assert keys == (expected if values else [])


def test_documents_do_not_touch() -> None:
    """A slice of a batch gives what its documents give alone."""
    array = pa.array([[1, 2, 3], [], [4, 5], [1, 2, 3]], SETS)
    keys = band_keys(array, 3, 2, 1).to_pylist()
    assert keys[0] == keys[3]
    assert band_keys(array.slice(1, 2), 3, 2, 1).to_pylist() == keys[1:3]
    assert band_keys(array.slice(0, 0), 3, 2, 1).to_pylist() == []


def test_seeds_differ() -> None:
    """Another seed is another family of hash functions."""
    array = pa.array([[1, 2, 3]], SETS)
    assert not set(band_keys(array, 20, 1, 1)[0].as_py()) & set(band_keys(array, 20, 1, 2)[0].as_py())


def test_words() -> None:
    """Words between white space are hashed whole, and equal words have equal ids."""
    found = word_ids(pa.array(["a b a", "", None, "  b\n"])).to_pylist()
    a, b = xxhash.xxh3_64_intdigest(b"a"), xxhash.xxh3_64_intdigest(b"b")
    assert found == [[a, b, a], [], [], [b]]
    assert string_hashes(pa.array(["a", None, ""])).to_pylist() == [a, *[xxhash.xxh3_64_intdigest(b"")] * 2]


@given(sets, st.integers(1, 80), seeds)
@settings(max_examples=60)
def test_sketches_are_bytes_of_minima(batch: list[set[int]], size: int, seed: int) -> None:
    """A sketch depends on its set alone, and is the same in the reference."""
    array = pa.array([sorted(values) for values in batch], SETS)
    found = sketches(array, size, seed)
    assert found.type == pa.binary(size)
    assert found.equals(minhash.sketches(array, size, seed))
    for place in range(len(batch)):
        assert sketches(array.slice(place, 1), size, seed).equals(found.slice(place, 1))


def test_sketches_tell_similarities() -> None:
    """The estimates for 2,000 pairs of one similarity have it as their mean and the deviation that is stated."""
    draw = np.random.default_rng(1)
    for shared, alone in ((0, 40), (20, 40), (60, 20), (90, 5), (100, 0)):
        similarity = shared / (shared + 2 * alone)
        hashes = draw.integers(0, 2**32, (2000, shared + 2 * alone), dtype=np.uint32)
        sides = hashes[:, : shared + alone], np.delete(hashes, np.s_[shared : shared + alone], axis=1)
        left, right = (matrix(sketches(pa.array(list(side), SETS), 256, 1), 256) for side in sides)
        found = similarities(left, right)
        assert abs(found.mean() - similarity) < 0.006
        assert found.std() < 1.15 * (similarity * (1 - similarity) / 256 + 1 / 256**2) ** 0.5


def matrix(array: pa.FixedSizeBinaryArray, size: int) -> np.ndarray[Any, Any]:
    return np.frombuffer(array.buffers()[1], np.uint8).reshape(len(array), size)
