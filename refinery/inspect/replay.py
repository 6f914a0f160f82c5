"""One document through the row stages again, from its archive. Nothing is written.

Global stages are not replayed: their verdicts depend on all documents. What killed a worker is not tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from refinery.errors import StorageError
from refinery.inspect.contributions import MetricContributions, contributions
from refinery.inspect.outcomes import StageOutcome, stage_outcome
from refinery.inspect.rendered import NO_PAGE, RenderedText, rendered
from refinery.inspect.rows import Document
from refinery.recipe import Pipeline, Step
from refinery.recipe.columns import flows
from refinery.stage.base import languages_of
from refinery.stage.documents import STRUCTURE, TEXT, Docs
from refinery.stage.global_stage import Global
from refinery.store import store_for
from refinery.task.document_pass import PassStep, process_batch
from refinery.task.hazards import Hazards
from refinery.task.measured import Measured, source_batch
from refinery.task.step import SkippedStep, Split, StepProcessor
from refinery.task.tasks import StepRun

Stored = Callable[[int], pa.RecordBatch | None]
"""The document's kept row of the stage at a position, if there is one."""


@dataclass(frozen=True)
class Replayed:
    """The outcome of a document at one stage, or a ``note`` why there is none.

    ``text`` is the text after the stage, and ``rendered`` its page where it has a structure.
    """

    step: Step
    outcome: StageOutcome | None
    note: str
    text: str | None
    rendered: RenderedText = NO_PAGE
    contributions: tuple[MetricContributions, ...] = ()


def step_runs(pipeline: Pipeline) -> list[StepRun]:
    """Return the steps of a recipe as they are computed."""
    return [StepRun(step, flow) for step, flow in zip(pipeline.steps, flows(pipeline.steps), strict=True)]


def replay(
    pipeline: Pipeline, wanted: Document, stored: Stored, deadly: Mapping[int, str], until: int | None = None
) -> list[Replayed]:
    """Process the document from its archive through all row stages up to ``until``, whatever their rules decide.

    After a global stage it goes on from the row that was ``stored`` there, or as it is. ``deadly`` has notes on the
    stages whose worker it killed, by position. Raises StorageError where its record cannot be read, AssetError.
    """
    if 0 in deadly:
        hint = "`refinery logs --quarantine` shows the record"
        raise StorageError(f"its record is not read again: {deadly[0]}", hint=hint)
    runs = step_runs(pipeline)[: until if until is None else until + 1]
    docs, measured = read_again(pipeline, runs[0], wanted)
    steps = [_step(run, stored, position, deadly.get(position)) for position, run in enumerate(runs)]
    splits = process_batch(docs, measured, steps)
    replayed = [_replayed(run.step, split) for run, split in zip(runs, splits, strict=False)]
    last = replayed[-1]
    stopped = f"{last.step.name} cannot be passed: {last.outcome.note if last.outcome else ''}"
    return [*replayed, *(Replayed(run.step, None, stopped, None) for run in runs[len(replayed) :])]


def _step(run: StepRun, stored: Stored, position: int, deadly: str | None) -> PassStep:
    if not isinstance(run.step.stage, Global):
        hazards = Hazards(poison={0: deadly} if deadly else {})
        return StepProcessor(run, hazards=hazards, enforce=False)
    row = stored(position)
    return SkippedStep(run, None if row is None or row.schema != run.flow.passed else Docs(row))


def _replayed(step: Step, split: Split) -> Replayed:
    if isinstance(step.stage, Global):
        return Replayed(step, None, "needs the whole dataset, so it is not replayed", *_page(split.kept))
    verdict = split.verdict
    rule, note = verdict.first[0].as_py() or "", verdict.trouble.note[0].as_py() or ""
    side = "removed" if rule else "kept"
    language = languages_of(step.stage, split.before, verdict.metrics)[0].as_py()
    values, failed = verdict.metrics[0].as_py() or {}, verdict.failed[0].as_py()
    outcome = stage_outcome(step, side, values, rule, failed, note, language)
    return Replayed(step, outcome, "", *_page(split.kept), contributions(step.stage, split.before))


def read_again(pipeline: Pipeline, source: StepRun, wanted: Document) -> tuple[Docs, Measured]:
    """Read a document with the first step of a recipe. Raises StorageError where it is gone."""
    if wanted.warc is None or wanted.offset is None:
        raise StorageError("the pointer to its record is not stored", hint="keep the columns warc and offset")
    path = _archive(pipeline, wanted.warc)
    records = pipeline.source.read_one(path, wanted.offset, wanted.length or 0, store_for(path))
    docs, measured = source_batch(source, records)
    if not len(docs):
        raise StorageError(
            f"{path}: no document at byte {wanted.offset} any more", hint="the file was changed since the run"
        )
    return docs.slice(0, 1), measured.slice(0, 1)


def _page(docs: Docs) -> tuple[str | None, RenderedText]:
    """Return the text of the only document, and its page."""
    if TEXT.name not in docs.schema.names or not len(docs):
        return None, NO_PAGE
    names = [name for name in (TEXT.name, STRUCTURE.name) if name in docs.schema.names]
    row = docs.batch.select(names).slice(0, 1).to_pylist()[0]
    return row[TEXT.name], rendered(row[TEXT.name], row.get(STRUCTURE.name))


def _archive(pipeline: Pipeline, warc: str) -> str:
    """Return the path of an archive: as it is stored, else the input of the recipe with that name."""
    if store_for(warc).exists(warc):
        return warc
    name = warc.rpartition("/")[2]
    for pattern in pipeline.inputs:
        for path in _inputs(pipeline, pattern):
            if path.rpartition("/")[2] == name:
                return path
    raise StorageError(
        f"{warc} is not there any more", hint="put the archive back, or set `inputs` with -c to where it is"
    )


def _inputs(pipeline: Pipeline, pattern: str) -> Sequence[str]:
    try:
        return pipeline.source.list_inputs(pattern, store_for(pattern))
    except StorageError:
        return ()  # the pattern matches nothing any more: the caller names the archive
