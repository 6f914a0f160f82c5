"""Small stages for tests of the engine: a source of text lines, a filter, an edit and a global stage."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from refinery.errors import StorageError
from refinery.stage.base import Edit, Edited, Filter, Records, Source
from refinery.stage.documents import DATE, TEXT, TOKENS, Docs
from refinery.stage.fields import threshold
from refinery.stage.global_stage import Global, Mapped
from refinery.stage.round_input import MappedPart
from refinery.stage.rounds import Reduce, Resolve, Round
from refinery.stage.rules import Metric, Rule
from refinery.store import Store
from refinery.task.tasks import ProgressMarker


class LineSource(Source):
    """A document a line of a text file; lines that begin with ``#`` are no documents, empty ones unwanted."""

    name: ClassVar = "lines-of-text"
    version: ClassVar = 1
    adds: ClassVar = (TEXT, TOKENS)
    metrics: ClassVar = (Metric("outcome", pa.string(), "label"),)

    batch: int = 3

    def rules(self) -> tuple[Rule, ...]:
        return (Rule("empty", "outcome", not_in=("empty",)),)

    def list_inputs(self, pattern: str, store: Store) -> list[str]:
        found = store.list(pattern)
        if not found:
            raise StorageError(f"{pattern}: no such file")
        return found

    def read(self, path: str, store: Store) -> Iterator[Records]:
        lines = store.read(path).decode().splitlines()
        for start in range(0, len(lines), self.batch):
            chosen = lines[start : start + self.batch]
            rows = [(start + i, line) for i, line in enumerate(chosen) if not line.startswith("#")]
            yield records(path, rows, skipped=len(chosen) - len(rows))

    def read_one(self, path: str, offset: int, length: int, store: Store) -> Records:
        return records(path, [(offset, store.read(path).decode().splitlines()[offset])], skipped=0)


def records(path: str, rows: Sequence[tuple[int, str]], skipped: int) -> Records:
    """Rows of (line number, text) as a source gives them."""
    name = os.path.basename(path)
    columns = {
        "id": [hashlib.md5(f"{name}:{number}".encode()).digest() for number, _ in rows],
        "url": [f"file://{name}#{number}" for number, _ in rows],
        "date": [None] * len(rows),
        "warc": [path] * len(rows),
        "offset": [number for number, _ in rows],
        "length": [len(text) for _, text in rows],
        "text": [text for _, text in rows],
        "tokens": [len(text.split()) for _, text in rows],
    }
    metrics = {"outcome": ["ok" if text else "empty" for _, text in rows]}
    return Records(columns, metrics, {"comment": skipped} if skipped else {})


def hang_once(path: str, mark: ProgressMarker) -> int:
    """Write the number of this process to a new file and stop; where there is one, return the number."""
    del mark
    try:
        with open(path, "x", encoding="ascii") as stream:
            stream.write(str(os.getpid()))
    except FileExistsError:
        return os.getpid()
    os.kill(os.getpid(), signal.SIGSTOP)
    raise AssertionError


def die() -> None:
    """End the process, as a crash in native code would."""
    os._exit(7)


class Panic(BaseException):
    """What a native kernel raises that meets what cannot be: no ``Exception``."""


class Length(Filter):
    """Keep texts of enough words. ``poison`` raises on a text, ``deadly`` kills the worker, ``panic`` panics."""

    name: ClassVar = "words"
    version: ClassVar = 1
    metrics: ClassVar = (Metric("words", pa.int64(), "count"), Metric("letters", pa.float64(), "ratio"))

    min_words: int = threshold(2)
    log: str = ""

    def rules(self) -> tuple[Rule, ...]:
        return (Rule("short", "words", at_least=self.min_words), Rule("digits", "letters", at_least=0.5))

    def measure(self, docs: Docs) -> dict[str, list[float]]:
        texts = docs.texts()
        if any("poison" in text for text in texts):
            raise ValueError("this text is poison")
        if any("deadly" in text for text in texts):
            die()
        if any("panic" in text for text in texts):
            raise Panic("index out of thresholds:\nthe len is 3 \ud800")
        if self.log:
            with open(self.log, "a", encoding="utf-8") as stream:
                stream.write("measured\n")
        letters = [sum(c.isalpha() for c in text) / max(1, len(text)) for text in texts]
        return {"words": [len(text.split()) for text in texts], "letters": letters}


class Hung(Length):
    """Length whose worker stops at a text with "hung", unless there is a file ``once``, which it makes."""

    name: ClassVar = "hung"

    once: str

    def measure(self, docs: Docs) -> dict[str, list[float]]:
        if any("hung" in text for text in docs.texts()) and not os.path.exists(self.once):
            with open(self.once, "x"):
                os.kill(os.getpid(), signal.SIGSTOP)
        return super().measure(docs)


class Mortal(Length):
    """Length that kills its worker at a text with "kills", once; one with "waits" takes until that text is measured.

    ``folder`` is where it keeps files for both.
    """

    name: ClassVar = "mortal"

    folder: str

    def measure(self, docs: Docs) -> dict[str, list[float]]:
        killed, measured = (os.path.join(self.folder, name) for name in ("killed", "measured"))
        if any("kills" in text for text in docs.texts()):
            again = os.path.exists(killed)
            open(measured if again else killed, "a", encoding="ascii").close()
            if not again:
                os.kill(os.getpid(), signal.SIGKILL)
        if any("waits" in text for text in docs.texts()):
            deadline = time.monotonic() + 120
            while not os.path.exists(measured):
                if time.monotonic() > deadline:
                    raise StorageError("the task whose worker died does not begin again")
                time.sleep(0.02)
        return super().measure(docs)


class Dated(Edit):
    """The text up to a bar is the second in which it was crawled."""

    name: ClassVar = "dated"
    version: ClassVar = 1
    adds: ClassVar = (DATE, TEXT)

    def edit(self, docs: Docs) -> Edited:
        found = [text.partition("|") for text in docs.texts()]
        return Edited({"date": [int(date) * 1000 for date, _, _ in found], "text": [text for _, _, text in found]})


class Upper(Edit):
    """Texts in capitals."""

    name: ClassVar = "upper"
    version: ClassVar = 1
    adds: ClassVar = (TEXT,)

    def edit(self, docs: Docs) -> Edited:
        return Edited({"text": [text.upper() for text in docs.texts()]})


class Gather(Edit):
    """Parts put together, and divided anew into files of about ``shard`` bytes of text, in folders of labels of ``by``."""

    name: ClassVar = "gather"
    version: ClassVar = 1

    shard: int = 60
    by: str = ""

    def shard_bytes(self) -> int:
        return self.shard

    def partition_column(self) -> str:
        return self.by

    def edit(self, docs: Docs) -> Edited:
        del docs
        return Edited({})


class Same(Global):
    """Keep the text with the smallest id of those that are equal."""

    name: ClassVar = "same"
    version: ClassVar = 1
    metrics: ClassVar = (Metric("copies", pa.int64(), "count"), Metric("role", pa.string(), "label"))

    def rules(self) -> tuple[Rule, ...]:
        return (Rule("duplicate", "role", not_in=("duplicate",)),)

    def map(self, docs: Docs, row: int) -> Mapped:
        hashes = [int.from_bytes(hashlib.md5(t.encode()).digest()[:8]) for t in docs.texts()]
        rows = pa.array(np.arange(row, row + len(docs), dtype=np.uint32))
        keys = pa.RecordBatch.from_arrays([pa.array(hashes, pa.uint64()), rows], names=["key", "row"])
        return Mapped(keys, pa.RecordBatch.from_arrays([docs.column("id")], names=["id"]))

    def rounds(self) -> tuple[Round, ...]:
        return (Reduce("reduce", self.reduce), Resolve("resolve", self.resolve))

    def reduce(self, groups: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from groups

    def resolve(self, reduced: Iterator[pa.RecordBatch], parts: Sequence[MappedPart]) -> Iterator[pa.Table]:
        ids = {part.number: part.index().column("id").to_pylist() for part in parts}
        groups: dict[int, list[tuple[bytes, int, int]]] = {}
        for batch in reduced:
            for key, part, row in zip(*(c.to_pylist() for c in batch.columns), strict=True):
                groups.setdefault(key, []).append((ids[part][row], part, row))
        copies = {(part, row): (len(g), min(g)[1:] == (part, row)) for g in groups.values() for _, part, row in g}
        for part in parts:
            found = [copies[part.number, row] for row in range(len(ids[part.number]))]
            yield pa.table(
                {
                    "copies": pa.array([n for n, _ in found], pa.int64()),
                    "role": pa.array(["first" if first else "duplicate" for _, first in found], pa.string()),
                }
            )

    def apply(self, docs: Docs, row: int, verdict: pa.Table) -> Edited:
        rows = verdict.slice(row, len(docs)).combine_chunks()
        return Edited({}, {"copies": rows.column("copies"), "role": pc.cast(rows.column("role"), pa.string())})


class Huge(Same):
    """The same, which claims 32 TiB for its verdicts."""

    name: ClassVar = "huge"

    def needs(self, documents: int, rows: int) -> int:
        del documents, rows
        return 2**45


class Frail(Same):
    """The same; ``fatal`` in a text kills the worker in the map."""

    name: ClassVar = "frail"

    def map(self, docs: Docs, row: int) -> Mapped:
        texts = docs.column("text").to_pylist()
        if any("fatal" in (text or "") for text in texts):
            die()
        return super().map(docs.with_columns({"text": pa.array([text or "" for text in texts])}), row)


class Frailest(Frail):
    """The same; in whatever becomes of the text."""

    name: ClassVar = "frailest"

    def map(self, docs: Docs, row: int) -> Mapped:
        if docs.column("text").null_count:
            die()
        return super().map(docs, row)


def rest(seconds: float) -> None:
    """Wait."""
    time.sleep(seconds)


class Slow(Same):
    """The same, in its own time, so that a kill can meet it in every phase."""

    name: ClassVar = "slow"

    def map(self, docs: Docs, row: int) -> Mapped:
        rest(0.02)
        return super().map(docs, row)

    def reduce(self, groups: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in super().reduce(groups):
            rest(0.2)
            yield batch

    def resolve(self, reduced: Iterator[pa.RecordBatch], parts: Sequence[MappedPart]) -> Iterator[pa.Table]:
        for verdict in super().resolve(reduced, parts):
            rest(0.2)
            yield verdict

    def apply(self, docs: Docs, row: int, verdict: pa.Table) -> Edited:
        rest(0.02)
        return super().apply(docs, row, verdict)
