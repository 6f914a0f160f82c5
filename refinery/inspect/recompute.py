"""Parts made again from their inputs, in memory, and held against what is stored. Nothing is written.

A part is carried through a whole segment (the stages from a global or gathering one to the next), as a run does it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from refinery.errors import RefineryError, StorageError
from refinery.identity import Content
from refinery.inspect.find import pieces
from refinery.inspect.reader import Finding, RootReader, StageEntry, documents_of
from refinery.inspect.replay import Wary, step_run
from refinery.planner.inputs import file_content, file_stats, input_files
from refinery.recipe import RecipeError
from refinery.recipe.columns import Flow, flows
from refinery.root.parquet import open_parquet, read_batches
from refinery.root.receipts import Receipt
from refinery.stage.base import Source
from refinery.stage.documents import Docs
from refinery.stage.global_stage import Global, begins_segment
from refinery.stage.rules import QUARANTINED, WHY
from refinery.store import store_for
from refinery.task.step import Measured, source_batch

Batches = Iterator[tuple[Docs, Measured | None]]


@dataclass(frozen=True)
class Segment:
    """Stages that one pass carries a part through."""

    stages: tuple[StageEntry, ...]

    @property
    def first(self) -> StageEntry:
        """The stage that takes the part in."""
        return self.stages[0]


def recompute(holdings: RootReader, share: float) -> tuple[int, list[Finding]]:
    """Make a fixed ``share`` (0 to 1) of each segment's parts again, at least one of each.

    How many parts were made again, and what differs or cannot be made.
    """
    findings: list[Finding] = []
    count = 0
    try:
        again = _Again(holdings)
    except RefineryError as error:
        return 0, [Finding(f"the stages cannot be run again: {_in_a_line(error)}")]
    for segment in again.segments():
        for receipt in chosen(holdings.load(segment.first).made, share):
            count += 1
            try:
                findings += again.part(segment, receipt)
            except RefineryError as error:
                findings.append(Finding(f"cannot be made again: {error.message}", segment.first.name, receipt.part))
    return count, findings


def _in_a_line(error: RefineryError) -> str:
    """What is wrong and what would help; of a recipe without its lines and carets."""
    if not isinstance(error, RecipeError):
        return error.message
    return "; ".join(f"{one.message} ({one.fix})" for one in error.problems)


def chosen(receipts: Sequence[Receipt], share: float) -> list[Receipt]:
    """The receipts whose keys, which are hashes, are lowest: a share of all possible keys, at least one receipt."""
    ordered = sorted({r.key: r for r in receipts}.values(), key=lambda receipt: receipt.key)
    below = [receipt for receipt in ordered if int(receipt.key[:13], 16) < share * 16**13]
    return below or ordered[:1]


_MADE_AGAIN = "`refinery run` makes again what is missing"


class _Again:
    def __init__(self, holdings: RootReader) -> None:
        self._holdings = holdings
        self._steps = holdings.pipeline.steps
        self._flows = flows(self._steps)
        self._archives: dict[str, str] | None = None

    def segments(self) -> Iterator[Segment]:
        """The segments of all that is made, in order."""
        run: list[StageEntry] = []
        for held in self._holdings.stages:
            if run and begins_segment(self._steps[held.position].stage):
                yield Segment(tuple(run))
                run = []
            run.append(held)
        if run:
            yield Segment(tuple(run))

    def part(self, segment: Segment, receipt: Receipt) -> Iterator[Finding]:
        """Make one part again, stage by stage of the segment, and compare. Raises RefineryError."""
        batches = self._input(segment.first, receipt)
        made: list[tuple[StageEntry, Receipt, _Made]] = []
        for held, expected in self._follow(segment, receipt):
            one = _Made(self._carrier(held, expected), self._flows[held.position])
            made.append((held, expected, one))
            batches = one.take(batches)
        for _ in batches:
            pass  # what goes on is counted on its way
        older = [held.name for held, _, _ in made if held.manifest.version != self._steps[held.position].stage.version]
        note = f"; {', '.join(older)} had another version then" if older else ""
        for held, expected, one in made:
            for side, content in (("kept", one.kept), ("removed", one.removed)):
                if content.id() != expected.contents.get(side):
                    message = f"{side}: making the part again gives other rows than are stored{note}"
                    yield Finding(message, held.name, expected.part)

    def _follow(self, segment: Segment, receipt: Receipt) -> Iterator[tuple[StageEntry, Receipt]]:
        """The part's receipts in the segment, as far as they are made."""
        found: Receipt | None = receipt
        for held in segment.stages:
            if found is None:
                return
            yield held, found
            following = self._following(held)
            made = self._holdings.made_from(following, [found.contents.get("kept", "")]) if following else ()
            found = made[0] if made else None

    def _following(self, held: StageEntry) -> StageEntry | None:
        return next((other for other in self._holdings.stages if other.position == held.position + 1), None)

    # ---------------------------------------------------------------------------------------------------------- input

    def _input(self, held: StageEntry, receipt: Receipt) -> Batches:
        stage = self._steps[held.position].stage
        if isinstance(stage, Source):
            if self._deadly(held, receipt):
                said = "one of its records killed a worker that read it, and is not read again"
                raise StorageError(said, hint="`refinery logs --quarantine` shows the record")
            return self._records(held, stage, self._archive(receipt))
        sources = self._holdings.sources(held, receipt)
        if len(sources) != len(documents_of(held, receipt)):
            raise StorageError("the rows it was made from are not there", hint=_MADE_AGAIN)
        paths = [file.path for source in sources for file in source.files.get("kept", ())]
        batches = read_batches(self._holdings.root, paths, self._holdings.pipeline.executor.batch)
        return ((Docs(batch), None) for batch in batches)

    def _records(self, held: StageEntry, source: Source, path: str) -> Batches:
        run = step_run(self._steps[held.position], self._flows[held.position])
        for records in source.read(path, store_for(path)):
            yield source_batch(run, records.columns, records.metrics)

    def _archive(self, receipt: Receipt) -> str:
        """The input file that a part was made from. Raises StorageError where it is gone or was changed."""
        if self._archives is None:
            paths = input_files(self._holdings.pipeline)
            seen = zip(paths, file_stats(paths), strict=True)
            self._archives = {file_content(path, found): path for path, found in seen}
        path = self._archives.get(receipt.inputs[0])
        if path is None:
            raise StorageError("its input file is gone or was changed since", hint="put the file back")
        return path

    def _carrier(self, held: StageEntry, receipt: Receipt) -> Wary:
        step = self._steps[held.position]
        run = step_run(step, self._flows[held.position])
        verdict = self._verdict(held, receipt.inputs[-1]) if isinstance(step.stage, Global) else None
        keep = self._holdings.pipeline.keep_removed
        return Wary(run, self._deadly(held, receipt), verdict=verdict, keep_removed=keep)

    def _verdict(self, held: StageEntry, content: str) -> pa.Table:
        for receipt in self._holdings.load(held).shuffle:
            for name in (n for n, c in receipt.contents.items() if c == content and receipt.kind == "resolve"):
                with open_parquet(self._holdings.root, receipt.files[name][0].path) as file:
                    return file.read()
        raise StorageError("the verdict it was made by is not there", hint=_MADE_AGAIN)

    def _deadly(self, held: StageEntry, receipt: Receipt) -> dict[bytes, str]:
        """The documents that killed their worker in this stage, which must not be tried here."""
        found: dict[bytes, str] = {}
        for piece in pieces(
            self._holdings, held, ("removed",), ("id", f"{WHY.name}.rule", f"{WHY.name}.note"), [receipt]
        ):
            why = piece.batch.column(WHY.name)
            dead = pc.fill_null(pc.equal(pc.struct_field(why, "rule"), QUARANTINED), False)
            notes = pc.struct_field(why, "note").filter(dead).to_pylist()
            found |= dict(zip(piece.batch.column("id").filter(dead).to_pylist(), notes, strict=True))
        return found


class _Made:
    """What carrying a part through a stage gives, by content only."""

    def __init__(self, carrier: Wary, flow: Flow) -> None:
        self._carrier = carrier
        self._flow = flow
        self.kept = Content(flow.kept)
        self.removed = Content(flow.removed)

    def take(self, batches: Batches) -> Batches:
        """Carry batches, remember what came of them, and hand on what was kept."""
        for docs, measured in batches:
            if not len(docs):
                continue
            split = self._carrier.carry(docs, measured)
            kept = split.kept.batch.select(self._flow.kept.names).cast(self._flow.kept)
            for content, batch in ((self.kept, kept), (self.removed, split.removed)):
                if len(batch):
                    content.update(batch)
            yield split.kept, None
