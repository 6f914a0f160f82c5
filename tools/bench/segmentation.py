"""Compares the words of the segmenter with those that people and other segmenters find, and with ICU's; last line JSON.

usage: python -m tools.bench.segmentation FOLDER [--rounds 5] [--written FILE]

FOLDER has LANG.jsonl.gz: sentences with ``text``, ``method`` (``human``, or the segmenters that were asked), ``sure``
(where all of them cut, as offsets in characters) and ``undecided`` (where they differ, which is not counted). Cuts
between punctuation, symbols or white space and other characters are given to all. Time is CPU time for a character, of
all texts of a language in one call for ours, and a text a call for ICU, which needs ``PyICU``.

--written writes ``id`` and ``words`` of each sentence as JSON lines, for other scorers.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa

from refinery.kernels import word_cuts, word_spans

BORDERS = frozenset("PZS")
"""Categories of punctuation, separators and symbols."""

Cuts = set[int]
Segmenter = Callable[[Sequence[str]], Callable[[], list[Cuts]]]


@dataclass
class Count:
    """Cuts of sentences: in both, in the gold, found."""

    both: int = 0
    gold: int = 0
    found: int = 0

    def add(self, gold: Cuts, found: Cuts) -> None:
        """Count the cuts of a sentence."""
        self.both += len(gold & found)
        self.gold += len(gold)
        self.found += len(found)


def main() -> None:
    """Score all languages of a folder and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--written", type=argparse.FileType("w"))
    arguments = parser.parse_args()
    found = {}
    for path in sorted(arguments.folder.glob("*.jsonl.gz")):
        rows, language = sentences(path), path.name[:2]
        rivals = {"refinery": ours, **({"icu": icu(language)} if find_spec("icu") else {})}
        found[language] = {name: measure(rows, rival, arguments.rounds) for name, rival in rivals.items()}
        for name, figures in found[language].items():
            print(f"{language}  {name:10}", *(f"{kind} {figure}" for kind, figure in figures.items()), sep="  ")
        if arguments.written:
            for row, cuts in zip(rows, ours([row["text"] for row in rows])(), strict=True):
                ends = [0, *sorted(cuts), len(row["text"])]
                words = [row["text"][start:end].strip() for start, end in pairwise(ends)]
                print(json.dumps({"id": row["id"], "words": words}, ensure_ascii=False), file=arguments.written)
    print(json.dumps(found))


def sentences(path: Path) -> list[dict[str, Any]]:
    """Return the sentences of a file."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def measure(rows: Sequence[dict[str, Any]], segmenter: Segmenter, rounds: int = 1) -> dict[str, float]:
    """Return the F1 of cuts for each kind of gold, and the least time for a character in nanoseconds."""
    texts, times = [row["text"] for row in rows], []
    for _ in range(rounds):
        began = time.process_time()
        found = segmenter(texts)
        times.append(time.process_time() - began)
    figures = {kind: round(f1, 3) for kind, f1 in scores(rows, found()).items()}
    return {**figures, "ns": round(min(times) / sum(map(len, texts)) * 1e9, 1)}


def scores(rows: Sequence[dict[str, Any]], cuts: Sequence[Cuts]) -> dict[str, float]:
    """Return the F1 of cuts for each kind of gold: ``human`` or ``agreed``."""
    counts: dict[str, Count] = defaultdict(Count)
    for row, found in zip(rows, cuts, strict=True):
        given, left_out = borders(row["text"]), {*row["undecided"]}
        kind = "human" if row["method"] == "human" else "agreed"
        counts[kind].add(({*row["sure"]} | given) - left_out, (found | given) - left_out)
    return {kind: 2 * count.both / (count.gold + count.found) for kind, count in counts.items()}


def borders(text: str) -> Cuts:
    """Return the offsets between punctuation, symbols or white space and other characters."""
    kinds = [unicodedata.category(character)[0] for character in text]
    return {at for at, (a, b) in enumerate(pairwise(kinds), 1) if a != b and {a, b} & BORDERS}


def ours(texts: Sequence[str]) -> Callable[[], list[Cuts]]:
    """Return where words of the segmenter end."""
    array = pa.array(texts)
    cuts = word_cuts(array)
    return lambda: [
        {end for _, end in spans} - {len(text)} for text, spans in zip(texts, word_spans(array, cuts), strict=True)
    ]


def icu(language: str) -> Segmenter:
    """Return the segmenter of ICU for a language."""
    from icu import BreakIterator, Locale, UnicodeString

    words = BreakIterator.createWordInstance(Locale(language))

    def edges(text: str) -> list[int]:
        words.setText(UnicodeString(text))
        return list(words)

    def cuts(text: str, units: Sequence[int]) -> Cuts:
        wide = accumulate(1 + (letter > "\uffff") for letter in text)  # ICU counts in UTF-16
        places = {unit: at for at, unit in enumerate(wide, 1)}
        return {places[unit] for unit in units} - {len(text)}

    def divide(texts: Sequence[str]) -> Callable[[], list[Cuts]]:
        found = [edges(text) for text in texts]
        return lambda: [cuts(text, units) for text, units in zip(texts, found, strict=True)]

    return divide


if __name__ == "__main__":
    main()
