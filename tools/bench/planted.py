"""Which edited copies are found, and at what cost, beside datasketch's LSH and datatrove's MinHash; last line JSON.

usage: python tools/bench/planted.py FOLDER [--documents 100000] [--sample 20000] [--only fineweb verified datatrove]

Documents are those of ``edits``, the same for all, in one run on one core. Pairs of a sample of families, all of them
with each other, are held against their Jaccard similarity, computed in plain Python without any hash. Of each way to
deduplicate: the CPU time of the whole work; how many of the pairs of each similarity end in one cluster (recall); and
how similar the pairs of clusters are (precision). Clusters are transitive: that pairs join which are not alike
themselves is in the nature of all of them.

datatrove takes its four steps with its defaults (14 x 8, spaCy's words); it is given documents in memory, and what it
reads and writes of them does not count. datasketch is used as its documentation says, with 14 bands of 8 rows, shingles
of words in lower case without punctuation, and a union-find in plain Python. Our times are those of keys, rounds and
verdicts with all that is written of them; as ``whole`` all rows are read, judged and written again as well, which
neither of the others does.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import shutil
import string
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from refinery.stages._profiles import PROFILES
from refinery.stages.minhash import MinHash
from tools.bench.edits import EDITS, Made, planted
from tools.bench.timed import Texts, timed_run, write_texts

PART = 10_000
BANDS, ROWS = 14, 8
SHINGLE = 5
BOUNDS = (0.3, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
"""Where bands of similarity begin; pairs below the first are not counted in recall."""

ALIKE = 0.75
"""Pairs at least so similar ought to be found."""

UNLIKE = 0.6
"""Pairs less similar ought not."""

Clusters = list[int]
"""Of each document the number of its cluster."""


def main() -> None:
    """Make documents, deduplicate them in every way, and print what was found."""
    ways = [*(name for name in PROFILES), "datasketch", "datatrove"]
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--sample", type=int, default=20_000)
    parser.add_argument("--only", nargs="*", choices=ways, default=ways)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])
    folder = arguments.folder
    shutil.rmtree(folder, ignore_errors=True)
    made = planted(arguments.documents)
    texts = [each.text for each in made]
    write_texts(folder / "in", texts, PART)
    pairs = similar_pairs(made, arguments.sample)
    figures: dict[str, Any] = {"documents": len(made), "words": sum(t.count(" ") + 1 for t in texts) // len(texts)}
    figures["pairs, by similarity"] = _by_similarity(pairs)
    print(json.dumps(figures), flush=True)
    for profile in PROFILES:  # what is loaded once must not count
        timed_run(folder, "in/00000.parquet", f"warm-{profile}", Texts(), MinHash(profile=profile))
    for name in arguments.only:
        if name in PROFILES:
            whole, seconds, clusters = _ours(folder, name)
        elif importlib.util.find_spec(name) is None:
            print(f"{name} is not installed")
            continue
        else:
            seconds, clusters = (_datasketch if name == "datasketch" else _datatrove)(texts, folder / name)
            whole = seconds
        times = {"us/document": seconds, "whole, us/document": whole}
        times = {label: round(value / len(made) * 1e6, 2) for label, value in times.items()}
        figures[name] = {**times, **_quality(made, pairs, clusters)}
        print(name, json.dumps(figures[name], indent=1), flush=True)
    shutil.rmtree(folder)
    ours = [name for name in PROFILES if name in figures]
    for other in ("datasketch", "datatrove"):
        for name in ours if other in figures else ():
            for label in ("us/document", "whole, us/document"):
                ratio = figures[other][label] / figures[name][label]
                figures[f"{other} / {name}, {label}"] = round(ratio, 1)
                print(f"{other} takes {ratio:.1f} times the CPU of {name} ({label})")
    print(json.dumps(figures))


# -------------------------------------------------------------------------------------------------------------- truth


def words_of(text: str) -> list[str]:
    """In lower case, without punctuation."""
    return text.lower().translate(_NO_PUNCTUATION).split()


_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def shingles_of(text: str) -> set[str]:
    """Runs of words; one run where there are fewer."""
    words = words_of(text)
    return {" ".join(words[at : at + SHINGLE]) for at in range(max(1, len(words) - SHINGLE + 1))}


def similar_pairs(made: Sequence[Made], size: int) -> dict[tuple[int, int], float]:
    """The Jaccard similarity of each pair of a sample that has any shingle in common, pairs of places in ``made``."""
    families: dict[int, list[int]] = defaultdict(list)
    for place, each in enumerate(made):
        families[each.family].append(place)
    sample: list[int] = []
    for family in np.random.default_rng(2).permutation(list(families)).tolist():
        if len(sample) < size:
            sample += families[family]
    sets = {place: shingles_of(made[place].text) for place in sorted(sample)}
    holders: dict[str, list[int]] = defaultdict(list)
    for place, found in sets.items():
        for shingle in found:
            holders[shingle].append(place)
    common: Counter[tuple[int, int]] = Counter()
    for places in holders.values():
        common.update((a, b) for at, a in enumerate(places) for b in places[at + 1 :])
    return {(a, b): n / (len(sets[a]) + len(sets[b]) - n) for (a, b), n in common.items()}


def _by_similarity(pairs: dict[tuple[int, int], float]) -> dict[str, int]:
    counts = Counter(_band(similarity) for similarity in pairs.values() if similarity >= BOUNDS[0])
    return {band: counts[band] for band in sorted(counts)}


def _band(similarity: float) -> str:
    return f"{max(threshold for threshold in BOUNDS if threshold <= similarity):.2f}"


def _quality(made: Sequence[Made], pairs: dict[tuple[int, int], float], clusters: Clusters) -> dict[str, Any]:
    """Recall by similarity and by edit; of pairs that are together the share that is alike, and that is unlike."""
    all_of: Counter[str] = Counter()
    found: Counter[str] = Counter()
    together: list[float] = []
    sample = {place for pair in pairs for place in pair}
    for (a, b), similarity in pairs.items():
        joined = clusters[a] == clusters[b]
        if joined:
            together.append(similarity)
        if similarity >= BOUNDS[0]:
            names = [_band(similarity)]
            if similarity >= ALIKE:
                names += [made[x].edit for x, y in ((a, b), (b, a)) if made[x].edit and not made[y].edit]
            all_of.update(names)
            found.update(names if joined else ())
    members = Counter(clusters[place] for place in sample)
    nearest: dict[int, float] = defaultdict(float)
    for (a, b), similarity in pairs.items():
        nearest[a], nearest[b] = max(nearest[a], similarity), max(nearest[b], similarity)
    clustered = np.array([nearest[place] for place in sample if members[clusters[place]] > 1])
    strangers = sum(n * (n - 1) // 2 for n in members.values()) - len(together)  # no shingle in common
    values = np.array([*together, *([0.0] * strangers)])
    recall = {name: round(found[name] / all_of[name], 4) for name in sorted(all_of)}
    sure = [similarity >= ALIKE for similarity in pairs.values()]
    return {
        "recall by similarity": {name: value for name, value in recall.items() if name not in EDITS},
        f"recall by edit, from {ALIKE}": {name: value for name, value in recall.items() if name in EDITS},
        f"recall from {ALIKE}": round(sum(v >= ALIKE for v in together) / sum(sure), 4),
        f"precision: together and from {ALIKE}": round(float((values >= ALIKE).mean()), 4),
        f"together and below {UNLIKE}": round(float((values < UNLIKE).mean()), 4),
        f"documents of clusters whose nearest is below {UNLIKE}": round(float((clustered < UNLIKE).mean()), 4),
        "documents removed": len(clusters) - len(set(clusters)),
    }


# --------------------------------------------------------------------------------------------------------------- ways


def _ours(folder: Path, profile: str) -> tuple[float, float, Clusters]:
    """Seconds with all rows written again, and without; clusters."""
    seconds = timed_run(folder, "in/*.parquet", profile, Texts(), MinHash(profile=profile))
    rows = [
        (row["warc"], row["offset"], row["id"], row["minhash"]["cluster"])
        for side in ("kept", "removed")
        for path in sorted((folder / profile / "01-minhash" / side).glob("*.parquet"))
        for row in pq.read_table(path, columns=["warc", "offset", "id", "minhash"]).to_pylist()
    ]
    names: dict[bytes, int] = {}
    clusters = [names.setdefault(cluster or own, len(names)) for _, _, own, cluster in sorted(rows)]
    print(f"{profile}: " + ", ".join(f"{name} {value:.2f} s" for name, value in seconds.items()))
    whole = sum(value for name, value in seconds.items() if name != "first")
    return whole, whole - seconds["rest"], clusters


def _datasketch(texts: list[str], folder: Path) -> tuple[float, Clusters]:
    from datasketch import MinHash as Sketch, MinHashLSH

    del folder
    began = time.process_time()
    index = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
    parents = list(range(len(texts)))
    shingled = ([shingle.encode() for shingle in shingles_of(text)] for text in texts)
    for place, sketch in enumerate(Sketch.generator(shingled, num_perm=BANDS * ROWS, seed=1)):
        for other in index.query(sketch):
            a, b = _root(parents, place), _root(parents, other)
            parents[max(a, b)] = min(a, b)
        index.insert(place, sketch, check_duplication=False)
    clusters = [_root(parents, place) for place in range(len(texts))]
    return time.process_time() - began, clusters


def _root(parents: list[int], node: int) -> int:
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return node


def _datatrove(texts: list[str], folder: Path) -> tuple[float, Clusters]:
    """Its cluster numbers come with the documents, as an option of its third and fourth step."""
    import spacy  # noqa: F401 - datatrove loads it for English; without it there is no peer
    import xxhash
    from datatrove.data import Document
    from datatrove.pipeline.dedup.minhash import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.utils.logging import logger

    logger.remove()
    parts = [
        [Document(text=text, id=str(place)) for place, text in enumerate(texts)][start : start + PART]
        for start in range(0, len(texts), PART)
    ]
    sign = MinhashDedupSignature(str(folder / "signatures"))
    # Its own hash function gives strings to xxhash, which newer versions of that refuse.
    sign._hash_func = lambda shingle: xxhash.xxh64_intdigest(shingle.encode())  # noqa: SLF001
    sign.word_tokenizer.word_tokenize("What is loaded once does not count.")
    match = MinhashDedupBuckets(str(folder / "signatures"), str(folder / "buckets"))
    join = MinhashDedupCluster(str(folder / "buckets"), str(folder / "clusters"), save_cluster_id=True)
    steps: dict[str, Callable[[], Any]] = {
        "signatures": lambda: [sign.run(iter(docs), rank, len(parts)) for rank, docs in enumerate(parts)],
        "buckets": lambda: [match.run(None, rank, BANDS) for rank in range(BANDS)],
        "clusters": lambda: join.run(None, 0, 1),
        "filter": lambda: [
            list(MinhashDedupFilter(str(folder / "clusters")).run(iter(docs), rank, len(parts)))
            for rank, docs in enumerate(parts)
        ],
    }
    seconds = {}
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
        for name, step in steps.items():
            began = time.process_time()
            step()
            seconds[name] = time.process_time() - began
    print("datatrove: " + ", ".join(f"{name} {value:.2f} s" for name, value in seconds.items()))
    return sum(seconds.values()), list(_datatrove_clusters(folder / "clusters", parts))


def _datatrove_clusters(folder: Path, parts: Sequence[Sequence[Any]]) -> Iterator[int]:
    alone = 2**32
    for rank, docs in enumerate(parts):
        path = folder / f"{rank:06d}.clusters"
        found = np.fromfile(path, "<u4").reshape(-1, 2) if path.exists() else np.empty((0, 2), np.uint32)
        cluster_of: dict[int, int] = dict(zip(found[:, 0].tolist(), found[:, 1].tolist(), strict=True))
        for place in range(len(docs)):
            yield cluster_of.get(place, alone)
            alone += 1


if __name__ == "__main__":
    main()
