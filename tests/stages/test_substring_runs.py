"""Exact substrings in whole runs: budgets, batches, workers, kills in every round, earlier roots, a second pass."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings, strategies as st
from pydantic import ValidationError

from refinery import Docs, Edit, Edited
from refinery.errors import Refused, UsageError
from refinery.inspect.repeats import spans
from refinery.inspect.verification import verify
from refinery.kernels import undo
from refinery.kernels.choice import native
from refinery.planner.estimator import plan
from refinery.planner.selection import Selection
from refinery.recipe import ExecutorSettings, Pipeline, Step
from refinery.root.receipts import Receipt
from refinery.root.root import Root
from refinery.runner.run import run
from refinery.stage.documents import DATE
from refinery.stages._repeats import REPEATS
from refinery.stages.substring import WORKER, Substring
from tests.engine.roots import RootContents, pipeline, quick, steps, write_inputs
from tests.engine.toy import LineSource

FOLDER = "02-substring"
KINDS: dict[str, dict[str, Any]] = {
    "tokens": {"unit": "gpt2", "min_tokens": 4},
    "first": {"unit": "words", "min_tokens": 4, "keep": "first", "align": "word"},
    "bytes": {"unit": "bytes", "min_tokens": 20, "normalise": False},
}


class Dated(Edit):
    """Lines were crawled in the order of their numbers, which they begin with."""

    name: ClassVar = "dated"
    version: ClassVar = 1
    adds: ClassVar = (DATE,)

    def edit(self, docs: Docs) -> Edited:
        seconds = [1000 * int(text.split(maxsplit=1)[0]) for text in docs.texts()]
        return Edited({"date": pa.array(seconds, DATE.type)})


def lines_of(count: int, seed: int = 1) -> list[str]:
    """Lines of words of their own and, most of them, runs of words that others have as well."""
    draw = random.Random(seed)
    shared = [" ".join(f"{run}s{place}" for place in range(draw.randint(3, 40))) for run in range(30)]
    lines = []
    for number in range(count):
        pieces = [f"{number}"]
        for _ in range(draw.randrange(4)):
            pieces += [" ".join(f"{seed}o{draw.randrange(10**6)}" for _ in range(6)), draw.choice(shared)]
        lines.append(" ".join(pieces))
    draw.shuffle(lines)
    return lines


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files of 100 lines."""
    lines = lines_of(300)
    write_inputs(tmp_path / "in", [lines[start : start + 100] for start in range(0, 300, 100)])
    return tmp_path


def recipe(
    folder: Path, kind: str, root: str, *, inputs: str = "*.txt", memory: int = 2**30, more: Any = (), **settings: Any
) -> Pipeline:
    fields = {**KINDS[kind], **settings.pop("fields", {})}
    chosen = steps(LineSource(batch=1000), Dated(), Substring(**fields, memory=memory))
    made = pipeline(folder, (*chosen, *more), root=root, **settings)
    return made.model_copy(update={"inputs": (str(folder / "in" / inputs),)})


@pytest.mark.parametrize("keep_removed", ["text", "metrics"])
def test_rows_tell_the_text_that_came(folder: Path, keep_removed: str) -> None:
    """A kept row's text with its repeats put back is the text before; a removed row's is that as it is, or null."""
    quick(recipe(folder, "tokens", "root", fields={"min_chars": 70}, keep_removed=keep_removed))
    held = RootContents(folder / "root")
    before = {row["id"]: row["text"] for row in held.rows("01-dated")}
    for side in ("kept", "removed"):
        rows = held.rows(FOLDER, side)
        assert any(span["text"] for row in rows for span in row["substring"]["repeats"])
        spans = pa.array([row["substring"]["repeats"] for row in rows], REPEATS)
        found = undo(pa.array([row["text"] for row in rows], pa.string()), spans).to_pylist()
        stored = side == "kept" or keep_removed == "text"
        assert found == [before[row["id"]] if stored else None for row in rows]


def left(root: Path, folder: str = FOLDER) -> dict[bytes, tuple[str, Any]]:
    """What became of each document's text, and its metrics."""
    held = RootContents(root)
    rows = [row for side in ("kept", "removed") for row in held.rows(folder, side)]
    return {row["id"]: (row.get("text", ""), row["substring"]) for row in rows}


@pytest.mark.parametrize("kind", list(KINDS))
def test_budget_and_batch_leave_no_trace(folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A budget that makes sorted runs, ranges and several goes over each part gives the rows that one go gives."""
    assert quick(recipe(folder, kind, "one")).complete
    monkeypatch.setattr("refinery.stages.substring.SHARE", 2**10)
    monkeypatch.setattr("refinery.task.mapped.SHARE", 2**9)
    monkeypatch.setattr("refinery.task.shuffle.SHARE", 2**7)
    monkeypatch.setattr("refinery.task.rounds.INDEX_ROWS", 13)
    goes = []
    original = Substring._marked
    monkeypatch.setattr(Substring, "_marked", lambda *given: goes.append(1) or original(*given))
    assert quick(recipe(folder, kind, "many", memory=2**20, batch=7)).complete
    one, many = RootContents(folder / "one"), RootContents(folder / "many")
    assert one.contents() == many.contents()
    assert one.statistics() == many.statistics()
    assert len(goes) > 2 * 3
    ranges = [len([r for r in held.root.receipts_of(FOLDER) if r.kind == "reduce"]) for held in (one, many)]
    assert (ranges[0], ranges[1] > 3) == (1, True)
    assert not list((folder / "many" / "tmp").glob("*"))
    assert verify(str(folder / "many"), rerun=1).ok
    assert sum(metrics["spans"] for _, metrics in left(folder / "one").values()) > 100


@pytest.mark.slow
def test_files_and_their_order_leave_no_trace(folder: Path) -> None:
    """The same documents in one file, or in others, are cut the same."""
    lines = [line for number in range(3) for line in (folder / "in" / f"{number}.txt").read_text().splitlines()]
    for kind in KINDS:
        texts = []
        for root, size in (("a", 100), ("b", 300), ("c", 41)):
            ordered = lines if root == "a" else sorted(lines)
            (folder / f"{kind}-{root}").mkdir()
            write_inputs(folder / f"{kind}-{root}" / "in", [ordered[i : i + size] for i in range(0, 300, size)])
            assert quick(recipe(folder / f"{kind}-{root}", kind, "root")).complete
            texts.append(sorted(str(one) for one in left(folder / f"{kind}-{root}" / "root").values()))
        assert texts[0] == texts[1] == texts[2]


@pytest.mark.slow
def test_workers_leave_no_trace(folder: Path) -> None:
    """Two processes give what one gives."""
    assert quick(recipe(folder, "first", "one")).complete
    assert run(recipe(folder, "first", "two", workers=2)).complete
    assert RootContents(folder / "one").everything()[:3] == RootContents(folder / "two").everything()[:3]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tokens", "first"])
def test_a_kill_in_any_round(folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is killed at its n-th commit, for every n, and begun again gives the rows of one that was not."""
    assert quick(recipe(folder, kind, "whole")).complete
    wanted = RootContents(folder / "whole")
    original, kinds = Root.commit, []

    def commit(self: Root, folder: str, receipt: Receipt) -> None:
        nonlocal allowance
        allowance -= 1
        if allowance < 0:
            kinds.append(receipt.kind)
            raise KeyboardInterrupt
        original(self, folder, receipt)

    with monkeypatch.context() as patch:
        patch.setattr(Root, "commit", commit)
        for allowed in range(200):
            allowance = allowed
            try:
                quick(recipe(folder, kind, f"killed-{allowed}"))
                break
            except KeyboardInterrupt:
                allowance = 10**6
                assert quick(recipe(folder, kind, f"killed-{allowed}")).complete
                assert RootContents(folder / f"killed-{allowed}").contents() == wanted.contents()
    assert {"stage", "map", "reduce", "resolve"} == set(kinds)


# ------------------------------------------------------------------------------------------------------ earlier roots

words = st.lists(st.sampled_from("abcd"), max_size=12)
crawls = st.lists(st.lists(words, max_size=3), min_size=3, max_size=3)


def write_crawls(folder: Path, found: Sequence[Sequence[Sequence[str]]]) -> None:
    """Each crawl is a file of documents, all crawled later than those of the file before."""
    numbers = iter(range(10**6))
    write_inputs(folder / "in", [[" ".join([f"{next(numbers)}x", *line]) for line in crawl] for crawl in found])


class Numbered(Dated):
    """The same, of lines whose number is a word."""

    name: ClassVar = "numbered"

    def edit(self, docs: Docs) -> Edited:
        seconds = [1000 * int(text.split("x", 1)[0]) for text in docs.texts()]
        return Edited({"date": pa.array(seconds, DATE.type)})


def crawl(folder: Path, root: str, inputs: str, **fields: Any) -> Pipeline:
    stage = Substring(unit="words", min_tokens=3, min_chars=0, **fields)
    made = pipeline(folder, steps(LineSource(), Numbered(), stage), root=root)
    return made.model_copy(update={"inputs": (str(folder / "in" / inputs),)})


@pytest.mark.slow
@given(crawls)
@settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_crawl_after_crawl(found: list[list[list[str]]]) -> None:
    """With ``first``, the last crawl held against those before it loses what it loses in a run over all of them.

    Those before lose that and at most what stays beside a window that is repeated in later crawls only.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_crawls(folder, found)
        quick(crawl(folder, "all", "*.txt", keep="first"))
        expected = left(folder / "all")
        roots = [str(folder / str(number)) for number in range(3)]
        for number in range(3):
            quick(crawl(folder, str(number), f"{number}.txt", keep="first", against=tuple(roots[:number])))
            each = left(Path(roots[number]))
            assert all(metrics["repeated"] >= expected[name][1]["repeated"] for name, (_, metrics) in each.items())
        assert each == {name: expected[name] for name in each}
        assert verify(roots[2], rerun=1.0).findings == ()


@given(crawls, st.booleans())
@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_what_was_seen_before_goes(found: list[list[list[str]]], among: bool) -> None:
    """All copies of a window of an earlier root go; of others those that repeat among the new documents, if asked."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_crawls(folder, found)
        quick(crawl(folder, "old", "[01].txt"))
        quick(crawl(folder, "new", "2.txt", against=(str(folder / "old"),), within=among))

        def windows(lines: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
            return [tuple(line[i : i + 3]) for line in lines for i in range(len(line) - 2)]

        old, new = set(windows([*found[0], *found[1]])), windows(found[2])
        gone = {window for window in new if window in old or (among and new.count(window) > 1)}
        held = RootContents(folder / "new")
        rows = sorted(held.rows(FOLDER), key=lambda row: row["offset"])
        assert len(rows) == len(found[2])
        for line, row in zip(found[2], rows, strict=True):
            marked = [
                any(tuple(line[k : k + 3]) in gone for k in range(i - 2, i + 1) if k >= 0) for i in range(len(line))
            ]
            assert row["text"].split()[1:] == [word for word, mark in zip(line, marked, strict=True) if not mark]


def test_against_reads_no_text_and_sees_changes(tmp_path: Path) -> None:
    """Kept and removed rows of the earlier root are not touched; other content there makes new rounds, and no map."""
    write_crawls(tmp_path, [[[*"abcd"]], [[*"bcde"]], [[*"abcxyz"], [*"xyzcde"]]])
    quick(crawl(tmp_path, "old", "0.txt"))
    texts = [*(tmp_path / "old").glob("*/kept"), *(tmp_path / "old").glob("*/removed")]
    for path in texts:
        path.rename(path.with_suffix(".away"))
    new = crawl(tmp_path, "new", "2.txt", against=(str(tmp_path / "old"),))
    quick(new)
    assert [row["text"] for row in RootContents(tmp_path / "new").rows(FOLDER)] == ["2x", "3x c d e"]
    assert quick(new).tasks == 0
    for path in texts:
        path.with_suffix(".away").rename(path)
    quick(crawl(tmp_path, "old", "[01].txt"))
    before = set((tmp_path / "new" / FOLDER / "map" / "keys").iterdir())
    quick(new)
    assert [row["text"] for row in RootContents(tmp_path / "new").rows(FOLDER)] == ["2x", "3x"]
    assert set((tmp_path / "new" / FOLDER / "map" / "keys").iterdir()) == before


def test_roots_that_cannot_be_held_against(tmp_path: Path) -> None:
    """No root, or another setting: refused before anything is done."""
    write_crawls(tmp_path, [[["a"]], [["b"]]])
    with pytest.raises(UsageError, match="is no root"):
        quick(crawl(tmp_path, "new", "1.txt", against=(str(tmp_path / "nowhere"),)))
    quick(crawl(tmp_path, "old", "0.txt", keep="first"))
    with pytest.raises(UsageError, match="keep first, not none"):
        quick(crawl(tmp_path, "new", "1.txt", against=(str(tmp_path / "old"),)))
    with pytest.raises(ValidationError, match="finds nothing"):
        Substring(within=False)


# -------------------------------------------------------------------------------------------------------- second pass


def test_a_second_pass_finds_what_the_first_made(tmp_path: Path) -> None:
    """Texts that cuts make equal are found by a second stage, whose report tells of it; a third one finds nothing."""
    lines = ["1 p q a b r s t u c d", "2 a b v w x y c d z z", "3 m m r s t u n n", "4 v w x y o o o", "5 i j k l"]
    write_inputs(tmp_path / "in", [lines])
    stage = Substring(unit="words", min_tokens=4, min_chars=0)
    more = [Step(name, stage, False, "refinery.stages.substring:Substring") for name in ("again", "third")]
    made = recipe(tmp_path, "tokens", "root", fields={"unit": "words", "min_chars": 0}, more=more)
    assert quick(made).complete
    held = RootContents(tmp_path / "root")
    texts = [[" ".join(row["text"].split()) for row in held.rows(name)] for name in (FOLDER, "03-again", "04-third")]
    last = ["3 m m n n", "4 o o o", "5 i j k l"]
    assert texts == [["1 p q a b c d", "2 a b c d z z", *last], ["1 p q", "2 z z", *last], ["1 p q", "2 z z", *last]]
    found = [spans(str(tmp_path / "root"), name) for name in ("substring", "again", "third")]
    assert [(one.spans, one.distinct) for one in found] == [(4, 2), (2, 1), (0, 0)]
    assert [(one.copies, (one.text or "").strip()) for one in found[1].most] == [(2, "a b c d")]


# --------------------------------------------------------------------------------------------------------------- plan


@pytest.mark.parametrize("kind", list(KINDS))
def test_plan_tells_what_run_takes(folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes shuffled, memory and disk are known before, are not less than what is taken, and refused if too much."""
    assert quick(recipe(folder, kind, "root"), Selection(until="dated")).complete
    reported = plan(recipe(folder, kind, "root")).stages[2]
    assert reported.memory == WORKER + 2**30
    for room, advice in (("1MiB", None), ("300MiB", "92MiB")):
        with pytest.raises(Refused, match=r"a task takes at least 1\.3 GB") as caught:
            quick(recipe(folder, kind, "refused").model_copy(update={"executor": roomy(room)}))
        assert str(caught.value.hint).count(f"substring memory: {advice}") == (advice is not None)
    assert quick(
        recipe(folder, kind, "refused", memory=92 * 2**20).model_copy(update={"executor": roomy(room)})
    ).complete
    with monkeypatch.context() as patch:
        patch.setattr("refinery.store.LocalStore.free", lambda self, path: 1000)
        with pytest.raises(Refused, match="free"):
            quick(recipe(folder, kind, "root"))
    assert quick(recipe(folder, kind, "root")).complete
    place = folder / "root" / FOLDER
    sizes = {
        name: sum(path.stat().st_size for path in (place / name).rglob("*.parquet"))
        for name in ("map/keys", "map/index", "reduce")
    }
    overhead = 3 * 4 * 2_000  # of small files
    assert reported.shuffle is not None
    assert reported.disk is not None
    assert sizes["map/keys"] < reported.shuffle + overhead
    assert sum(sizes.values()) < reported.disk + overhead


def roomy(memory: str) -> ExecutorSettings:
    """Room for so much."""
    return ExecutorSettings(workers=1, memory=memory)


def wet_of(texts: Sequence[str]) -> bytes:
    """A WET file of texts."""
    records = []
    for number, text in enumerate(texts):
        body = text.encode()
        head = [
            "WARC/1.0",
            "WARC-Type: conversion",
            f"WARC-Target-URI: https://host{number % 50}.example.org/{number}",
            f"WARC-Date: 2024-01-01T00:{number // 60 % 60:02d}:{number % 60:02d}Z",
            f"WARC-Record-ID: <urn:uuid:00000000-0000-4000-8000-{number:012x}>",
            "Content-Type: text/plain",
            f"Content-Length: {len(body)}",
        ]
        records.append("\r\n".join(head).encode() + b"\r\n\r\n" + body + b"\r\n\r\n")
    return b"".join(records)


@pytest.mark.slow
@pytest.mark.skipif(not native(), reason="what is stated is of the native kernels; their twins take more")
def test_a_process_holds_what_is_stated(tmp_path: Path) -> None:
    """A worker that maps, reduces, marks and cuts more than its budget holds what ``needs`` says, or less, not by half."""
    draw, memory = random.Random(1), 2**22
    words = [f"{a}{b}{c}" for a in ("ta", "re", "mo", "li") for b in ("ren", "sal", "kom", "dit") for c in range(40)]
    known = [" ".join(draw.choices(words, k=90)) for _ in range(200)]
    texts = [" ".join([*draw.choices(words, k=1900), draw.choice(known)]) for _ in range(1100)]
    (tmp_path / "a.warc.wet").write_bytes(wet_of(texts[:1050]))  # more than a batch
    (tmp_path / "b.warc.wet").write_bytes(wet_of(texts[1050:]))
    recipe = f"""
dataset: held
inputs: {tmp_path}/*.wet
root: {tmp_path}/root
executor: {{workers: 1, memory: 256MiB}}
pipeline:
  - wet: {{}}
  - substring: {{memory: {memory}}}
"""
    (tmp_path / "recipe.yaml").write_text(recipe, encoding="utf-8")
    command = [sys.executable, "-m", "refinery", "run", "-c", str(tmp_path / "recipe.yaml")]
    subprocess.run(command, check=True, capture_output=True)
    receipts = RootContents(tmp_path / "root").root.receipts_of("01-substring")
    assert sum(receipt.rows["text"] for receipt in receipts if receipt.kind == "stage") > memory
    assert len([receipt for receipt in receipts if receipt.kind == "reduce"]) > 30
    stated = Substring(memory=memory).needs(1100, 0)
    assert stated / 1.8 <= max(receipt.peak_memory for receipt in receipts) <= stated
