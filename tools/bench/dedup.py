"""Time of the deduplication kernels against what else does the work; prints a table, the last line is JSON.

usage: python tools/bench/dedup.py [--corpus ../shared/corpus] [--only substring minhash components threads hostile]

CPU time of one core, the best of a few runs; all sides work on the same texts in one run. Peers that are not installed
are left out: pydivsufsort, datasketch, datatrove, rensa, scipy. ``threads`` is wall time, of two cores.
"""

from __future__ import annotations

import argparse
import functools
import glob
import gzip
import importlib.util
import json
import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from refinery.assets import Asset
from refinery.kernels import (
    band_keys,
    components,
    contains,
    mark_repeated,
    normalise,
    repeated,
    shingles,
    token_ids,
    window_hashes,
    word_ids,
)

WINDOW = 50
DOCUMENT = 2_400
EDGES = 4_000_000
SETTINGS = {"minhash 450 x 20": (450, 20), "minhash 14 x 8": (14, 8)}

Figures = dict[str, float]


def main() -> None:
    """Run the parts asked for and print what each takes."""
    parts = {
        "substring": substring,
        "minhash": minhash,
        "components": unions,
        "threads": threads,
        "hostile": hostile,
    }
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--corpus", default="../shared/corpus")
    parser.add_argument("--only", nargs="*", choices=list(parts), default=list(parts))
    arguments = parser.parse_args()
    figures: Figures = {}
    for name in arguments.only:
        cores = sorted(os.sched_getaffinity(0))
        if name != "threads":
            os.sched_setaffinity(0, cores[-1:])
        found = parts[name](arguments.corpus)
        os.sched_setaffinity(0, cores)
        for label, value in found.items():
            print(f"{label:58} {value:14.3f}", flush=True)
        figures.update(found)
    print(json.dumps({label: round(value, 4) for label, value in figures.items()}))


def substring(corpus: str) -> Figures:
    """Window hashes, repetitions and marks, of bytes and of tokens, against a suffix array with LCP of the bytes."""
    found = pages(corpus)
    texts = pa.array(found)
    data = np.frombuffer("".join(found).encode(), np.uint8).copy()
    size = len(data)
    ends = np.cumsum([0, *(len(text.encode()) for text in found)]).astype(np.int32)
    tokens = token_ids(normalise(texts), Asset("gpt2.bpe").path())
    figures: Figures = {"substring: bytes of text": size}
    kinds = {"bytes": pa.ListArray.from_arrays(pa.array(ends), pa.array(data)), "gpt2 tokens": tokens}
    for name, lists in kinds.items():
        hashes, a = timed(functools.partial(window_hashes, lists, WINDOW))
        values = hashes.flatten().to_numpy()
        repeats, b = timed(functools.partial(repeated, values))
        runs, c = timed(functools.partial(mark_repeated, lists, repeats, WINDOW))
        for part, seconds in (("hashes", a), ("repetitions", b), ("marks", c), ("all", a + b + c)):
            figures[f"substring: {name}, {part}, ns/byte"] = seconds / size * 1e9
        if name == "bytes":
            marked = runs
    if importlib.util.find_spec("pydivsufsort"):
        (array, common), seconds = timed(functools.partial(_suffix_array, data), runs=1)
        figures["substring: suffix array + LCP, ns/byte"] = seconds / size * 1e9
        for name in kinds:
            whole = figures[f"substring: {name}, all, ns/byte"]
            figures[f"substring: suffix array / {name}"] = seconds / size * 1e9 / whole
        other = suffix_array_marks(array, common, ends.astype(np.int64))
        figures["substring: bytes marked"] = int(other.sum())
        figures["substring: bytes marked otherwise by the suffix array"] = int(
            (other != covered(marked, ends, size)).sum()
        )
    return figures


def _suffix_array(data: Any) -> Any:
    from pydivsufsort import divsufsort, kasai

    array = divsufsort(data)
    return array, kasai(data, array)


def suffix_array_marks(array: Any, common: Any, ends: Any) -> Any:
    """Which bytes lie in a substring of WINDOW bytes that repeats, none across documents, by a suffix array."""
    left = np.repeat(ends[1:], np.diff(ends)) - np.arange(len(array))  # bytes of the document from here
    whole = (left >= WINDOW)[array]
    # Suffixes that share WINDOW bytes are neighbours; those that leave their document do not count.
    group = np.cumsum(np.append(True, common[: len(array) - 1] < WINDOW))
    members = np.bincount(group[whole], minlength=group[-1] + 1)
    starts = np.zeros(len(array) + 1, np.int64)
    hits = array[whole & (members[group] > 1)].astype(np.int64)
    np.add.at(starts, hits, 1)
    np.add.at(starts, hits + WINDOW, -1)
    return np.cumsum(starts[:-1]) > 0


def covered(runs: pa.ListArray, ends: Any, size: int) -> Any:
    """Which bytes lie in a run."""
    counts = np.diff(runs.offsets.to_numpy())
    origin = np.repeat(ends[:-1].astype(np.int64), counts)
    starts = np.zeros(size + 1, np.int64)
    np.add.at(starts, origin + runs.flatten().field(0).to_numpy().astype(np.int64), 1)
    np.add.at(starts, origin + runs.flatten().field(1).to_numpy().astype(np.int64), -1)
    return np.cumsum(starts[:-1]) > 0


def minhash(corpus: str) -> Figures:
    """Tokenise, shingle and sign, in microseconds a document, with words between white space on all sides."""
    figures: Figures = {}
    texts = documents(corpus, 1_200)
    for name, (bands, rows) in SETTINGS.items():
        some = texts if bands < 100 else texts[:300]
        few = texts[: 60 if bands < 100 else 12]
        column = pa.array(some)
        ours = per_document(functools.partial(_keys, column, bands, rows), len(some), runs=5)
        figures[f"{name}: kernels, us/document"] = ours
        figures[f"{name}: normalise and kernels, us/document"] = per_document(
            functools.partial(_normalised_keys, column, bands, rows), len(some), runs=5
        )
        for peer, sign in peers(bands, rows).items():
            theirs = per_document(functools.partial(_each, sign, few), len(few), runs=2)
            figures[f"{name}: {peer}, us/document"] = theirs
            figures[f"{name}: {peer} / kernels"] = theirs / ours
    return figures


def peers(bands: int, rows: int) -> dict[str, Callable[[str], Any]]:
    """What others offer for the signature of one text."""
    found: dict[str, Callable[[str], Any]] = {}
    if importlib.util.find_spec("datasketch"):
        from datasketch import MinHash

        def datasketch(text: str) -> Any:
            sketch = MinHash(num_perm=bands * rows, seed=1)
            sketch.update_batch(_grams(text))
            return sketch.hashvalues

        found["datasketch"] = datasketch
    if importlib.util.find_spec("rensa"):
        from rensa import RMinHash

        def rensa(text: str) -> Any:
            sketch = RMinHash(num_perm=bands * rows, seed=1)
            sketch.update([gram.decode() for gram in _grams(text)])
            return sketch.digest()

        found["rensa"] = rensa
    if importlib.util.find_spec("datatrove"):
        found.update(_datatrove(bands, rows))
    return found


def _datatrove(bands: int, rows: int) -> dict[str, Callable[[str], Any]]:
    import xxhash
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature

    class Words:
        def word_tokenize(self, text: str) -> list[str]:
            return text.split()

    config = MinhashConfig(n_grams=5, num_buckets=bands, hashes_per_bucket=rows)
    found: dict[str, Callable[[str], Any]] = {}
    for name, tokenizer in (("datatrove, its tokenizer", None), ("datatrove, white space", Words())):
        step = MinhashDedupSignature("/nowhere", config)
        # Its own passes text, which the xxhash of today refuses.
        step._hash_func = lambda gram: xxhash.xxh64_intdigest(gram.encode())  # noqa: SLF001
        if tokenizer:
            step.word_tokenizer = tokenizer

        def sign(text: str, step: Any = step) -> Any:
            return step.get_signature(step.get_shingles(text))

        found[name] = sign
    return found


def _grams(text: str) -> list[bytes]:
    words = text.split()
    return [" ".join(words[at : at + 5]).encode() for at in range(max(1, len(words) - 4))]


def _keys(texts: pa.StringArray, bands: int, rows: int) -> Any:
    return band_keys(shingles(word_ids(texts), 5), bands, rows, 1)


def _normalised_keys(texts: pa.StringArray, bands: int, rows: int) -> Any:
    return _keys(normalise(texts), bands, rows)


def _each(sign: Callable[[str], Any], texts: list[str]) -> None:
    for text in texts:
        sign(text)


def unions(corpus: str) -> Figures:
    """Connected components of random edges, against scipy's, which is given node numbers without gaps."""
    del corpus
    draw = np.random.default_rng(1)
    figures: Figures = {}
    for share in (1, 4):
        a, b = (draw.integers(0, EDGES // share, EDGES).astype(np.uint64) for _ in range(2))
        (_, labels), ours = timed(functools.partial(components, a, b), runs=2)
        name = f"components: {EDGES:,} edges, {EDGES // share:,} nodes"
        figures[f"{name}, s"] = ours
        if importlib.util.find_spec("scipy"):
            found, theirs = timed(functools.partial(_scipy_components, a, b), runs=1)
            figures[f"{name}, scipy, s"] = theirs
            figures[f"{name}, scipy / kernel"] = theirs / ours
            assert len(np.unique(labels)) == found
    return figures


def _scipy_components(a: Any, b: Any) -> int:
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    nodes, ends = np.unique(np.concatenate([a, b]), return_inverse=True)
    graph = coo_matrix((np.ones(len(a), np.bool_), (ends[: len(a)], ends[len(a) :])), shape=(len(nodes), len(nodes)))
    return int(connected_components(graph, directed=False)[0])


def threads(corpus: str) -> Figures:
    """How many times the work of one thread two threads do in the same time, and two processes."""
    texts = pa.array(documents(corpus, 1_000))
    words = word_ids(texts)
    sets = shingles(words, 5)
    work: dict[str, Callable[[], Any]] = {
        "minhash 450 x 20": lambda: band_keys(sets, 450, 20, 1),
        "window hashes": lambda: [window_hashes(words, WINDOW) for _ in range(100)],
        "normalise": lambda: [normalise(texts) for _ in range(50)],
        "order": lambda: [repeated(words.flatten().to_numpy()) for _ in range(30)],
    }
    figures: Figures = {}
    for name, job in work.items():
        job()
        for kind, start in (("threads", threading.Thread), ("processes", multiprocessing.get_context("fork").Process)):
            gains = []
            for _ in range(3):
                one = _side_by_side(start, job, 1)
                gains.append(2 * one / _side_by_side(start, job, 2))
            figures[f"{name}: two {kind}, gain"] = max(gains)
    return figures


def _side_by_side(start: Any, job: Callable[[], Any], count: int) -> float:
    running = [start(target=job) for _ in range(count)]
    began = time.perf_counter()
    for each in running:
        each.start()
    for each in running:
        each.join()
    return time.perf_counter() - began


def hostile(corpus: str) -> Figures:
    """Nanoseconds for a byte of one document of 1 and of 50 MB that somebody wrote to be slow."""
    del corpus
    kinds: dict[str, Callable[[int], str]] = {
        "one word": lambda size: "word " * (size // 5),
        "no spaces": lambda size: "abcdefghij" * (size // 10),
        "lines": lambda size: "\n".join(f"{line:049d}" for line in range(size // 50)),
        "one letter and marks": lambda size: ("a" + "\u0301" * 24) * (size // 49),
    }
    figures: Figures = {}
    for name, make in kinds.items():
        for size in (1_000_000, 50_000_000):
            text = pa.array([make(size)])
            _, seconds = timed(functools.partial(_everything, text), runs=1)
            figures[f"hostile: {name}, {size // 1_000_000} MB, ns/byte"] = seconds / size * 1e9
    for size in (100_000, 5_000_000):
        _, seconds = timed(functools.partial(_collisions, size), runs=1)
        figures[f"hostile: {size:,} numbers with the same leading bits, ns each"] = seconds / size * 1e9
    return figures


def _everything(texts: pa.StringArray) -> None:
    words = word_ids(normalise(texts))
    band_keys(shingles(words, 5), 14, 8, 1)
    hashes = window_hashes(words, WINDOW)
    mark_repeated(words, repeated(hashes.flatten().to_numpy()), WINDOW)


def _collisions(count: int) -> None:
    """Numbers that share all bits but the last few and one that is far: buckets by leading bits are of no use."""
    draw = np.random.default_rng(2)
    values = draw.integers(0, 2**30, count).astype(np.uint64)
    nested = np.uint64(1) << (np.arange(count, dtype=np.uint64) % np.uint64(64))
    both = np.concatenate([values, nested])
    contains(repeated(both), both)


def timed(work: Callable[[], Any], runs: int = 3) -> tuple[Any, float]:
    """What it returns, and the least CPU seconds it took."""
    best = float("inf")
    for _ in range(runs):
        began = time.process_time()
        made = work()
        best = min(best, time.process_time() - began)
    return made, best


def per_document(work: Callable[[], Any], count: int, runs: int) -> float:
    """Microseconds of each of ``count`` documents."""
    work()
    return timed(work, runs)[1] / count * 1e6


def documents(corpus: str, count: int) -> list[str]:
    """Texts of DOCUMENT bytes, of the words of main texts of the corpus."""
    with gzip.open(f"{corpus}/pages/truth.jsonl.gz", "rt") as lines:
        whole = " ".join(json.loads(line)["gold_text"] for line in lines).encode()
    cuts = range(0, len(whole) - DOCUMENT, DOCUMENT)
    return [whole[at : at + DOCUMENT].decode(errors="ignore") for at in cuts][:count]


def pages(corpus: str) -> list[str]:
    """All text of the corpus's pages with its links, and their main texts: what repeats is much."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.encoding import bytes_to_str, detect_encoding

    found = []
    for path in sorted(glob.glob(f"{corpus}/pages/*.warc.gz")):
        with open(path, "rb") as stream:
            for record in ArchiveIterator(stream, record_types=WarcRecordType.response, parse_http=True):
                body = record.reader.read()
                html = bytes_to_str(body, detect_encoding(body) or "utf-8")
                found.append(extract_plain_text(html, alt_texts=True, links=True, noscript=True))
    with gzip.open(f"{corpus}/pages/truth.jsonl.gz", "rt") as lines:
        return found + [json.loads(line)["gold_text"] for line in lines]


if __name__ == "__main__":
    main()
