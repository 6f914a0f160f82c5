"""The one loop: ask the planner for the next phase, have it done, learn its receipts, and ask again."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import psutil

from refinery.config import Pipeline, recipe_dict
from refinery.errors import PartFailed, RefineryError, StorageError
from refinery.executors import Died, Done, Executor, Failed
from refinery.executors.local import LocalExecutor
from refinery.guard import changed_code, check_root, code_stamp, only_run, refuse_changed_code, refuse_misfit
from refinery.identity import FORMAT, configuration, library_versions, measure_identity
from refinery.part import Head, Receipt, Root, StageManifest
from refinery.planner import Planner
from refinery.progress import Listener, RunRecord, Silent
from refinery.stage import Filter
from refinery.stats import StageStatistics
from refinery.store import store_for
from refinery.survey import Made, Phase, Selection, Survey, manifests
from refinery.tasks import ALL_ROWS, Crumb, Poison, SegmentTask, Suspects, Task, describe
from refinery.work import perform

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


def run(
    pipeline: Pipeline,
    selection: Selection = Selection(),
    *,
    accept_code: bool = False,
    fail_fast: bool = False,
    listener: Listener | None = None,
    command: dict[str, Any] | None = None,
    executor: Executor | None = None,
) -> RunReport:
    """Make what is missing. Raises RefineryError; whatever was committed stays, and another call goes on from it.

    ``executor`` replaces the one that the recipe names. Its workers are new processes, which import the main module: a
    script calls this under ``if __name__ == "__main__"``.
    """
    root = Root(pipeline.root, store_for(pipeline.root))
    with only_run(root) as still_held:
        head = check_root(root, pipeline.dataset)
        planner = Planner(pipeline, root, selection)
        if not accept_code:
            refuse_changed_code(changed_code(root, head, planner.folders, planner.steps))
        root.store.clean(root.path)
        survey = planner.survey()
        if survey.phase is None:
            if head is None or _stale(head, planner):
                _write_state(planner, {})
            return RunReport(0, 0, (), _complete(survey), survey.blocked)
        record = RunRecord(root, command or {}, listener or Silent())
        doing = executor or _executor(pipeline)
        report = _Run(planner, record, doing, still_held, fail_fast=fail_fast).go(survey)
        root.store.clean(root.path)
        return report


def _stale(head: Head, planner: Planner) -> bool:
    """Whether the head tells something else than the receipts: of another recipe, or of a run that was killed."""
    if head.recipe != recipe_dict(planner.pipeline) or head.code != _codes(planner, head):
        return True
    known = manifests(planner.root, head)
    found = {f: m for f, m in zip(planner.folders, planner.everything().survey().made, strict=True) if m.receipts}
    return set(known) != set(found) or any(not _tells(known[folder], found[folder]) for folder in found)


def _tells(manifest: StageManifest, made: Made) -> bool:
    """Whether a manifest is of these receipts."""
    keys = tuple(r.key for r in made.receipts), tuple(r.key for r in made.shuffle), made.expected
    return (manifest.parts, manifest.shuffle, manifest.expected) == keys


class _Run:
    """The state of one run."""

    def __init__(
        self,
        planner: Planner,
        record: RunRecord,
        executor: Executor,
        still_held: Callable[[], None],
        *,
        fail_fast: bool,
    ) -> None:
        self._planner = planner
        self._record = record
        self._fail_fast = fail_fast
        self._executor = executor
        self._still_held = still_held
        self._failures: list[str] = []
        self._tasks = self._phases = 0
        self._merged: Merged = {}

    def go(self, survey: Survey) -> RunReport:
        """Phase after phase. Ends workers and the record however it ends."""
        state = "failed"
        try:
            _write_code(self._planner)
            while survey.phase is not None and not self._failures:
                self._do(survey.phase)
                survey = self._planner.survey()
                self._still_held()
                _write_state(self._planner, self._merged)
            state = "failed" if self._failures else "done"
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
        return RunReport(self._phases, self._tasks, tuple(self._failures), _complete(survey), survey.blocked)

    def _do(self, phase: Phase) -> None:
        self._phases += 1
        settings = self._planner.pipeline.executor
        refuse_misfit(self._planner.root, phase, settings.memory_bytes(psutil.virtual_memory().total))
        self._record.phase(phase.title, len(phase.tasks), sum(task.bytes for task in phase.tasks))
        tries: Counter[str] = Counter()
        waiting: list[Task] = list(phase.tasks)
        while waiting:
            again: list[Task] = []
            for outcome in self._executor.map(perform, self._begun(waiting)):
                self._record.ended(outcome.task)
                if isinstance(outcome, Done):
                    self._learn(outcome.task, outcome.result)
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
        self._still_held()
        self._tasks += 1
        for receipt in made:
            self._planner.learn(receipt)
        self._record.done(task, made)

    def _fail(self, outcome: Failed[Task]) -> None:
        error = outcome.error
        if error is not None and not isinstance(error, PartFailed):
            raise error  # storage, assets, usage: the next part would meet it too
        self._failures.append(f"{describe(outcome.task)}: {outcome.summary}")
        self._record.failed(outcome.task, outcome.summary, outcome.trace)
        if self._fail_fast:
            raise error or PartFailed(self._failures[-1], hint="`refinery logs` has the traceback")

    def _after_death(self, death: Died[Task], tries: Counter[str]) -> list[Task]:
        """The task to try again, with what its death tells; none where that is given up."""
        task, crumb = death.task, death.crumb
        rows = f", rows {crumb.first} to {crumb.first + crumb.count - 1}" if crumb.count < ALL_ROWS else ""
        where = f" in {crumb.step}{rows}" if crumb.count else ""
        self._record.problem(f"{describe(task)}: its worker was {death.cause}{where}")
        if isinstance(task, SegmentTask) and crumb.count:
            narrowed = _narrowed(task, crumb, death.cause)
            if narrowed is not None:
                return [narrowed]
        tries[describe(task)] += 1
        if tries[describe(task)] < TRIES:
            return [task]
        self._failures.append(f"{describe(task)}: worker {death.cause}")
        self._record.failed(task, f"given up after {TRIES} dead workers ({death.cause})")
        if self._fail_fast:
            raise PartFailed(self._failures[-1], hint="`refinery logs` has the deaths")
        return []


def _narrowed(task: SegmentTask, crumb: Crumb, cause: str) -> SegmentTask | None:
    """The task with the rows that its worker held as suspects. None where that happened too often.

    A document that was alone in two deaths is poison: one death may have had another cause.
    """
    held = Suspects(crumb.step, crumb.first, crumb.count)
    if held not in task.suspects and len(task.suspects) < 2 * POISON_LIMIT:
        return dataclasses.replace(task, suspects=(*task.suspects, held))
    if held in task.suspects and crumb.count == 1 and len(task.poison) < POISON_LIMIT:
        poison = Poison(crumb.step, crumb.first, f"worker {cause}")
        return dataclasses.replace(task, poison=(*task.poison, poison))
    return None


def _executor(pipeline: Pipeline) -> Executor:
    settings = pipeline.executor
    if settings.kind == "ray":
        from refinery.executors.ray import RayExecutor

        bound = None if settings.workers == "auto" else settings.workers
        return RayExecutor(settings.address, bound, settings.memory_bytes)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = cores if settings.workers == "auto" else settings.workers
    return LocalExecutor(workers, settings.memory_bytes(psutil.virtual_memory().total))


# --------------------------------------------------------------------------------------------------- manifests and head


Merged = dict[str, tuple[list[Receipt], dict[str, Any]]]
"""The merged statistics of each stage, and the receipts that they are of."""


def _write_state(planner: Planner, merged: Merged) -> None:
    """Manifests of all that is there, whatever was selected, and the head that names them.

    Statistics are merged again where a stage has other receipts than in ``merged``, which is brought up to date.
    """
    paths = {}
    for position, made in enumerate(planner.everything().survey().made):
        if made.receipts:
            folder = planner.folders[position]
            if folder not in merged or merged[folder][0] != made.receipts:
                merged[folder] = made.receipts, _statistics(planner, position, made)
            manifest = _manifest(planner, position, made, merged[folder][1])
            paths[folder] = planner.root.write_manifest(folder, manifest)
    _write_head(planner, paths)


def _write_code(planner: Planner) -> None:
    """Put the code that results are about to be made with into the head, so that a killed run is guarded as well."""
    head = planner.root.head()
    if head is None:
        _write_head(planner, {})
    elif head.code != _codes(planner, head):
        planner.root.write_head(head.model_copy(update={"code": _codes(planner, head)}))


def _codes(planner: Planner, head: Head | None) -> dict[str, str]:
    """Those of stages that the recipe has no more included: their results are still there."""
    return (head.code if head else {}) | {step.name: code_stamp(step) for step in planner.steps}


def _write_head(planner: Planner, manifests: dict[str, str]) -> None:
    head = Head(
        format=FORMAT,
        dataset=planner.pipeline.dataset,
        recipe=recipe_dict(planner.pipeline),
        folders=tuple(planner.folders),
        manifests=manifests,
        code=_codes(planner, planner.root.head()),
    )
    planner.root.write_head(head)


def _statistics(planner: Planner, position: int, made: Made) -> dict[str, Any]:
    kind = type(planner.steps[position].stage)
    merged = StageStatistics(kind)
    for place, receipt in enumerate(made.receipts):
        merged.merge(StageStatistics.read(kind, planner.root, receipt, place))
    return merged.to_json()


def _manifest(planner: Planner, position: int, made: Made, statistics: dict[str, Any]) -> StageManifest:
    step = planner.steps[position]
    return StageManifest(
        stage=step.name,
        kind=step.stage.name,
        identity=planner.identities[position],
        measure=measure_identity(step.stage) if isinstance(step.stage, Filter) else "",
        version=step.stage.version,
        configuration=configuration(step.stage),
        libraries=library_versions(step.stage),
        expected=made.expected,
        parts=tuple(r.key for r in made.receipts),
        shuffle=tuple(r.key for r in made.shuffle),
        statistics=statistics,
    )


def _complete(survey: Survey) -> bool:
    return survey.phase is None and all(m.complete for m in survey.made if m.expected)
