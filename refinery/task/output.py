"""The output of one step of a segment: Parquet files, statistics, and the receipt."""

from __future__ import annotations

import time

import pyarrow as pa

from refinery.errors import PartFailed
from refinery.identity import part_key
from refinery.root.parquet import TableWriter, Written, discard, publish
from refinery.root.partitions import label_name
from refinery.root.receipts import PREVIEWS, SHARDS, ListedFiles, Receipt, ShardOrder
from refinery.root.root import Root, quarantine_path
from refinery.root.takedowns import TAKEN_DOWN
from refinery.stage.base import Stage
from refinery.stage.documents import LENGTH, OFFSET, WARC
from refinery.stage.ordered import splits_of
from refinery.stage.rules import QUARANTINED, WHY
from refinery.statistics.collect import StageCounter
from refinery.statistics.group_files import publish_groups
from refinery.store import store_for
from refinery.task.commit import commit, committed
from refinery.task.document_pass import SourceReader
from refinery.task.file_tally import FileTally
from refinery.task.partitioned import PartitionedWriter
from refinery.task.removed import removed_rows
from refinery.task.sharded import ShardedWriter
from refinery.task.step import Split, StepProcessor
from refinery.task.tasks import SegmentTask, StepOutput

ALL_FAILED = 100
"""A step that raises on every one of this many documents or more is broken; the documents are not to blame."""


def _writer(
    root: Root, schema: pa.Schema, stage: Stage, *, write: bool, shard: int | None
) -> TableWriter | PartitionedWriter:
    column, partition = stage.shard_column(), stage.partition_column()
    if partition:
        return PartitionedWriter(root, schema, label_name(partition), write=write, shard=shard, sized_by=column)
    return TableWriter(root, schema, write=write, shard=shard, sized_by=column)


class StepOutputWriter:
    """Writes and counts the rows of one step of a segment, and commits them."""

    def __init__(self, root: Root, task: SegmentTask, step: StepProcessor, output: StepOutput) -> None:
        self._root, self._task, self._step, self._output = root, task, step, output
        self._run = step.run
        stage, flow = self._run.step.stage, self._run.flow
        write = output.write and output.commit
        self._partition = stage.partition_column()
        self._folder = task.ranks.folder if task.ranks else ""
        form = stage.shard_format()
        shard = None if splits_of(stage) and not self._partition else stage.shard_bytes()  # a sorted part is a shard
        self._kept = _writer(root, flow.kept, stage, write=write and form is None, shard=shard)
        self._shards: ShardedWriter | None = None
        if write and form is not None:
            column, folder = stage.shard_column(), self._folder
            self._shards = ShardedWriter(root, flow.kept, form, shard=shard, sized_by=column, folder=folder)
        self._removed = TableWriter(root, flow.removed, write=write and task.keep_removed != "counts")
        self._quarantined = {QUARANTINED, *stage.quarantines}
        self._counter = StageCounter(type(stage), stage.rules())
        self._previews: list[str] = []
        self._listed: ListedFiles | None = None
        self._seconds = 0.0
        self.lenient = False
        """True if documents were taken down since the rows of steps that are computed in passing were committed."""
        self.order: ShardOrder | None = None
        """Of a shard of an order of the dataset, before its commit."""
        self.receipt: Receipt | None = None
        self.content = ""
        self.quarantined: list[str] = []

    def add(self, split: Split) -> None:
        """Append the rows of the next batch."""
        started = time.perf_counter()
        removed = removed_rows(self._run, split, self._task.keep_removed)
        if self._quarantined & set(split.verdict.first.to_pylist()):
            self._keep_records(removed)
        flow = self._run.flow
        rows = split.kept.batch.select(flow.kept.names).cast(flow.kept)
        if len(self._previews) < PREVIEWS:
            self._previews += self._run.step.stage.previews(rows.slice(0, PREVIEWS - len(self._previews)))
        for folder, some in split.by_partition(rows, self._partition):
            self._kept.add(some, folder or self._folder)
            if self._shards is not None:
                self._shards.add(some)
        self._removed.add(removed)
        self._counter.add(split.before, split.kept, split.verdict)
        self._seconds += time.perf_counter() - started

    def add_reading(self, reader: SourceReader, tally: FileTally) -> None:
        """Count the records that are no documents, the files of a list, and the time that reading took."""
        self._listed = tally.listed(reader.read, self._run.step.stage)
        self._counter.skip(reader.skipped)
        self._seconds += reader.seconds

    def add_taken_down(self, documents: int) -> None:
        """Count the documents that were left out because they were taken down."""
        self._counter.skip({TAKEN_DOWN: documents} if documents else {})

    def _keep_records(self, removed: pa.RecordBatch) -> None:
        """Copy the records of quarantined documents, byte by byte: each is a test case of its own."""
        names = ["id", WARC.name, OFFSET.name, LENGTH.name, WHY.name]
        for row in removed.select(names).to_pylist() if set(names) <= set(removed.schema.names) else ():
            if row[WHY.name]["rule"] in self._quarantined and row["length"]:
                record = store_for(row["warc"]).read(row["warc"], row["offset"], row["length"])
                path = quarantine_path(self._run.step.name, row["id"].hex(), row["warc"])
                self._root.store.put(self._root.full(path), record)
                self.quarantined.append(path)

    def commit(self, inputs: tuple[str, ...]) -> tuple[str, Receipt | None]:
        """Return the content id of the kept rows, and the receipt; None for a step that is only computed in passing.

        Raises PartFailed for a stage that fails on all documents, or whose rows are not those of the earlier run.
        """
        self._refuse_broken_stage()
        self.content, self.receipt = self._committed(inputs)
        return self.content, self.receipt

    def _committed(self, inputs: tuple[str, ...]) -> tuple[str, Receipt | None]:
        content, kept = self._kept.close()
        gone, removed = self._removed.close()
        shards = self._shards.close() if self._shards else []
        if not self._output.commit:
            self._refuse_other_rows(content)
            return self._output.expected, None
        key = part_key(self._output.identity, inputs)
        there = committed(self._root, self._output.folder, key, force=self._task.force, with_files=self._output.write)
        if there is not None:
            discard(self._root, [*kept, *removed, *shards])
            return there.contents["kept"], there
        contents = {"kept": content, "removed": gone}
        return content, self._publish(key, inputs, contents, {"kept": kept, "removed": removed, SHARDS: shards})

    def _publish(
        self, key: str, inputs: tuple[str, ...], contents: dict[str, str], written: dict[str, list[Written]]
    ) -> Receipt:
        folder, part = self._output.folder, self._task.part
        files = {n: publish(self._root, w, f"{folder}/{n}", part, key) for n, w in written.items() if w}
        path = f"{folder}/stats/part-{part:05d}-{key[:8]}.json.gz"
        statistics = self._counter.statistics()
        self._root.write_statistics(path, statistics)
        content, groups = publish_groups(self._root, self._counter.groups(), folder, part, key)
        documents = statistics.documents
        receipt = Receipt(
            kind="stage",
            stage=self._run.step.name,
            part=part,
            key=key,
            inputs=inputs,
            contents={**contents, "groups": content},
            rows={
                "in": documents["in"],
                "kept": self._kept.rows,
                "removed": self._removed.rows,
                "text": statistics.bytes["kept"],
                "skipped": documents["in"] - self._kept.rows - self._removed.rows,
            },
            files=files,
            statistics=path,
            groups=groups,
            previews=tuple(self._previews),
            order=self.order,
            reapplied=bool(self._run.stored),
            seconds=self._seconds + self._step.seconds,
            listed=self._listed,
        )
        return commit(self._root, folder, self._run.step.stage, receipt)

    def _refuse_broken_stage(self) -> None:
        documents, errors = self._counter.documents, self._counter.errors
        if errors == documents >= ALL_FAILED:
            raise PartFailed(
                f"stage {self._run.step.name!r} raised an exception on all {errors:,} documents of part "
                f"{self._task.part}: {self._step.last_error}",
                hint="the stage is broken, not the documents; nothing was written",
            )

    def _refuse_other_rows(self, content: str) -> None:
        if content != self._output.expected and not self.lenient:
            raise PartFailed(
                f"stage {self._run.step.name!r} returned other rows for part {self._task.part} than before",
                hint=f"something it depends on is not declared; run again with --from {self._run.step.name}",
            )

    def abort(self) -> None:
        """Remove the unfinished files."""
        self._kept.abort()
        self._removed.abort()
        if self._shards is not None:
            self._shards.abort()
