"""One root in a run: its plan, the outcomes of its tasks, and the records that it leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from refinery.errors import PartFailed, RefineryError, StorageError
from refinery.executors import Died, Done, Failed, WorkerReport
from refinery.planner.amounts import amounts_of, run_estimate
from refinery.planner.memory import refuse_misfit
from refinery.planner.plan import Phase, Plan
from refinery.planner.planner import Planner
from refinery.planner.selection import Selection
from refinery.recipe import changes, recipe_dict
from refinery.root.manifests import Head
from refinery.root.receipt_index import ROWS
from refinery.root.receipt_sequence import Receipts, keys_of
from refinery.root.receipts import Receipt
from refinery.root.runs import StageWork
from refinery.runner.deaths import TRIES, Deaths, describe
from refinery.runner.indexes import write_indexes
from refinery.runner.manifests import State
from refinery.runner.progress import RunRecorder
from refinery.runner.report import RunReport
from refinery.store import RootLock
from refinery.task.tasks import SegmentTask, Task, Unreadable

T = TypeVar("T")


Outcome = Done[T, list[Receipt]] | Failed[T] | Died[T]
"""The outcome of a task."""


@dataclass(frozen=True)
class Tolerance:
    """The number of failed parts that a run goes on without, and True if one more ends it at once."""

    allowed: int
    fail_fast: bool


class ActiveRun:
    """The state of a run in one root. ``head`` is that of the root before; the recorder writes nothing before `begin`.

    A run has, for each phase: ``enter``, the outcomes of its tasks, ``advance``.
    """

    def __init__(
        self, planner: Planner, lock: RootLock, head: Head | None, record: RunRecorder, tolerance: Tolerance
    ) -> None:
        self._planner, self._lock, self._record, self._tolerance = planner, lock, record, tolerance
        self._changed = changes(head.recipe, recipe_dict(planner.layout.pipeline)) if head else ()
        self._before = planner.root.current_manifests(head) if head and self._changed else {}
        self._plan = planner.plan()
        self._state = State(planner)
        self._deaths = Deaths()
        self._failures: list[str] = []
        self._missing: list[str] = []
        self._committed: set[str] = set()
        self._allowed = True
        self._tasks = self._phases = 0

    @property
    def root(self) -> str:
        """The path of the root, which its tasks have."""
        return self._planner.layout.pipeline.root

    @property
    def tasks(self) -> int:
        """Tasks that are done."""
        return self._tasks

    @property
    def under_way(self) -> int:
        """Tasks that workers have."""
        return self._record.under_way

    @property
    def phase(self) -> Phase | None:
        """The tasks that can be done next; None if none can, or if too many parts failed."""
        return self._plan.phase if self._allowed else None

    # ------------------------------------------------------------------------------------------------ from plan to plan

    def begin(self) -> None:
        """Record the estimate of the run, and that outputs will change."""
        head = self._planner.root.head()
        self._estimate(head)
        if not self._state.has_begun(head):
            with self._lock.exclusive():
                self._state.begin()
        self._report_plan()

    def _estimate(self, head: Head | None) -> None:
        """Record what the run is expected to take. A damaged manifest is no obstacle: this run writes it again."""
        estimate = None
        try:
            estimate = run_estimate(self._planner, self._plan, head)
        except StorageError as error:
            self._record.note(f"the run has no estimate: {error.message}")
        self._record.estimate(estimate, self._planner.layout.pipeline.prices.model_dump(exclude_none=True))

    def enter(self, room: int) -> Phase | None:
        """Begin and return the phase. Raises UsageError if a task takes more memory than there is ``room``."""
        phase = self.phase
        if phase is None:
            return None
        self._phases += 1
        self._deaths = Deaths()
        refuse_misfit(self._planner.root, phase, room)
        self._record.phase(phase.title, len(phase.tasks), sum(task.bytes for task in phase.tasks))
        return phase

    def advance(self) -> None:
        """Plan again after a phase, and write the manifests."""
        self._plan = self._planner.plan()
        self._report_plan()
        self._lock.check()
        if not self._planner.layout.selection.shared:
            self._state.write(self._full_plan(indexed=self._index()))

    def _full_plan(self, *, indexed: bool) -> Plan:
        """The plan of all stages and parts: with many parts it takes most of the time of a run without tasks.

        It is the one that the run has, if that is of all and has no receipts in memory that were ``indexed`` since.
        """
        of_all = self._planner.layout.selection == Selection()
        return self._plan if of_all and not indexed else self._planner.full_plan()

    def _index(self) -> bool:
        """Index the receipts of stages that have many which no index has; return True if there are some."""
        indexed = False
        for folder, state in zip(self._planner.layout.folders, self._plan.stages, strict=True):
            every = (state.receipts, state.shuffle, state.audit)
            if sum(some.loose for some in every if isinstance(some, Receipts)) >= ROWS:
                write_indexes(self._planner.root, folder)
                self._planner.receipts.reindex(folder)
                indexed = True
        return indexed

    def end(self, state: str, problem: str = "") -> None:
        """Record the end of the run, and a problem that ended it. Raises StorageError."""
        if problem:
            self._record.note(problem)
        self._record.end(state if self._allowed or state != "done" else "failed")

    def finish(self) -> RunReport:
        """Bring the manifests up to date where no other run is at work, and return the report."""
        return RunReport(
            self._phases,
            self._tasks,
            tuple(self._failures),
            self._plan.complete,
            self._plan.blocked,
            failures_allowed=self._allowed,
            missing_files=tuple(self._missing),
            changed_settings=self._changed,
            reused=tuple(self._reused()) if self._changed else (),
            manifests_updated=self._update_manifests(),
            amounts=amounts_of(self._record.record()) if self._phases else None,
        )

    def _reused(self) -> Iterator[str]:
        """The stages whose receipts differ from those before, and none of them was committed by this run."""
        for folder, state in zip(self._planner.layout.folders, self._plan.stages, strict=True):
            keys = keys_of(state.receipts)
            known = self._before[folder].parts if folder in self._before else ()
            if keys and keys != known and self._committed.isdisjoint(keys):
                yield state.name

    def _update_manifests(self) -> bool:
        """Bring manifests and head up to date and clean up, unless other runs are at work: the last of them does."""
        planner = self._planner
        with self._lock.leave() as alone:
            if alone:
                indexed = self._index()
                shared = planner.layout.selection.shared
                planner = planner.refreshed() if shared else planner
                plan = planner.full_plan() if shared else self._full_plan(indexed=indexed)
                State(planner).complete(plan, self._lock.check)
                planner.root.store.clean(planner.root.path)
        return alone

    def _report_plan(self) -> None:
        """Record files that are gone, and the work on each selected stage so far."""
        for path, receipt in self._planner.receipts.lost.items():
            if path not in self._missing:
                self._missing.append(path)
                part = f"{receipt.stage}, part {receipt.part}"
                self._record.problem(f"{part}: {path} is gone or has another size, so the part counts as missing")
        self._record.stages([*self._work()])

    def _work(self) -> Iterator[StageWork]:
        for state in self._plan.stages[: self._planner.layout.last + 1]:
            keys = keys_of(state.receipts) if self._committed else ()
            fresh = [state.receipts[place] for place, key in enumerate(keys) if key in self._committed]
            reapplied = sum(receipt.reapplied for receipt in fresh)
            yield StageWork(
                stage=state.name,
                current=len(state.receipts) - len(fresh),
                reapplied=reapplied,
                computed=len(fresh) - reapplied,
                waiting=state.waiting,
            )

    # -------------------------------------------------------------------------------------------------------- outcomes

    def begun(self, task: Task) -> None:
        """Record that a worker has a task."""
        self._record.begun(task)

    def ended(self, task: Task, report: WorkerReport, *, failed: bool) -> None:
        """Record that a worker has ended a task, and what the worker reports."""
        self._record.ended(task, report, failed=failed)

    def problem(self, message: str) -> None:
        """Record and report a problem after which the run goes on."""
        self._record.problem(message)

    def _commit(self, task: Task, receipts: list[Receipt]) -> None:
        self._lock.check()
        self._tasks += 1
        self._committed |= {receipt.key for receipt in receipts}
        self._planner.commit(receipts)
        self._record.done(task, receipts)

    def settle(self, task: Task, receipts: list[Receipt], *, equal: bool) -> None:
        """Have the receipts of the first of two copies of a task count, which the other one may have withdrawn.

        Raises PartFailed, and withdraws them, if the other one has, or has committed, other content ids.
        """
        if equal and self._planner.restore(receipts):
            return
        self._planner.withdraw(receipts)
        raise PartFailed(
            f"{task.title}: two workers did it, and returned other rows",
            hint="something a stage depends on is not declared, such as a time or a file; run again after mending it",
        )

    def after(self, outcome: Outcome[Task]) -> list[Task]:
        """Take the outcome of a task, and return the task to begin again, if it is to be."""
        if isinstance(outcome, Done):
            self._commit(outcome.task, outcome.result)
        elif isinstance(outcome, Died):
            return self._after_death(outcome)
        elif isinstance(outcome.error, Unreadable):  # isolated as a record that kills its worker
            return self._after_death(Died(outcome.task, outcome.error.cause, outcome.error.rows, outcome.report))
        else:
            self._fail(outcome)
        return []

    def _fail(self, outcome: Failed[Task]) -> None:
        error = outcome.error
        if error is not None and not isinstance(error, PartFailed):
            raise error  # storage, assets, usage: the next part would meet it too
        self._leave_out(outcome.task, outcome.summary)
        self._record.failed(outcome.task, outcome.summary, outcome.trace)
        self._stop_early(error, "`refinery logs` has the traceback")

    def _after_death(self, death: Died[Task]) -> list[Task]:
        self._record.died(death.task, describe(death), death.last.step if death.last.count else "")
        task = self._deaths.next_try(death)
        if task is not None:
            return [task]
        self._leave_out(death.task, f"worker {death.cause}")
        self._record.failed(death.task, f"given up after {TRIES} dead workers ({death.cause})")
        self._stop_early(None, "`refinery logs` has the deaths")
        return []

    def _leave_out(self, task: Task, reason: str) -> None:
        """Go on without a part, if that is allowed."""
        self._failures.append(f"{task.title}: {reason}")
        if isinstance(task, SegmentTask) and len(self._failures) <= self._tolerance.allowed:
            assert self._plan.phase is not None
            self._planner.left_out.add((self._plan.phase.segment, task.part))
        else:
            self._allowed = False

    def _stop_early(self, error: RefineryError | None, hint: str) -> None:
        if self._tolerance.fail_fast and not self._allowed:
            raise error or PartFailed(self._failures[-1], hint=hint)
