"""Comparing two roots: recipes, counts, reasons, and every document that has another outcome.

A document's outcome is that it was kept by the last stage that both roots have, or the stage and rule that removed it.
Rows that both roots have under one content id are not read; the others are compared in shares that fit the memory.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from refinery.inspect.counts import read_counts
from refinery.inspect.reader import RootReader, StageEntry, open_root
from refinery.inspect.rows import WHO, Document, document, pieces
from refinery.recipe import Setting, changes
from refinery.root.parquet import open_parquet
from refinery.root.receipts import Receipt
from refinery.root.statistics import Statistics, id_hashes
from refinery.stage.rules import WHY

SHARE_ROWS = 4_000_000
"""Rows of both roots that are in memory at once."""

KEPT = "kept"
ABSENT = "absent"


@dataclass(frozen=True)
class StageDifference:
    """A stage's documents and tokens kept, and the documents by reason, in both roots; None where it has no results."""

    stage: str
    kept: tuple[int | None, int | None]
    tokens: tuple[int | None, int | None]
    reasons: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class ChangedDocument:
    """A document with two outcomes: ``kept``, ``absent``, or ``stage rule`` of its removal."""

    document: Document
    left: str
    right: str


@dataclass(frozen=True)
class OutcomeChange:
    """Documents that went from one outcome to another, how many, and some of them."""

    left: str
    right: str
    documents: int
    samples: tuple[ChangedDocument, ...]


@dataclass(frozen=True)
class RootDifference:
    """Differences of two roots. ``until`` is the stage whose kept rows were compared, or "" with a ``note``."""

    left: str
    right: str
    recipe: tuple[Setting, ...]
    stages: tuple[StageDifference, ...]
    until: str
    note: str
    outcome_changes: tuple[OutcomeChange, ...]

    @property
    def same(self) -> bool:
        """True if recipes, counts, reasons and outcomes are the same."""
        counts = all(s.kept[0] == s.kept[1] and s.tokens[0] == s.tokens[1] for s in self.stages)
        reasons = all(a == b for stage in self.stages for a, b in stage.reasons.values())
        return not self.recipe and not self.outcome_changes and counts and reasons


def diff(left: str, right: str, count: int = 5) -> RootDifference:
    """Compare the roots at two paths, with ``count`` samples of each movement.

    Raises UsageError where there is no root, StorageError where a file is damaged.
    """
    roots = open_root(left), open_root(right)
    until, note = _until(*roots)
    outcome_changes = _Comparison(roots, until, count).outcome_changes() if until else ()
    stages = tuple(_stages(left, right))
    return RootDifference(
        left, right, changes(*(root.head.recipe for root in roots)), stages, until, note, outcome_changes
    )


# ------------------------------------------------------------------------------------------------------------- records


def _stages(left: str, right: str) -> Iterator[StageDifference]:
    mine, its = ({stage.name: stage.counts for stage in read_counts(path).stages} for path in (left, right))
    for name in dict.fromkeys([*mine, *its]):
        pair = mine.get(name), its.get(name)
        rules = sorted({rule for counts in pair if counts for rule in counts.reasons})
        reasons = {rule: (_reason(pair[0], rule), _reason(pair[1], rule)) for rule in rules}
        yield StageDifference(name, (_kept(pair[0]), _kept(pair[1])), (_tokens(pair[0]), _tokens(pair[1])), reasons)


def _kept(counts: Statistics | None) -> int | None:
    return None if counts is None else counts.documents.get("kept", 0)


def _tokens(counts: Statistics | None) -> int | None:
    return None if counts is None else counts.tokens.get("kept", 0)


def _reason(counts: Statistics | None, rule: str) -> int:
    return 0 if counts is None else counts.reasons.get(rule, 0)


def _until(left: RootReader, right: RootReader) -> tuple[str, str]:
    """The last stage that both have and whose documents can be distinguished; or none, and why."""
    for entry in reversed(left.stages):
        other = next((one for one in right.stages if one.name == entry.name), None)
        if other is None or not all("id" in _columns(*pair) for pair in ((left, entry), (right, other))):
            continue
        for reader, last in ((left, entry), (right, other)):
            for stage in reader.stages[: last.position + 1]:
                if any(r.rows.get("removed") and not r.files.get("removed") for r in reader.receipts(stage)):
                    return "", f"{reader.root.path} has removed rows of {stage.name} that are not stored"
        return entry.name, ""
    return "", "they have no stage in common whose rows are stored with ids"


def _columns(reader: RootReader, entry: StageEntry) -> list[str]:
    """The columns of a stage's kept rows; none where they are not stored."""
    path = next((file.path for r in reader.receipts(entry) for file in r.files.get(KEPT, ())), None)
    if path is None:
        return []
    with open_parquet(reader.root, path) as file:
        names: list[str] = file.schema_arrow.names
        return names


# ------------------------------------------------------------------------------------------------------------ outcomes


@dataclass(frozen=True)
class _Rows:
    """Files of one side of a stage that the other root does not have: all their rows have one outcome, or their own."""

    entry: StageEntry
    side: str
    receipts: tuple[Receipt, ...]

    @property
    def count(self) -> int:
        return sum(receipt.rows.get(self.side, 0) for receipt in self.receipts)


class _Comparison:
    """The outcomes of all documents in both roots."""

    def __init__(self, roots: tuple[RootReader, RootReader], until: str, count: int) -> None:
        self._roots = roots
        self._count = count
        left, right = (list(_all_rows(reader, until)) for reader in roots)
        self._rows = _without_shared(left, right), _without_shared(right, left)
        self._offsets = all("offset" in _columns(reader, reader.stage(until)) for reader in roots)

    def outcome_changes(self) -> tuple[OutcomeChange, ...]:
        """Return the changes of outcomes, those of most documents first."""
        total = sum(rows.count for side in self._rows for rows in side)
        shares = max(1, math.ceil(total / SHARE_ROWS))
        counts: Counter[tuple[str, str]] = Counter()
        best: dict[tuple[str, str], list[tuple[int, bytes]]] = {}
        for share in range(shares):
            left, right = (dict(self._outcomes(number, share, shares)) for number in (0, 1))
            for key in left.keys() | right.keys():
                pair = left.get(key, ABSENT), right.get(key, ABSENT)
                if pair[0] != pair[1]:
                    counts[pair] += 1
                    best.setdefault(pair, []).append(key)
            best = {pair: sorted(keys)[: self._count] for pair, keys in best.items()}
        documents = self._documents({key for keys in best.values() for key in keys})
        return tuple(
            OutcomeChange(*pair, number, tuple(ChangedDocument(documents[key], *pair) for key in best[pair]))
            for pair, number in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        )

    def _outcomes(self, number: int, share: int, shares: int) -> Iterator[tuple[tuple[int, bytes], str]]:
        """(hash, id and offset) → outcome, for the documents of a share."""
        for rows in self._rows[number]:
            columns = ("id", "offset", *([f"{WHY.name}.rule"] if rows.side == "removed" else []))
            for piece in pieces(self._roots[number], rows.entry, (rows.side,), columns, rows.receipts):
                hashes = id_hashes(piece.batch.column("id"))
                mask = hashes % np.uint64(shares) == share
                batch = piece.batch.filter(pa.array(mask))
                keys = zip(hashes[mask].tolist(), self._names(batch), strict=True)
                yield from zip(keys, _named(batch, rows), strict=True)

    def _documents(self, wanted: set[tuple[int, bytes]]) -> dict[tuple[int, bytes], Document]:
        documents: dict[tuple[int, bytes], Document] = {}
        ids = pa.array([key[1][:16] for key in wanted], pa.binary(16))
        for number, side in enumerate(self._rows):
            for rows in side if len(ids) else ():
                for piece in pieces(self._roots[number], rows.entry, (rows.side,), WHO, rows.receipts):
                    batch = piece.batch.filter(pc.is_in(piece.batch.column("id"), value_set=ids))
                    hashes = id_hashes(batch.column("id")).tolist()
                    for row, key in enumerate(zip(hashes, self._names(batch), strict=True)):
                        documents.setdefault(key, document(batch.slice(row, 1)))
        return documents

    def _names(self, batch: pa.RecordBatch) -> list[bytes]:
        """Return the ids, with offsets where all rows have one: a record may be there twice."""
        ids: list[bytes] = batch.column("id").to_pylist()
        if not self._offsets:
            return ids
        return [one + offset.to_bytes(8) for one, offset in zip(ids, batch.column("offset").to_pylist(), strict=True)]


def _named(batch: pa.RecordBatch, rows: _Rows) -> list[str]:
    if rows.side == KEPT:
        return [KEPT] * len(batch)
    return [f"{rows.entry.name} {rule}" for rule in pc.struct_field(batch.column(WHY.name), "rule").to_pylist()]


def _all_rows(reader: RootReader, until: str) -> Iterator[_Rows]:
    last = reader.stage(until)
    for entry in reader.stages[: last.position + 1]:
        yield _Rows(entry, "removed", reader.receipts(entry))
    yield _Rows(last, KEPT, reader.receipts(last))


def _without_shared(mine: Sequence[_Rows], its: Sequence[_Rows]) -> list[_Rows]:
    """The rows without those of receipts whose content the other root has at the same stage and side."""
    there = {
        (rows.entry.name, rows.side): {receipt.contents.get(rows.side) for receipt in rows.receipts} for rows in its
    }
    return [
        _Rows(
            rows.entry,
            rows.side,
            tuple(
                r for r in rows.receipts if r.contents.get(rows.side) not in there.get((rows.entry.name, rows.side), ())
            ),
        )
        for rows in mine
    ]
