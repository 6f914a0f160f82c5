"""Statistics: merged statistics are those of all rows, counts equal naive ones, and JSON loses nothing."""

from __future__ import annotations

import bisect
import itertools
import json
import math
from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar, cast

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refinery.docs import Docs
from refinery.identity import canonical
from refinery.judge import ERROR, Trouble, Verdict, judge
from refinery.stage import Filter, Metric, Rule, Scale, Values
from refinery.stats import Histogram, StageStatistics
from refinery.stats.measures import edges


class Judged(Filter):
    """A filter with a metric of each scale."""

    name: ClassVar = "judged"
    version: ClassVar = 1
    metrics: ClassVar = (
        Metric("share", pa.float64(), "ratio"),
        Metric("size", pa.uint64(), "log"),
        Metric("words", pa.int64(), "count"),
        Metric("lang", pa.string(), "label"),
    )

    def rules(self) -> tuple[Rule, ...]:
        return (
            Rule("thin", "share", at_least=0.5),
            Rule("few", "words", at_least=3),
            Rule("other", "lang", is_in=("en",)),
        )

    def measure(self, docs: Docs) -> Values:
        raise NotImplementedError(docs)


BEFORE = pa.schema([("text", pa.string()), ("tokens", pa.uint32())])
documents = st.fixed_dictionaries(
    {
        "text": st.none() | st.text(max_size=6),
        "tokens": st.integers(0, 9),
        "edit": st.none() | st.text(max_size=6),
        "facts": st.fixed_dictionaries(
            {
                "share": st.none() | st.floats(0, 1),
                "size": st.none() | st.integers(0, 2**64 - 1),
                "words": st.none() | st.integers(-2, 10**6),
                "lang": st.none() | st.sampled_from(["en", "de"]),
            }
        ),
        "raises": st.sampled_from([False, False, False, True]),
    }
)
Document = dict[str, Any]


def counted(rows: list[Document]) -> StageStatistics:
    """The statistics of one batch in which ``edit``, where there is one, replaces the text of a kept document."""
    before, verdict = _judged(rows)
    kept = [row for row, stays in zip(rows, verdict.kept.to_pylist(), strict=True) if stays]
    after = pa.RecordBatch.from_arrays(
        [pa.array([_text_after(r) for r in kept], pa.string()), pa.array([r["tokens"] for r in kept], pa.uint32())],
        schema=BEFORE,
    )
    found = StageStatistics(Judged)
    found.add(before, after, verdict)
    return found


def _judged(rows: list[Document]) -> tuple[pa.RecordBatch, Verdict]:
    columns = [pa.array([r["text"] for r in rows], pa.string()), pa.array([r["tokens"] for r in rows], pa.uint32())]
    rule = pa.array([ERROR if r["raises"] else None for r in rows], pa.string())
    facts = pa.array([r["facts"] for r in rows], Judged.facts())
    verdict = judge(Judged().rules(), facts, Trouble(rule, rule))
    return pa.RecordBatch.from_arrays(columns, schema=BEFORE), verdict


def _text_after(row: Document) -> str | None:
    return cast("str | None", row["text"] if row["edit"] is None else row["edit"])


def merged(*pieces: StageStatistics) -> StageStatistics:
    total = StageStatistics(Judged)
    for piece in pieces:
        total.merge(piece)
    return total


@settings(max_examples=60)
@given(st.lists(documents, max_size=10), st.lists(documents, max_size=10), st.integers(0, 3))
def test_merging_is_counting_together(left: list[Document], right: list[Document], skipped: int) -> None:
    """stats(a ++ b) = stats(a) merged with stats(b), in either order; empty statistics change nothing."""
    a, b, both = counted(left), counted(right), counted(left + right)
    for statistics in (a, both):
        statistics.skip({"request": skipped, "metadata": 1})
    expected = both.to_json()
    assert (
        merged(a, b).to_json() == merged(b, a).to_json() == merged(StageStatistics(Judged), a, b).to_json() == expected
    )


@settings(max_examples=60)
@given(st.lists(documents, max_size=10))
def test_json_round_trip(rows: list[Document]) -> None:
    """Written as JSON and read again, statistics are the same, and they still merge."""
    found = counted(rows)
    again = StageStatistics.from_json(Judged, json.loads(canonical(found.to_json())))
    assert again.to_json() == found.to_json()
    assert merged(again, found).to_json() == merged(found, found).to_json()


@settings(max_examples=80)
@given(st.lists(documents, max_size=12))
def test_counts_are_naive_counts(rows: list[Document]) -> None:
    """Documents, tokens, characters, bytes, reasons and pairs of rules equal what a loop counts."""
    found = counted(rows).to_json()
    _, verdict = _judged(rows)
    kept = [row for row, first in zip(rows, verdict.first.to_pylist(), strict=True) if first is None]
    gone = [row for row, first in zip(rows, verdict.first.to_pylist(), strict=True) if first is not None]
    edited = sum(1 for r in kept if None not in (r["text"], r["edit"]) and r["text"] != r["edit"])
    assert found["documents"] == {"in": len(rows), "kept": len(kept), "removed": len(gone), "edited": edited}
    sizes: dict[str, Callable[[str], int]] = {"characters": len, "bytes": lambda text: len(text.encode())}
    for unit, size in sizes.items():
        given_, went = (sum(size(r["text"] or "") for r in group) for group in (rows, gone))
        passed = sum(size(_text_after(r) or "") for r in kept)
        assert found[unit] == {"in": given_, "kept": passed, "removed": went, "cut": given_ - went - passed}
    assert (
        found["tokens"]["in"] == found["tokens"]["kept"] + found["tokens"]["removed"] == sum(r["tokens"] for r in rows)
    )
    failed = verdict.failed.to_pylist()
    assert found["reasons"] == Counter(names[0] for names in failed if names)
    assert found["failing"] == Counter(name for names in failed for name in names)
    pairs = Counter(f"{a} & {b}" for names in failed for a in names for b in names if a < b)
    assert found["overlap"] == pairs


@settings(max_examples=60)
@given(st.lists(documents, max_size=12))
def test_every_measured_value_is_in_one_bin(rows: list[Document]) -> None:
    """Kept and removed histograms together hold each value that is not null, labels by their name."""
    found = counted(rows).to_json()
    for name in ("share", "size", "words"):
        held = sum(count for side in ("kept", "removed") for _, count in found["metrics"][name][side])
        assert held == sum(1 for r in rows if r["facts"][name] is not None)
    labels = Counter(r["facts"]["lang"] for r in rows if r["facts"]["lang"] is not None)
    sides = found["labels"]["lang"]
    assert Counter(sides["kept"]) + Counter(sides["removed"]) == labels


def test_skipped_records_are_in_the_books() -> None:
    """Records that are no documents count as in and removed, under their kind."""
    found = StageStatistics(Judged)
    found.skip({"request": 2, "warcinfo": 1})
    found.skip({"request": 1})
    json_ = found.to_json()
    assert json_["documents"] == {"in": 4, "kept": 0, "removed": 4, "edited": 0}
    assert json_["reasons"] == {"request": 3, "warcinfo": 1}


def test_a_text_that_appears_or_ends() -> None:
    """Where a stage gives the first text, its size counts as come in; where it drops the text, as cut."""
    text = pa.RecordBatch.from_arrays([pa.array(["abc", "é"])], names=["text"])
    bare = pa.RecordBatch.from_arrays([pa.array([1, 2])], names=["id"])
    verdict = judge((), pa.nulls(2, Judged.facts()), Trouble.none(2))
    appeared, ended = StageStatistics(Judged), StageStatistics(Judged)
    appeared.add(bare, text, verdict)
    ended.add(text, bare, verdict)
    assert appeared.to_json()["bytes"] == {"in": 5, "kept": 5, "removed": 0, "cut": 0}
    assert ended.to_json()["bytes"] == {"in": 5, "kept": 0, "removed": 0, "cut": 5}


# ---------------------------------------------------------------------------------------------------------- histograms

SCALES: list[Scale] = ["ratio", "log", "count"]


@pytest.mark.parametrize("scale", SCALES)
def test_edges_rise(scale: Scale) -> None:
    """Edges rise strictly, so that every value has one bin."""
    found = edges(scale)
    assert all(a < b for a, b in itertools.pairwise(found))


def test_edges_are_as_declared() -> None:
    """ratio: 100 linear bins; count: exact to 64, then 16 a decade; log: 16 a decade from 1e-3."""
    assert len(edges("ratio")) == 101
    assert (edges("ratio")[0], edges("ratio")[-1]) == (0.0, 1.0)
    count = edges("count")
    assert count[:65].tolist() == list(range(65))
    assert math.isclose(count[64 + 16], 640)
    log = edges("log")
    assert math.isclose(log[0], 1e-3)
    assert math.isclose(log[3 * 16], 1.0)
    assert count[-1] > 2**53
    assert log[-1] > 2**53


@pytest.mark.parametrize("scale", SCALES)
@settings(max_examples=40)
@given(values=st.lists(st.none() | st.integers(-5, 200) | st.floats(-1, 1e19), max_size=10))
def test_bins_are_half_open(scale: Scale, values: list[float | None]) -> None:
    """A value lies in the bin whose lower edge is the last one not above it, -1 below the first edge."""
    found = Histogram(scale)
    found.add(pa.array(values, pa.float64()))
    lower = edges(scale).tolist()
    assert found.bins == Counter(bisect.bisect_right(lower, v) - 1 for v in values if v is not None)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 10**6)), st.lists(st.integers(0, 10**6)))
def test_histograms_add(left: list[int], right: list[int]) -> None:
    """A merged histogram is the histogram of all values; JSON keeps it."""
    a, b, both = Histogram("count"), Histogram("count"), Histogram("count")
    a.add(pa.array(left, pa.int64()))
    b.add(pa.array(right, pa.int64()))
    both.add(pa.array(left + right, pa.int64()))
    a.merge(b)
    assert a.to_json() == both.to_json()
    assert Histogram.from_json("count", both.to_json()).bins == both.bins
