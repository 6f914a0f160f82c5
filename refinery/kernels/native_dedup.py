"""What deduplication needs, in Rust: MinHash, windows of tokens, connected components, normalised text.

Each function has the signature and, bit for bit, the values of its twin in ``refinery.kernels.reference``, where it is
described. What is wrong with an input is refused here too where the twin's result would make no sense: windows of no
token, lists or texts of another type than Arrow's with 32-bit offsets. NumPy arrays that come back are read-only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery.kernels import _native
from refinery.kernels.reference import unionfind
from refinery.kernels.reference.minhash import SKETCH, permutations
from refinery.kernels.reference.normalise import PIECES, kind_of, unchanged
from refinery.kernels.reference.repeats import Counts, Numbers
from refinery.kernels.reference.unionfind import Edges, Nodes
from refinery.kernels.reference.windows import Hashes

__all__ = [
    "Unions",
    "alike",
    "at_most_twice",
    "band_keys",
    "byte_ranges",
    "components",
    "contains",
    "forest_of",
    "mark_copies",
    "mark_repeated",
    "mix64",
    "normalise",
    "order_of",
    "original_spans",
    "recurs",
    "repeated",
    "shingles",
    "sketches",
    "spanning_forest",
    "string_hashes",
    "take_out",
    "window_hashes",
    "word_ids",
    "word_sizes",
]

_TABLE = _native.Pieces()
"""What characters are normalised to: filled as they are met, and the same for all threads."""

_BLOCK = 256
"""Characters that are added to the table together."""


def normalise(texts: pa.StringArray) -> pa.StringArray:
    """See ``reference.normalise.normalise``. Raises ValueError for a text that is not UTF-8."""
    return _with_table(lambda: _TABLE.normalise(texts))


def string_hashes(texts: pa.StringArray) -> pa.UInt64Array:
    """See ``reference.minhash.string_hashes``."""
    return pa.array(_native.string_hashes(texts))


def word_ids(texts: pa.StringArray) -> pa.ListArray:
    """See ``reference.minhash.word_ids``."""
    return pa.array(_native.word_ids(texts))


def word_sizes(texts: pa.StringArray) -> pa.ListArray:
    """See ``reference.units.word_sizes``."""
    return pa.array(_native.word_sizes(texts))


def shingles(tokens: pa.ListArray, size: int) -> pa.ListArray:
    """See ``reference.minhash.shingles``."""
    return pa.array(_native.shingles(tokens, size))


def band_keys(sets: pa.ListArray, bands: int, rows: int, seed: int) -> pa.ListArray:
    """See ``reference.minhash.band_keys``."""
    factors, terms = permutations(bands * rows, seed)
    return pa.array(_native.band_keys(sets, pa.array(factors), pa.array(terms), bands))


def sketches(sets: pa.ListArray, size: int, seed: int) -> pa.FixedSizeBinaryArray:
    """See ``reference.minhash.sketches``."""
    factors, terms = permutations(size, seed ^ SKETCH)
    return pa.array(_native.sketches(sets, pa.array(factors), pa.array(terms)))


def window_hashes(tokens: pa.ListArray, size: int) -> pa.ListArray:
    """See ``reference.windows.window_hashes``."""
    return pa.array(_native.window_hashes(tokens, size))


def mix64(values: npt.NDArray[Any]) -> Hashes:
    """See ``reference.windows.mix64``."""
    return _numbers(_native.mix64(_column(values.ravel()))).reshape(values.shape)


def contains(among: Hashes, values: Hashes) -> npt.NDArray[np.bool_]:
    """See ``reference.windows.contains``."""
    found: npt.NDArray[np.bool_] = pa.array(_native.contains(_column(among), _column(values))).to_numpy().view(np.bool_)
    return found


def order_of(values: Numbers) -> Counts:
    """See ``reference.repeats.order_of``. Raises OverflowError for more values than it can tell."""
    places: Counts = pa.array(_native.order_of(_column(values))).to_numpy()
    return places


def at_most_twice(lists: Sequence[Numbers]) -> Numbers:
    """See ``reference.repeats.at_most_twice``."""
    return _numbers(_native.at_most_twice(list(map(_column, lists))))


def repeated(values: Numbers) -> Numbers:
    """See ``reference.repeats.repeated``."""
    return _numbers(_native.repeated(_column(values)))


def recurs(lists: Sequence[Numbers]) -> list[npt.NDArray[np.bool_]]:
    """See ``reference.repeats.recurs``. Raises OverflowError for more values than it can tell."""
    return [pa.array(found).to_numpy().view(np.bool_) for found in _native.recurs(list(map(_column, lists)))]


def mark_repeated(tokens: pa.ListArray, repeated: Hashes, size: int) -> pa.ListArray:
    """See ``reference.windows.mark_repeated``."""
    return pa.array(_native.mark_repeated(tokens, _column(repeated), size))


def mark_copies(
    tokens: pa.ListArray, repeated: Hashes, keepers: npt.NDArray[np.uint32], row: int, size: int
) -> tuple[pa.ListArray, pa.ListArray]:
    """See ``reference.windows.mark_copies``."""
    gone, kept = _native.mark_copies(tokens, _column(repeated), pa.array(keepers), row, size)
    return pa.array(gone), pa.array(kept)


def byte_ranges(runs: pa.ListArray, sizes: pa.ListArray) -> pa.ListArray:
    """See ``reference.windows.byte_ranges``. Raises ValueError for a run that reaches beyond the tokens."""
    return pa.array(_native.byte_ranges(runs, sizes))


def original_spans(texts: pa.StringArray, ranges: pa.ListArray, *, normalised: bool) -> pa.ListArray:
    """See ``reference.windows.original_spans``. Raises ValueError for a text that is not UTF-8."""
    if not normalised:
        return pa.array(_native.character_spans(texts, ranges))
    return _with_table(lambda: _TABLE.original_spans(texts, ranges))


def take_out(
    texts: pa.StringArray, ranges: pa.ListArray
) -> tuple[pa.StringArray, pa.StringArray, pa.UInt64Array, pa.UInt64Array]:
    """See ``reference.cuts.take_out``. Raises ValueError for ranges that do not fit the texts."""
    rest, inside, places, sizes = _native.take_out(texts, ranges)
    return pa.array(rest), pa.array(inside), pa.array(places), pa.array(sizes)


def components(a: Nodes, b: Nodes) -> Edges:
    """See ``reference.unionfind.components``."""
    nodes, labels = _native.components(_column(a), _column(b))
    return _numbers(nodes), _numbers(labels)


def spanning_forest(a: Nodes, b: Nodes) -> Edges:
    """See ``reference.unionfind.spanning_forest``."""
    roots, others = _native.spanning_forest(_column(a), _column(b))
    return _numbers(roots), _numbers(others)


class Unions(unionfind.Unions):
    """See ``reference.unionfind.Unions``. Raises OverflowError for 2**32 documents with an edge."""

    def __init__(self, documents: int) -> None:
        self._native = _native.Unions(documents)

    def mark(self, documents: Nodes) -> None:
        """See ``reference.unionfind.Unions.mark``."""
        self._native.mark(_column(documents))

    def join(self, a: Nodes, b: Nodes) -> None:
        """See ``reference.unionfind.Unions.join``."""
        self._native.join(_column(a), _column(b))

    def sizes(self, documents: Nodes) -> npt.NDArray[np.uint32]:
        """See ``reference.unionfind.Unions.sizes``."""
        found: npt.NDArray[np.uint32] = pa.array(self._native.sizes(_column(documents))).to_numpy()
        return found

    def clusters(self, first: int, count: int) -> tuple[npt.NDArray[np.uint32], Nodes]:
        """See ``reference.unionfind.Unions.clusters``."""
        rows, labels = self._native.clusters(first, count)
        return pa.array(rows).to_numpy(), _numbers(labels)


def alike(
    starts: Nodes,
    places: npt.NDArray[np.uint32],
    kinds: npt.NDArray[np.uint8],
    sketches: pa.FixedSizeBinaryArray,
    least: int,
) -> Nodes:
    """See ``reference.alike.alike``. Raises ValueError for a group beyond the members or a member without a sketch."""
    return _numbers(_native.alike(_column(starts), pa.array(places), pa.array(kinds), sketches, least))


def forest_of(edges: Iterable[Edges], limit: int = 1 << 22) -> Edges:
    """See ``reference.unionfind.forest_of``."""
    return unionfind.forest_by(spanning_forest, edges, limit)


def _with_table(attempt: Callable[[], tuple[Any, list[int]]]) -> pa.Array:
    made, missing = attempt()
    while made is None:  # each attempt names at least one block that is not there yet
        for block in missing:
            _TABLE.add(block, *_block(block))
        made, missing = attempt()
    return pa.array(made)


def _block(block: int) -> tuple[bytes, list[str]]:
    """The kinds of a block's characters, and what each is normalised to."""
    characters = [chr(code) for code in range(block * _BLOCK, (block + 1) * _BLOCK)]
    if unchanged(characters):
        return bytes([kind_of(characters[0])]) * _BLOCK, characters
    return bytes(map(kind_of, characters)), [PIECES[ord(character)] for character in characters]


def _column(values: npt.NDArray[Any]) -> pa.UInt64Array:
    return pa.array(values.astype(np.uint64, copy=False))


def _numbers(made: Any) -> npt.NDArray[np.uint64]:
    numbers: npt.NDArray[np.uint64] = pa.array(made).to_numpy()
    return numbers
