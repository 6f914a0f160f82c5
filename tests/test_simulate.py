"""The simulated cluster obeys the laws of scheduling, and a real run on it makes what a run on one worker makes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, strategies as st

from refinery.executors import Died, Done
from refinery.planner import tiers
from refinery.runner.deaths import TRIES
from refinery.runner.run import run
from tests.engine.roots import RootContents, pipeline, quick, write_inputs
from tools.bench.bookkeeping import patterns
from tools.simulate.cluster import CLOUD, GIB, Cluster
from tools.simulate.crawl import ROWS, Outcome, calibrated, simulate
from tools.simulate.executor import SimulatedExecutor
from tools.simulate.loads import Load
from tools.simulate.recorder import recipe, record
from tools.simulate.recording import PAGES, RecordedPhase, Recording
from tools.simulate.throttling import contention
from tools.simulate.timings import BUILT_IN, TaskSample, Timing, Timings, samples_of_log

EXACT = Timings({kind: Timing(0.0, 1.0, (1.0,), gets=10, puts=5) for kind in ("a", "b")})
"""A second for each byte."""

FREE = Cluster(begin_seconds=0.0, commit_seconds=0.0)
"""With a driver that takes no time."""

NOISY = replace(CLOUD, losses_per_hour=20.0, replace_seconds=60.0, deaths_per_hour=2.0, stragglers=0.1)

sizes = st.lists(st.integers(1, 100), min_size=1, max_size=60)
clusters = st.lists(st.integers(1, 4), min_size=1, max_size=5).map(tuple)


def crawl(*phases: Sequence[float]) -> Recording:
    """A recording with tasks of so many bytes in each phase."""
    kinds = ["a", "b"] * len(phases)
    return Recording(
        1,
        1,
        0,
        tuple(
            RecordedPhase(k, "part", [*sizes], *[[-1.0] * len(sizes)] * 2)
            for k, sizes in zip(kinds, phases, strict=False)
        ),
    )


def wall(outcome: Outcome) -> float:
    return sum(phase.wall for phase in outcome.phases)


@given(sizes, sizes)
def test_one_core_takes_the_sum_of_all_tasks(first: list[float], second: list[float]) -> None:
    """It is never idle, if the driver takes no time."""
    found = simulate(crawl(first, second), FREE, EXACT)
    assert wall(found) == pytest.approx(sum(first) + sum(second))
    assert found.figures()["utilisation"] == pytest.approx(1, abs=1e-3)


@given(sizes, clusters)
def test_the_wall_time_is_within_the_limits_of_list_scheduling(tasks: list[float], nodes: tuple[int, ...]) -> None:
    """Not below the work of a core or the longest task, not above their sum (Graham, 1969).

    More cores do not make every phase shorter, but of independent tasks in one order they do.
    """
    cores = sum(nodes)
    took = wall(simulate(crawl(tasks), replace(FREE, nodes=nodes), EXACT))
    work, longest = sum(tasks) / cores, max(tasks)
    assert max(work, longest) - 1e-9 <= took <= work + (1 - 1 / cores) * longest + 1e-9
    assert wall(simulate(crawl(tasks), replace(FREE, nodes=(*nodes, 1)), EXACT)) <= took + 1e-9


@given(st.integers(1, 200), clusters, st.integers(0, 5))
def test_every_task_ends_once_whatever_is_lost(count: int, nodes: tuple[int, ...], seed: int) -> None:
    """It is done, or its worker's death is reported; cores are never at more tasks than they can be."""
    cluster = replace(NOISY, nodes=nodes, seed=seed, repeats=1)
    executor = SimulatedExecutor(cluster, EXACT, work=lambda load: load.number)
    tasks = [Load("a", number, 20.0 + number) for number in range(count)]
    outcomes = list(executor.map(lambda task, _: task, tasks))
    assert Counter(outcome.task.number for outcome in outcomes) == Counter(range(count))
    assert all(isinstance(one, Done | Died) for one in outcomes)
    (phase,) = executor.phases
    assert (phase.done, phase.deaths) == tuple(sum(isinstance(o, kind) for o in outcomes) for kind in (Done, Died))
    assert len(phase.spans) == count + phase.repeats
    changes = sorted((time, step) for span in phase.spans for time, step in zip(span, (1, -1), strict=True))
    running = 0
    for _, step in changes:
        running += step
        assert running <= sum(nodes)


@given(st.integers(1, 100), clusters)
def test_the_same_seed_is_the_same_run(count: int, nodes: tuple[int, ...]) -> None:
    """To the last digit; the time that is not work has a cause."""
    found = [simulate(crawl([30.0] * count), replace(NOISY, nodes=nodes), EXACT) for _ in range(2)]
    assert found[0] == found[1]
    assert sum(found[0].shares.values()) == pytest.approx(wall(found[0]))


@pytest.mark.parametrize("gathered", [1, 5, 10])
def test_gathered_archives_are_fewer_tasks_of_the_same_bytes(gathered: int) -> None:
    phases = (
        RecordedPhase("warc", "part", [3.0, 5.0], [2.0, 2.0], [1.0, 1.0]),
        RecordedPhase("conclude", "part", [3.0, 5.0], [400.0, 400.0], [1.0, 1.0]),
        RecordedPhase("resolve", "all", [7.0], [100.0], [100.0]),
    )
    read, conclude, resolve = Recording(100, 2, 0, phases).whole(gathered).phases
    assert len(read.bytes) == 100 / gathered
    assert (sum(read.bytes), sum(read.gets), sum(conclude.bytes)) == (8 * 50, 4 * 50, 8 * 50)
    assert (sum(conclude.gets), resolve.gets) == (400 * 100 / gathered, [100 / gathered])


def test_a_task_that_always_dies_is_given_up() -> None:
    """After as many tries as the runner has; the phases after it are not begun."""
    found = simulate(crawl([100.0], [1.0]), replace(FREE, deaths_per_hour=1e9), EXACT)
    assert found.given_up == 1
    assert [phase.deaths for phase in found.phases] == [TRIES]


def test_a_lost_node_does_not_lose_its_tasks() -> None:
    """They are begun again elsewhere, as Ray does it, and only the time of the first attempt is lost."""
    cluster = replace(FREE, nodes=(1, 1), losses_per_hour=30.0)
    executor = SimulatedExecutor(cluster, EXACT, work=lambda load: load.number)
    outcomes = list(executor.map(lambda task, _: task, [Load("a", number, 5.0) for number in range(20)]))
    assert all(isinstance(outcome, Done) for outcome in outcomes)
    (phase,) = executor.phases
    assert phase.repeats >= 1
    assert phase.lost == pytest.approx(phase.busy - 100.0)


def test_tasks_that_need_memory_leave_cores_idle() -> None:
    """As with the real executors; and one always runs."""
    tasks = [Load("a", number, 1.0) for number in range(8)]
    for memory, width in ((0, 4), (8 * GIB, 2), (64 * GIB, 1)):
        executor = SimulatedExecutor(replace(FREE, nodes=(4,), core_memory=4 * GIB), EXACT, work=id)
        list(executor.map(lambda task, _: task, tasks, memory))
        assert executor.now == pytest.approx(8 / width)


def test_a_busy_store_slows_all_and_refuses_some() -> None:
    """No more requests succeed than it allows; with few tasks it refuses none."""
    quick_tasks = Timings({"a": Timing(0.01, 0.0, (1.0,), gets=20, puts=0)})
    store = replace(FREE, latency=0.01, gets_per_second=1000.0, puts_per_second=1000.0)
    few, many = (simulate(crawl([1.0] * 2000), replace(store, nodes=(n,)), quick_tasks) for n in (4, 60))
    assert few.phases[0].refused == 0
    assert many.phases[0].refused > 0
    assert 2000 * 20 / wall(many) <= 1050


def test_back_off_keeps_a_store_busy() -> None:
    """Clients that want more than it allows get nearly all of that, and are refused the more often, the more they are."""
    found = [contention(processes, 0.03, 300.0) for processes in (1, 4, 16)]
    assert found[0].refusals < found[1].refusals < found[2].refusals
    assert all(one.efficiency > 0.7 for one in found)


@given(st.floats(0, 5), st.floats(0, 2), st.lists(st.integers(1, 1000), min_size=2, max_size=50, unique=True))
def test_a_line_is_found_again(fixed: float, per_byte: float, tasks: list[int]) -> None:
    """Of tasks that take a fixed time and one for each byte, and of nothing else, all seconds are as measured."""
    fitted = Timing.fit([TaskSample("a", size, fixed + per_byte * size) for size in tasks])
    for size in tasks:
        assert fitted.seconds(size, 0.5) == pytest.approx(fixed + per_byte * size, abs=1e-6)


def test_real_runs_make_the_same_under_simulated_deaths(tmp_path: Path) -> None:
    """The real loop with its own retries: the receipts, counts and verdicts of one worker, whatever died."""
    write_inputs(tmp_path / "in")
    quick(pipeline(tmp_path, root="expected"))
    kinds = ("lines-of-text → words → upper", "same reduce", "same resolve", "same", "gather")
    timings = Timings({kind: Timing(60.0, 0.0, (0.5, 1.0, 1.5)) for kind in kinds})
    deaths = given_up = 0
    for seed in (2, 3):
        cluster = replace(FREE, nodes=(1, 1), deaths_per_hour=25.0, losses_per_hour=8.0, repeats=1, seed=seed)
        executor = SimulatedExecutor(cluster, timings)
        given = pipeline(tmp_path, root=f"root-{seed}")
        while not run(given, executor=executor).complete:
            given_up += 1
        assert RootContents(given.root).everything() == RootContents(tmp_path / "expected").everything()
        deaths += sum(phase.deaths for phase in executor.phases)
    assert deaths
    assert given_up


@pytest.mark.slow
@pytest.mark.parametrize("over_ranges", [False, True])
def test_a_crawl_is_recorded_by_the_real_planner(tmp_path: Path, *, over_ranges: bool) -> None:
    """Parts that stand for several archives make the phases and tasks of a part for each, but for the parts."""
    (tmp_path / "crawl").mkdir()
    known = patterns(tmp_path / "crawl", recipe(1, over_ranges=over_ranges), 100)
    with patch.object(tiers, "FAN_IN", 8):
        few = record(tmp_path / "crawl", 24, 12, known, over_ranges=over_ranges).whole()
        every = record(tmp_path / "crawl", 24, 24, known, over_ranges=over_ranges).whole()
    assert few.parts == every.parts == 24
    assert [(one.kind, one.unit) for one in few.phases] == [(one.kind, one.unit) for one in every.phases]
    for one, other in zip(few.phases, every.phases, strict=True):
        if one.unit != "merge":  # these divide the parts that there are
            assert len(one.bytes) == pytest.approx(len(other.bytes), rel=0.1), one.kind
        assert sum(one.bytes) == pytest.approx(sum(other.bytes), rel=0.1), one.kind
    few.save(tmp_path / "recording.json")
    assert Recording.load(tmp_path / "recording.json") == few
    timings = calibrated(Timings.load(BUILT_IN), few)
    found = simulate(few, FREE.with_cores(20), timings)
    assert sum(phase.busy for phase in found.phases) == pytest.approx(24 * PAGES * ROWS, rel=0.2)
    assert [phase.done for phase in found.phases] == [len(phase.bytes) for phase in few.phases]


def test_the_log_of_a_run_has_its_tasks(tmp_path: Path) -> None:
    """Seconds as the driver saw them, by the title of their phase."""
    events = [
        {"event": "phase_started", "phase": "a"},
        {"event": "committed", "requests": {"get": 2, "put": 1, "read": 5}},
        {"event": "committed"},
        {"event": "task_done", "bytes": 7, "seconds": 1.5},
        {"event": "task_done", "bytes": 8, "seconds": 1.0},
    ]
    path = tmp_path / "log"
    path.write_text("\n".join(map(json.dumps, events)))
    assert list(samples_of_log(path)) == [TaskSample("a", 7, 1.5, 2, 1), TaskSample("a", 8, 1.0)]
