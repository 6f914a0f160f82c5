"""The one loop: ask the planner for the next phase, have it done, learn its receipts, and ask again."""

from __future__ import annotations

import contextlib
from collections import Counter
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
from refinery.planner.planner import Planner
from refinery.planner.preflight import preflight
from refinery.planner.requirements import changed_code, check_root, only_run, refuse_changed_code, refuse_misfit
from refinery.planner.state import Phase, Selection, Survey, manifests
from refinery.recipe import Pipeline, Setting, changes, recipe_dict
from refinery.root.manifests import StageManifest
from refinery.root.receipts import Receipt
from refinery.root.runs import StageWork
from refinery.runner.manifests import State
from refinery.runner.progress import Listener, RunRecorder, Silent
from refinery.store import RootLock
from refinery.task.perform import perform
from refinery.task.tasks import ALL_ROWS, AuditTask, Poison, SegmentTask, StepRows, Task, Unreadable

TRIES = 3
"""How often a task whose worker died is begun again while nothing is learnt from its death."""

POISON_LIMIT = 100
"""A part in which more documents than this kill their worker is given up."""


@dataclass(frozen=True)
class RunReport:
    """What a run did: phases and tasks done, parts that failed, and whether every stage is complete."""

    phases: int
    tasks: int
    failures: tuple[str, ...]
    complete: bool
    blocked: str
    allowed: bool = True
    """Whether the run went on without the parts that failed, if any."""
    entered: bool = True
    """Whether the manifests tell what was made; not while other runs share the root: the last of them enters all."""
    lost: tuple[str, ...] = ()
    """Files below the root that receipts name and that were gone or had another size: their parts were made again."""
    switched: tuple[Setting, ...] = ()
    """Values of the recipe that differ from those the root had before."""
    reused: tuple[str, ...] = ()
    """Stages whose results are others than before and were all there already, from an earlier recipe."""

    def _repr_html_(self) -> str:
        made = "complete" if self.complete else f"not complete {self.blocked}"
        return paragraph(f"{plural(self.tasks, 'task')} done, {made}") + "".join(map(paragraph, self.failures))


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
    """Make what is missing. Raises RefineryError; whatever was committed stays, and another call goes on from it.

    A part that fails, and is one of at most ``allow_failed_parts``, is left out of all that follows. It stays missing,
    so another run tries it again. ``executor`` replaces the one that the recipe names. Workers are new processes. They
    import the main module only where a stage is defined there: then a script calls this under a main guard.
    """
    refuse_in_worker()
    planner = preflight(pipeline, selection, accept_code=accept_code).cleared()
    pipeline, root = planner.pipeline, planner.root
    with only_run(root, shared=selection.shared) as held:
        head = check_root(root, pipeline.dataset)  # another run may have ended meanwhile
        if not accept_code:
            refuse_changed_code(changed_code(root, head, planner.folders, planner.steps))
        if not selection.shared:
            root.store.clean(root.path)
        switched = changes(head.recipe, recipe_dict(pipeline)) if head else ()
        before = manifests(root, head) if switched else {}
        survey, made = planner.survey(), set[str]()
        if survey.phase is None:
            report = RunReport(0, 0, (), _complete(survey), survey.blocked)
        else:
            record = RunRecorder(root, command or {}, listener or Silent())
            doing = executor or _executor(pipeline)
            running = _Run(planner, record, doing, held, _Bounds(allow_failed_parts, fail_fast))
            report, made = running.go(survey), running.made
        reused = tuple(_reused(planner, before, made)) if switched else ()
        return replace(report, switched=switched, reused=reused, entered=_enter(planner, held))


def _reused(planner: Planner, before: Mapping[str, StageManifest], made: set[str]) -> Iterator[str]:
    """The stages whose receipts are others than those in ``before``, and none of them ``made`` by this run."""
    for folder, step, found in zip(planner.folders, planner.steps, planner.made, strict=True):
        keys = tuple(receipt.key for receipt in found.receipts)
        known = before[folder].parts if folder in before else ()
        if keys and keys != known and made.isdisjoint(keys):
            yield step.name


def _enter(planner: Planner, held: RootLock) -> bool:
    """Bring manifests and head up to date and clean up, unless other runs are at work: then the last of them does."""
    with held.leave() as alone:
        if alone:
            State(planner.everything(afresh=True) if planner.selection.shared else planner).complete(held.check)
            planner.root.store.clean(planner.root.path)
    return alone


@dataclass(frozen=True)
class _Bounds:
    """How many failed parts a run goes on without, and whether one more ends it at once."""

    allowed: int
    fail_fast: bool


class _Run:
    """The state of one run."""

    def __init__(
        self,
        planner: Planner,
        record: RunRecorder,
        executor: Executor,
        held: RootLock,
        thresholds: _Bounds,
    ) -> None:
        self._planner = planner
        self._record = record
        self._thresholds = thresholds
        self._executor = executor
        self._held = held
        self._state = State(planner)
        self._failures: list[str] = []
        self._lost: list[str] = []
        self.made: set[str] = set()
        self._allowed = True
        self._tasks = self._phases = 0

    def go(self, survey: Survey) -> RunReport:
        """Phase after phase. Ends workers and the record however it ends."""
        state = "failed"
        try:
            self._begin()
            self._record.stages(self._work(survey))
            self._report_lost()
            while survey.phase is not None and self._allowed:
                self._do(survey.phase)
                survey = self._planner.survey()
                self._report_lost()
                self._record.stages(self._work(survey))
                self._held.check()
                if not self._planner.selection.shared:
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
        failures, lost = tuple(self._failures), tuple(self._lost)
        complete = _complete(survey)
        return RunReport(self._phases, self._tasks, failures, complete, survey.blocked, self._allowed, lost=lost)

    def _report_lost(self) -> None:
        for path, receipt in self._planner.lost.items():
            if path not in self._lost:
                self._lost.append(path)
                where = f"{receipt.stage}, part {receipt.part}"
                self._record.problem(f"{where}: {path} is gone or has another size, so the part counts as missing")

    def _begin(self) -> None:
        if not self._state.has_begun(self._planner.root.head()):
            with self._held.exclusive():
                self._state.begin()

    def _work(self, survey: Survey) -> list[StageWork]:
        """What is done of each stage that the run is about."""
        found = []
        for step, made in zip(self._planner.steps[: self._planner.last + 1], survey.made, strict=False):
            fresh = [receipt for receipt in made.receipts if receipt.key in self.made]
            reapplied = sum(receipt.reapplied for receipt in fresh)
            current = len(made.receipts) - len(fresh)
            waiting = made.expected - len(made.receipts)
            anew = len(fresh) - reapplied
            found.append(StageWork(stage=step.name, current=current, reapplied=reapplied, made=anew, waiting=waiting))
        return found

    def _do(self, phase: Phase) -> None:
        self._phases += 1
        refuse_misfit(self._planner.root, phase, self._executor.room)
        self._record.phase(phase.title, len(phase.tasks), sum(task.bytes for task in phase.tasks))
        tries: Counter[str] = Counter()
        waiting: list[Task] = list(phase.tasks)
        while waiting:
            again: list[Task] = []
            for outcome in self._executor.map(perform, self._begun(waiting), phase.memory):
                self._record.ended(outcome.task, failed=not isinstance(outcome, Done))
                if isinstance(outcome, Done):
                    self._learn(outcome.task, outcome.result)
                elif isinstance(outcome, Failed) and isinstance(outcome.error, Unreadable):
                    again += self._after_death(Died(outcome.task, outcome.error.cause, outcome.error.rows), tries)
                elif isinstance(outcome, Failed):
                    self._fail(outcome)
                else:
                    again += self._after_death(outcome, tries)
            waiting = again

    def _begun(self, tasks: Iterable[Task]) -> Iterator[Task]:
        for task in tasks:
            self._record.begun(task)
            yield task

    def _learn(self, task: Task, receipts: Iterable[Receipt]) -> None:
        made = list(receipts)
        self._held.check()
        self._tasks += 1
        for receipt in made:
            self.made.add(receipt.key)
            self._planner.learn(receipt)
        self._record.done(task, made)

    def _fail(self, outcome: Failed[Task]) -> None:
        error = outcome.error
        if error is not None and not isinstance(error, PartFailed):
            raise error  # storage, assets, usage: the next part would meet it too
        self._give_up(outcome.task, outcome.summary)
        self._record.failed(outcome.task, outcome.summary, outcome.trace)
        if self._thresholds.fail_fast and not self._allowed:
            raise error or PartFailed(self._failures[-1], hint="`refinery logs` has the traceback")

    def _give_up(self, task: Task, why: str) -> None:
        """Go on without a part, if that is allowed."""
        self._failures.append(f"{task.title}: {why}")
        if isinstance(task, SegmentTask) and len(self._failures) <= self._thresholds.allowed:
            self._planner.leave_out(task)
        else:
            self._allowed = False

    def _after_death(self, death: Died[Task], tries: Counter[str]) -> list[Task]:
        """The task to try again, with what its death tells; none where that is given up."""
        task, last = death.task, death.last
        rows = f", rows {last.first} to {last.first + last.count - 1}" if last.count < ALL_ROWS else ""
        where = f" in {last.step}{rows}" if last.count else ""
        self._record.problem(f"{task.title}: its worker was {death.cause}{where}")
        if isinstance(task, SegmentTask | AuditTask) and last.count:
            narrowed = _narrowed(task, last, death.cause)
            if narrowed is not None:
                return [narrowed]
        tries[task.title] += 1
        if tries[task.title] < TRIES:
            return [task]
        self._give_up(task, f"worker {death.cause}")
        self._record.failed(task, f"given up after {TRIES} dead workers ({death.cause})")
        if self._thresholds.fail_fast and not self._allowed:
            raise PartFailed(self._failures[-1], hint="`refinery logs` has the deaths")
        return []


def _narrowed(task: SegmentTask | AuditTask, last: StepRows, cause: str) -> SegmentTask | AuditTask | None:
    """The task with the last rows of its worker as suspects. None where that happened too often.

    A document that was alone in two deaths is poison: one death may have had another cause.
    """
    if last not in task.suspects and len(task.suspects) < 2 * POISON_LIMIT:
        return replace(task, suspects=(*task.suspects, last))
    if last in task.suspects and last.count == 1 and len(task.poison) < POISON_LIMIT:
        poison = Poison(last.step, last.first, f"worker {cause}")
        return replace(task, poison=(*task.poison, poison))
    return None


def _executor(pipeline: Pipeline) -> Executor:
    settings = pipeline.executor
    if settings.kind == "ray":
        from refinery.executors.ray import RayExecutor

        return RayExecutor(settings.address, settings.processes(), settings.memory_bytes)
    return LocalExecutor(settings.processes() or 1, settings.memory_bytes(psutil.virtual_memory().total))


def _complete(survey: Survey) -> bool:
    return survey.phase is None and all(m.complete for m in survey.made if m.expected)
