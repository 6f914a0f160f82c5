"""Counts by domain, suffix, language and month: merging is counting together, and what is left out is bounded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from hypothesis import given, settings, strategies as st

from refinery.statistics import groups
from refinery.statistics.groups import KINDS, LIMIT, SCHEMA, Groups, largest_error

Document = tuple[str, str, int]
"""Name, outcome and tokens."""

parts = st.lists(
    st.lists(
        st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["kept", "short", "odd"]), st.integers(0, 9)),
        max_size=12,
    ),
    min_size=1,
    max_size=6,
)


def rows(documents: Sequence[Document]) -> pa.RecordBatch:
    """Documents whose names are the same in every kind."""
    names, outcomes, tokens = (list(column) for column in zip(*documents, strict=True)) if documents else ([], [], [])
    columns = {kind: pa.array(names, pa.string()) for kind in KINDS}
    return pa.RecordBatch.from_pydict(
        {**columns, "outcome": pa.array(outcomes, pa.string()), "tokens": pa.array(tokens, pa.int64())}
    )


def counted(documents: Sequence[Document], limit: int = LIMIT) -> pa.Table:
    """The table of one part."""
    found = Groups(limit)
    found.add(rows(documents))
    return found.table()


def merged(tables: Sequence[pa.Table], limit: int = LIMIT) -> pa.Table:
    """The table of several."""
    found = Groups(limit)
    for table in tables:
        found.merge(table)
    return found.table()


def naive(documents: Sequence[Document]) -> list[tuple[Any, ...]]:
    """What a loop counts."""
    found: dict[tuple[str, str, str], list[int]] = {}
    for name, outcome, tokens in documents:
        for kind in KINDS:
            one = found.setdefault((kind, name, outcome), [0, 0])
            one[0], one[1] = one[0] + 1, one[1] + tokens
    return [(*key, *found[key]) for key in sorted(found)]


def tuples(table: pa.Table) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in table.to_pylist()]


@settings(max_examples=30)
@given(parts)
def test_sums_of_parts_are_naive_counts(given_: list[list[Document]]) -> None:
    """However documents are cut into parts, and in whatever order and nesting parts are merged, counts are a loop's."""
    tables = [counted(part) for part in given_]
    expected = naive([document for part in given_ for document in part])
    assert tuples(counted([document for part in given_ for document in part])) == expected
    assert tuples(merged(tables)) == tuples(merged(tables[::-1])) == expected
    assert tuples(merged([merged(tables[:2]), *tables[2:]])) == expected
    assert tuples(merged([*tables[:1], merged(tables[1:])])) == expected
    assert merged(tables).schema == SCHEMA


@st.composite
def trees(draw: st.DrawFn, limit: int) -> tuple[list[Document], pa.Table]:
    """Parts merged two by two in any order: their documents, and the table at the root."""
    nodes = [(part, counted(part, limit)) for part in draw(parts)]
    while len(nodes) > 1:
        left, right = (nodes.pop(draw(st.integers(0, len(nodes) - 1))) for _ in range(2))
        nodes.append((left[0] + right[0], merged([left[1], right[1]], limit)))
    return nodes[0]


@settings(max_examples=100)
@given(st.integers(1, 5).flatmap(lambda limit: st.tuples(st.just(limit), trees(limit))))
def test_what_is_left_out_is_bounded(drawn: tuple[int, tuple[list[Document], pa.Table]]) -> None:
    """Any tree of merges: a count lacks no more than it says, nothing is counted twice, and N / limit is the worst."""
    limit, (documents, table) = drawn
    truth = Counter[tuple[str, str]]()
    tokens = Counter[tuple[str, str]]()
    for name, outcome, size in documents:
        truth[name, outcome] += 1
        tokens[name, outcome] += size
    for kind in KINDS:
        counts = table.filter(pa.compute.equal(table["kind"], kind))
        worst = largest_error(counts)
        assert worst[0] * limit <= len(documents)
        found = {(row["name"], row["outcome"]): (row["documents"], row["tokens"]) for row in counts.to_pylist()}
        listed = {name for name, _ in found if name is not None}
        assert len(listed) <= limit
        assert sum(count for (_, outcome), (count, _) in found.items() if outcome) == len(documents)
        for name in "abcdefgh":
            spared = found.get((name, None), (0, 0))
            for unit, exact in enumerate((truth, tokens)):
                sure = sum(found.get((name, outcome), (0, 0))[unit] for outcome in ("kept", "short", "odd"))
                whole = sum(exact[name, outcome] for outcome in ("kept", "short", "odd"))
                assert sure <= whole <= sure + worst[unit] - spared[unit]
                for outcome in ("kept", "short", "odd"):
                    least = found.get((name, outcome), (0, 0))[unit]
                    rest = found.get((None, outcome), (0, 0))[unit]
                    assert least <= exact[name, outcome] <= least + min(rest, worst[unit] - spared[unit])


def test_batches_leave_no_trace(monkeypatch: Any) -> None:
    """However the documents of a part come in batches, its table is the same, even where names are left out."""
    monkeypatch.setattr(groups, "CHUNK", 7)
    monkeypatch.setattr(groups, "PENDING", 5)
    documents = [(f"{number * number % 31}", "kept", number) for number in range(60)]
    whole = counted(documents, limit=4)
    for size in (1, 5, 60):
        found = Groups(4)
        for start in range(0, 60, size):
            found.add(rows(documents[start : start + size]))
        assert found.table() == whole
    assert largest_error(whole.filter(pa.compute.equal(whole["kind"], "domain")))[0]
