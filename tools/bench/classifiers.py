"""Probabilities of fastText models by the native kernel and by fastText: the share that is identical, and the speeds.

usage: python -m tools.bench.classifiers TEXTS MODEL... [--texts 10000] [--rounds 3]

TEXTS is JSON Lines with ``text``, compressed or not; texts are repeated in other pieces until there are enough. Both
compute all probabilities of every text, in turns of one process and one thread; the ratio is that of the best rounds.
A text counts as identical if all its probabilities are, to the last bit.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import fasttext
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery.kernels import TextModel

BATCH = 1_000
SEED = 1


def main() -> int:
    """Print a line for each model; return 1 if a probability differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--texts", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    texts = _read(given.file, given.texts)
    size = sum(len(text.encode()) for text in texts)
    print(f"{len(texts):,} texts, {size / len(texts):,.0f} bytes each")
    print(f"{'model':40} {'labels':>6} {'identical':>9} {'own µs':>8} {'fastText µs':>11} {'ratio':>6}")
    same = [_compare(model, texts, given.rounds) for model in given.models]
    return 0 if all(same) else 1


def _read(file: Path, count: int) -> list[str]:
    with gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else file.open(encoding="utf-8") as stream:
        whole = [json.loads(line)["text"] or "" for line in stream]
    chance = np.random.default_rng(SEED)
    found = whole[:count]
    while len(found) < count:
        text = whole[int(chance.integers(len(whole)))]
        start = int(chance.integers(len(text) + 1))
        found.append(text[start : start + int(chance.integers(4_000))])
    return found


def _compare(path: str, texts: Sequence[str], rounds: int) -> bool:
    own, other = TextModel(path), fasttext.load_model(path)
    names = [f"__label__{label}" for label in own.labels]
    array = pa.chunked_array([texts[start : start + BATCH] for start in range(0, len(texts), BATCH)], pa.string())
    lines = [text.replace("\n", " ") for text in texts]

    def by_kernel() -> list[npt.NDArray[np.float32]]:
        return [own.scores(chunk) for chunk in array.chunks]

    def by_fasttext() -> list[tuple[list[str], list[float]]]:
        return [other.predict(line, k=-1) for line in lines]

    best = {by_kernel: np.inf, by_fasttext: np.inf}
    for _ in range(rounds):
        best = {side: min(seconds, _seconds(side)) for side, seconds in best.items()}
    found = np.concatenate(by_kernel())
    expected = np.zeros_like(found)
    for row, answer in enumerate(by_fasttext()):
        scores = dict(zip(*answer, strict=True))
        expected[row] = [scores.get(name, 0) for name in names]
    same = (found.view(np.uint32) == expected.view(np.uint32)).all(axis=1)
    mine, theirs = (best[side] / len(texts) * 1e6 for side in (by_kernel, by_fasttext))
    name = Path(path).name
    print(f"{name:40} {len(names):6} {same.mean():9.2%} {mine:8.1f} {theirs:11.1f} {theirs / mine:6.2f}", flush=True)
    return bool(same.all())


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    raise SystemExit(main())
