"""The matches of the kernel in a batch, as the metrics and evidence of the stage ``decontaminate``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from refinery.kernels import NO_ROW, SPANS, match_scores, take_out
from refinery.stages._decontaminate.items import Items

FOUND = pa.list_(
    pa.struct([("benchmark", pa.string()), ("item", pa.string()), ("score", pa.float64()), ("overlap", pa.float64())])
)
"""Items in a text, best first."""

CONTAMINATED = pa.list_(pa.struct([*SPANS.value_type, ("category", pa.string())]))
"""``SPANS`` with the benchmark of the item as category."""

MOST = 20
"""Items of a text that are recorded, the best."""

RANGES = pa.list_(pa.struct([("start", pa.uint64()), ("end", pa.uint64())]))


class Match(NamedTuple):
    """An item in a text, and its ranges in bytes."""

    benchmark: str
    item: str
    score: float
    overlap: float
    ranges: tuple[tuple[int, int], ...]

    @property
    def name(self) -> str:
        """Benchmark and item."""
        return f"{self.benchmark} {self.item}"


def matches_of(matches: pa.ListArray, items: Items) -> dict[int, list[Match]]:
    """Return the items in each text that has any, best first."""
    scores = match_scores(matches.flatten())
    offsets = matches.offsets.to_numpy() - matches.offsets[0].as_py()
    rows = np.flatnonzero(np.diff(offsets)).tolist()
    return {row: [*_matches(matches[row].as_py(), scores[offsets[row] : offsets[row + 1]], items)] for row in rows}


def _matches(values: Iterable[Mapping[str, int]], scores: Iterable[float], items: Items) -> Iterator[Match]:
    pairs = zip(values, map(float, scores), strict=True)
    for (group, row), some in groupby(pairs, key=lambda pair: (pair[0]["group"], pair[0]["row"])):
        ranges = [*some]
        first, score = ranges[0]
        item = items.firsts[group] if row == NO_ROW else items.items[row]
        overlap = first["matched"] / max(first["total"], 1)
        places = tuple((one["start"], one["end"]) for one, _ in ranges)
        yield Match(items.benchmarks[group], item, score, overlap, places)


def measured(
    texts: pa.StringArray, matches: Mapping[int, list[Match]], min_score: float, *, cut: bool
) -> dict[str, Any]:
    """Return metrics and evidence, and as ``text`` what is left of the texts without items of a higher score."""
    documents = len(texts)
    best = {row: some[0] for row, some in matches.items()}
    chosen = {row: [one for one in some if one.score > min_score] for row, some in matches.items()}
    spans = {row: _spans(some) for row, some in chosen.items()}
    ranges = pa.array(
        [[{"start": start, "end": end} for start, end, _ in spans.get(row, ())] for row in range(documents)], RANGES
    )
    rest, inside, _, _ = take_out(texts, ranges)
    found = iter(inside.to_pylist())
    removed = [
        [
            {
                "offset": start,
                "length": end - start,
                "reason": one.name,
                "text": text if cut else None,
                "cut": cut,
                "category": one.benchmark,
            }
            for (start, end, one), text in zip(spans.get(row, ()), found, strict=False)
        ]
        for row in range(documents)
    ]
    lengths = [sum(end - start for start, end, _ in spans.get(row, ())) for row in range(documents)]
    recorded = [[one._asdict() for one in matches.get(row, ())[:MOST]] for row in range(documents)]
    return {
        "text": rest if cut else texts,
        "score": _filled(documents, {row: one.score for row, one in best.items()}),
        "overlap": _filled(documents, {row: one.overlap for row, one in best.items()}),
        "items": pa.array([len(chosen.get(row, ())) for row in range(documents)], pa.uint32()),
        "matched": pa.array(lengths, pa.uint64()),
        "chars_left": pc.utf8_length(pc.utf8_trim_whitespace(rest)).cast(pa.uint32()),
        "benchmark": pa.array([best[row].benchmark if row in best else None for row in range(documents)], pa.string()),
        "item": pa.array([best[row].name if row in best else None for row in range(documents)], pa.string()),
        "found": pa.array(recorded, FOUND),
        "spans": pa.array(removed, CONTAMINATED),
    }


def _filled(documents: int, values: Mapping[int, float]) -> pa.Array:
    column = np.zeros(documents)
    column[[*values.keys()]] = [*values.values()]
    return pa.array(column)


def _spans(matches: Iterable[Match]) -> list[tuple[int, int, Match]]:
    """Return the ranges of matches in order, each with the best match; those that touch are one."""
    spans: list[tuple[int, int, Match]] = []
    ranges = [(start, end, rank, one) for rank, one in enumerate(matches) for start, end in one.ranges]
    ranks: list[int] = []
    for start, end, rank, one in sorted(ranges):
        if spans and start <= spans[-1][1]:
            first, last, before = spans.pop()
            better = min(ranks.pop(), rank)
            spans.append((first, max(last, end), one if better == rank else before))
            ranks.append(better)
        else:
            spans.append((start, end, one))
            ranks.append(rank)
    return spans
