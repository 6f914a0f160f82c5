"""`status` compares a run with its estimate and derives the time left; the records are written by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from refinery.cli import execute
from refinery.cli._amounts import amount_lines
from refinery.inspect.runs import status
from refinery.planner.amounts import RunAmounts, amounts_of
from refinery.planner.selection import Selection
from refinery.recipe import Prices, recipe_dict
from refinery.root.receipts import decoded
from refinery.root.runs import RunEstimate, RunRecord, StageAmount, StageWork, WorkSpan
from tests.engine.looked import recipe
from tests.engine.roots import quick, write_inputs
from tests.engine.test_estimate import known_seconds

START = datetime(2026, 1, 1, tzinfo=UTC)


def estimated(*stages: StageAmount) -> RunEstimate:
    """An estimate of so much work."""
    return RunEstimate(
        stages=stages,
        seconds=sum(one.seconds or 0.0 for one in stages),
        wall=sum(one.wall or 0.0 for one in stages),
        written=1000,
        requests={"get": 100},
        seconds_error=0.1,
        written_error=None,
        measured=3,
    )


def after(
    elapsed: float, estimate: RunEstimate | None, *work: StageAmount, waiting: dict[str, int], spans: float = 0.0
) -> RunAmounts:
    """The amounts of a run that did this work and began its last phase with so many parts waiting."""
    record = RunRecord(
        started=START,
        updated=START + timedelta(seconds=elapsed),
        host="h",
        pid=1,
        command={},
        state="running",
        phases=(),
        problems=(),
        stages=tuple(
            StageWork(stage=name, current=0, reapplied=0, computed=0, waiting=parts) for name, parts in waiting.items()
        ),
        estimate=estimate,
        work=work,
        open_spans=(WorkSpan(0, 0.0, spans, 0),),
        prices={"core_hour": 3.6, "get_1000": 10.0, "currency": "EUR"},
    )
    return amounts_of(record)


@given(st.integers(1, 99), st.floats(0.1, 10), st.integers(1, 64))
def test_the_time_left_is_that_of_the_parts_left(done: int, pace: float, workers: int) -> None:
    """Parts that take ``pace`` times what was estimated leave that many times longer, whatever the workers."""
    stage = StageAmount(stage="a", parts=100, seconds=1000.0, wall=1000.0 / workers, written=10)
    later = StageAmount(stage="b", parts=100, seconds=500.0, wall=500.0 / workers, written=10)
    work = StageAmount(stage="a", parts=done, seconds=10.0 * pace * done, written=done)
    elapsed = 10.0 * pace * done / workers
    found = after(elapsed, estimated(stage, later), work, waiting={"a": 100, "b": 100})
    assert found.left_seconds == pytest.approx(pace * (10.0 * (100 - done) + 500.0))
    assert found.left == pytest.approx(pace * (10.0 * (100 - done) + 500.0) / workers, rel=1e-3, abs=1.0)
    assert [one.left for one in found.stages] == pytest.approx([pace * 10.0 * (100 - done), pace * 500.0])


def test_before_a_part_is_done_the_estimate_is_all_that_is_known() -> None:
    """Tasks under way count as far as they came; the clock is not older than their work."""
    stage = StageAmount(stage="a", parts=4, seconds=400.0, wall=200.0, written=10)
    found = after(0.0, estimated(stage), waiting={"a": 4})
    assert (found.left, found.left_seconds) == (200.0, 400.0)
    found = after(50.0, estimated(stage), waiting={"a": 4}, spans=100.0)
    assert found.left == pytest.approx(150.0)


def test_the_rounds_of_a_global_stage_are_no_parts() -> None:
    """Until its last part its estimate counts, less what its map and rounds took; one task alone is not divided."""
    rows = StageAmount(stage="rows", parts=10, seconds=100.0, wall=10.0, written=10)
    same = StageAmount(stage="same", parts=10, seconds=200.0, wall=110.0, written=10)
    done = StageAmount(stage="rows", parts=10, seconds=200.0, written=10)
    mapped = StageAmount(stage="same", parts=0, seconds=100.0, written=10, rounds=True)
    found = after(75.0, estimated(rows, same), done, mapped, waiting={"rows": 10, "same": 10})
    assert [one.left for one in found.stages] == [0.0, 200.0 * 2 - 100.0]
    assert found.left == pytest.approx(300.0 * 110 / 200 * 75 / (20 + 55))


def test_a_stage_without_an_estimate_is_named_until_its_parts_tell() -> None:
    """And none is known where no part was finished before."""
    stage = StageAmount(stage="a", parts=4, seconds=40.0, wall=40.0, written=10)
    done = StageAmount(stage="a", parts=4, seconds=40.0, written=10)
    found = after(40.0, estimated(stage), done, waiting={"a": 4, "new": 4})
    assert (found.unknown, found.left) == (("new",), 0.0)
    assert "  left: 0 s, 0 s of core time, without new (not measured)" in [*amount_lines(found)]
    begun = StageAmount(stage="new", parts=1, seconds=7.0, written=1)
    found = after(47.0, estimated(stage), done, begun, waiting={"a": 4, "new": 4})
    assert (found.unknown, found.left) == ((), pytest.approx(21.0))
    blind = after(47.0, None, done, begun, waiting={"a": 4, "new": 4})
    assert (blind.estimated, blind.left, blind.left_seconds, blind.unknown) == (None, None, None, ())
    assert blind.actual.seconds == 47.0


def test_without_a_number_of_workers_the_first_parts_tell_how_many_there_are() -> None:
    """As on a cluster that grows; before, the core time alone is known."""
    stage = StageAmount(stage="a", parts=100, seconds=1000.0, written=10)
    estimate = estimated(stage).model_copy(update={"wall": None})
    found = after(0.0, estimate, waiting={"a": 100})
    assert (found.left, found.left_seconds) == (None, 1000.0)
    assert "  left: 17 min of core time" in [*amount_lines(found)]
    found = after(5.0, estimate, StageAmount(stage="a", parts=10, seconds=100.0), waiting={"a": 100})
    assert found.left == pytest.approx(900.0 / 20)


def test_money_and_requests_are_beside_their_estimates() -> None:
    """At the prices of the recipe."""
    stage = StageAmount(stage="a", parts=4, seconds=3600.0, wall=40.0, written=10)
    done = StageAmount(stage="a", parts=2, seconds=1800.0, written=10, requests={"get": 50, "read": 9})
    found = after(40.0, estimated(stage), done, waiting={"a": 4})
    assert found.estimated is not None
    assert (found.estimated.money.once, found.actual.money.once) == pytest.approx((3.6 + 1.0, 1.8 + 0.5))
    assert found.actual.requests == {"get": 50, "read": 9}


# ---------------------------------------------------------------------------------------------------------- real runs


def test_a_run_records_its_estimate_and_what_it_took(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Amounts are the sums of its receipts; ``status`` shows both, in text and as JSON."""
    write_inputs(tmp_path / "in", [["one two three"] * 100, ["four five six"] * 300, ["seven and eight"] * 100])
    given = recipe(tmp_path).model_copy(update={"prices": Prices(core_hour=3600.0)})
    quick(given, Selection(parts=(0,)))
    first = status(given.root).run
    assert first is not None
    assert first.amounts.estimated is None
    assert execute(["status", "--root", given.root]) == 0
    assert "  no estimate: no part was finished when the run began; " in capsys.readouterr().out
    known = set(Path(given.root).glob("*/receipts/*"))
    known_seconds(given.root, 10.0)
    report = quick(given)
    run = status(given.root).run
    assert run is not None
    assert report.amounts == run.amounts
    sizes = [(tmp_path / "in" / f"{n}.txt").stat().st_size for n in range(3)]
    assert run.amounts.estimated is not None
    assert run.amounts.estimated.seconds == pytest.approx(30 * (sizes[1] + sizes[2]) / sizes[0])
    made = [decoded(path.read_bytes()) for path in {*Path(given.root).glob("*/receipts/*")} - known]
    assert run.amounts.actual.seconds == pytest.approx(sum(receipt.seconds for receipt in made))
    assert run.amounts.actual.money.once == pytest.approx(run.amounts.actual.seconds)
    assert run.amounts.actual.written == sum(receipt.total(name) for receipt in made for name in receipt.files)
    stages = {stage.name: stage for stage in run.amounts.stages}
    assert (stages["words"].done, stages["words"].parts) == (2, 2)
    assert stages["upper"].done == stages["upper"].parts == 3
    assert (stages["upper"].estimated_seconds, run.amounts.left) == (None, None)
    assert execute(["status", "--root", given.root]) == 0
    out = capsys.readouterr().out
    assert "this run" in out
    assert (
        "  estimated when the run began, from 1 part finished before; without same, upper, gather, of which none was\n"
        in out
    )
    assert execute(["status", "--root", given.root, "--json"]) == 0
    amounts = json.loads(capsys.readouterr().out)["run"]["amounts"]
    assert amounts["estimated"]["seconds"] == pytest.approx(run.amounts.estimated.seconds)
    assert [stage["name"] for stage in amounts["stages"]] == list(stages)


def test_the_summary_of_a_run_has_a_line_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the estimate, where there is one; and nothing where nothing was to do."""
    write_inputs(tmp_path / "in", [["one two three"], ["four five six"]])
    given = recipe(tmp_path)
    path = tmp_path / "recipe.yaml"
    path.write_text(json.dumps(recipe_dict(given) | {"root": given.root}))
    assert execute(["run", "-c", str(path), "--parts", "0"]) == 0
    first = capsys.readouterr().out
    assert "\ntook " in first
    assert "estimated" not in first
    assert execute(["run", "-c", str(path)]) == 0
    assert " (estimated " in capsys.readouterr().out.partition("\ntook ")[2].splitlines()[0]
    assert execute(["run", "-c", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["amounts"] is None


def test_a_damaged_manifest_costs_the_estimate_alone(tmp_path: Path) -> None:
    """The run goes on, writes the manifest again, and its record names the reason."""
    write_inputs(tmp_path / "in", [["one two three"], ["four five six"]])
    given = recipe(tmp_path)
    quick(given, Selection(parts=(0,)))
    (manifest,) = Path(given.root).glob("00-*/manifest-*.json")
    whole = manifest.read_bytes()
    manifest.write_bytes(whole[:100])
    assert quick(given).complete
    run = status(given.root).run
    assert run is not None
    assert run.record.estimate is None
    assert "the run has no estimate" in run.record.problems[0].message
