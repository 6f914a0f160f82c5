"""A plan is a pure function of receipts: its laws, with receipts in memory and no file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import pytest
from hypothesis import given, settings, strategies as st
from msgspec import structs

from refinery.errors import UsageError
from refinery.identity import digest, measure_identity, part_key
from refinery.planner.parts import Part
from refinery.planner.plan import Plan
from refinery.planner.segments import Layout
from refinery.planner.selection import Selection
from refinery.planner.walk import make_plan
from refinery.recipe import Pipeline, Step
from refinery.root.briefs import Brief
from refinery.root.receipts import FileRef, Kind, Receipt
from refinery.stage.base import Filter
from refinery.stage.rounds import Reduce
from refinery.task.tasks import AuditTask, SegmentTask, StepRun, Task
from tests.engine.roots import all_kinds, steps
from tests.engine.toy import Gather, Length, LineSource, Same, Upper


class Halves(Same):
    """Divides the dataset into two partitions."""

    name: ClassVar = "halves"

    def partitions(self) -> int:
        return 2


PIPELINES = {
    "all kinds": all_kinds(),
    "rows only": steps(LineSource(), Length(), Upper()),
    "divided": steps(LineSource(), Length(), Halves(), Upper(), Same(), Gather()),
}


class Memory:
    """Receipts in memory, looked up as those of a root."""

    def __init__(self, receipts: Mapping[tuple[str, str], Receipt] | None = None) -> None:
        self.receipts = dict(receipts or {})
        self.fresh: set[str] = set()

    def find(self, folder: str, key: str) -> Receipt | None:
        return self.receipts.get((folder, key))

    def find_all(self, folder: str, keys: Sequence[str]) -> Iterator[Receipt | None]:
        return (self.find(folder, key) for key in keys)

    def briefs(self, folder: str, keys: Sequence[str]) -> Iterator[Brief | None]:
        return (one and Brief.of(one) for one in self.find_all(folder, keys))

    def sequence(self, folder: str, keys: Sequence[str]) -> Sequence[Receipt]:
        return tuple(self.receipts[folder, key] for key in keys)

    def is_fresh(self, key: str) -> bool:
        return key in self.fresh

    def metrics(self, folder: str, measure: str) -> Mapping[tuple[str, ...], tuple[str, ...]]:
        known = (receipt for (place, _), receipt in self.receipts.items() if place == folder)
        return {one.inputs: ("metrics",) for one in known if one.libraries.get("measure") == measure}

    def commit(self, tasks: Iterable[Task]) -> None:
        """Commit the receipts of tasks, as if they had been performed."""
        for task in tasks:
            for folder, receipt in performed(task):
                self.receipts[folder, receipt.key] = receipt
                self.fresh.add(receipt.key)


def receipt_of(kind: Kind, name: str, part: int, key: str, inputs: tuple[str, ...], outputs: Sequence[str]) -> Receipt:
    """A receipt whose contents follow from its inputs and its key."""
    return Receipt(
        kind=kind,
        stage=name,
        part=part,
        key=key,
        inputs=inputs,
        contents={output: digest([output, key]) for output in outputs},
        rows={"in": 9, "kept": 7, "text": 50, "keys": 7, "reduced": 5},
        files={output: (FileRef(path=f"{name}/{output}-{key[:8]}", rows=7, bytes=100),) for output in outputs},
    )


def performed(task: Task) -> Iterator[tuple[str, Receipt]]:
    """The receipts of a task with the folders that they lie in."""
    if isinstance(task, SegmentTask):
        yield from through_segment(task)
    elif isinstance(task, AuditTask):
        yield task.folder, receipt_of("audit", task.name, task.part, task.key, task.inputs, ["audit"])
    elif isinstance(task.round, Reduce):
        yield task.folder, receipt_of("reduce", task.name, task.number, task.key, task.inputs, ["reduced"])
    else:
        names = [str(part.number) for part in task.parts]
        yield task.folder, receipt_of("resolve", task.name, 0, task.key, task.inputs, names)


def through_segment(task: SegmentTask) -> Iterator[tuple[str, Receipt]]:
    contents = task.contents
    for run, output in zip(task.steps, task.outputs, strict=True):
        if output.commit:
            key = part_key(output.identity, contents)
            receipt = receipt_of("stage", run.step.name, task.part, key, contents, ["kept", "removed"])
            files = receipt.files if output.write else {}
            yield output.folder, structs.replace(receipt, files=files, libraries=measured(run))
            contents = (receipt.contents["kept"],)
        else:
            contents = (output.expected,)
    if task.map is not None:
        key = part_key(task.map.identity, contents)
        yield task.map.folder, receipt_of("map", task.map.name, task.part, key, contents, ["keys", "index"])


def measured(run: StepRun) -> dict[str, str]:
    """The measure identity of a filter, for a field that nothing else uses here."""
    stage = run.step.stage
    return {"measure": measure_identity(stage) if isinstance(stage, Filter) else ""}


class World:
    """A pipeline over some input files, and what is committed of it."""

    def __init__(self, chosen: tuple[Step, ...], files: int = 3, **settings: object) -> None:
        values = {"dataset": "toy", "inputs": ("in/*",), "root": "root", "write": "every", **settings}
        self.pipeline = Pipeline(**values, steps=chosen)  # type: ignore[arg-type]
        self.parts = [Part(n, (f"in/{n}",), (digest(["file", n]),), 1000, f"in/{n}") for n in range(files)]
        self.memory = Memory()
        self.left_out: set[tuple[int, int]] = set()

    def plan(self, selection: Selection = Selection()) -> Plan:
        layout = Layout.of(self.pipeline, selection)
        references: dict[int, list[object]] = {position: [] for position in range(len(layout.steps))}
        chosen = selection.parts
        parts = [part for part in self.parts if not isinstance(chosen, tuple) or part.number in chosen]
        return make_plan(layout, parts, self.memory, references, self.left_out)  # type: ignore[arg-type]

    def finish(self, selection: Selection = Selection()) -> Plan:
        """Commit phase after phase."""
        for _ in range(50):
            plan = self.plan(selection)
            if plan.phase is None:
                return plan
            self.memory.commit(plan.phase.tasks)
        raise AssertionError(f"no end: {plan}")


worlds = st.builds(
    World,
    st.sampled_from(list(PIPELINES.values())),
    st.integers(1, 4),
    write=st.sampled_from(["every", "marked"]),
    audit=st.sampled_from([0, 2]),
)


def progress(world: World, choices: st.DataObject, most: int = 12) -> Iterator[tuple[Plan, Sequence[Task]]]:
    """Plans on the way to the end, each with the tasks of it that are committed next: some or all."""
    for _ in range(most):
        plan = world.plan()
        if plan.phase is None:
            return
        tasks = choices.draw(st.lists(st.sampled_from(plan.phase.tasks), min_size=1, unique_by=id))
        yield plan, tasks
        world.memory.commit(tasks)


def tasks_of(plan: Plan) -> tuple[Task, ...]:
    return plan.phase.tasks if plan.phase else ()


@given(worlds, st.data())
@settings(max_examples=40, deadline=None)
def test_planning_twice_returns_equal_plans(world: World, choices: st.DataObject) -> None:
    """A plan follows from the receipts alone, and making it changes nothing."""
    for plan, _ in progress(world, choices):
        before = dict(world.memory.receipts)
        assert world.plan() == plan
        assert world.memory.receipts == before


@given(worlds, st.data())
@settings(max_examples=40, deadline=None)
def test_committing_tasks_leaves_the_stages_before_them_alone(world: World, choices: st.DataObject) -> None:
    """The receipts of a plan's tasks never change the state of an earlier stage, and are never asked for again."""
    for plan, tasks in progress(world, choices):
        names = {receipt.stage for task in tasks for _, receipt in performed(task)}
        world.memory.commit(tasks)
        following = world.plan()
        first = min(n for n, state in enumerate(plan.stages) if state.name in names)
        assert following.stages[:first] == plan.stages[:first]
        assert not any(task in tasks_of(following) for task in tasks)


@given(worlds)
@settings(max_examples=30, deadline=None)
def test_a_run_ends(world: World) -> None:
    """Committing phase after phase leads to a plan without tasks in which every stage is complete."""
    plan = world.finish()
    assert plan.complete
    assert [state.waiting for state in plan.stages] == [0] * len(plan.stages)


@given(worlds, st.data(), st.sets(st.integers(0, 3), min_size=1))
@settings(max_examples=40, deadline=None)
def test_the_plan_of_some_parts_is_a_subset_of_the_full_plan(
    world: World, choices: st.DataObject, numbers: set[int]
) -> None:
    """Its tasks up to the first global stage, and its receipts at every stage, are among those of the full plan."""
    selection = Selection(parts=tuple(sorted(numbers)))
    for plan, _ in progress(world, choices):
        if any(part.number in numbers for part in world.parts):
            some = world.plan(selection)
            assert all(task in tasks_of(plan) or isinstance(task, AuditTask) for task in tasks_of(some))
            for one, every in zip(some.stages, plan.stages, strict=True):
                assert set(key(one.receipts)) <= set(key(every.receipts))


@given(worlds, st.data(), st.integers(0, 6))
@settings(max_examples=40, deadline=None)
def test_the_plan_up_to_a_stage_is_a_subset_of_the_full_plan(
    world: World, choices: st.DataObject, position: int
) -> None:
    """Nothing after the stage is planned; up to it, no other receipts count."""
    names = [step.name for step in world.pipeline.steps]
    until = names[position % len(names)]
    for plan, _ in progress(world, choices):
        try:
            short = world.plan(Selection(until=until))
        except UsageError:  # between two partitions
            return
        last = names.index(until)
        assert [state.expected for state in short.stages[last + 1 :]] == [0] * (len(names) - last - 1)
        for one, every in zip(short.stages, plan.stages[: last + 1], strict=False):
            assert set(key(one.receipts)) <= set(key(every.receipts))


def key(receipts: Iterable[Receipt]) -> list[str]:
    return [receipt.key for receipt in receipts]


@pytest.mark.parametrize("chosen", PIPELINES.values(), ids=PIPELINES)
def test_a_part_that_is_left_out_is_missing_in_everything_that_follows(chosen: tuple[Step, ...]) -> None:
    """Its task is in no later plan, and every later stage waits for it."""
    world = World(chosen)
    plan = world.plan()
    assert plan.phase is not None
    failed, *others = plan.phase.tasks
    assert isinstance(failed, SegmentTask)
    world.memory.commit(others)
    world.left_out.add((plan.phase.segment, failed.part))
    last = world.finish()
    assert not last.complete
    assert all(state.waiting for state in last.stages if state.expected > 1)
    assert failed.part not in {receipt.part for state in last.stages[:3] for receipt in state.receipts}


def test_a_part_whose_map_failed_is_left_out() -> None:
    """A map at the end of a divided group belongs to its last segment, though the first one ends with the same map."""
    world = World(PIPELINES["divided"], files=6)
    while True:
        plan = world.plan()
        assert plan.phase is not None
        if plan.phase.segment == 4:
            break
        world.memory.commit(plan.phase.tasks)
    world.memory.commit(replace(task, map=None) for task in plan.phase.tasks if isinstance(task, SegmentTask))
    maps = world.plan()
    assert maps.phase is not None
    assert (maps.phase.title, maps.phase.segment) == ("halves map", 4)
    world.left_out |= {(maps.phase.segment, task.part) for task in maps.phase.tasks if isinstance(task, SegmentTask)}
    assert world.finish().phase is None


@given(worlds, st.data())
@settings(max_examples=30, deadline=None)
def test_a_lost_receipt_is_committed_again(world: World, choices: st.DataObject) -> None:
    """Whichever is lost, the same receipts are there in the end."""
    world.finish()
    receipts = dict(world.memory.receipts)
    lost = choices.draw(st.sampled_from(sorted(receipts)))
    del world.memory.receipts[lost]
    plan = world.plan()
    assert len(tasks_of(plan)) == 1
    world.finish()
    assert world.memory.receipts == receipts


def test_a_new_threshold_is_applied_to_stored_metrics() -> None:
    """The parts of the stage are counted as such, and their tasks name the files with the metrics."""
    world = World(all_kinds())
    world.finish()
    world.pipeline = world.pipeline.model_copy(update={"steps": all_kinds(min_words=3)})
    plan = world.plan()
    assert [state.reapplied for state in plan.stages] == [0, 3, 0, 0, 0]
    assert all(isinstance(task, SegmentTask) and task.steps[0].stored for task in tasks_of(plan))


@pytest.mark.parametrize("selection", [Selection(force=True), Selection(first="upper")])
def test_a_forced_stage_runs_once_more(selection: Selection) -> None:
    """Receipts of earlier runs do not count, those of this run do."""
    world = World(all_kinds())
    world.finish()
    world.memory.fresh.clear()
    assert world.plan(selection).phase is not None
    assert world.finish(selection).complete


def test_some_parts_stop_before_a_stage_that_needs_all() -> None:
    """The plan names the stage."""
    world = World(all_kinds())
    plan = world.finish(Selection(parts=(1,)))
    assert plan.blocked == "same needs all parts, and only some are selected"
    assert not plan.complete or plan.stages[-1].expected == 1


def test_a_plan_is_printed_in_a_few_words() -> None:
    """A line a stage, then the next phase."""
    world = World(all_kinds())
    plan = world.plan()
    assert str(plan).splitlines() == [
        "lines-of-text 0/3",
        "words 0/3",
        "upper 0/3",
        "same 0/3",
        "gather 0/3",
        "next: lines-of-text → words → upper (3 tasks)",
    ]
    assert repr(plan).startswith("<Plan lines-of-text 0/3, words 0/3,")
    assert str(world.finish()).endswith("nothing to do")


def test_a_selection_must_name_stages_of_the_recipe_in_order() -> None:
    """Other names and the wrong order are refused with what there is."""
    world = World(all_kinds())
    with pytest.raises(UsageError, match="no stage 'wrods'"):
        world.plan(Selection(until="wrods"))
    with pytest.raises(UsageError, match="--from upper comes after --until words"):
        world.plan(Selection(first="upper", until="words"))
