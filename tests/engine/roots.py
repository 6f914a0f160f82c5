"""Small pipelines of toy stages over text files, and what their roots hold."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import psutil
import pyarrow.parquet as pq

from refinery.planner.selection import Selection
from refinery.recipe import ExecutorSettings, Pipeline, Step
from refinery.root.partitions import Contents, partition_of
from refinery.root.receipts import SHARDS, Receipt
from refinery.root.root import Root
from refinery.runner.run import RunReport, run
from refinery.stage.base import Stage
from refinery.store import LocalStore
from tests.engine.inline import InlineExecutor
from tests.engine.toy import Gather, Length, LineSource, Same, Slow, Upper

TEXTS = (
    ["one two three", "# a comment", "short", "", "the same text", "12 34 56", "four words are here"],
    ["# nothing", "# at all"],
    ["the same text", "another line of text", "The Same Text", "x", "one two three", "poison in it", "last of all"],
)
"""Lines of input files: kept ones, comments, an empty file but for them, removed ones, duplicates and an error."""

FOLDERS = ["00-lines-of-text", "01-words", "02-upper", "03-same", "04-gather"]
"""The folders of ``all_kinds`` in a root."""


def write_inputs(folder: Path, texts: Iterable[Sequence[str]] = TEXTS) -> Path:
    """Input files ``0.txt``, ``1.txt``, …; the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, lines in enumerate(texts):
        (folder / f"{number}.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder


def steps(*stages: Stage, marked: Sequence[str] = ()) -> tuple[Step, ...]:
    """Steps named as their stages; those that are ``marked`` are written under ``write: marked``."""
    return tuple(
        Step(stage.name, stage, stage.name in marked, f"{type(stage).__module__}:{type(stage).__name__}")
        for stage in stages
    )


def all_kinds(**length: Any) -> tuple[Step, ...]:
    """A source, a filter, an edit, a global stage and one that gathers: every kind of phase."""
    return steps(LineSource(), Length(**length), Upper(), Same(), Gather())


def slow_kinds() -> tuple[Step, ...]:
    """Steps that take a second of waiting, most of it in the phases of a global stage."""
    return steps(LineSource(), Length(), Slow(), Gather())


def pipeline(
    folder: Path,
    chosen: tuple[Step, ...] | None = None,
    *,
    root: str = "root",
    workers: int = 1,
    batch: int = 1000,
    memory: str = "80%",
    **settings: Any,
) -> Pipeline:
    """A pipeline over ``folder/in/*.txt`` with its root at ``folder/root``."""
    values = {"dataset": "toy", "inputs": (str(folder / "in" / "*.txt"),), "root": str(folder / root), **settings}
    executor = ExecutorSettings(workers=workers, batch=batch, memory=memory)
    return Pipeline(**values, executor=executor, steps=all_kinds() if chosen is None else chosen)


def quick(given: Pipeline, selection: Selection = Selection(), **options: Any) -> RunReport:
    """Run in this process."""
    return run(
        given, selection, executor=InlineExecutor(given.executor.memory_bytes(psutil.virtual_memory().total)), **options
    )


class RootContents:
    """What the head of a root leads to."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.root = Root(str(path), LocalStore())
        head = self.root.head()
        assert head is not None
        self.head = head
        self.manifests = {folder: self.root.manifest(path) for folder, path in head.manifests.items()}

    def receipts(self, folder: str) -> list[Receipt]:
        """Of a stage's parts, in order."""
        return self.root.receipts(folder, self.manifests[folder].parts)

    def contents(self) -> dict[str, list[dict[str, str]]]:
        """The content ids of every part of every stage."""
        return {folder: [r.contents for r in self.receipts(folder)] for folder in self.manifests}

    def shuffle_contents(self) -> list[dict[str, str]]:
        """The content ids of everything that global stages made on their way."""
        found = (self.root.receipts(folder, manifest.shuffle) for folder, manifest in self.manifests.items())
        return [receipt.contents for receipts in found for receipt in receipts]

    def file_bytes(self) -> dict[str, list[dict[str, list[bytes]]]]:
        """The bytes of every file of every part of every stage."""
        return {
            folder: [
                {name: [(self.path / ref.path).read_bytes() for ref in refs] for name, refs in r.files.items()}
                for r in self.receipts(folder)
            ]
            for folder in self.manifests
        }

    def statistics(self) -> dict[str, Any]:
        """The merged statistics of every stage."""
        return {folder: manifest.statistics.model_dump(mode="json") for folder, manifest in self.manifests.items()}

    def removals(self, folder: str) -> dict[str, int]:
        """How often each reason is in the merged statistics of a stage."""
        return self.manifests[folder].statistics.reasons

    def rows(self, folder: str, side: Literal["kept", "removed"] = "kept") -> list[dict[str, Any]]:
        """All rows of a stage, in order of parts."""
        paths = [self.path / ref.path for r in self.receipts(folder) for ref in r.files.get(side, ())]
        return [row for path in paths for row in pq.read_table(path).to_pylist()]

    def texts(self, folder: str, side: Literal["kept", "removed"] = "kept") -> list[str | None]:
        """The texts of all rows of a stage."""
        return [row["text"] for row in self.rows(folder, side)]

    def reasons(self, folder: str) -> dict[str, str]:
        """Why each document was removed, by where it stands: file name and line number."""
        rows = self.rows(folder, "removed")
        return {f"{os.path.basename(row['warc'])}:{row['offset']}": row["why"]["rule"] for row in rows}

    def everything(self) -> tuple[Any, ...]:
        """All that must not depend on how a run went."""
        return self.contents(), self.shuffle_contents(), self.statistics(), self.head.recipe

    def check_files(self) -> None:
        """Hold every file of every part against what its receipt has of it."""
        for folder in self.manifests:
            for receipt in self.receipts(folder):
                assert set(receipt.files) <= {*receipt.contents, SHARDS}
                for ref in receipt.files.get(SHARDS, ()):
                    assert hashlib.sha256((self.path / ref.path).read_bytes()).hexdigest() == ref.sha256
                for name, refs in receipt.files.items():
                    if name == SHARDS:
                        continue
                    tables = [pq.read_table(self.path / ref.path) for ref in refs]
                    assert [table.num_rows for table in tables] == [ref.rows for ref in refs]
                    assert [(self.path / ref.path).stat().st_size for ref in refs] == [ref.bytes for ref in refs]
                    content = Contents(tables[0].schema)
                    for table, ref in zip(tables, refs, strict=True):
                        for batch in table.combine_chunks().to_batches():
                            content.update(batch, partition_of(ref.path))
                    assert content.id() == receipt.contents[name]

    def balanced(self) -> bool:
        """Whether every part's documents are kept or removed, and all of a part's kept ones go into the next stage."""
        rows = [r.rows for folder in self.manifests for r in self.receipts(folder)]
        sums = [sum(r.rows[name] for r in self.receipts(f)) for f in self.manifests for name in ("in", "kept")]
        chained = all(kept == following for kept, following in zip(sums[1::2], sums[2::2], strict=False))
        return chained and all(r["in"] == r["kept"] + r["removed"] + r["skipped"] for r in rows)


class Log:
    """Where ``Length(log=…)`` writes a line for each batch it measures."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def kinds(self, **length: Any) -> tuple[Step, ...]:
        """All kinds of steps, with a ``Length`` that logs."""
        return all_kinds(log=str(self.path), **length)

    def batches(self) -> int:
        """How many batches were measured since the last call."""
        found = len(self.path.read_text().splitlines()) if self.path.exists() else 0
        self.path.unlink(missing_ok=True)
        return found


def fresh(folder: Path, given: Pipeline) -> RootContents:
    """What the same pipeline makes in a new root."""
    quick(given.model_copy(update={"root": str(folder / "fresh")}))
    return RootContents(folder / "fresh")


def all_files(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a folder, with its time of change and its bytes."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def visible(folder: Path) -> list[str]:
    """The files of a root that a reader who looks for results by name would see."""
    return sorted(str(p.relative_to(folder)) for p in folder.glob("[0-9]*/**/*") if p.is_file() and p.name[0] != ".")
