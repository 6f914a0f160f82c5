"""Documents that broke what measured them, each with the copy of its record that a run kept as a test case."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow.compute as pc

from refinery.inspect.reader import RootReader, StageEntry, open_root
from refinery.inspect.rows import WHO, Document, document, pieces
from refinery.root.root import quarantine_path
from refinery.stage.rules import QUARANTINED, WHY


@dataclass(frozen=True)
class Case:
    """A document that a stage removed because it killed or stopped the process that measured it.

    ``record`` is the path below the root of its record, as it lies in its file; "" where it shares a compressed member
    with others, so that only its pointer leads there.
    """

    stage: str
    document: Document
    rule: str
    note: str
    record: str


def quarantined(path: str) -> tuple[Case, ...]:
    """The cases of the root at ``path``, by stage and part. Raises UsageError where there is none, StorageError."""
    reader = open_root(path)
    root = reader.root
    kept = frozenset(full.removeprefix(f"{root.path}/") for full in root.store.list(root.full("quarantine")))
    return tuple(case for entry in reader.stages for case in _cases(reader, entry, kept))


def _cases(reader: RootReader, entry: StageEntry, kept: frozenset[str]) -> list[Case]:
    cases = []
    for piece in pieces(reader, entry, ("removed",), (*WHO, WHY.name)):
        if not {"id", "warc", WHY.name} <= set(piece.batch.schema.names):
            continue
        reasons = piece.batch.column(WHY.name)
        rules = pc.struct_field(reasons, "rule").to_pylist()
        for row, rule in enumerate(rules):
            who = document(piece.batch.slice(row, 1))
            record = quarantine_path(entry.name, who.id, who.warc or "")
            if rule == QUARANTINED or record in kept:
                note = reasons[row].as_py()["note"] or ""
                cases.append(Case(entry.name, who, rule, note, record if record in kept else ""))
    return cases
