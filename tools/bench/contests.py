"""The contests of ``kernels.py``: which kernels and which peers do the same work. One entry is a few lines.

A rival takes the documents and returns a function without arguments, which does the work on all of them and is what is
timed. Imports are inside, so that what is not installed is skipped. The first rival is the measure of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from refinery.kernels.reference import linewise, minhash, normalise, text, unionfind, windows
from tools.bench import archives, peers
from tools.bench.documents import Documents

Call = Callable[[], Any]


class Unit(NamedTuple):
    """What a figure is called, and what makes it of seconds for each piece of work."""

    label: str
    factor: float


PER_DOCUMENT, PER_BYTE, PER_EDGE = Unit("µs/document", 1e6), Unit("ns/byte", 1e9), Unit("ns/edge", 1e9)
PER_PAGE = Unit("ms/page", 1e3)


class Rival(NamedTuple):
    """Who does the work; ``distribution`` names a peer's package, whose version is printed."""

    make: Callable[[Documents], Call]
    distribution: str = ""
    is_twin: bool = False


@dataclass(frozen=True)
class Contest:
    """Rivals who do the same work, and how much it is."""

    name: str
    rivals: Mapping[str, Rival]
    unit: Unit = PER_DOCUMENT
    amount: Callable[[Documents], float] = lambda given: len(given.texts)


SHINGLE, WINDOW = 5, 50
STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
EDGES = 200_000


def native_statistics(given: Documents) -> Call:
    """All columns of quality and repetition."""
    from refinery.kernels import native_text

    return partial(native_text.text_statistics, given.array)


def native_stop_words(given: Documents) -> Call:
    """How many of Gopher's stop words each text has."""
    from refinery.kernels import native_text

    return partial(native_text.distinct_words, given.array, STOP_WORDS)


def native_normalise(given: Documents) -> Call:
    """Texts without case, accents and punctuation."""
    from refinery.kernels import native_dedup

    return partial(native_dedup.normalise, given.array)


def native_minhash(given: Documents, bands: int, rows: int) -> Call:
    """From texts to the keys of their bands."""
    from refinery.kernels import native_dedup

    return partial(band_keys, native_dedup, given.array, bands, rows)


def twin_minhash(given: Documents, bands: int, rows: int) -> Call:
    """The same by the reference."""
    return partial(band_keys, minhash, given.array, bands, rows)


def band_keys(kernels: Any, texts: pa.StringArray, bands: int, rows: int) -> pa.ListArray:
    """Words, the shingles of words, and their keys."""
    return kernels.band_keys(kernels.shingles(kernels.word_ids(texts), SHINGLE), bands, rows, 1)


def native_repeats(given: Documents) -> Call:
    """From texts to the runs of 50 words that repeat."""
    from refinery.kernels import native_dedup

    return partial(repeats, native_dedup, native_dedup, given.bulk.array)


def twin_repeats(given: Documents) -> Call:
    """The same by the reference."""
    return partial(repeats, minhash, windows, given.bulk.array)


def repeats(words: Any, kernels: Any, texts: pa.StringArray) -> pa.ListArray:
    """Hash all windows, find those that occur twice, and mark them."""
    hashes = kernels.window_hashes(words.word_ids(texts), WINDOW)
    ordered = np.sort(hashes.values.to_numpy())
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    return kernels.mark_repeated(hashes, repeated, WINDOW)


def native_components(given: Documents) -> Call:
    """The components of a random graph as large as it is sparse."""
    from refinery.kernels import native_dedup

    del given
    return partial(native_dedup.components, *edges())


def twin_components(given: Documents) -> Call:
    """The same by the reference."""
    del given
    return partial(unionfind.components, *edges())


def edges() -> tuple[Any, Any]:
    """Pairs of node numbers, the same on every machine."""
    chance = np.random.default_rng(3)
    return tuple(chance.integers(0, EDGES, EDGES, np.uint64) for _ in range(2))  # type: ignore[return-value]


def twin_lines(given: Documents) -> Call:
    """Line-wise corrections with the rules of the stage."""
    return partial(linewise.correct_lines, given.array, line_rules())


def line_rules() -> linewise.LineRules:
    """Those of the stage without a recipe."""
    from stages.lines import Lines, load

    stage = Lines()
    return linewise.LineRules(
        **load(stage.phrases).model_dump(), max_uppercase=stage.max_uppercase, short_line=stage.short_line
    )


def _minhash(bands: int, rows: int) -> Contest:
    count = bands * rows
    return Contest(
        f"MinHash {count:,} of {SHINGLE}-grams of words",
        {
            "native": Rival(partial(native_minhash, bands=bands, rows=rows)),
            "twin": Rival(partial(twin_minhash, bands=bands, rows=rows), is_twin=True),
            "datatrove": Rival(partial(peers.datatrove_minhash, bands=bands, rows=rows), "datatrove"),
            "datatrove, words by str.split": Rival(
                partial(peers.datatrove_minhash, bands=bands, rows=rows, simple=True), "datatrove"
            ),
            "datasketch": Rival(partial(peers.datasketch_minhash, count=count), "datasketch"),
            "rensa": Rival(partial(peers.rensa_minhash, count=count), "rensa"),
        },
    )


CONTESTS: tuple[Contest, ...] = (
    Contest(
        "quality and repetition, all metrics",
        {
            "native": Rival(native_statistics),
            "twin": Rival(lambda given: partial(text.text_statistics, given.array), is_twin=True),
            "datatrove": Rival(peers.datatrove_filters, "datatrove"),
            "datatrove, words by str.split": Rival(partial(peers.datatrove_filters, simple=True), "datatrove"),
        },
    ),
    Contest(
        "stop words",
        {
            "native": Rival(native_stop_words),
            "twin": Rival(lambda given: partial(text.distinct_words, given.array, STOP_WORDS), is_twin=True),
        },
    ),
    Contest(
        "normalisation",
        {
            "native": Rival(native_normalise),
            "twin": Rival(lambda given: partial(normalise.normalise, given.array), is_twin=True),
            "datatrove": Rival(peers.datatrove_simplify, "datatrove"),
        },
    ),
    Contest("line-wise rules", {"twin": Rival(twin_lines, is_twin=True)}),
    _minhash(14, 8),
    _minhash(450, 20),
    Contest(
        f"repeated runs of {WINDOW} words",
        {
            "native": Rival(native_repeats),
            "twin": Rival(twin_repeats, is_twin=True),
            "pydivsufsort, suffix array and LCP": Rival(peers.suffix_array, "pydivsufsort"),
        },
        PER_BYTE,
        lambda given: given.bulk.bytes,
    ),
    Contest(
        "connected components",
        {
            "native": Rival(native_components),
            "twin": Rival(twin_components, is_twin=True),
            "scipy": Rival(lambda _: peers.scipy_components(*edges()), "scipy"),
        },
        PER_EDGE,
        lambda _: EDGES,
    ),
    Contest(
        "archives to text",
        {
            "native": Rival(archives.native),
            "twin": Rival(archives.twin, is_twin=True),
            "fastwarc and resiliparse": Rival(archives.fastwarc, "fastwarc"),
            "warcio and resiliparse": Rival(archives.warcio, "warcio"),
        },
        PER_PAGE,
        archives.page_count,
    ),
)
