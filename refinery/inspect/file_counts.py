"""Counts of each input file: every record is no document, removed by one stage, or kept at the end.

Receipts alone are read. A stage that gathers parts anew (export) has no part for each file, so files are followed up to
it; from there on the sums of all are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from refinery.errors import RefineryError
from refinery.inspect.reader import Finding, RootReader, StageEntry, documents_of
from refinery.planner.inputs import paths_by_content
from refinery.root.receipts import Receipt


@dataclass(frozen=True)
class FileCounts:
    """One input file: records ``read``, those that are no documents, those ``removed`` by stage, and those ``kept``.

    ``taken_down`` are documents that stages kept until they were taken down.
    ``file`` is "" where the file is gone or was changed since. ``stage`` is the last one that the file was followed to.
    """

    part: int
    file: str
    read: int
    no_documents: int
    removed: Mapping[str, int]
    kept: int
    stage: str
    taken_down: int = 0
    files: int = 1
    """Those of the list that the part was read from, which ``file`` is then."""

    @property
    def reconciled(self) -> bool:
        """True if every record has just one outcome."""
        return self.read == self.no_documents + sum(self.removed.values()) + self.taken_down + self.kept


def file_counts(reader: RootReader) -> tuple[FileCounts, ...]:
    """Return the counts of every input file that was read, in order of parts."""
    first = next((entry for entry in reader.stages if entry.position == 0), None)
    if first is None:
        return ()
    names = _names(reader)
    stages = list(_by_file(reader))
    return tuple(_file_counts(reader, stages, receipt, names) for receipt in reader.load(first).parts)


def file_mismatches(counts: FileCounts) -> Iterator[Finding]:
    """Report the counts of a file that do not reconcile."""
    if not counts.reconciled:
        removed = f"{sum(counts.removed.values())} removed"
        rest = f"{removed} + {counts.taken_down} taken down + {counts.kept} kept"
        message = f"{counts.read} records ≠ {counts.no_documents} are no documents + {rest}"
        yield Finding(message, counts.stage, counts.part, counts.file)


def _by_file(reader: RootReader) -> Iterator[StageEntry]:
    """The stages that have a part for each file."""
    for entry in reader.stages:
        if entry.position and any(len(documents_of(entry, receipt)) != 1 for receipt in reader.load(entry).parts):
            return
        yield entry


def _names(reader: RootReader) -> dict[str, str]:
    """Return the input files by content id; none where they cannot be read."""
    try:
        return paths_by_content(reader.pipeline)
    except RefineryError:
        return {}


def _file_counts(
    reader: RootReader, stages: list[StageEntry], receipt: Receipt, names: Mapping[str, str]
) -> FileCounts:
    removed: dict[str, int] = {}
    last, now, taken_down = stages[0], receipt, 0
    for entry in stages:
        if entry.position:
            following = reader.made_from(entry, [now.contents.get("kept", "")])
            if not following:
                break
            taken_down += now.rows.get("kept", 0) - following[0].rows.get("in", 0)
            last, now = entry, following[0]
        removed[entry.name] = now.rows.get("removed", 0) + (now.rows.get("skipped", 0) if entry.position else 0)
    return FileCounts(
        part=receipt.part,
        file=names.get(receipt.inputs[0], "") if receipt.inputs else "",
        read=receipt.rows.get("in", 0),
        no_documents=receipt.rows.get("skipped", 0),
        removed=removed,
        kept=now.rows.get("kept", 0) - now.taken_kept,
        stage=last.name,
        taken_down=taken_down + now.taken_kept,
        files=receipt.listed.files if receipt.listed else 1,
    )
