"""Parts recomputed from their inputs, in memory, and compared with the stored rows. Nothing is written.

One pass takes a part through a whole segment (the stages from a global or gathering one to the next), as in a run.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from refinery.errors import RefineryError, StorageError
from refinery.inspect.reader import Finding, RootReader, StageEntry, documents_of
from refinery.inspect.replay import step_runs
from refinery.inspect.rows import pieces
from refinery.planner.inputs import paths_by_content
from refinery.planner.parts import ranks_of, sorted_runs
from refinery.planner.segments import segments_of
from refinery.recipe import RecipeError
from refinery.root.parquet import open_parquet
from refinery.root.partitions import Contents, partition_of
from refinery.root.receipts import SHARDS, Receipt
from refinery.root.takedowns import taken_down
from refinery.stage.base import Source
from refinery.stage.global_stage import Global
from refinery.stage.ordered import Ordered
from refinery.stage.rules import QUARANTINED, WHY
from refinery.task.document_pass import Batch, SourceReader, process_batch, stored_batches
from refinery.task.hazards import Hazards
from refinery.task.left_out import LeftOut
from refinery.task.order_counts import OrderCounter
from refinery.task.ordered import ranked_batches
from refinery.task.removed import removed_rows
from refinery.task.step import Split, StepProcessor
from refinery.task.tasks import StepRun

_MISSING = "`refinery run` recomputes it"


def recompute(reader: RootReader, share: float) -> tuple[int, list[Finding]]:
    """Recompute a fixed ``share`` (0 to 1) of each segment's parts, at least one of each.

    Return the number of parts, and those that differ or cannot be recomputed.
    """
    findings: list[Finding] = []
    count = 0
    try:
        parts = _Recomputation(reader)
    except RefineryError as error:
        return 0, [Finding(f"the stages cannot be run: {_in_a_line(error)}")]
    for segment in parts.segments():
        for receipt in chosen(reader.load(segment[0]).parts, share):
            count += 1
            try:
                findings += parts.part(segment, receipt)
            except RefineryError as error:
                findings.append(Finding(f"cannot be recomputed: {error.message}", segment[0].name, receipt.part))
    return count, findings


def _in_a_line(error: RefineryError) -> str:
    """Return a message on one line; that of a recipe without its lines and carets."""
    if not isinstance(error, RecipeError):
        return error.message
    return "; ".join(f"{one.message} ({one.fix})" for one in error.problems)


def chosen(receipts: Sequence[Receipt], share: float) -> list[Receipt]:
    """Return the receipts with the lowest keys, which are hashes: a share of all possible keys, at least one."""
    ordered = sorted({r.key: r for r in receipts}.values(), key=lambda receipt: receipt.key)
    below = [receipt for receipt in ordered if int(receipt.key[:13], 16) < share * 16**13]
    return below or ordered[:1]


class _Recomputation:
    def __init__(self, reader: RootReader) -> None:
        self._reader = reader
        self._runs = step_runs(reader.pipeline)
        self._listed = taken_down(reader.root)
        self._counter: OrderCounter | None = None
        """Counts the documents of the current part, if it is one of an order of all."""

    def segments(self) -> Iterator[tuple[StageEntry, ...]]:
        """Yield the segments of all stages that there are, in order."""
        entries = self._reader.stages
        for segment in segments_of([run.step.stage for run in self._runs], len(self._runs) - 1):
            stages = tuple(entry for entry in entries if segment.first <= entry.position <= segment.last)
            if stages:
                yield stages

    def part(self, segment: Sequence[StageEntry], receipt: Receipt) -> Iterator[Finding]:
        """Recompute one part, and compare the rows of each stage of the segment. Raises RefineryError."""
        batches = self._input(segment[0], receipt)
        outputs = [_Contents(self._runs[entry.position], entry, one) for entry, one in self._follow(segment, receipt)]
        keep_removed = self._reader.pipeline.keep_removed
        steps = [self._processor(output) for output in outputs]
        for docs, measured in batches:
            for output, split in zip(outputs, process_batch(docs, measured, steps), strict=False):
                output.add(split, keep_removed)
        if self._counter and receipt.order not in (None, self._counter.counts()):
            yield Finding(
                "the recomputed counts of its order differ from the stored ones", segment[0].name, receipt.part
            )
        older = [one.entry.name for one in outputs if one.entry.manifest.version != one.run.step.stage.version]
        note = f"; {', '.join(older)} had another version then" if older else ""
        for output in outputs:
            for side in output.differing(left_out=bool(self._listed.entries)):
                message = f"{side}: the recomputed rows differ from the stored ones{note}"
                yield Finding(message, output.entry.name, output.receipt.part)

    def _follow(self, segment: Sequence[StageEntry], receipt: Receipt) -> Iterator[tuple[StageEntry, Receipt]]:
        """Yield the part's receipts in the segment, as far as they are there."""
        yield segment[0], receipt
        for before, entry in itertools.pairwise(segment):
            made = self._reader.made_from(entry, [receipt.contents.get("kept", "")])
            if entry.position != before.position + 1 or not made:
                return
            receipt = made[0]
            yield entry, receipt

    # ---------------------------------------------------------------------------------------------------------- input

    def _input(self, entry: StageEntry, receipt: Receipt) -> Iterator[Batch]:
        run, rows = self._runs[entry.position], self._reader.pipeline.executor.batch
        self._counter = None
        if isinstance(run.step.stage, Source):
            if self._poison(entry, receipt):
                message = "one of its records killed a worker that read it, and is not read again"
                raise StorageError(message, hint="`refinery logs --quarantine` shows the record")
            return self._unlisted(SourceReader(run, rows).batches([self._archive(receipt)]))
        if receipt.ranks is not None:
            return self._ranked(run, entry, receipt)
        sources = self._reader.sources(entry, receipt)
        if len(sources) != len(documents_of(entry, receipt)):
            raise StorageError("its input rows are missing", hint=_MISSING)
        paths = [file.path for source in sources for file in source.files.get("kept", ())]
        return stored_batches(self._reader.root, paths, run.flow.given, rows)

    def _ranked(self, run: StepRun, entry: StageEntry, receipt: Receipt) -> Iterator[Batch]:
        """Read the documents of a part from the sorted runs of all."""
        runs = sorted_runs(self._reader.load(entry).shuffle)
        stage = run.step.stage
        assert isinstance(stage, Ordered)
        ranks = ranks_of(receipt, runs, stage)
        paths = [file.path for one in runs for file in one.files["keys"]]
        self._counter = OrderCounter(ranks)
        return ranked_batches(self._reader.root, paths, ranks, run.flow.given, self._counter)

    @cached_property
    def _archives(self) -> dict[str, str]:
        """The input files of the recipe by content id."""
        return paths_by_content(self._reader.pipeline)

    def _archive(self, receipt: Receipt) -> str:
        """Return the input file of a part. Raises StorageError where it is gone or was changed."""
        path = self._archives.get(receipt.inputs[0])
        if path is None:
            raise StorageError("its input file is gone or was changed since", hint="put the file back")
        return path

    def _processor(self, output: _Contents) -> StepProcessor:
        is_global = isinstance(output.run.step.stage, Global)
        verdict = self._verdict(output.entry, output.receipt.inputs[-1]) if is_global else None
        hazards = Hazards(poison_ids=self._poison(output.entry, output.receipt))
        if verdict is not None:
            (source,) = self._reader.sources(output.entry, output.receipt)
            verdict = LeftOut.of(source).verdict(verdict)
        return StepProcessor(output.run, verdict=verdict, hazards=hazards)

    def _unlisted(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Yield the documents of a source that were not taken down."""
        for docs, measured in batches:
            rest = pc.invert(self._listed.mask(docs.batch))
            yield docs.filter(rest), None if measured is None else measured.filter(rest)

    def _verdict(self, entry: StageEntry, content: str) -> pa.Table:
        for receipt in self._reader.load(entry).shuffle:
            for name in (n for n, c in receipt.contents.items() if c == content and receipt.kind == "resolve"):
                with open_parquet(self._reader.root, receipt.files[name][0].path) as file:
                    return file.read()
        raise StorageError("its verdict is missing", hint=_MISSING)

    def _poison(self, entry: StageEntry, receipt: Receipt) -> dict[bytes, str]:
        """Return notes on the documents that killed their worker in a stage, by id: they must not be tried here."""
        notes: dict[bytes, str] = {}
        columns = ("id", f"{WHY.name}.rule", f"{WHY.name}.note")
        for piece in pieces(self._reader, entry, ("removed",), columns, [receipt]):
            why = piece.batch.column(WHY.name)
            dead = pc.fill_null(pc.equal(pc.struct_field(why, "rule"), QUARANTINED), False)
            ids = piece.batch.column("id").filter(dead).to_pylist()
            notes |= dict(zip(ids, pc.struct_field(why, "note").filter(dead).to_pylist(), strict=True))
        return notes


class _Contents:
    """The content ids of the rows of one stage, and the receipt with which they are compared."""

    def __init__(self, run: StepRun, entry: StageEntry, receipt: Receipt) -> None:
        self.run, self.entry, self.receipt = run, entry, receipt
        self._kept, self._removed = Contents(run.flow.kept), Contents(run.flow.removed)
        files = receipt.files.get("kept") or receipt.files.get(SHARDS, ())
        kept = files if receipt.ranks is not None else ()
        self._split = partition_of(kept[0].path) if kept else ""

    def add(self, split: Split, keep_removed: str) -> None:
        """Add the rows of the next batch."""
        schema = self.run.flow.kept
        rows = split.kept.batch.select(schema.names).cast(schema)
        for folder, some in split.by_partition(rows, self.run.step.stage.partition_column()):
            self._kept.update(some, folder or self._split)
        self._removed.update(removed_rows(self.run, split, keep_removed))

    def differing(self, *, left_out: bool) -> list[str]:
        """Return the sides whose rows differ from those of the receipt.

        If documents of the root are ``left_out``, what those of a side would be that is not stored is not known.
        """
        contents = {"kept": self._kept, "removed": self._removed}
        unknown = set(contents) - set(self.receipt.files) if left_out else set()
        return [
            side
            for side, content in contents.items()
            if content.id() != self.receipt.stored_content(side) and side not in unknown
        ]
