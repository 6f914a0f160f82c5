"""Kernels of deduplication in which Python does a part of the work.

NumPy draws the hash functions of MinHash, and Python's Unicode tables define the normalised text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pyarrow as pa

from refinery.kernels import _native
from refinery.kernels.reference import unionfind
from refinery.kernels.reference.minhash import SKETCH, permutations
from refinery.kernels.reference.normalise import PIECES, kind_of, unchanged
from refinery.kernels.reference.unionfind import Edges

_TABLE = _native.Pieces()
"""The normal form of each character: filled when a text first has it, and shared by all threads."""

_BLOCK = 256
"""Characters that are added to the table together."""


def normalise(texts: pa.StringArray) -> pa.StringArray:
    return _with_table(lambda: _TABLE.normalise(texts))


def normalised_cuts(texts: pa.StringArray, cuts: pa.ListArray) -> pa.ListArray:
    return _with_table(lambda: _TABLE.normalised_cuts(texts, cuts))


def original_spans(texts: pa.StringArray, ranges: pa.ListArray, *, normalised: bool) -> pa.ListArray:
    if not normalised:
        return _native.character_spans(texts, ranges)
    return _with_table(lambda: _TABLE.original_spans(texts, ranges))


def band_keys(sets: pa.ListArray, bands: int, rows: int, seed: int) -> pa.ListArray:
    return _native.band_keys(sets, *permutations(bands * rows, seed), bands)


def sketches(sets: pa.ListArray, size: int, seed: int) -> pa.FixedSizeBinaryArray:
    return _native.sketches(sets, *permutations(size, seed ^ SKETCH))


def forest_of(edges: Iterable[Edges], limit: int = 1 << 22) -> Edges:
    return unionfind.forest_by(_native.spanning_forest, edges, limit)


def _with_table(attempt: Callable[[], tuple[pa.Array | None, list[int]]]) -> pa.Array:
    result, missing = attempt()
    while result is None:  # each attempt names at least one block that is not there yet
        for block in missing:
            _TABLE.add(block, *_block(block))
        result, missing = attempt()
    return result


def _block(block: int) -> tuple[bytes, list[str]]:
    """Return the kinds of a block's characters, and their normal forms."""
    characters = [chr(code) for code in range(block * _BLOCK, (block + 1) * _BLOCK)]
    if unchanged(characters):
        return bytes([kind_of(characters[0])]) * _BLOCK, characters
    return bytes(map(kind_of, characters)), [PIECES[ord(character)] for character in characters]
