"""What exact substrings cost: by kernel beside a suffix array, and by round of a run; the last line is JSON.

usage: python -m tools.bench.substrings FOLDER [--megabytes 100] [--kind prose] [--texts FILE] [--memory 1GiB]
           [--unit gpt2] [--keep none] [--batch 1024] [--only kernels run]

Texts are made of GPT-2's words as often as in prose, a fifth of them in paragraphs that other texts have as well; or
they are those of a Parquet file. ``one-word`` and ``copies`` are what somebody wrote to be slow: one word without end,
one text 100,000 times. One process does all on one core, so that its peak is a worker's. All figures are nanoseconds of
CPU for a byte of text. ``apply`` is all between rows that are read and rows that are written: cuts, metrics, reasons,
and tokens that are counted again.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib.util
import json
import os
import shutil
import time
import unittest.mock
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import ByteSize, TypeAdapter

from refinery.assets import Asset
from refinery.kernels import (
    at_most_twice,
    contains,
    duplicated,
    mark_repeated,
    normalise,
    repeated,
    text_bytes,
    token_ids,
    window_hashes,
)
from refinery.kernels.reference.bpe import ranks
from refinery.stages.substring import Substring
from refinery.task.step import StepProcessor
from tools.bench.dedup import suffix_array_marks, timed
from tools.bench.timed import Texts, elsewhere, peak, timed_run

MERGES = Asset("gpt2.bpe").path()
WINDOW = 50
PART_BYTES = 20_000_000
AT_ONCE = 1_000
PARAGRAPHS = 20_000
SHARED = 0.2
LARGEST = 100_000_000
"""Bytes of the largest text of which a suffix array is made."""

Figures = dict[str, float]


def main() -> None:
    """Make the texts, and do with them what is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--kind", choices=["prose", "one-word", "copies"], default="prose")
    parser.add_argument("--texts", help="a Parquet file with a column text")
    parser.add_argument("--memory", default="1GiB")
    parser.add_argument("--unit", choices=["gpt2", "words", "bytes"], default="gpt2")
    parser.add_argument("--keep", choices=["none", "first"], default="none")
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--only", nargs="*", choices=["kernels", "run"], default=["kernels", "run"])
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    shutil.rmtree(arguments.folder, ignore_errors=True)
    elsewhere(write, arguments.folder / "in", arguments.kind, arguments.megabytes * 1_000_000, arguments.texts)
    figures: Figures = {}
    if "run" in arguments.only:  # first: what kernels hold at once is no worker's
        figures |= rounds(arguments)
    if "kernels" in arguments.only:
        figures |= kernels(arguments.folder / "in", arguments.unit)
    for name, value in figures.items():
        print(f"{name:48} {value:16.3f}")
    chosen = {name: value for name, value in vars(arguments).items() if name not in ("folder", "texts")}
    print(json.dumps({**chosen, **{name: round(value, 3) for name, value in figures.items()}}))


def write(folder: Path, kind: str, size: int, given: str | None) -> None:
    """Input files ``00000.parquet``, … with so many bytes of text together."""
    folder.mkdir(parents=True)
    found = _given(given) if given else {"prose": prose, "one-word": one_word, "copies": copies}[kind](size)
    for number, texts in enumerate(found):
        pq.write_table(pa.table({"text": texts}), folder / f"{number:05d}.parquet")


def prose(size: int) -> Iterator[pa.StringArray]:
    """Texts of about 2,400 bytes, part after part."""
    words = [token.decode("ascii") for token in ranks(MERGES) if token[:1] == b" " and token[1:].isalpha()]
    words = [word for word in words if word.islower() and len(word) > 2]
    chance = np.cumsum(1 / (np.arange(len(words)) + 2.7))
    draw = np.random.default_rng(1)
    known = [_words(words, chance, draw.integers(40, 160), draw) for _ in range(PARAGRAPHS)]
    left = size
    while left > 0:
        texts, part = [], 0
        while part < min(PART_BYTES, left):
            pieces = []
            for _ in range(max(1, int(draw.lognormal(1.2, 0.8)))):
                own = draw.random() > SHARED
                pieces.append(
                    _words(words, chance, draw.integers(40, 160), draw)
                    if own
                    else known[int(PARAGRAPHS ** draw.random())]
                )
            texts.append("\n".join(pieces))
            part += len(texts[-1])
        left -= part
        yield pa.array(texts)


def _words(words: list[str], chance: npt.NDArray[np.float64], count: Any, draw: np.random.Generator) -> str:
    places = np.searchsorted(chance, draw.random(count) * chance[-1]).tolist()
    return "".join([words[place] for place in places])[1:] + "."


def one_word(size: int) -> Iterator[pa.StringArray]:
    """Texts of a megabyte of one word."""
    for _ in range(0, size, PART_BYTES):
        yield pa.array(["word " * 200_000] * (min(size, PART_BYTES) // 1_000_000))


def copies(size: int) -> Iterator[pa.StringArray]:
    """One text, 100,000 times, as long as it takes."""
    text = next(prose(max(1, size // 100_000)))[0].as_py()[: max(1, size // 100_000)]
    at_once = max(1, PART_BYTES // len(text))
    for start in range(0, 100_000, at_once):
        yield pa.array([text] * min(at_once, 100_000 - start))


def _given(path: str) -> Iterator[pa.StringArray]:
    """The texts of a file in parts."""
    texts = pq.read_table(path, columns=["text"]).column(0).combine_chunks()
    part = np.cumsum(pc.binary_length(texts).to_numpy()) // PART_BYTES
    for number in range(int(part[-1]) + 1):
        yield texts.take(pa.array(np.flatnonzero(part == number)))


def rounds(arguments: argparse.Namespace) -> Figures:
    """A run with the stage, beside one without it."""
    folder = arguments.folder
    memory = TypeAdapter(ByteSize).validate_python(arguments.memory)
    stage = Substring(unit=arguments.unit, keep=arguments.keep, memory=memory)
    size = sum(pc.sum(pc.binary_length(text)).as_py() for text in _texts(folder / "in"))
    timed_run(folder, "in/00000.parquet", "warm", Texts(), stage, batch=arguments.batch)
    with _cutting_timed() as cutting:
        found = timed_run(folder, "in/*.parquet", "with", Texts(), stage, batch=arguments.batch)
    without = found.pop("first") + found.pop("rest") - sum(cutting)
    seconds = {"map": found.pop("map"), "apply": sum(cutting), **found}
    figures = {f"run: {name}, ns/byte": value / size * 1e9 for name, value in seconds.items()}
    figures["run: all, ns/byte"] = sum(seconds.values()) / size * 1e9
    figures["run: reading and writing rows before and after, ns/byte"] = without / size * 1e9
    figures["run: peak memory, MB"] = peak()
    shuffled = [*(folder / "with" / "01-substring" / "map" / "keys").glob("*.parquet")]
    stored = [*(folder / "with" / "01-substring" / "map" / "index").glob("*.parquet")]
    reduced = [*(folder / "with" / "01-substring" / "reduce").glob("*.parquet")]
    for name, paths in (("shuffled", shuffled), ("answered", reduced), ("stored tokens", stored)):
        figures[f"run: {name}, bytes/byte"] = sum(path.stat().st_size for path in paths) / size
    if reduced:
        rows = [pq.read_metadata(path).num_rows for path in reduced]
        figures["run: largest range / mean"] = max(rows) * len(rows) / max(1, sum(rows))
        figures["run: ranges"] = len(rows)
    figures["bytes of text"] = size
    return figures


@contextlib.contextmanager
def _cutting_timed() -> Iterator[list[float]]:
    """Seconds of each batch on its way through the stage, when the verdict is there."""
    original: Any = StepProcessor.process
    seconds: list[float] = []

    def process(self: Any, *given: Any) -> Any:
        began = time.process_time()
        made = original(self, *given)
        if self._verdict is not None:
            seconds.append(time.process_time() - began)
        return made

    with unittest.mock.patch.object(StepProcessor, "process", process):
        yield seconds


def kernels(folder: Path, unit: str) -> Figures:
    """What is done to texts in memory, as one part, without files; and a suffix array of the same bytes."""
    column = pa.concat_arrays(list(_texts(folder)))
    ends = np.append(0, np.cumsum(pc.binary_length(column).to_numpy()))
    column = column.slice(0, int(np.searchsorted(ends, LARGEST, side="right")) - 1)
    batches = [column.slice(start, AT_ONCE) for start in range(0, len(column), AT_ONCE)]
    size = int(ends[len(column)])
    seconds: Figures = {}
    compared, seconds["normalise"] = timed(functools.partial(_each, normalise, batches))
    split = text_bytes if unit == "bytes" else functools.partial(token_ids, merges=MERGES)
    tokens, seconds["tokenise"] = timed(functools.partial(_each, split, compared))
    hashes, seconds["hash windows"] = timed(functools.partial(_each, _windows, tokens))
    values = np.concatenate([each.flatten().to_numpy() for each in hashes])
    several, seconds["sort"] = timed(functools.partial(repeated, values))
    gone, seconds["mark"] = timed(functools.partial(_marked, tokens, several))
    halves = [at_most_twice([half]) for half in np.array_split(values, 2)]
    _, among = timed(functools.partial(duplicated, halves))
    figures = {f"kernels: {name}, ns/byte": value / size * 1e9 for name, value in seconds.items()}
    whole = sum(seconds.values()) / size * 1e9
    figures["kernels: all, ns/byte"] = whole
    figures["kernels: recurring among parts, ns/byte"] = among / size * 1e9
    figures["kernels: bytes a token"] = size / sum(len(each.flatten()) for each in tokens)
    figures["kernels: share of windows that repeat"] = float(contains(several, values).mean())
    del gone
    if importlib.util.find_spec("pydivsufsort"):
        data = np.frombuffer("".join(column.to_pylist()).encode(), np.uint8).copy()
        _, theirs = timed(functools.partial(_suffix_array, data, ends[: len(column) + 1]), runs=1)
        figures["suffix array, LCP and marks, ns/byte"] = theirs / size * 1e9
        figures["suffix array / kernels"] = theirs / size * 1e9 / whole
    return figures


def _suffix_array(data: Any, ends: Any) -> Any:
    from pydivsufsort import divsufsort, kasai

    array = divsufsort(data)
    return suffix_array_marks(array, kasai(data, array), ends)


def _texts(folder: Path) -> Iterator[pa.StringArray]:
    for path in sorted(folder.glob("*.parquet")):
        yield pq.read_table(path).column(0).combine_chunks()


def _each(work: Any, batches: list[Any]) -> list[Any]:
    return [work(batch) for batch in batches]


def _windows(tokens: pa.ListArray) -> pa.ListArray:
    return window_hashes(tokens, WINDOW)


def _marked(tokens: list[pa.ListArray], repeated: Any) -> list[pa.ListArray]:
    return [mark_repeated(each, repeated, WINDOW) for each in tokens]


if __name__ == "__main__":
    main()
