"""The contests of ``kernels.py``: which kernels and which peers do the same work. One entry is a few lines.

A rival takes the documents and returns a function without arguments, which does the work on all of them and is what is
timed. Imports are inside, so that what is not installed is skipped. The first rival is the measure of the others.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from refinery.assets import Asset
from refinery.kernels.reference import bpe, langid, linewise, minhash, mojibake, normalise, text, unionfind, windows
from refinery.testing import documents
from tools.bench import archives, modes, peers
from tools.bench.documents import Documents

Call = Callable[[], Any]


class Unit(NamedTuple):
    """What a figure is called, and what makes it of seconds for each piece of work."""

    label: str
    factor: float


PER_DOCUMENT, PER_URL, PER_PAGE = Unit("µs/document", 1e6), Unit("µs/URL", 1e6), Unit("ms/page", 1e3)
PER_BYTE, PER_EDGE = Unit("ns/byte", 1e9), Unit("ns/edge", 1e9)


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


def native(module: str, name: str) -> Any:
    """A function of a facade. Raises ImportError where there is none, or the native kernels are not built."""
    facade = importlib.import_module(f"refinery.kernels.{module}")
    if not hasattr(facade, name):
        raise ImportError(f"{module} has no {name}")
    return getattr(facade, name)


def native_statistics(given: Documents) -> Call:
    """All columns of quality and repetition."""
    return partial(native("native_text", "text_statistics"), given.array)


def native_stop_words(given: Documents) -> Call:
    """How many of Gopher's stop words each text has."""
    return partial(native("native_text", "distinct_words"), given.array, STOP_WORDS)


def native_all(given: Documents) -> Call:
    """All that the two stages measure."""
    statistics, words = native_statistics(given), native_stop_words(given)
    return lambda: (statistics(), words())


def twin_all(given: Documents) -> Call:
    """All that the two stages measure."""
    return lambda: (text.text_statistics(given.array), text.distinct_words(given.array, STOP_WORDS))


def native_normalise(given: Documents) -> Call:
    """Texts without case, accents and punctuation."""
    return partial(native("native_dedup", "normalise"), given.array)


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
    tokens = words.word_ids(texts)
    hashes = kernels.window_hashes(tokens, WINDOW)
    ordered = np.sort(hashes.values.to_numpy())
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    return kernels.mark_repeated(tokens, repeated, WINDOW)


def native_components(given: Documents) -> Call:
    """The components of a random graph as large as it is sparse."""
    del given
    return partial(native("native_dedup", "components"), *edges())


def twin_components(given: Documents) -> Call:
    """The same by the reference."""
    del given
    return partial(unionfind.components, *edges())


def edges() -> tuple[Any, Any]:
    """Pairs of node numbers, the same on every machine."""
    chance = np.random.default_rng(3)
    return tuple(chance.integers(0, EDGES, EDGES, np.uint64) for _ in range(2))  # type: ignore[return-value]


def native_tokens(given: Documents) -> Call:
    """GPT-2's tokens."""
    return partial(native("native_bpe", "token_ids"), given.array, Asset("gpt2.bpe").path())


def native_languages(given: Documents) -> Call:
    """The language of each text, and how sure the model is."""
    return partial(native("native_langid", "identify_languages"), given.array, Asset("lid.176.ftz").path())


def urls(given: Documents) -> Call:
    """What the stage ``url`` asks of each address, with the list of millions of entries where it is there."""
    from refinery.errors import AssetError
    from stages.url import Url

    lists: tuple[Asset, ...] = (Asset("ut1"),)
    try:
        lists[0].path()
    except AssetError:
        lists = ()
    stage = Url(blocklists=lists)
    docs = documents([""] * len(given.urls)).with_columns({"url": pa.array(given.urls)})
    return lambda: stage.measure(docs)


def native_lines(given: Documents) -> Call:
    """Line-wise corrections with the rules of the stage."""
    return partial(native("native_text", "correct_lines"), given.array, line_rules())


def twin_lines(given: Documents) -> Call:
    """The same by the reference."""
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
        "word, line and n-gram statistics",
        {
            "native": Rival(native_statistics),
            "twin": Rival(lambda given: partial(text.text_statistics, given.array), is_twin=True),
        },
    ),
    Contest(
        "quality and repetition, all metrics",
        {
            "native": Rival(native_all),
            "twin": Rival(twin_all, is_twin=True),
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
    Contest("line-wise rules", {"native": Rival(native_lines), "twin": Rival(twin_lines, is_twin=True)}),
    Contest(
        "misread UTF-8",
        {
            "native": Rival(lambda given: partial(native("native_mojibake", "suspects"), given.array)),
            "twin": Rival(lambda given: partial(mojibake.suspects, given.array), is_twin=True),
        },
    ),
    Contest(
        "GPT-2 tokens",
        {
            "native": Rival(native_tokens),
            "twin": Rival(lambda given: partial(bpe.token_ids, given.array, Asset("gpt2.bpe").path()), is_twin=True),
            "tiktoken": Rival(peers.tiktoken_tokens, "tiktoken"),
        },
    ),
    Contest(
        "language",
        {
            "native": Rival(native_languages),
            "twin": Rival(
                lambda given: partial(langid.identify_languages, given.array, Asset("lid.176.ftz").path()), is_twin=True
            ),
            "fastText": Rival(peers.fasttext_languages, "fasttext-predict"),
        },
    ),
    Contest(
        "URL rules",
        {
            "native": Rival(lambda given: modes.with_native(urls(given), "url")),
            "twin": Rival(lambda given: modes.with_twins(urls(given), "url"), is_twin=True),
            "datatrove": Rival(peers.datatrove_urls, "datatrove"),
        },
        PER_URL,
        lambda given: len(given.urls),
    ),
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
