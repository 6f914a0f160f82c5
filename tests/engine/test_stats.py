"""Statistics: merged statistics are those of all rows, counts equal naive ones, and JSON loses nothing."""

from __future__ import annotations

import bisect
import itertools
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, ClassVar, cast

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from refinery.identity import canonical
from refinery.root.receipts import SIDES
from refinery.root.statistics import SAMPLE, Statistics, id_hashes, merged
from refinery.stage.base import Filter, Values
from refinery.stage.documents import TEXT, Docs
from refinery.stage.rules import ERROR, Metric, Rule, Scale, Trouble, Verdict, apply_rules
from refinery.statistics.collect import GROUPS, StageCounter
from refinery.statistics.measures import BinCounter, bins, edges


def tally(pairs: Iterable[tuple[Any, int]]) -> list[list[Any]]:
    """Documents and tokens by name, counted in a loop."""
    found: dict[Any, list[int]] = {}
    for name, tokens in pairs:
        one = found.setdefault(name, [0, 0])
        one[0], one[1] = one[0] + 1, one[1] + tokens
    return [[name, *found[name]] for name in sorted(found)]


class Judged(Filter):
    """A metric of each scale, judged; the text may change."""

    name: ClassVar = "judged"
    version: ClassVar = 1
    adds: ClassVar = (TEXT,)
    metrics: ClassVar = (
        Metric("share", pa.float64(), "ratio"),
        Metric("size", pa.uint64(), "log"),
        Metric("words", pa.int64(), "count"),
        Metric("lang", pa.string(), "label"),
    )
    language_metric: ClassVar = "lang"

    def rules(self) -> tuple[Rule, ...]:
        return (
            Rule("thin", "share", at_least=0.5),
            Rule("few", "words", at_least=3),
            Rule("other", "lang", is_in=("en",)),
        )

    def measure(self, docs: Docs) -> Values:
        raise NotImplementedError(docs)


BEFORE = pa.schema(
    [("id", pa.binary(16)), ("url", pa.string()), ("date", pa.timestamp("ms", "UTC")), ("text", pa.string()), ("tokens", pa.uint32())]
)  # fmt: skip
URLS = {
    "https://www.a.example/x": ("a.example", "example"),
    "http://me@B.a.co.uk:80/x//y": ("a.co.uk", "co.uk"),
    "http://a.co.uk?q": ("a.co.uk", "co.uk"),
    "http://10.0.0.1/": ("10.0.0.1", ""),
    "ftp://localhost/": ("localhost", ""),
    "no url": ("", ""),
    None: ("", ""),
}
documents = st.fixed_dictionaries(
    {
        "id": st.binary(min_size=16, max_size=16),
        "url": st.sampled_from(list(URLS)),
        "date": st.none() | st.integers(-(10**9), 10**10).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
        "text": st.none() | st.text(max_size=6),
        "tokens": st.integers(0, 9),
        "edit": st.none() | st.text(max_size=6),
        "metrics": st.fixed_dictionaries(
            {
                "share": st.none() | st.floats(0, 1),
                "size": st.none() | st.integers(0, 2**64 - 1),
                "words": st.none() | st.integers(-2, 10**6),
                "lang": st.none() | st.sampled_from(["en", "de"]),
            }
        ),
        "raises": st.sampled_from([False, False, False, True]),
    }
)  # fmt: skip
Document = dict[str, Any]


def counted(rows: list[Document]) -> StageCounter:
    """The statistics of one batch in which ``edit``, where there is one, replaces the text of a kept document."""
    before, verdict = _judged(rows)
    kept = [row for row, stays in zip(rows, verdict.kept.to_pylist(), strict=True) if stays]
    after = before.filter(verdict.kept).with_columns({"text": pa.array([_text_after(r) for r in kept], pa.string())})
    found = StageCounter(Judged, Judged().rules())
    found.add(before, after, verdict)
    return found


def _judged(rows: list[Document]) -> tuple[Docs, Verdict]:
    columns = [pa.array([r[field.name] for r in rows], field.type) for field in BEFORE]
    rule = pa.array([ERROR if r["raises"] else None for r in rows], pa.string())
    metrics = pa.array([r["metrics"] for r in rows], Judged.metrics_type())
    verdict = apply_rules(Judged().rules(), metrics, Trouble(rule, rule))
    return Docs(pa.RecordBatch.from_arrays(columns, schema=BEFORE)), verdict


def _text_after(row: Document) -> str | None:
    return cast("str | None", row["text"] if row["edit"] is None else row["edit"])


def plain(*pieces: StageCounter | Statistics) -> dict[str, Any]:
    """The sum of what was counted, as it is stored."""
    total = merged(one.statistics() if isinstance(one, StageCounter) else one for one in pieces)
    return cast("dict[str, Any]", json.loads(canonical(total.model_dump(mode="json"))))


@settings(max_examples=60)
@given(st.lists(documents, max_size=10), st.lists(documents, max_size=10), st.integers(0, 3))
def test_merging_is_counting_together(left: list[Document], right: list[Document], skipped: int) -> None:
    """stats(a ++ b) = stats(a) merged with stats(b), in either order; empty statistics change nothing."""
    a, b, both = counted(left), counted(right), counted(left + right)
    for statistics in (a, both):
        statistics.skip({"request": skipped, "metadata": 1})
    assert plain(a, b) == plain(b, a) == plain(StageCounter(Judged), a, b) == plain(both)


@settings(max_examples=60)
@given(st.lists(documents, max_size=10))
def test_json_round_trip(rows: list[Document]) -> None:
    """Written as JSON and read again, statistics are the same, and they still merge."""
    found = counted(rows)
    again = Statistics.model_validate_json(canonical(found.statistics().model_dump(mode="json")))
    assert again == found.statistics()
    assert plain(again, found) == plain(found, found)


@settings(max_examples=80)
@given(st.lists(documents, max_size=12))
def test_counts_are_naive_counts(rows: list[Document]) -> None:
    """Documents, tokens, characters, bytes, reasons and pairs of rules equal what a loop counts."""
    found = plain(counted(rows))
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
    pairs_ = [(names, row["tokens"]) for names, row in zip(failed, rows, strict=True) if names]
    assert found["rules"]["first"] == tally((names[0], size) for names, size in pairs_)
    assert found["rules"]["any"] == tally((name, size) for names, size in pairs_ for name in names)
    assert found["rules"]["only"] == tally((names[0], size) for names, size in pairs_ if len(names) == 1)
    pairs = Counter(f"{a} & {b}" for names in failed for a in names for b in names if a < b)
    assert found["overlap"] == pairs


@settings(max_examples=60)
@given(st.lists(documents, max_size=12))
def test_every_measured_value_is_in_one_bin(rows: list[Document]) -> None:
    """Kept and removed counts together hold each value that is not null; what fails by one metric alone is apart."""
    found = plain(counted(rows))
    _, verdict = _judged(rows)
    by_rule = {rule.id: rule.metric for rule in Judged().rules()}
    for metric in Judged.metrics:
        expected: dict[str, list[tuple[Any, int]]] = {"kept": [], "removed": [], "sole": []}
        for row, rules in zip(rows, verdict.failed.to_pylist(), strict=True):
            value = row["metrics"][metric.name]
            if value is None:
                continue
            name = value if metric.scale == "label" else int(bins(metric.scale, pa.array([float(value)]))[0])
            entry = (name, row["tokens"])
            expected["removed" if rules else "kept"].append(entry)
            if {by_rule.get(rule) for rule in rules} == {metric.name}:
                expected["sole"].append(entry)
        counts = found["metrics"][metric.name]
        assert {group: counts[group] for group in GROUPS} == {group: tally(pairs) for group, pairs in expected.items()}


@settings(max_examples=60)
@given(st.lists(documents, max_size=12))
def test_lengths_are_naive_ones(rows: list[Document]) -> None:
    """By side: bins of the text's length as it goes on or as it came."""
    found = plain(counted(rows))
    _, verdict = _judged(rows)
    sides = ["kept" if stays else "removed" for stays in verdict.kept.to_pylist()]
    for side in SIDES:
        chosen = [row for row, its in zip(rows, sides, strict=True) if its == side]
        texts = [(row, (_text_after(row) if side == "kept" else row["text"]) or "") for row in chosen]
        lengths = {"characters": [len(text) for _, text in texts], "tokens": [row["tokens"] for row in chosen]}
        for unit, values in lengths.items():
            places = bins("log", pa.array(values, pa.int64())).tolist()
            assert found["lengths"][unit][side] == tally(zip(places, (row["tokens"] for row in chosen), strict=True))


@settings(max_examples=60)
@given(st.lists(documents, max_size=12))
def test_groups_are_naive_ones(rows: list[Document]) -> None:
    """By reason of removal or kept: registered domain, suffix, month, and the language that the stage identified."""
    found = counted(rows).groups().to_pylist()
    outcomes = [first or "kept" for first in _judged(rows)[1].first.to_pylist()]
    names: dict[str, Callable[[Document], str]] = {
        "domain": lambda row: URLS[row["url"]][0],
        "suffix": lambda row: URLS[row["url"]][1],
        "month": lambda row: f"{row['date']:%Y-%m}" if row["date"] else "",
        "language": lambda row: row["metrics"]["lang"] or "",
    }
    for kind, name in names.items():
        for outcome in {*outcomes, "kept"}:
            chosen = [row for row, its in zip(rows, outcomes, strict=True) if its == outcome]
            its = [row for row in found if (row["kind"], row["outcome"]) == (kind, outcome)]
            assert [[row["name"], row["documents"], row["tokens"]] for row in its] == tally(
                (name(row), row["tokens"]) for row in chosen
            )


@settings(max_examples=60)
@given(st.lists(documents, max_size=30))
def test_samples_are_the_smallest_hashes(rows: list[Document]) -> None:
    """Of kept documents and of each reason; the same ones however they are cut into parts."""
    found = counted(rows)
    _, verdict = _judged(rows)
    groups: dict[str, list[bytes]] = {}
    for row, first in zip(rows, verdict.first.to_pylist(), strict=True):
        groups.setdefault(first or "kept", []).append(row["id"])
    for name, ids in groups.items():
        hashes = id_hashes(pa.array(ids, pa.binary(16))).tolist()
        least = [one.hex() for _, one in sorted(zip(hashes, ids, strict=True))[:SAMPLE]]
        assert [one for one, _ in plain(found)["samples"][name]] == least
    assert plain(*(counted([row]) for row in rows))["samples"] == plain(found)["samples"]


def test_skipped_records_are_in_the_books() -> None:
    """Records that are no documents count as in and removed, under their kind."""
    found = StageCounter(Judged)
    found.skip({"request": 2, "warcinfo": 1})
    found.skip({"request": 1})
    json_ = plain(found)
    assert json_["documents"] == {"in": 4, "kept": 0, "removed": 4, "edited": 0}
    assert json_["rules"]["first"] == [["request", 3, 0], ["warcinfo", 1, 0]]


def test_a_text_that_appears_or_ends() -> None:
    """Where a stage gives the first text, its size counts as come in; where it drops the text, as cut."""
    text = pa.RecordBatch.from_arrays([pa.array(["abc", "é"])], names=["text"])
    bare = pa.RecordBatch.from_arrays([pa.array([1, 2])], names=["row"])
    verdict = apply_rules((), pa.nulls(2, Judged.metrics_type()), Trouble.none(2))
    appeared, ended = StageCounter(Judged), StageCounter(Judged)
    appeared.add(Docs(bare), Docs(text), verdict)
    ended.add(Docs(text), Docs(bare), verdict)
    assert plain(appeared)["bytes"] == {"in": 5, "kept": 5, "removed": 0, "cut": 0}
    assert plain(ended)["bytes"] == {"in": 5, "kept": 0, "removed": 0, "cut": 5}


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
    assert edges("ratio").tolist() == [float(f"{hundredths / 100:.2f}") for hundredths in range(101)]  # as recipes say
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
    there = [value for value in values if value is not None]
    lower = edges(scale).tolist()
    found = bins(scale, pa.array(there, pa.float64())).tolist()
    assert found == [bisect.bisect_right(lower, value) - 1 for value in there]


@settings(max_examples=30)
@given(st.lists(st.integers(-1, 9)), st.lists(st.integers(-1, 9)))
def test_bins_are_counted_in_any_number_of_batches(left: list[int], right: list[int]) -> None:
    """The counts of bins are those of all values, however they arrive."""
    counter = BinCounter("count")
    for values in (left, right):
        counter.add(np.array(values, np.int64), np.array(values, np.int64) + 5)
    assert list(map(list, counter.tally())) == tally((value, value + 5) for value in left + right)
