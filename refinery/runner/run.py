"""The loop of a run: plan, have the tasks of the next phase done, add their receipts, and plan again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import psutil

from refinery.errors import PartFailed, RefineryError, StorageError
from refinery.executors import Died, Done, Executor, Failed
from refinery.executors.local import LocalExecutor
from refinery.executors.worker import refuse_in_worker
from refinery.formatting import plural
from refinery.html import paragraph
from refinery.planner.compatibility import changed_code, check_root, refuse_changed_code
from refinery.planner.memory import refuse_misfit
from refinery.planner.plan import Phase, Plan
from refinery.planner.planner import Planner
from refinery.planner.preflight import preflight
from refinery.planner.selection import Selection
from refinery.recipe import Pipeline, Setting, changes, recipe_dict
from refinery.root.manifests import StageManifest
from refinery.root.receipts import Receipt
from refinery.root.runs import StageWork
from refinery.runner.deaths import TRIES, Deaths, describe
from refinery.runner.manifests import State
from refinery.runner.progress import Listener, RunRecorder, Silent
from refinery.store import RootLock
from refinery.task.perform import perform
from refinery.task.tasks import SegmentTask, Task, Unreadable


@dataclass(frozen=True)
class RunReport:
    """The phases and tasks that a run did, the parts that failed, and True if every stage is complete."""

    phases: int
    tasks: int
    failures: tuple[str, ...]
    complete: bool
    blocked: str
    failures_allowed: bool = True
    """True if the run went on without the parts that failed, if any."""
    manifests_updated: bool = True
    """True if the manifests are up to date; not while other runs share the root: the last of them updates them."""
    missing_files: tuple[str, ...] = ()
    """Files below the root that receipts name and that were gone or had another size: their parts ran again."""
    changed_settings: tuple[Setting, ...] = ()
    """Values of the recipe that differ from those the root had before."""
    reused: tuple[str, ...] = ()
    """Stages whose results differ from those before and were all there already, from another recipe."""

    def _repr_html_(self) -> str:
        end = "complete" if self.complete else f"not complete {self.blocked}"
        return paragraph(f"{plural(self.tasks, 'task')} done, {end}") + "".join(map(paragraph, self.failures))


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
    refuse_in_worker()
    planner = preflight(pipeline, selection, accept_code=accept_code).cleared()
    pipeline, root = planner.layout.pipeline, planner.root
    with root.store.lock(root.path, shared=selection.shared) as lock:
        head = check_root(root, pipeline.dataset)  # another run may have ended meanwhile
        if not accept_code:
            refuse_changed_code(changed_code(root, head, planner.layout.folders, planner.layout.steps))
        if not selection.shared:
            root.store.clean(root.path)
        changed = changes(head.recipe, recipe_dict(pipeline)) if head else ()
        before = root.current_manifests(head) if changed else {}
        plan, committed = planner.plan(), set[str]()
        if plan.phase is None:
            report = RunReport(0, 0, (), plan.complete, plan.blocked)
        else:
            record = RunRecorder(root, command or {}, listener or Silent())
            running = _Run(
                planner, record, executor or _executor(pipeline), lock, _Tolerance(allow_failed_parts, fail_fast)
            )
            plan = running.go(plan)
            report, committed = running.report(plan), running.committed
        reused = tuple(_reused(planner, plan, before, committed)) if changed else ()
        return replace(
            report, changed_settings=changed, reused=reused, manifests_updated=_update_manifests(planner, lock)
        )


def _reused(planner: Planner, plan: Plan, before: Mapping[str, StageManifest], committed: set[str]) -> Iterator[str]:
    """The stages whose receipts differ from those in ``before``, and none of them ``committed`` by this run."""
    for folder, state in zip(planner.layout.folders, plan.stages, strict=True):
        keys = tuple(receipt.key for receipt in state.receipts)
        known = before[folder].parts if folder in before else ()
        if keys and keys != known and committed.isdisjoint(keys):
            yield state.name


def _update_manifests(planner: Planner, lock: RootLock) -> bool:
    """Bring manifests and head up to date and clean up, unless other runs are at work: then the last of them does."""
    with lock.leave() as alone:
        if alone:
            State(planner.refreshed() if planner.layout.selection.shared else planner).complete(lock.check)
            planner.root.store.clean(planner.root.path)
    return alone


@dataclass(frozen=True)
class _Tolerance:
    """The number of failed parts that a run goes on without, and True if one more ends it at once."""

    allowed: int
    fail_fast: bool


class _Run:
    """The state of one run."""

    def __init__(
        self, planner: Planner, record: RunRecorder, executor: Executor, lock: RootLock, tolerance: _Tolerance
    ) -> None:
        self._planner = planner
        self._record = record
        self._tolerance = tolerance
        self._executor = executor
        self._lock = lock
        self._state = State(planner)
        self._failures: list[str] = []
        self._missing: list[str] = []
        self.committed: set[str] = set()
        self._allowed = True
        self._tasks = self._phases = 0

    def go(self, plan: Plan) -> Plan:
        """Do phase after phase; the last plan. Ends workers and the record however it ends."""
        state = "failed"
        try:
            if not self._state.has_begun(self._planner.root.head()):
                with self._lock.exclusive():
                    self._state.begin()
            self._record.stages(self._work(plan))
            self._report_missing()
            while plan.phase is not None and self._allowed:
                self._do(plan.phase)
                plan = self._planner.plan()
                self._report_missing()
                self._record.stages(self._work(plan))
                self._lock.check()
                if not self._planner.layout.selection.shared:
                    self._state.write()
            state = "done" if self._allowed else "failed"
        except KeyboardInterrupt:
            state = "interrupted"
            raise
        except (RefineryError, OSError) as error:  # OSError: of whoever listens, such as a closed terminal
            self._record.note(error.message if isinstance(error, RefineryError) else f"{type(error).__name__}: {error}")
            raise
        finally:
            self._executor.close()
            with contextlib.suppress(StorageError):  # a full disk takes no record; the error is raised all the same
                self._record.end(state)
        return plan

    def report(self, plan: Plan) -> RunReport:
        """The report of a run that ended with a plan."""
        failures, missing = tuple(self._failures), tuple(self._missing)
        return RunReport(
            self._phases,
            self._tasks,
            failures,
            plan.complete,
            plan.blocked,
            failures_allowed=self._allowed,
            missing_files=missing,
        )

    def _report_missing(self) -> None:
        for path, receipt in self._planner.receipts.lost.items():
            if path not in self._missing:
                self._missing.append(path)
                part = f"{receipt.stage}, part {receipt.part}"
                self._record.problem(f"{part}: {path} is gone or has another size, so the part counts as missing")

    def _work(self, plan: Plan) -> list[StageWork]:
        """The work on each selected stage so far."""
        work = []
        for state in plan.stages[: self._planner.layout.last + 1]:
            fresh = [receipt for receipt in state.receipts if receipt.key in self.committed]
            reapplied = sum(receipt.reapplied for receipt in fresh)
            work.append(
                StageWork(
                    stage=state.name,
                    current=len(state.receipts) - len(fresh),
                    reapplied=reapplied,
                    computed=len(fresh) - reapplied,
                    waiting=state.waiting,
                )
            )
        return work

    def _do(self, phase: Phase) -> None:
        self._phases += 1
        refuse_misfit(self._planner.root, phase, self._executor.room)
        self._record.phase(phase.title, len(phase.tasks), sum(task.bytes for task in phase.tasks))
        deaths = Deaths()
        waiting: Iterable[Task] = phase.tasks
        while waiting:
            again: list[Task] = []
            for outcome in self._executor.map(perform, self._begun(waiting), phase.memory):
                self._record.ended(outcome.task, failed=not isinstance(outcome, Done))
                if isinstance(outcome, Done):
                    self._commit(outcome.task, outcome.result)
                elif isinstance(outcome, Died):
                    again += self._after_death(phase, outcome, deaths)
                elif isinstance(outcome.error, Unreadable):  # isolated as a record that kills its worker
                    death = Died(outcome.task, outcome.error.cause, outcome.error.rows)
                    again += self._after_death(phase, death, deaths)
                else:
                    self._fail(phase, outcome)
            waiting = again

    def _begun(self, tasks: Iterable[Task]) -> Iterator[Task]:
        for task in tasks:
            self._record.begun(task)
            yield task

    def _commit(self, task: Task, receipts: list[Receipt]) -> None:
        self._lock.check()
        self._tasks += 1
        self.committed |= {receipt.key for receipt in receipts}
        self._planner.commit(receipts)
        self._record.done(task, receipts)

    def _fail(self, phase: Phase, outcome: Failed[Task]) -> None:
        error = outcome.error
        if error is not None and not isinstance(error, PartFailed):
            raise error  # storage, assets, usage: the next part would meet it too
        self._leave_out(phase, outcome.task, outcome.summary)
        self._record.failed(outcome.task, outcome.summary, outcome.trace)
        if self._tolerance.fail_fast and not self._allowed:
            raise error or PartFailed(self._failures[-1], hint="`refinery logs` has the traceback")

    def _leave_out(self, phase: Phase, task: Task, reason: str) -> None:
        """Go on without a part, if that is allowed."""
        self._failures.append(f"{task.title}: {reason}")
        if isinstance(task, SegmentTask) and len(self._failures) <= self._tolerance.allowed:
            self._planner.left_out.add((phase.segment, task.part))
        else:
            self._allowed = False

    def _after_death(self, phase: Phase, death: Died[Task], deaths: Deaths) -> list[Task]:
        """The task to begin again; none if it is given up."""
        self._record.problem(describe(death))
        task = deaths.next_try(death)
        if task is not None:
            return [task]
        self._leave_out(phase, death.task, f"worker {death.cause}")
        self._record.failed(death.task, f"given up after {TRIES} dead workers ({death.cause})")
        if self._tolerance.fail_fast and not self._allowed:
            raise PartFailed(self._failures[-1], hint="`refinery logs` has the deaths")
        return []


def _executor(pipeline: Pipeline) -> Executor:
    settings = pipeline.executor
    if settings.kind == "ray":
        from refinery.executors.ray import RayExecutor

        return RayExecutor(settings.address, settings.processes(), settings.memory_bytes)
    return LocalExecutor(settings.processes() or 1, settings.memory_bytes(psutil.virtual_memory().total))
