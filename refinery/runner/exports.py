"""Parts of the stage that ends a recipe, made again from their input: in other formats than Parquet no row can be read.

Shards are cut at the same documents as before, so only those that lose some are written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from refinery.errors import Refused
from refinery.planner.parts import ranks_of, sorted_runs
from refinery.recipe import Pipeline, from_dict
from refinery.recipe.columns import flows
from refinery.root.document_list import DocumentList, ids_of
from refinery.root.parquet import Written
from refinery.root.partitions import partition_of
from refinery.root.receipts import SHARDS, FileRef, Receipt
from refinery.root.rewriting import RowNumbers, rewritten_path
from refinery.root.root import Root
from refinery.stage.documents import Docs
from refinery.stage.ordered import Ordered
from refinery.task.document_pass import stored_batches
from refinery.task.ordered import read_ranks, with_columns_of
from refinery.task.ranks import Ranks
from refinery.task.sharded import ShardedWriter
from refinery.task.step import StepProcessor
from refinery.task.tasks import StepRun


class Exports:
    """The current parts of the last stage of a root."""

    def __init__(self, root: Root) -> None:
        self._root = root

    @cached_property
    def pipeline(self) -> Pipeline:
        """The recipe of the root."""
        head = self._root.existing_head("`refinery run` creates one")
        return from_dict(head.recipe, self._root.path, self._root.full("HEAD.json"))

    @cached_property
    def _run(self) -> StepRun:
        return StepRun(self.pipeline.steps[-1], flows(self.pipeline.steps)[-1])

    @cached_property
    def _keys(self) -> set[tuple[str, str]]:
        head = self._root.existing_head("`refinery run` creates one")
        folder = head.folders[-1]
        manifests = {folder: self._root.manifest(head.manifests[folder])} if folder in head.manifests else {}
        return {(folder, key) for folder, manifest in manifests.items() for key in manifest.parts}

    def has(self, folder: str, receipt: Receipt) -> bool:
        """Return True for a part of the last stage by the current recipe: others cannot be made again."""
        return (folder, receipt.key) in self._keys

    def runs(self, receipts: Sequence[Receipt]) -> list[Receipt]:
        """Return those of the last stage's receipts that are of the current sorted runs, in their order."""
        head = self._root.existing_head("`refinery run` creates one")
        known = {one.key: one for one in receipts if one.kind == "map"}
        current = self._root.manifest(head.manifests[head.folders[-1]]).shuffle
        return sorted_runs(known[key] for key in current if key in known)

    def ranked(
        self, receipt: Receipt, runs: Sequence[Receipt], listed: DocumentList, previous: frozenset[bytes]
    ) -> RowNumbers:
        """Return the numbers of matching documents in a part of an order of the dataset, without ``previous`` ones."""
        batches = self.in_order(receipt, runs, previous)
        masks = [listed.mask(batch).to_numpy(zero_copy_only=False) for batch in batches]
        return np.flatnonzero(np.concatenate([np.zeros(0, bool), *masks]))

    def in_order(
        self, receipt: Receipt, runs: Sequence[Receipt], previous: frozenset[bytes]
    ) -> Iterator[pa.RecordBatch]:
        """Yield the documents of a part of an order of the dataset, without those that ``previous`` takedowns took."""
        for batch in read_ranks(self._root, *self._ranks(receipt, runs)):
            yield batch.filter(pa.array([one not in previous for one in ids_of(batch) or ()], pa.bool_()))

    def rewritten(
        self,
        receipt: Receipt,
        rows: RowNumbers,
        sources: Sequence[Receipt],
        listed: DocumentList,
        takedown: int,
    ) -> tuple[FileRef, ...]:
        """Write the shards again that have some of the rows; return the files of all shards.

        ``sources`` are the parts of the stage before, or the sorted runs. Raises Refused where they have other rows.
        """
        form = self._run.step.stage.shard_format()
        assert form is not None
        files, width = receipt.files[SHARDS], len(form.suffixes)
        batches, start = _Rows(self._exported(receipt, sources, listed)), 0
        refs: list[FileRef] = []
        for place in range(0, len(files), width):
            shard = files[place : place + width]
            removed = int(((rows >= start) & (rows < start + shard[0].rows)).sum())
            start += shard[0].rows
            batch_rows = batches.take(shard[0].rows - removed)
            if not removed:
                for _ in batch_rows:
                    pass
                refs += shard
                continue
            folder = partition_of(shard[0].path)
            writer = ShardedWriter(self._root, self._run.flow.kept, form, folder=folder)
            for batch in batch_rows:
                writer.add(batch)
            refs += [self._published(*pair, takedown) for pair in zip(shard, writer.close(), strict=True)]
        if batches.rest():
            raise _other_rows(receipt)
        return tuple(refs)

    def _exported(self, receipt: Receipt, sources: Sequence[Receipt], listed: DocumentList) -> Iterator[pa.RecordBatch]:
        """Yield the rows that the stage writes of a part, without listed documents."""
        step, flow = StepProcessor(self._run), self._run.flow
        for docs in self._input(receipt, sources):
            rest = docs.filter(pc.invert(listed.mask(docs.batch)))
            if len(rest):
                yield step.process(rest).kept.batch.select(flow.kept.names).cast(flow.kept)

    def _input(self, receipt: Receipt, sources: Sequence[Receipt]) -> Iterator[Docs]:
        given = self._run.flow.given
        if receipt.ranks is None:
            paths = [file.path for source in sources for file in source.files["kept"]]
            yield from (docs for docs, _ in stored_batches(self._root, paths, given, self.pipeline.executor.batch))
            return
        for rows in read_ranks(self._root, *self._ranks(receipt, sources)):
            yield with_columns_of(given, rows)

    def _ranks(self, receipt: Receipt, runs: Sequence[Receipt]) -> tuple[list[str], Ranks]:
        stage = self._run.step.stage
        assert isinstance(stage, Ordered)
        return [file.path for one in runs for file in one.files["keys"]], ranks_of(receipt, runs, stage)

    def _published(self, file: FileRef, written: Written, takedown: int) -> FileRef:
        path = rewritten_path(file.path, takedown)
        self._root.store.publish(written.temporary, self._root.full(path))
        return written.at(path)


class _Rows:
    """Rows in batches, from which as many are taken as a shard has."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches, self._left = batches, pa.RecordBatch.from_pylist([])

    def take(self, count: int) -> Iterator[pa.RecordBatch]:
        """Yield the next rows. Raises Refused where there are fewer."""
        while count:
            if not len(self._left):
                batch = next(self._batches, None)
                if batch is None:
                    raise Refused("the input of an export has fewer documents than its shards", hint=_AGAIN)
                self._left = batch
            some = self._left.slice(0, count)
            self._left = self._left.slice(len(some))
            count -= len(some)
            yield some

    def rest(self) -> bool:
        """Return True if there are rows left."""
        return bool(len(self._left)) or next(self._batches, None) is not None


_AGAIN = "`refinery run --from` the last stage writes them again; then take down again"


def _other_rows(receipt: Receipt) -> Refused:
    return Refused(f"part {receipt.part}: the input of an export has more documents than its shards", hint=_AGAIN)
