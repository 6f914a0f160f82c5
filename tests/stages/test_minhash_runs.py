"""MinHash in whole runs: budgets, batches, workers, kills in every round, and runs that would not fit."""

from __future__ import annotations

import contextlib
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from refinery.errors import Refused
from refinery.inspect.verification import verify
from refinery.planner.estimator import plan
from refinery.planner.selection import Selection
from refinery.root.receipts import Receipt
from refinery.root.root import Root
from refinery.runner.run import run
from refinery.stage.base import Records
from refinery.stages.minhash import MinHash
from refinery.store import Store
from refinery.task.rounds import FileInput
from refinery.task.tasks import RoundTask
from tests.engine.roots import RootContents, pipeline, quick, steps, write_inputs
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


def recipe(folder: Path, kind: str, root: str, *, memory: int = 2**30, one_task: int = 10**9, **settings: Any) -> Any:
    stage = MinHash(**SHAPE, **KINDS[kind], memory=memory, one_task=one_task)
    return pipeline(folder, steps(LineSource(batch=1000), stage), root=root, **settings)


@pytest.mark.parametrize("kind", list(KINDS))
def test_budget_and_batch_leave_no_trace(folder: Path, kind: str) -> None:
    """A budget that makes many sorted runs and ranges, and batches of 7, give the rows that one range gives."""
    assert quick(recipe(folder, kind, "one")).complete
    assert quick(recipe(folder, kind, "many", memory=2**20, batch=7)).complete
    one, many = RootContents(folder / "one"), RootContents(folder / "many")
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
    assert quick(recipe(tmp_path, kind, "root")).complete
    held = RootContents(tmp_path / "root")
    assert {row["minhash"]["role"] for row in held.rows(FOLDER)} == {"unique"}
    assert held.removals(FOLDER).keys() == set()


@pytest.mark.slow
def test_a_map_that_is_too_large_for_its_budget_is_merged_from_runs(folder: Path) -> None:
    """Sorted runs that were written on the way make the file that one run makes, and leave nothing behind."""
    for root, memory in (("one", 2**30), ("runs", 2**20)):
        stage = MinHash(bands=1200, rows=1, ngram=2, unit="words", memory=memory)
        assert quick(pipeline(folder, steps(LineSource(), stage), root=root, batch=3)).complete
    found = [
        [receipt.contents for receipt in RootContents(folder / root).root.receipts_of(FOLDER) if receipt.kind == "map"]
        for root in ("one", "runs")
    ]
    assert sorted(map(str, found[0])) == sorted(map(str, found[1]))
    assert not list((folder / "runs" / "tmp").glob("*"))


@pytest.mark.slow
def test_workers_leave_no_trace(folder: Path) -> None:
    """Two processes give what one gives."""
    assert quick(recipe(folder, "verified", "one")).complete
    assert run(recipe(folder, "verified", "two", workers=2)).complete
    assert RootContents(folder / "one").everything()[:3] == RootContents(folder / "two").everything()[:3]


class NumberedLines(LineSource):
    """Lines that begin with the number of their document, which is its id wherever the line stands."""

    name: ClassVar = "numbered-lines"

    def read(self, path: str, store: Store) -> Iterator[Records]:
        for records in super().read(path, store):
            numbers, texts = zip(*(text.split(" ", 1) for text in records.columns["text"]), strict=True)
            ids = [int(number).to_bytes(16, "big") for number in numbers]
            yield Records({**records.columns, "id": ids, "text": list(texts)}, records.metrics, records.skipped)


def reported(folder: Path, root: str) -> dict[bytes, tuple[Any, ...]]:
    """What is said of each document."""
    held = RootContents(folder / root)
    rows = held.rows(FOLDER) + held.rows(FOLDER, "removed")
    return {row["id"]: tuple(row["minhash"].values()) for row in rows}


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(KINDS))
@given(chance=st.randoms(use_true_random=False))
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_but_the_documents_counts(folder: Path, kind: str, chance: random.Random) -> None:
    """Whatever the order of documents, files, batches, budget and restarts: the same is said of every document."""
    lines = [line for path in sorted((folder / "in").iterdir()) for line in path.read_text().splitlines()]
    numbered = [f"{number} {line}" for number, line in enumerate(lines)]
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        write_inputs(place / "in", [numbered])
        assert quick(numbered_recipe(place, kind, "root")).complete
        expected = reported(place, "root")
        assert len(expected) == len(lines)
        chance.shuffle(numbered)
        files: list[list[str]] = [[] for _ in range(chance.randint(1, 6))]
        for line in numbered:
            chance.choice(files).append(line)
        other = place / "other"
        write_inputs(other / "in", [lines for lines in files if lines])
        memory, batch = chance.choice([2**20, 2**30]), chance.choice([1, 7, 50, 1000])
        given = numbered_recipe(other, kind, "root", memory=memory, batch=batch)
        with killed_after(chance.randint(0, 30)), contextlib.suppress(KeyboardInterrupt):
            quick(given)
        assert quick(given).complete
        assert reported(other, "root") == expected


def numbered_recipe(folder: Path, kind: str, root: str, *, memory: int = 2**30, **settings: Any) -> Any:
    stage = MinHash(**SHAPE, **KINDS[kind], memory=memory)
    return pipeline(folder, steps(NumberedLines(batch=1000), stage), root=root, **settings)


@contextlib.contextmanager
def killed_after(commits: int) -> Iterator[None]:
    """What begins another commit is interrupted."""
    original, left = Root.commit, commits

    def commit(self: Root, folder: str, receipt: Receipt) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        original(self, folder, receipt)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Root, "commit", commit)
        yield


@pytest.mark.parametrize("kind", list(KINDS))
def test_rounds_over_ranges_leave_no_trace(folder: Path, kind: str) -> None:
    """In rounds over key ranges, one or many, the same rows are kept and removed, with the same content ids."""
    assert quick(recipe(folder, kind, "one")).complete
    one = RootContents(folder / "one")
    for root, memory in (("range", 2**30), ("ranges", 2**20)):
        assert quick(recipe(folder, kind, root, memory=memory, one_task=1)).complete
        found = RootContents(folder / root)
        assert found.contents() == one.contents()
        assert found.statistics() == one.statistics()
        assert verify(str(folder / root), rerun=1).ok
    names = [receipt.kind for receipt in one.root.receipts_of(FOLDER)].count("reduce")
    assert [receipt.kind for receipt in found.root.receipts_of(FOLDER)].count("reduce") > names + 5


def test_another_form_does_what_is_done_no_more(folder: Path) -> None:
    """A finished root is complete in the other form; an unfinished one goes on, with the edges that it has."""
    assert quick(recipe(folder, "verified", "whole")).complete
    assert quick(recipe(folder, "verified", "whole", one_task=1)).tasks == 0
    wanted = RootContents(folder / "whole").contents()
    for root, limits in (("up", (10**9, 1)), ("down", (1, 10**9))):
        first, then = (recipe(folder, "verified", root, one_task=limit) for limit in limits)
        with ended_before("minhash compare"), pytest.raises(KeyboardInterrupt):
            quick(first)
        before = made_by(folder / root, "reduce")
        assert quick(then).complete
        assert RootContents(folder / root).contents() == wanted
        candidates = {key for key, seconds in before.items() if made_by(folder / root, "reduce").get(key) == seconds}
        assert candidates, "no range of candidates was found again"


def made_by(path: Path, kind: str) -> dict[str, float]:
    """Receipts of a kind by their key, with the seconds that tell one try from another."""
    return {
        receipt.key: receipt.seconds for receipt in RootContents(path).root.receipts_of(FOLDER) if receipt.kind == kind
    }


@contextlib.contextmanager
def ended_before(title: str) -> Iterator[None]:
    """The first task of a round is interrupted."""
    original = FileInput.__init__

    def ended(self: FileInput, task: RoundTask, root: Root) -> None:
        if task.title.startswith(title):
            raise KeyboardInterrupt
        original(self, task, root)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FileInput, "__init__", ended)
        yield


def test_the_plan_reports_the_form(folder: Path) -> None:
    """By the number of documents, reference ones included, and the field that decides."""
    assert quick(recipe(folder, "plain", "root"), Selection(until="lines-of-text")).complete
    documents = len(RootContents(folder / "root").rows("00-lines-of-text"))
    forms = [
        plan(recipe(folder, "plain", "root", one_task=limit)).stages[1].form for limit in (documents, documents - 1)
    ]
    assert forms == [
        f"copies and clusters in one task each: {documents:,} documents, one_task allows {documents:,}",
        f"copies and clusters over ranges of keys: {documents:,} documents, one_task allows {documents - 1:,}",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["plain", "split"])
def test_a_kill_in_any_round_over_ranges(folder: Path, kind: str) -> None:
    """Killed at every eighth commit and begun again, repeated rounds end as if they had not been killed."""
    assert quick(recipe(folder, kind, "whole")).complete
    wanted = RootContents(folder / "whole").contents()
    for allowed in range(6, 300, 8):
        given = recipe(folder, kind, f"killed-{allowed}", one_task=1)
        try:
            with killed_after(allowed):
                quick(given)
            break
        except KeyboardInterrupt:
            assert quick(given).complete
            assert RootContents(folder / f"killed-{allowed}").contents() == wanted
    assert allowed > 30


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["plain", "verified"])
def test_a_kill_in_any_round(folder: Path, kind: str) -> None:
    """A run that is killed at its n-th commit, for every n, and begun again gives the rows of one that was not."""
    assert quick(recipe(folder, kind, "whole")).complete
    wanted = RootContents(folder / "whole")
    rounds = MinHash(**SHAPE, **KINDS[kind]).rounds()
    for allowed in range(200):
        given = recipe(folder, kind, f"killed-{allowed}")
        try:
            with killed_after(allowed):
                quick(given)
            break
        except KeyboardInterrupt:
            assert quick(given).complete
            assert RootContents(folder / f"killed-{allowed}").contents() == wanted.contents()
    assert allowed > 2 * len(rounds)


def test_another_policy_maps_nothing_again(folder: Path) -> None:
    """Who survives is decided from what is stored: keys, candidates and sketches are made once."""
    assert quick(recipe(folder, "plain", "root")).complete
    before = {r.key for r in RootContents(folder / "root").root.receipts_of(FOLDER) if r.kind in ("map", "reduce")}
    stage = MinHash(**SHAPE, survivor="longest")
    again = pipeline(folder, steps(LineSource(batch=1000), stage))
    assert [each.action for each in plan(again).stages] == ["keep", "run"]
    assert quick(again).complete
    maps = {r.key for r in RootContents(folder / "root").root.receipts_of(FOLDER) if r.kind == "map"}
    assert maps <= before


def test_what_does_not_fit_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory for the tasks that see all documents, and disk for the keys, are reported by plan and refused by run."""
    assert quick(recipe(folder, "plain", "root"), Selection(until="lines-of-text")).complete
    forecast = plan(recipe(folder, "plain", "root")).stages[1]
    documents = len(RootContents(folder / "root").rows("00-lines-of-text"))
    stage = MinHash(**SHAPE)
    assert forecast.memory == stage.needs(documents, documents)
    assert forecast.disk == stage.stores(documents, 0)
    assert forecast.shuffle == stage.shuffles(documents, 0)
    with pytest.raises(Refused, match=r"a task takes at least [\d.]+ MB of memory, .* allows 1\.0 MB") as caught:
        quick(pipeline(folder, steps(LineSource(batch=1000), stage), memory="1MiB"))
    assert caught.value.exit_code == 4
    monkeypatch.setattr("refinery.store.LocalStore.free", lambda self, path: 1000)
    with pytest.raises(Refused, match=r"writes up to [\d.]+ kB, and .* has 1\.0 kB free"):
        quick(recipe(folder, "plain", "root"))
