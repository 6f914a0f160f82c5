"""How many pairs of texts of each similarity a profile finds, beside what its formula says; the last line is JSON.

usage: python tools/bench/curve.py [--only refinedweb dclm fineweb verified]

Pairs are texts of made-up order whose sets of shingles have exactly the stated similarity, which is checked without any
hash. Keys and sketches are made by the stage, from text on. There are so many pairs that .015 is 3.5 standard errors.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from refinery import Docs
from refinery.assets import Asset
from refinery.kernels import similarities
from refinery.kernels.reference.bpe import encoder
from refinery.stages._profiles import MIN_SIMILARITY, PROFILES, probability
from refinery.stages.minhash import MinHash
from refinery.testing import documents

AT = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
DESIGN = {0.6: 0.000, 0.65: 0.005, 0.7: 0.164, 0.74: 0.672, 0.76: 0.872, 0.8: 0.992}
"""What was measured of the verified profile when it was designed."""

UNION = 400
"""Shingles that two texts of a pair have together."""

SHINGLE = 5
FIRST = "the"
"""One token where no space is before it."""

BATCH = 500
"""Pairs at once."""


@functools.cache
def words() -> list[str]:
    """Words that are one token each behind a space."""
    tokens = encoder(Asset("gpt2.bpe").path())
    found = []
    for number in range(tokens.n_vocab - 1):
        text = tokens.decode([number])
        if text.startswith(" ") and len(text) > 4 and text[1:].isascii() and text[1:].isalpha() and text.islower():
            found.append(text[1:])
    return found


def pair(similarity: float, draw: np.random.Generator) -> tuple[list[str], list[str]]:
    """Two lists of words: they begin in the same way, and end each in its own."""
    both = round(similarity * UNION)
    alone = (UNION - both) // 2
    shared, left, right = (_some(count, draw) for count in (both + SHINGLE - 2, alone, alone))
    return [FIRST, *shared, *left], [FIRST, *shared, *right]


def _some(count: int, draw: np.random.Generator) -> list[str]:
    return [words()[place] for place in draw.integers(0, len(words()), count).tolist()]


def exact(a: list[str], b: list[str]) -> float:
    """The Jaccard similarity of their shingles."""
    one, other = ({tuple(text[at : at + SHINGLE]) for at in range(len(text) - SHINGLE + 1)} for text in (a, b))
    return len(one & other) / len(one | other)


def batches(similarity: float, pairs: int) -> Iterator[tuple[Docs, Docs]]:
    """Documents, and those that are their pairs."""
    draw = np.random.default_rng(round(similarity * 1000))
    for start in range(0, pairs, BATCH):
        made: list[tuple[list[str], list[str]]] = []
        while len(made) < min(BATCH, pairs - start):
            found = pair(similarity, draw)
            if exact(*found) == similarity:  # a shingle may come twice by chance
                made.append(found)
        yield documents([" ".join(a) for a, _ in made]), documents([" ".join(b) for _, b in made])


def found(stage: MinHash, left: Docs, right: Docs) -> int:
    """How many pairs the stage finds."""
    keys, sketches = zip(*(_mapped(stage, docs) for docs in (left, right)), strict=True)
    match = (keys[0] == keys[1]).any(axis=1)
    if stage.verify:
        match &= similarities(*sketches) >= stage.min_similarity - 1e-6
    return int(match.sum())


def _mapped(stage: MinHash, docs: Docs) -> tuple[Any, Any]:
    mapped = stage.map(docs, 0)
    sketch = mapped.index.column("sketch")
    data = np.frombuffer(sketch.buffers()[1], np.uint8).reshape(len(docs), -1)
    return mapped.keys.column("key").to_numpy().reshape(len(docs), stage.bands), data


def _beside_design(rows: dict[float, float]) -> dict[str, float]:
    return {"largest difference to the design": round(max(abs(rows[at] - share) for at, share in DESIGN.items()), 4)}


def pairs_for(chance: float) -> int:
    """So many that 3.5 standard errors of a share are .015."""
    return max(2_000, round(chance * (1 - chance) * (3.5 / 0.015) ** 2))


def main() -> None:
    """Print a table for each profile."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--only", nargs="*", choices=list(PROFILES), default=list(PROFILES))
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])
    figures: dict[str, Any] = {}
    for name in arguments.only:
        figures[name] = measure(name)
    print(json.dumps(figures))


def measure(name: str) -> dict[str, Any]:
    """The curve of a profile."""
    stage, shape = MinHash(profile=name), PROFILES[name]
    rows: dict[float, float] = {}
    differences: list[float] = []
    seconds, documents = 0.0, 0
    print(f"{name:12} similarity     pairs   formula  measured  difference")
    for similarity in sorted({*AT, *(DESIGN if shape.verify else ())}):
        chance = probability(similarity, shape, MIN_SIMILARITY)
        pairs, hits = pairs_for(chance), 0
        for left, right in batches(similarity, pairs):
            began = time.process_time()
            hits += found(stage, left, right)
            seconds += time.process_time() - began
        rows[similarity] = hits / pairs
        differences.append(hits / pairs - chance)
        documents += 2 * pairs
        print(f"{'':12} {similarity:10.2f} {pairs:9}  {chance:8.4f}  {hits / pairs:8.4f}  {differences[-1]:+10.4f}")
    return {
        "measured": {str(at): round(share, 4) for at, share in rows.items()},
        "largest difference": round(max(map(abs, differences)), 4),
        **(_beside_design(rows) if shape.verify else {}),
        "us/document": round(seconds / documents * 1e6, 1),
    }


if __name__ == "__main__":
    main()
