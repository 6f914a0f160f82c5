"""Made-up short documents with clusters of near-duplicates as a crawl has them: most small, few very large.

Six of ten documents are unique. The sizes of clusters follow a power law up to ``LARGEST`` members, and one has that
many (a tenth of all documents where there are fewer). A member differs from its cluster's first text in no word, or in
a few per cent of them. Everything follows from a seed and the number of documents.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from refinery import TEXT, Metric, Records, Rule, Source, Store
from refinery.kernels import mix64
from tools.bench.timed import records_of

LARGEST = 100_000
UNIQUE = 0.6
WORDS = 40
VOCABULARY = pa.array([f"{'bcdfghjklmnpqrstvwz'[i % 19]}{'aeiou'[i % 5]}{i:x}" for i in range(50_000)])
EDITS = np.array([0, 0, 5, 10, 20])
"""In thousandths: how many of its words a member has changed, each kind equally often."""

Numbers = npt.NDArray[np.uint64]


def origins(documents: int, seed: int = 1) -> Numbers:
    """The number of each document's cluster; unique ones have clusters of their own."""
    draw = np.random.default_rng(seed)
    largest = min(LARGEST, documents // 10)
    room = int(documents * (1 - UNIQUE))
    sizes = [largest] if largest > 1 else []
    while sum(sizes) < room:
        more = np.floor(2 * draw.random(100_000) ** (-1 / 1.3)).clip(2, max(2, largest)).astype(np.int64)
        count = int(np.searchsorted(np.cumsum(more), room - sum(sizes), side="right")) + 1
        sizes += more[:count].tolist()
    found = np.repeat(np.arange(len(sizes), dtype=np.uint64), sizes)[:documents]
    rest = np.arange(len(sizes), len(sizes) + documents - len(found), dtype=np.uint64)
    found = np.concatenate([found, rest])
    draw.shuffle(found)
    return found


def write_parts(folder: Path, documents: int, part: int, seed: int = 1) -> None:
    """Input files ``00000.npy``, ``00001.npy``, … with the clusters of ``part`` documents each."""
    folder.mkdir(parents=True, exist_ok=True)
    found = origins(documents, seed)
    for number, start in enumerate(range(0, documents, part)):
        np.save(
            folder / f"{number:05d}.npy",
            np.stack([np.arange(start, min(start + part, documents)), found[start : start + part]]),
        )


def texts(numbers: Numbers, clusters: Numbers) -> pa.StringArray:
    """The texts of documents, from their numbers and their clusters."""
    places = np.arange(WORDS, dtype=np.uint64)
    words = _mixed(clusters[:, None] * np.uint64(WORDS) + places) % np.uint64(len(VOCABULARY))
    chance = _mixed(_mixed(numbers[:, None] * np.uint64(WORDS) + places) + np.uint64(7))
    share = EDITS[(mix64(numbers + np.uint64(3)) % np.uint64(len(EDITS))).astype(np.int64)].astype(np.uint64)
    edited = chance % np.uint64(1000) < share[:, None]
    words = np.where(edited, chance // np.uint64(1000) % np.uint64(len(VOCABULARY)), words)
    offsets = pa.array(np.arange(0, words.size + 1, WORDS, dtype=np.int32))
    return pc.binary_join(pa.ListArray.from_arrays(offsets, VOCABULARY.take(pa.array(words.ravel()))), " ")


def _mixed(values: Numbers) -> Numbers:
    return mix64(values.ravel()).reshape(values.shape)  # kernels take one dimension


class Crowd(Source):
    """The documents of files that ``write_parts`` made."""

    name: ClassVar = "crowd"
    version: ClassVar = 1
    adds: ClassVar = (TEXT,)
    metrics: ClassVar = (Metric("outcome", pa.string(), "label"),)

    batch: int = 10_000

    def rules(self) -> tuple[Rule, ...]:
        """All are wanted."""
        return (Rule("unwanted", "outcome", is_in=("document",)),)

    def list_inputs(self, pattern: str, store: Store) -> list[str]:
        """The files."""
        return store.list(pattern)

    def read(self, path: str, store: Store) -> Iterator[Records]:
        """The documents of a file."""
        numbers, clusters = np.load(io.BytesIO(store.read(path))).astype(np.uint64)
        for start in range(0, len(numbers), self.batch):
            yield _records(path, start, numbers[start : start + self.batch], clusters[start : start + self.batch])

    def read_one(self, path: str, offset: int, length: int, store: Store) -> Records:
        """One of them."""
        del length
        numbers, clusters = np.load(io.BytesIO(store.read(path))).astype(np.uint64)[:, offset : offset + 1]
        return _records(path, offset, numbers, clusters)


def _records(path: str, first: int, numbers: Numbers, clusters: Numbers) -> Records:
    columns = records_of(path, first, numbers, texts(numbers, clusters))
    return Records(columns, {"outcome": pa.array(["document"] * len(numbers))})
