"""The loop of a run: plan, have the tasks of the next phase done, add their receipts, and plan again.

Several pipelines go through the same loop. Where their tasks read the same files, one task does them together.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, cast

import psutil

from refinery.errors import RefineryError, StorageError, UsageError
from refinery.executors import Died, Done, Executor, TaskQueue
from refinery.executors.local import LocalExecutor
from refinery.executors.worker import refuse_in_worker
from refinery.planner.compatibility import changed_code, check_root, refuse_changed_code
from refinery.planner.planner import Planner
from refinery.planner.preflight import preflight
from refinery.planner.selection import Selection
from refinery.recipe import Pipeline
from refinery.root.receipts import Receipt
from refinery.root.takedowns import read_state
from refinery.runner.active import ActiveRun, Outcome, Tolerance
from refinery.runner.drain import Drain, Drained, entered
from refinery.runner.events import Listener, silent
from refinery.runner.joint import joined
from refinery.runner.progress import RunRecorder
from refinery.runner.report import RunReport
from refinery.runner.stragglers import Stragglers, differ
from refinery.runner.takedown import finish
from refinery.task.perform import perform
from refinery.task.tasks import JointTask, Task


def run(
    pipeline: Pipeline,
    selection: Selection = Selection(),
    *,
    accept_code: bool = False,
    fail_fast: bool = False,
    allow_failed_parts: int = 0,
    listener: Listener | None = None,
    command: dict[str, Any] | None = None,
    executor: Executor | None = None,
) -> RunReport:
    """Run the tasks that are missing. Raises RefineryError; committed parts stay, and another call goes on from them.

    A part that fails, and is one of at most ``allow_failed_parts``, is left out of all that follows. It stays missing,
    so another run tries it again. ``executor`` replaces the one that the recipe names. Workers are new processes. They
    import the main module only where a stage is defined there: then a script calls this below
    ``if __name__ == "__main__"``.
    """
    (report,) = run_together(
        [pipeline],
        selection,
        accept_code=accept_code,
        fail_fast=fail_fast,
        allow_failed_parts=allow_failed_parts,
        listeners=[listener or silent],
        commands=[command or {}],
        executor=executor,
    )
    return report


def run_together(
    pipelines: Sequence[Pipeline],
    selection: Selection = Selection(),
    *,
    accept_code: bool = False,
    fail_fast: bool = False,
    allow_failed_parts: int = 0,
    listeners: Sequence[Listener] = (),
    commands: Sequence[dict[str, Any]] = (),
    executor: Executor | None = None,
) -> list[RunReport]:
    """Run several pipelines, each into a root of its own, as ``run`` runs one: the roots are the same.

    Inputs that they have in common are read once, and what stages of one configuration compute of a document is
    computed once. The executor is that of the first pipeline. ``listeners`` and ``commands`` are one a pipeline, or
    none.
    """
    refuse_in_worker()
    planners = [preflight(pipeline, selection, accept_code=accept_code).cleared() for pipeline in pipelines]
    _refuse_one_root(planners)
    tolerance = Tolerance(allow_failed_parts, fail_fast)
    with ExitStack() as stack:
        runs = []
        for number, planner in enumerate(planners):
            record = RunRecorder(
                planner.root, commands[number] if commands else {}, listeners[number] if listeners else silent
            )
            runs.append(stack.enter_context(_opened(planner, record, tolerance, accept_code=accept_code)))
        active = [one for one in runs if one.phase is not None]
        if active:
            _go(active, executor or _executor(planners[0].layout.pipeline), entered())
        return [one.finish() for one in runs]


def _refuse_one_root(planners: Sequence[Planner]) -> None:
    """Raise UsageError if two pipelines have one root."""
    paths = [planner.root.path for planner in planners]
    for path in paths:
        if paths.count(path) > 1:
            raise UsageError(f"two recipes have the root {path}", hint="each recipe needs a root of its own")


@contextlib.contextmanager
def _opened(planner: Planner, record: RunRecorder, tolerance: Tolerance, *, accept_code: bool) -> Iterator[ActiveRun]:
    """Lock the root, and check it again, for another run may have ended meanwhile."""
    root, layout = planner.root, planner.layout
    with root.store.lock(root.path, shared=layout.selection.shared) as lock:
        head = check_root(root, layout.pipeline.dataset)
        if read_state(root).pending:
            with lock.exclusive():
                finish(root)
        if not accept_code:
            refuse_changed_code(changed_code(root, head, layout.folders, layout.steps))
        if not layout.selection.shared:
            root.store.clean(root.path)
        planner.inputs.keep()
        with record:
            yield ActiveRun(planner, lock, head, record, tolerance)


def _go(runs: Sequence[ActiveRun], executor: Executor, drain: Drain) -> None:
    """Do phase after phase of all runs. Ends workers and records however it ends."""
    state, problem = "failed", ""
    try:
        for one in runs:
            one.begin()
        while going := [one for one in runs if one.phase is not None]:
            _do(going, executor, drain)
            for one in going:
                one.advance()
        state = "done"
    except KeyboardInterrupt as interrupt:
        if drain.expired or isinstance(interrupt, Drained):  # Ray raises another one for that of the alarm
            state = "drained"
            raise drain.ended(sum(one.tasks for one in runs), sum(one.under_way for one in runs)) from None
        state = "interrupted"
        raise
    except (RefineryError, OSError) as error:  # OSError: of whoever listens, such as a closed terminal
        problem = error.message if isinstance(error, RefineryError) else f"{type(error).__name__}: {error}"
        raise
    finally:
        executor.close()
        for one in runs:
            with contextlib.suppress(StorageError):  # a full disk takes no record; the error is raised all the same
                one.end(state, problem)


def _do(runs: Sequence[ActiveRun], executor: Executor, drain: Drain) -> None:
    """Do the next phase of each run. Raises Drained if that is requested, once the tasks under way have ended."""
    by_root = {one.root: one for one in runs}
    phases = [phase for one in runs if (phase := one.enter(executor.room)) is not None]
    tasks = joined([phase.tasks for phase in phases])
    stragglers = Stragglers(len(tasks))

    def begun(task: Task | JointTask) -> None:
        for one in _single(task):
            by_root[one.root].begun(one)
        stragglers.begun(task)

    def late(most: int) -> Sequence[Task | JointTask]:
        return () if drain.requested else _copied(by_root, stragglers, most)

    queue = TaskQueue(tasks, begun, lambda: drain.requested)
    for outcome in executor.map(perform, queue, max(phase.memory for phase in phases), late):
        first = stragglers.first(outcome)
        if first is outcome:
            queue.begin_again(_taken(by_root, outcome))
        if stragglers.copied(outcome.task):
            _settle(by_root, first, outcome)
    if drain.requested:
        raise Drained


def _copied(by_root: dict[str, ActiveRun], stragglers: Stragglers, most: int) -> Sequence[Task | JointTask]:
    """Return the tasks that another worker is to do as well, and report them."""
    late = stragglers.late(most)
    for task in late:
        message = f"has taken {stragglers.seconds(task):.0f} s, far longer than others: another worker does it as well"
        for one in _single(task):
            by_root[one.root].problem(f"{one.title}: {message}")
    return late


def _settle(by_root: dict[str, ActiveRun], first: Outcome[Task | JointTask], last: Outcome[Task | JointTask]) -> None:
    """Have the receipts of the first copy of a task count. Raises PartFailed if the other one has other content ids."""
    if not isinstance(first, Done):
        return
    for task, receipts in _divided(first.task, first.result):
        by_root[task.root].settle(task, receipts, equal=not differ(first, last))


def _taken(by_root: dict[str, ActiveRun], outcome: Outcome[Task | JointTask]) -> Sequence[Task]:
    """Pass the outcome on to each run that has a task in it, and return the tasks to begin again."""
    task = outcome.task
    for one in _single(task):
        by_root[one.root].ended(one, outcome.report, failed=not isinstance(outcome, Done))
    if not isinstance(task, JointTask):
        return by_root[task.root].after(cast("Outcome[Task]", outcome))
    if isinstance(outcome, Done):
        for one, receipts in _divided(task, outcome.result):
            by_root[one.root].after(Done(one, receipts))
        return ()
    # What befell one of them is not to befall the others, and is traced to a document as in a run of one pipeline.
    reason = f"its worker was {outcome.cause}" if isinstance(outcome, Died) else outcome.summary
    for one in task.tasks:
        by_root[one.root].problem(f"{one.title}: done again without the other recipes, for with them {reason}")
    return task.tasks


def _single(task: Task | JointTask) -> Sequence[Task]:
    return task.tasks if isinstance(task, JointTask) else [task]


def _divided(task: Task | JointTask, receipts: list[Receipt]) -> Iterable[tuple[Task, list[Receipt]]]:
    return task.divided(receipts) if isinstance(task, JointTask) else [(task, receipts)]


def _executor(pipeline: Pipeline) -> Executor:
    settings = pipeline.executor
    if settings.kind == "ray":
        from refinery.executors.ray import RayExecutor

        return RayExecutor(settings.address, settings.processes(), settings.memory_bytes)
    return LocalExecutor(settings.processes() or 1, settings.memory_bytes(psutil.virtual_memory().total))
