"""The contests of ``kernels.py``: the kernels of ``tools/parity.py``, groups of them that do a stage's work, and peers.

A rival takes the documents and returns a function without arguments, which does the work on all of them and is what is
timed. Imports are inside, so that what is not installed is skipped. The first rival is the measure of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from refinery.assets import Asset
from refinery.testing import documents
from tools.bench import archives, modes, peers
from tools.bench.documents import Documents
from tools.parity import CASES, SHINGLE, STOP_WORDS, WINDOW, edge_sample, pairs, twins

Call = Callable[[], Any]


class Unit(NamedTuple):
    """What a figure is called, and what makes it of seconds for each piece of work."""

    label: str
    factor: float


PER_DOCUMENT, PER_URL, PER_PAGE = Unit("µs/document", 1e6), Unit("µs/URL", 1e6), Unit("ms/page", 1e3)
PER_BYTE, PER_CALL = Unit("ns/byte", 1e9), Unit("ms", 1e3)


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


def kernel(name: str, peers: Mapping[str, Rival]) -> Contest:
    """A kernel of the table, on its sample."""
    case = CASES[name]

    def call(kernel: Any, given: Documents) -> Call:
        return partial(case.call, kernel, **(case.sample(given) if case.sample else {}))

    twin = Rival(lambda given: call(twins()[name], given), is_twin=True)
    return Contest(
        name,
        {"native": Rival(lambda given: call(pairs()[name].native, given)), "twin": twin, **peers},
        PER_CALL,
        lambda _: 1,
    )


PEERS: dict[str, dict[str, Rival]] = {
    "normalise": {"datatrove": Rival(peers.datatrove_simplify, "datatrove")},
    "token_ids": {"tiktoken": Rival(peers.tiktoken_tokens, "tiktoken")},
    "identify_languages": {"fastText": Rival(peers.fasttext_languages, "fasttext-predict")},
    "components": {"scipy": Rival(lambda given: peers.scipy_components(*edge_sample(given).values()), "scipy")},
}
"""Peers of single kernels."""


def together(names: Callable[[], Mapping[str, Any]], work: Callable[..., Any], *given: Any) -> Call:
    """The work of several kernels, given by a function of their names."""
    return partial(work, SimpleNamespace(**names()), *given)


def natives() -> dict[str, Any]:
    """The native kernels. Raises ImportError where the extension is not built."""
    return {name: pair.native for name, pair in pairs().items()}


def both(work: Callable[..., Any], *options: Any, bulk: bool = False) -> dict[str, Rival]:
    """The native kernels and their twins at the same work on the documents."""

    def call(names: Callable[[], Mapping[str, Any]], given: Documents) -> Call:
        return together(names, work, given.bulk.array if bulk else given.array, *options)

    return {"native": Rival(partial(call, natives)), "twin": Rival(partial(call, twins), is_twin=True)}


def all_metrics(kernels: Any, texts: pa.StringArray) -> Any:
    """Return all that the stages quality and repetition measure."""
    return kernels.text_statistics(texts), kernels.distinct_words(texts, STOP_WORDS)


def band_keys(kernels: Any, texts: pa.StringArray, bands: int, rows: int) -> pa.ListArray:
    """Return the keys of bands of the shingles of words."""
    return kernels.band_keys(kernels.shingles(kernels.word_ids(texts), SHINGLE), bands, rows, 1)


def repeats(kernels: Any, texts: pa.StringArray) -> pa.ListArray:
    """Hash all windows, find those that occur twice, and mark them."""
    tokens = kernels.word_ids(texts)
    hashes = kernels.window_hashes(tokens, WINDOW)
    ordered = np.sort(hashes.values.to_numpy())
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    return kernels.mark_repeated(tokens, repeated, WINDOW)


def urls(given: Documents) -> Call:
    """What the stage ``url`` asks of each address, with the list of millions of entries where it is there."""
    from refinery.errors import AssetError
    from refinery.stages.url import Url

    lists: tuple[Asset, ...] = (Asset("ut1"),)
    try:
        lists[0].path()
    except AssetError:
        lists = ()
    stage = Url(blocklists=lists)
    docs = documents([""] * len(given.urls)).with_columns({"url": pa.array(given.urls)})
    return lambda: stage.measure(docs)


def _minhash(bands: int, rows: int) -> Contest:
    count = bands * rows
    return Contest(
        f"MinHash {count:,} of {SHINGLE}-grams of words",
        {
            **both(band_keys, bands, rows),
            "datatrove": Rival(partial(peers.datatrove_minhash, bands=bands, rows=rows), "datatrove"),
            "datatrove, words by str.split": Rival(
                partial(peers.datatrove_minhash, bands=bands, rows=rows, simple=True), "datatrove"
            ),
            "datasketch": Rival(partial(peers.datasketch_minhash, count=count), "datasketch"),
            "rensa": Rival(partial(peers.rensa_minhash, count=count), "rensa"),
        },
    )


CONTESTS: tuple[Contest, ...] = (
    *(kernel(name, PEERS.get(name, {})) for name, case in CASES.items() if case.sample),
    Contest(
        "quality and repetition, all metrics",
        {
            **both(all_metrics),
            "datatrove": Rival(peers.datatrove_filters, "datatrove"),
            "datatrove, words by str.split": Rival(partial(peers.datatrove_filters, simple=True), "datatrove"),
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
        {**both(repeats, bulk=True), "pydivsufsort, suffix array and LCP": Rival(peers.suffix_array, "pydivsufsort")},
        PER_BYTE,
        lambda given: given.bulk.bytes,
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
