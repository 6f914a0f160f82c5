"""Requests of the rounds of a global stage: ``plan`` states what a real server counts."""

from __future__ import annotations

import pytest

from refinery.planner import transposition
from refinery.root.root import Root
from refinery.store import store_for
from tools.bench.exchange import rounds


@pytest.mark.parametrize(
    ("openings", "first", "names"),
    [
        (10**9, 1 << 20, ["reduce", "conclude"]),
        (10**9, 1 << 15, ["reduce", "conclude"]),
        (0, 1 << 20, ["reduce", "conclude: merge", "conclude"]),
        (0, 1 << 15, ["reduce", "conclude: merge", "conclude"]),
    ],
)
def test_requests_are_those_of_the_plan(
    bucket: str, openings: int, first: int, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a tenth, by kind: of files of one request and of several, with and without merges by groups of parts."""
    monkeypatch.setattr(transposition, "OPENINGS", openings)
    for module in ("refinery.store.remote", "refinery.planner.requests"):
        monkeypatch.setattr(f"{module}.FIRST", first)
    for module in ("refinery.task.rounds", "refinery.task.tiers", "tools.bench.exchange"):
        monkeypatch.setattr(f"{module}.ROW_GROUP", first >> 6)
    found = list(rounds(Root(bucket, store_for(bucket)), 12, 20_000, 1 << 22, 12))
    assert [one["round"] for one in found] == names
    for one in found:
        assert one["sent"] == pytest.approx(one["planned"], rel=0.1)
    if openings == 0:
        assert found[-1]["most_files"] == 2  # what was sent to a part, and its index
