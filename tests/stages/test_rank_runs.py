"""Ranks in runs: the same for any number of workers, and a moved threshold measures and ranks nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from refinery.inspect.verification import verify
from refinery.inspect.whatif import what_if
from refinery.planner.estimator import plan
from refinery.recipe import Pipeline
from refinery.runner.run import run
from refinery.stages.rank import Rank
from tests.engine.roots import RootContents, pipeline, quick, steps, write_inputs
from tests.engine.toy import Gather, Length, LineSource

TEXTS = [[" ".join(["word"] * (n % 7 + part)) + "1" * n for n in range(20)] for part in range(2)]


def ranked(folder: Path, root: str = "root", **changes: Any) -> Pipeline:
    """A pipeline that ranks texts by two metrics of one filter."""
    settings = {name: changes.pop(name) for name in ("workers", "batch", "inputs") if name in changes}
    stage = Rank(scores=("words.words", "words.letters"), **changes)
    return pipeline(folder, steps(LineSource(), Length(), stage, Gather()), root=root, **settings)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two input files."""
    write_inputs(tmp_path / "in", TEXTS)
    return tmp_path


def metrics(root: Path) -> dict[bytes, Any]:
    """The ranks in a root by document, of those kept and those removed."""
    found = RootContents(root)
    return {row["id"]: row["rank"] for side in ("kept", "removed") for row in found.rows("02-rank", side)}


def test_a_moved_threshold_ranks_nothing_again(folder: Path) -> None:
    """Only rules are applied to stored ranks, and the result is that of a new root."""
    quick(ranked(folder))
    changed = ranked(folder, keep=0.3)
    planned = {stage.name: stage for stage in plan(changed).stages}
    assert planned["rank"].action == "reapply"
    assert planned["rank"].reason == "keep 1.0 → 0.3 (metrics are stored)"
    report = quick(changed)
    found = RootContents(folder / "root")
    assert report.complete
    assert all(receipt.reapplied for receipt in found.receipts("02-rank"))
    assert report.phases == 2
    quick(ranked(folder, "other", keep=0.3))
    assert found.everything() == RootContents(folder / "other").everything()
    assert len(found.rows("02-rank")) == round(0.3 * len(metrics(folder / "root")))
    assert verify(str(folder / "root")).ok


def test_another_share_is_tried_without_a_run(folder: Path) -> None:
    """``what-if`` applies the rule to stored ranks: it counts as many kept documents as a run with that rule keeps."""
    quick(ranked(folder, keep=0.5))
    quick(ranked(folder, "other", keep=0.9))
    found = what_if(str(folder / "root"), ["rank.keep=90%"], 99)
    rows = [RootContents(folder / root).rows("02-rank") for root in ("root", "other")]
    (stage,) = found.stages
    assert [one.kept for one in (stage.before, stage.after)] == list(map(len, rows))
    assert [one.tokens for one in (stage.before, stage.after)] == [sum(r["tokens"] for r in side) for side in rows]
    mine, its = ({row["id"].hex() for row in side} for side in rows)
    assert {flip.document.id for flip in found.gained.samples} == its - mine
    assert not found.lost.documents
    assert found.near[0].threshold == "≥ 0.1"
    assert found.not_recomputed == ("gather",)


@pytest.mark.slow
def test_ranks_do_not_depend_on_workers_batches_or_parts(folder: Path) -> None:
    """Two workers and batches of three documents have the results of one worker."""
    quick(ranked(folder))
    run(ranked(folder, "other", workers=2, batch=3))
    assert RootContents(folder / "root").everything() == RootContents(folder / "other").everything()
