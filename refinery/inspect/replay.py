"""Documents through the row stages again, without writing: one from its archive, or whole parts to check them.

Global stages are not replayed: their verdict is about all documents. What killed a worker is not tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from refinery.errors import StorageError
from refinery.inspect.find import Document
from refinery.inspect.judgement import Judgement, judgement
from refinery.recipe import Pipeline, Step
from refinery.recipe.columns import Flow, flows
from refinery.stage.documents import Docs
from refinery.stage.global_stage import Global
from refinery.stage.rules import QUARANTINED, judge
from refinery.store import store_for
from refinery.task.step import Carrier, Measured, Split, source_batch
from refinery.task.tasks import StepRun

Stored = Callable[[int], pa.RecordBatch | None]
"""The document's kept row of the stage at a position, if there is one."""


class Wary(Carrier):
    """A carrier that never shows a stage the documents that killed its worker before, by id and what was noted."""

    def __init__(
        self,
        run: StepRun,
        deadly: Mapping[bytes, str],
        *,
        verdict: pa.Table | None = None,
        keep_removed: str = "metrics",
        judging: bool = True,
    ) -> None:
        super().__init__(run, verdict=verdict, keep_removed=keep_removed, judging=judging, mark=_unmarked)
        self._deadly = deadly

    def _attempt(self, docs: Docs, row: int) -> Measured:
        ids = docs.column("id").to_pylist() if self._deadly else []
        if not any(value in self._deadly for value in ids):
            return super()._attempt(docs, row)
        return self._halves(docs, row) if len(docs) > 1 else self._troubled(docs, QUARANTINED, self._deadly[ids[0]])


def _unmarked(step: str, first: int, count: int) -> None:
    """Nobody watches over this process."""


def step_run(step: Step, flow: Flow) -> StepRun:
    """A step that is computed and never written."""
    return StepRun(step=step, folder="", identity="", flow=flow, tap=False, commit=False)


@dataclass(frozen=True)
class Replayed:
    """What replaying gave at a stage: its judgement, or None and why there is none. ``text`` is the text after it."""

    step: Step
    judgement: Judgement | None
    note: str
    text: str | None


def replay(
    pipeline: Pipeline, wanted: Document, stored: Stored, deadly: Mapping[int, str], until: int | None = None
) -> list[Replayed]:
    """Carry the document from its archive through all row stages, whatever the rules say of it.

    After a global stage it goes on from the row that was ``stored`` there, or as it is. ``deadly`` notes, by position,
    the stages whose worker it killed. Raises StorageError where its record cannot be read, AssetError.
    """
    return _Replay(pipeline, wanted, stored, deadly).run(until)


class _Replay:
    def __init__(self, pipeline: Pipeline, wanted: Document, stored: Stored, deadly: Mapping[int, str]) -> None:
        self._pipeline = pipeline
        self._flows = flows(pipeline.steps)
        self._wanted = wanted
        self._stored = stored
        self._deadly = deadly

    def run(self, until: int | None) -> list[Replayed]:
        measured: Measured | None
        if 0 in self._deadly:
            hint = "`refinery logs --quarantine` shows the record"
            raise StorageError(f"its record is not read again: {self._deadly[0]}", hint=hint)
        docs, measured = read_again(self._pipeline, self._step_run(0), self._wanted)
        found: list[Replayed] = []
        stopped = ""
        for position, step in enumerate(self._pipeline.steps[: until if until is None else until + 1]):
            if stopped:
                found.append(Replayed(step, None, stopped, None))
                continue
            if isinstance(step.stage, Global):
                docs = self._past(position, docs)
                found.append(Replayed(step, None, "looks at all documents, so it is not replayed", _text(docs)))
                continue
            made, split = self._carry(position, docs, measured)
            measured = None
            found.append(made)
            docs = split.kept
            stopped = (
                "" if len(docs) else f"{step.name} cannot be passed: {made.judgement.note if made.judgement else ''}"
            )
        return found

    def _step_run(self, position: int) -> StepRun:
        return step_run(self._pipeline.steps[position], self._flows[position])

    def _carry(self, position: int, docs: Docs, measured: Measured | None) -> tuple[Replayed, Split]:
        step = self._pipeline.steps[position]
        deadly = self._deadly.get(position)
        ids = docs.column("id").to_pylist()
        carrier = Wary(self._step_run(position), dict.fromkeys(ids, deadly) if deadly else {}, judging=False)
        split = carrier.carry(docs, measured)
        verdict = judge(step.stage.rules(), split.verdict.metrics, split.verdict.trouble)
        rule = verdict.first[0].as_py()
        values = verdict.metrics[0].as_py() or {}
        note = verdict.trouble.note[0].as_py() or ""
        side = "removed" if rule else "kept"
        made = judgement(step, side, values, rule or "", verdict.failed[0].as_py(), note)
        return Replayed(step, made, "", _text(split.kept)), split

    def _past(self, position: int, docs: Docs) -> Docs:
        """The document behind a global stage: as that stage left it where it kept it, else as it came."""
        passed = self._flows[position].passed
        row = self._stored(position)
        if row is not None and row.schema == passed:
            return Docs(row)
        missing = {f.name: pa.nulls(1, f.type) for f in passed if f.name not in docs.schema.names}
        return Docs(docs.with_columns(missing).batch.select(passed.names).cast(passed))


def read_again(pipeline: Pipeline, run: StepRun, wanted: Document) -> tuple[Docs, Measured]:
    """A document as the source gives it; ``run`` is the source's step. Raises StorageError where it is gone."""
    if wanted.warc is None or wanted.offset is None:
        raise StorageError("the pointer to its record is not stored", hint="keep the columns warc and offset")
    path = _archive(pipeline, wanted.warc)
    records = pipeline.source.read_one(path, wanted.offset, wanted.length or 0, store_for(path))
    docs, measured = source_batch(run, records.columns, records.metrics)
    if not len(docs):
        raise StorageError(
            f"{path}: no document at byte {wanted.offset} any more", hint="the file was changed since the run"
        )
    return docs.slice(0, 1), measured.slice(0, 1)


def _text(docs: Docs) -> str | None:
    if "text" not in docs.schema.names or not len(docs):
        return None
    text: str | None = docs.column("text")[0].as_py()
    return text


def _archive(pipeline: Pipeline, warc: str) -> str:
    """The path of an archive: as it is written down, else the input of the recipe with that name."""
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
