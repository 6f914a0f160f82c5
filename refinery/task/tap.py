"""One step of a segment, with the files that it writes and what it counts."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pyarrow as pa

from refinery.errors import PartFailed
from refinery.identity import part_key
from refinery.root.parquet import TableWriter, Written, discard, publish
from refinery.root.receipts import Receipt
from refinery.root.root import Root, quarantine_path
from refinery.stage.base import Records
from refinery.stage.documents import LENGTH, OFFSET, WARC, Docs
from refinery.stage.global_stage import Global
from refinery.stage.rules import QUARANTINED, WHY
from refinery.statistics import StageStatistics, put_statistics
from refinery.statistics.group_files import publish_groups
from refinery.store import store_for
from refinery.task.commit import commit
from refinery.task.step import Carrier, Measured, Split
from refinery.task.stored_metrics import StoredMetrics
from refinery.task.tasks import ProgressMarker, SegmentTask, StepRun

ALL_FAILED = 100
"""A step that raises on every one of this many documents or more is broken; the documents are not to blame."""


class Tap:
    """One step of a segment, with the files it writes and what it counts."""

    def __init__(
        self, root: Root, task: SegmentTask, run: StepRun, verdict: pa.Table | None, mark: ProgressMarker
    ) -> None:
        self._root, self._task, self._run = root, task, run
        self._carrier = Carrier(
            run,
            verdict=verdict if isinstance(run.step.stage, Global) else None,
            suspects=task.suspects,
            poison=task.poison,
            keep_removed=task.keep_removed,
            mark=mark,
        )
        self._stored = StoredMetrics(root, run, run.stored) if run.stored else None
        write = run.tap and run.commit
        shard = run.step.stage.shard_bytes()
        self._kept = TableWriter(root, run.flow.kept, write=write, shard=shard)
        self._removed = TableWriter(root, run.flow.removed, write=write and task.keep_removed != "counts")
        self._cases = {QUARANTINED, *run.step.stage.quarantines}
        self.statistics = StageStatistics(type(run.step.stage), run.step.stage.rules(), run.flow.language)
        self._seconds = 0.0

    def take(self, docs: Docs, measured: Measured | None) -> Docs:
        started = time.perf_counter()
        if measured is None and self._stored is not None:
            measured = self._stored.lookup(docs)
        split = self._carrier.carry(docs, measured)
        if self._cases & set(split.verdict.first.to_pylist()):
            self._keep_records(split.removed)
        self._write(split)
        self._seconds += time.perf_counter() - started
        return split.kept

    def _write(self, split: Split) -> None:
        kept = split.kept.batch
        self._kept.add(kept.select(self._run.flow.kept.names).cast(self._run.flow.kept))
        self._removed.add(split.removed)
        self.statistics.add(split.before, split.kept, split.verdict)

    def timed(self, batches: Iterator[Records]) -> Iterator[Records]:
        """The batches of a source; the time it takes to read them is the step's."""
        while True:
            started = time.perf_counter()
            batch = next(batches, None)
            self._seconds += time.perf_counter() - started
            if batch is None:
                return
            yield batch

    def _keep_records(self, removed: pa.RecordBatch) -> None:
        """Copy the records of quarantined documents, as they lie in their file: each is a test case of its own."""
        names = ["id", WARC.name, OFFSET.name, LENGTH.name, WHY.name]
        for row in removed.select(names).to_pylist() if set(names) <= set(removed.schema.names) else ():
            if row[WHY.name]["rule"] in self._cases and row["length"]:
                record = store_for(row["warc"]).read(row["warc"], row["offset"], row["length"])
                path = quarantine_path(self._run.step.name, row["id"].hex(), row["warc"])
                self._root.store.put(self._root.full(path), record)

    def commit(self, inputs: tuple[str, ...]) -> tuple[str, Receipt | None]:
        self._refuse_broken_stage()
        content, kept = self._kept.close()
        gone, removed = self._removed.close()
        key = part_key(self._run.identity, inputs)
        if not self._run.commit:
            if content != self._run.expected:
                raise PartFailed(
                    f"stage {self._run.step.name!r} gives other rows for part {self._task.part} than it did before",
                    hint=f"something it depends on is not declared; run again with --from {self._run.step.name}",
                )
            return content, None
        there = self._root.receipt(self._run.folder, key)
        whole = there is not None and (there.files or not self._run.tap) and self._root.missing([there]) == [""]
        if there is not None and whole and not self._task.force:
            discard(self._root, [*kept, *removed])
            return content, there
        if there is not None and there.files:
            self._root.withdraw(self._run.folder, key)
        contents = {"kept": content, "removed": gone}
        return content, self._publish(key, inputs, contents, {"kept": kept, "removed": removed})

    def _publish(
        self, key: str, inputs: tuple[str, ...], contents: dict[str, str], written: dict[str, list[Written]]
    ) -> Receipt:
        folder, part = self._run.folder, self._task.part
        files = {n: publish(self._root, w, f"{folder}/{n}", part, key) for n, w in written.items() if w}
        statistics = f"{folder}/stats/part-{part:05d}-{key[:8]}.json.gz"
        put_statistics(self._root, statistics, self.statistics.to_json())
        content, groups = publish_groups(self._root, self.statistics.groups(), folder, part, key)
        documents = self.statistics.documents
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
                "text": self.statistics.sizes["bytes"]["kept"],
                "skipped": documents["in"] - self._kept.rows - self._removed.rows,
            },
            files=files,
            statistics=statistics,
            groups=groups,
            judged=bool(self._run.stored),
            seconds=self._seconds,
        )
        return commit(self._root, folder, self._run.step.stage, receipt)

    def _refuse_broken_stage(self) -> None:
        documents, errors = self.statistics.documents["in"], self.statistics.errors
        if errors == documents >= ALL_FAILED:
            raise PartFailed(
                f"stage {self._run.step.name!r} raised an exception on all {errors:,} documents of part "
                f"{self._task.part}: {self._carrier.last_error}",
                hint="the stage is broken, not the documents; nothing was written",
            )

    def abort(self) -> None:
        self._kept.abort()
        self._removed.abort()
