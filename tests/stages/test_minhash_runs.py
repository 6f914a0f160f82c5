"""MinHash in whole runs: budgets, batches, workers, kills in every round, and runs that would not fit."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from refinery.errors import Refused
from refinery.forecast import plan
from refinery.inspect import verify
from refinery.part import Receipt, Root
from refinery.runner import run
from refinery.survey import Selection
from stages.minhash import MinHash
from tests.engine.roots import Held, pipeline, quick, steps, write_inputs
from tests.engine.toy import LineSource

FOLDER = "01-minhash"
SHAPE = {"bands": 60, "rows": 2, "ngram": 2, "unit": "words"}
KINDS = {"plain": {}, "verified": {"verify": True, "sketch": 256}, "split": {"max_cluster": 3, "sketch": 128}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files of 150 lines: families of edited lines, copies across files, and lines of their own."""
    draw = random.Random(1)
    lines = []
    for family in range(60):
        words = [f"{family}w{i}" for i in range(20)]
        for _ in range(draw.choice([1, 2, 3, 12])):
            edited = list(words)
            edited[draw.randrange(20)] = draw.choice(["x", words[0]])
            lines.append(" ".join(edited))
    draw.shuffle(lines)
    write_inputs(tmp_path / "in", [lines[start : start + 100] for start in range(0, len(lines), 100)])
    return tmp_path


def given(folder: Path, kind: str, root: str, *, memory: int = 2**30, **settings: Any) -> Any:
    stage = MinHash(**SHAPE, **KINDS[kind], memory=memory)
    return pipeline(folder, steps(LineSource(batch=1000), stage), root=root, **settings)


@pytest.mark.parametrize("kind", list(KINDS))
def test_budget_and_batch_leave_no_trace(folder: Path, kind: str) -> None:
    """A budget that makes many sorted runs and ranges, and batches of 7, give the rows that one range gives."""
    assert quick(given(folder, kind, "one")).complete
    assert quick(given(folder, kind, "many", memory=2**20, batch=7)).complete
    one, many = Held(folder / "one"), Held(folder / "many")
    assert one.contents() == many.contents()
    assert one.statistics() == many.statistics()
    ranges = [[r for r in held.root.receipts_of(FOLDER) if r.kind == "reduce"] for held in (one, many)]
    assert len(ranges[0]) == (2 if kind == "plain" else 3)
    assert len(ranges[1]) > len(ranges[0])
    assert verify(str(folder / "many"), rerun=1).ok
    roles = [row["minhash"]["role"] for row in one.rows(FOLDER)] + [
        row["minhash"]["role"] for row in one.rows(FOLDER, "removed")
    ]
    assert {"unique", "survivor", "duplicate"} <= set(roles)


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("lines", [["all of these", "are other", "words"], [""], []])
def test_parts_of_which_nothing_matches(tmp_path: Path, kind: str, lines: list[str]) -> None:
    """Rounds that have no row to give."""
    write_inputs(tmp_path / "in", [lines, ["one more line of text"]])
    assert quick(given(tmp_path, kind, "root")).complete
    held = Held(tmp_path / "root")
    assert {row["minhash"]["role"] for row in held.rows(FOLDER)} == {"unique"}
    assert held.removals(FOLDER).keys() == set()


def test_a_map_that_is_too_large_for_its_budget_is_merged_from_runs(folder: Path) -> None:
    """Sorted runs that were written on the way make the file that one run makes, and leave nothing behind."""
    for root, memory in (("one", 2**30), ("runs", 2**20)):
        stage = MinHash(bands=1200, rows=1, ngram=2, unit="words", memory=memory)
        assert quick(pipeline(folder, steps(LineSource(), stage), root=root, batch=3)).complete
    found = [
        [receipt.contents for receipt in Held(folder / root).root.receipts_of(FOLDER) if receipt.kind == "map"]
        for root in ("one", "runs")
    ]
    assert sorted(map(str, found[0])) == sorted(map(str, found[1]))
    assert not list((folder / "runs" / "tmp").glob("*"))


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("copies", [0, 2])
def test_parts_without_duplicates(tmp_path: Path, kind: str, copies: int) -> None:
    """A part all of whose documents are unique goes through all rounds, and so does a dataset of such parts."""
    parts = [[" ".join(f"{part}x{line}x{i}" for i in range(20)) for line in range(5)] for part in range(3)]
    parts[1] += parts[1][:copies]
    write_inputs(tmp_path / "in", parts)
    assert quick(given(tmp_path, kind, "root")).complete
    held = Held(tmp_path / "root")
    assert [len(held.rows(FOLDER)), len(held.rows(FOLDER, "removed"))] == [15, copies]


def test_workers_leave_no_trace(folder: Path) -> None:
    """Two processes give what one gives."""
    assert quick(given(folder, "verified", "one")).complete
    assert run(given(folder, "verified", "two", workers=2)).complete
    assert Held(folder / "one").everything()[:3] == Held(folder / "two").everything()[:3]


@pytest.mark.parametrize("kind", ["plain", "verified"])
def test_a_kill_in_any_round(folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is killed at its n-th commit, for every n, and begun again gives the rows of one that was not."""
    assert quick(given(folder, kind, "whole")).complete
    wanted = Held(folder / "whole")
    rounds = MinHash(**SHAPE, **KINDS[kind]).rounds()
    original, killed = Root.commit, 0

    def commit(self: Root, folder: str, receipt: Receipt) -> None:
        nonlocal left, killed
        left -= 1
        if left < 0:
            killed += 1
            raise KeyboardInterrupt
        original(self, folder, receipt)

    with monkeypatch.context() as patch:
        patch.setattr(Root, "commit", commit)
        for allowed in range(200):
            left = allowed
            try:
                quick(given(folder, kind, f"killed-{allowed}"))
                break
            except KeyboardInterrupt:
                left = 10**6
                assert quick(given(folder, kind, f"killed-{allowed}")).complete
                assert Held(folder / f"killed-{allowed}").contents() == wanted.contents()
    assert killed > 3 * len(rounds)


def test_another_policy_maps_nothing_again(folder: Path) -> None:
    """Who survives is decided from what is stored: keys, candidates and sketches are made once."""
    assert quick(given(folder, "plain", "root")).complete
    before = {r.key for r in Held(folder / "root").root.receipts_of(FOLDER) if r.kind in ("map", "reduce")}
    stage = MinHash(**SHAPE, survivor="longest")
    again = pipeline(folder, steps(LineSource(batch=1000), stage))
    assert [each.action for each in plan(again).stages] == ["keep", "run"]
    assert quick(again).complete
    maps = {r.key for r in Held(folder / "root").root.receipts_of(FOLDER) if r.kind == "map"}
    assert maps <= before


def test_what_does_not_fit_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory for the one task that sees all edges, and disk for the keys, are told by plan and refused by run."""
    assert quick(given(folder, "plain", "root"), Selection(until="lines-of-text")).complete
    told = plan(given(folder, "plain", "root")).stages[1]
    documents = len(Held(folder / "root").rows("00-lines-of-text"))
    stage = MinHash(**SHAPE)
    assert told.memory == stage.needs(documents, documents)
    assert told.disk == stage.stores() * documents
    with pytest.raises(Refused, match=r"resolve takes up to 0\.07 GB") as caught:
        quick(pipeline(folder, steps(LineSource(batch=1000), stage), memory="1MiB"))
    assert caught.value.exit_code == 4
    monkeypatch.setattr("refinery.store.LocalStore.free", lambda self, path: 1000)
    with pytest.raises(Refused, match="free"):
        quick(given(folder, "plain", "root"))
