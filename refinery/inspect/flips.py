"""The counts of a what-if: the yields of stages, and the documents whose outcome would flip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from refinery.inspect.rows import Document, document
from refinery.root.statistics import id_hashes
from refinery.stage.documents import TOKENS, id_bytes

Why = Mapping[str, Any]


@dataclass(frozen=True)
class Yield:
    """Documents into a stage and kept by it, and the tokens of those kept; None where they have no text yet."""

    given: int
    kept: int
    tokens: int | None


@dataclass(frozen=True)
class StageYield:
    """A stage as it was run, and with the other thresholds."""

    stage: str
    before: Yield
    after: Yield


@dataclass(frozen=True)
class Flip:
    """A document whose outcome would flip. ``why`` is its removal: the one that would be, or the one that was."""

    document: Document
    tokens: int | None
    why: Why


@dataclass(frozen=True)
class Flips:
    """Documents whose outcome would flip, their tokens, and some of them: the same ones every time."""

    documents: int
    tokens: int
    samples: tuple[Flip, ...]


@dataclass
class FlipDraw:
    """Counts flips, and keeps the ``count`` with the smallest hashes of their ids."""

    count: int
    documents: int = 0
    tokens: int = 0
    smallest: list[tuple[int, bytes, Flip]] = field(default_factory=list)

    def add(self, rows: pa.RecordBatch, why: Mapping[bytes, Why]) -> None:
        """Count documents by their pointer columns; ``why`` has their removals by key."""
        tokens = rows.column(TOKENS.name).to_pylist() if TOKENS.name in rows.schema.names else [None] * len(rows)
        self.documents += len(rows)
        self.tokens += sum(number or 0 for number in tokens)
        if not self.count or not len(rows):
            return
        hashes, keys = id_hashes(rows.column("id")), document_keys(rows).to_pylist()
        for row in np.argsort(hashes, kind="stable")[: self.count].tolist():
            flip = Flip(document(rows.slice(row, 1)), tokens[row], why[keys[row]])
            self.smallest.append((int(hashes[row]), keys[row], flip))
        self.smallest = sorted(self.smallest, key=lambda entry: entry[:2])[: self.count]

    def flips(self) -> Flips:
        """Return the result."""
        return Flips(self.documents, self.tokens, tuple(flip for _, _, flip in self.smallest))


@dataclass
class YieldSum:
    """The yield of a stage over the parts so far."""

    given: int = 0
    kept: int = 0
    tokens: int | None = None

    def add(self, given: int, kept: Sequence[pa.RecordBatch]) -> None:
        """Add a part: the number of its documents, and those that are kept."""
        self.given += given
        self.kept += sum(map(len, kept))
        for rows in kept:
            if TOKENS.name in rows.schema.names:
                self.tokens = (self.tokens or 0) + int(pc.sum(rows.column(TOKENS.name)).as_py() or 0)

    def total(self) -> Yield:
        """Return the sums."""
        return Yield(self.given, self.kept, self.tokens)


def document_keys(batch: pa.RecordBatch) -> pa.FixedSizeBinaryArray:
    """Return keys that are unique in a part: id and offset, for a record may be in a file twice."""
    rows = len(batch)
    offsets = np.zeros(rows, ">u8")
    if "offset" in batch.schema.names:
        offsets = batch.column("offset").to_numpy(zero_copy_only=False).astype(">u8")
    joined = np.concatenate([id_bytes(batch.column("id")), offsets.view(np.uint8).reshape(rows, 8)], axis=1)
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(24), rows, [None, pa.py_buffer(joined.tobytes())])
