"""Verifying a root: counts reconcile, and every file has the rows of its receipt.

Content ids are computed again from the Parquet, so a changed value is found wherever it is. Bytes that are no row,
such as the name of the writing library in a file's footer, may differ. Shards of other formats are compared byte by
byte, by their SHA-256. Nothing is mended here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa

from refinery.errors import StorageError
from refinery.formatting import plural
from refinery.identity import part_key
from refinery.inspect.contents import FileRows, IdSum, differences, id_differences, wrong_reasons
from refinery.inspect.counts import counts_of
from refinery.inspect.file_counts import FileCounts, file_counts, file_mismatches
from refinery.inspect.index_checks import check_indexes
from refinery.inspect.reader import Finding, RootReader, StageEntry, documents_of, open_root
from refinery.inspect.recompute import recompute
from refinery.inspect.rows import pieces
from refinery.inspect.shuffle_checks import id_sums, other_documents, summed
from refinery.inspect.warning_list import RootWarning, warnings_of
from refinery.root.outputs import current_path, extra_files, is_output
from refinery.root.parquet import open_parquet
from refinery.root.partitions import FOLDER, partition_of
from refinery.root.receipts import SHARDS, FileRef, Receipt
from refinery.statistics.group_files import merge, merged_path, read_merged

UNFINISHED = "a run is at work or was interrupted, and `refinery run` completes it"
"""Explanation of outputs that are elsewhere than a completed run leaves them."""

FOLDERS = {
    "kept": "kept",
    "removed": "removed",
    "audit": "audit",
    "keys": "map/keys",
    "index": "map/index",
    "groups": "stats/groups",
    SHARDS: "shards",
    "reduced": "reduce",
}
"""Folders, in that of the stage, of the files of each name; verdicts, named by part number, are in ``resolve``."""


@dataclass(frozen=True)
class Verification:
    """Numbers of what was checked, and the findings. ``recomputed`` is the number of parts computed again.

    ``damaged`` is the first stage of which something is lost or changed, or empty: a run from there repairs the root.
    """

    dataset: str
    stages: int
    receipts: int
    files: int
    rows: int
    recomputed: int
    findings: tuple[Finding, ...]
    damaged: str = ""
    files_read: tuple[FileCounts, ...] = ()
    """Counts of each input file."""
    warnings: tuple[RootWarning, ...] = ()
    """Warnings about the root, which are no contradictions."""

    @property
    def ok(self) -> bool:
        """True if there is no finding."""
        return not self.findings


def verify(path: str, rerun: float = 0.0) -> Verification:
    """Check the root at ``path``, and make the share ``rerun`` (0 to 1) of its parts again to compare.

    Raises UsageError where there is no root; everything else that is wrong is a finding.
    """
    try:
        reader = open_root(path)
    except StorageError as error:
        return Verification("", 0, 0, 0, 0, 0, (Finding(error.message),))
    checks = _Checks(reader)
    for entry in reader.stages:
        checks.stage(entry)
    checks.findings += _extra(reader)
    records = file_counts(reader)
    if not checks.findings:  # what is found above would be reported twice
        checks.findings += [finding for one in records for finding in file_mismatches(one)]
    recomputed, differing = recompute(reader, rerun) if rerun else (0, [])
    return Verification(
        dataset=reader.head.dataset,
        stages=len(reader.stages),
        receipts=sum(len((*m.parts, *m.shuffle, *m.audit)) for m in (entry.manifest for entry in reader.stages)),
        files=checks.files,
        rows=checks.rows,
        recomputed=recomputed,
        findings=(*checks.findings, *differing),
        damaged=next((finding.stage for finding in checks.findings), ""),
        files_read=records,
        warnings=checks.warnings(),
    )


class _Checks:
    """The checks of one root. A broken file is one finding, and nothing that follows from it is another."""

    def __init__(self, reader: RootReader) -> None:
        self._reader = reader
        self._broken: set[str] = set()
        self._summed, self._sums = summed(reader), dict[str, IdSum]()
        self.findings: list[Finding] = []
        self.files = 0
        self.rows = 0

    def warnings(self) -> tuple[RootWarning, ...]:
        """The warnings about the root, none where its statistics cannot be read."""
        try:
            return warnings_of(self._reader)
        except StorageError:
            return ()  # a finding already

    def stage(self, entry: StageEntry) -> None:
        """Check the counts of a stage, and all its receipts."""
        try:
            self.findings += counts_of(self._reader, first=entry.name, until=entry.name).problems
        except StorageError as error:
            self.findings.append(Finding(error.message, entry.name))
        self._merged(entry)
        self.findings += check_indexes(self._reader.root, entry)
        receipts, links = self._reader.load(entry), self._links(entry)
        for receipt in {r.key: r for r in receipts.every}.values():
            self.findings += [Finding(text, entry.name, receipt.part) for text in self._receipt(entry, receipt, links)]
        self.findings += other_documents(self._reader, entry, self._sums)

    def _merged(self, entry: StageEntry) -> None:
        """Compare the merged counts by group with those of the parts."""
        root, manifest = self._reader.root, entry.manifest
        path = merged_path(entry.folder, manifest.identity)
        receipts = self._reader.load(entry).parts
        try:
            merged = read_merged(root, entry.folder, manifest.identity, manifest.parts)
            if merged is not None and not self._reader.load(entry).lost and merged != merge(root, receipts):
                self.findings.append(
                    Finding(
                        "these are not the merged counts of its parts; without the file they are read from the parts",
                        entry.name,
                        file=path,
                    )
                )
        except StorageError as error:
            self.findings.append(Finding(error.message, entry.name, file=path))
        else:
            self.files += merged is not None

    def _receipt(self, entry: StageEntry, receipt: Receipt, links: Mapping[str, set[str]]) -> Iterator[str]:
        yield from _misfiled(entry, receipt)
        if receipt.kind in links and receipt.ranks is None and not set(receipt.inputs[-1:]) <= links[receipt.kind]:
            yield f"the receipt {receipt.key[:8]} names an input that does not exist any more"
        read = {name: self._files(entry, receipt, name) for name in receipt.written}
        whole = {name: rows for name, rows in read.items() if rows is not None}
        if entry.position in self._summed:
            self._sums.update(id_sums(receipt, whole))
        for name, rows in whole.items():
            yield from differences(receipt, name, rows)
        if receipt.kind == "stage" and len(whole) == len(read):
            yield from self._documents(entry, receipt, whole)

    def _links(self, entry: StageEntry) -> dict[str, set[str]]:
        """Return the valid last inputs of a global stage's receipts, by their kind: verdicts, and mapped documents.

        That was kept just before it, or by a later stage: of partitions what they kept in the end is mapped as well.
        Empty where that is not known. ``counts`` checks all other links.
        """
        before = self._reader.before(entry)
        own = self._reader.load(entry)
        around = [self._reader.load(other) for other in self._reader.stages if other.position >= entry.position - 1]
        if not entry.is_global or before is None or own.lost or any(receipts.lost for receipts in around):
            return {}
        verdicts = {content for r in own.shuffle if r.kind == "resolve" for content in r.contents.values()}
        mapped = {r.contents.get("kept", "") for receipts in around for r in receipts.parts}
        merged = {r.contents["keys"] for r in own.shuffle if r.kind == "map" and "keys" in r.contents}
        return {"stage": verdicts, "map": mapped | merged}

    # ---------------------------------------------------------------------------------------------------------- files

    def _files(self, entry: StageEntry, receipt: Receipt, name: str) -> FileRows | None:
        """The rows of all files of a name; None where one is broken."""
        rows = FileRows()
        broken = False
        for file in receipt.written[name]:
            self.files += 1
            problem = _misplaced(entry, receipt, name, file) or self._read(file, rows)
            if problem:
                broken = True
                self._broken.add(file.path)
                self.findings.append(Finding(problem, entry.name, receipt.part, file.path))
        self.rows += rows.count
        return None if broken else rows

    def _read(self, file: FileRef, rows: FileRows) -> str:
        """Add a file's rows; what is wrong with it, or nothing."""
        store, full = self._reader.root.store, self._reader.root.full(file.path)
        if not store.exists(full):
            return "the file is not there"
        before = rows.count
        try:
            size = store.stat(full).size
            if size != file.bytes:
                return f"the file has {plural(size, 'byte')}, its receipt has {file.bytes:,}"
            if file.sha256:
                with store.stream(full) as stream:
                    same = _sha256(stream) == file.sha256
                return "" if same else "the file does not have the SHA-256 of its receipt"
            with open_parquet(self._reader.root, file.path) as parquet:
                rows.read(parquet, partition_of(file.path))
        except (StorageError, pa.ArrowException, ValueError) as error:
            return f"the file cannot be read: {' '.join(str(error).split())[:300]}"
        count = rows.count - before
        return "" if count == file.rows else f"the file has {plural(count, 'row')}, its receipt has {file.rows:,}"

    # ------------------------------------------------------------------------------------------------------ documents

    def _documents(self, entry: StageEntry, receipt: Receipt, read: Mapping[str, FileRows]) -> Iterator[str]:
        """Compare the rows with the statistics and with what the stage before kept."""
        try:
            statistics = self._reader.root.statistics(receipt)
        except StorageError:
            statistics = None  # a finding of the counts
        if statistics is not None and "removed" in read:
            yield from wrong_reasons(receipt, read["removed"], statistics)
        if "kept" in read and read["kept"].has_ids:
            yield from self._ids(entry, receipt, read)

    def _ids(self, entry: StageEntry, receipt: Receipt, read: Mapping[str, FileRows]) -> Iterator[str]:
        """Check that documents that came in are kept or removed; without removed rows, that kept ones came in."""
        before = self._reader.before(entry)
        if receipt.ranks is not None:
            return  # its documents are from all parts
        sources = self._reader.sources(entry, receipt)
        files = [[file.path for file in source.files.get("kept", ())] for source in sources]
        known = len(sources) == len(documents_of(entry, receipt)) and all(files)
        if before is None or not known or self._broken & {path for paths in files for path in paths}:
            return
        came = [p.batch.column("id") for p in pieces(self._reader, before, ("kept",), ("id",), sources)]
        extra, lost = id_differences(came, [array for rows in read.values() for array in rows.ids])
        if extra:
            yield f"{plural(extra, 'document')} came out that did not go in"
        if lost and "removed" in read:
            yield f"{plural(lost, 'document')} went in, neither kept nor removed"


def _sha256(stream: BinaryIO) -> str:
    digest = hashlib.sha256()
    while block := stream.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def _misfiled(entry: StageEntry, receipt: Receipt) -> Iterator[str]:
    """Report how a receipt does not fit its place in the root."""
    if receipt.stage != entry.name:
        yield f"the receipt {receipt.key[:8]} is of another stage, {receipt.stage!r}"
    if receipt.kind == "stage" and receipt.key != part_key(entry.manifest.identity, receipt.inputs):
        yield f"the receipt {receipt.key[:8]} is not of the inputs that it names"


def _extra(reader: RootReader) -> Iterator[Finding]:
    """Files in ``kept`` and ``removed`` that a glob reads and no current receipt names."""
    by_folder = {entry.folder: reader.load(entry) for entry in reader.stages}
    lost = {folder for folder, receipts in by_folder.items() if receipts.lost}  # these are findings already
    for path in extra_files(reader.root, (one for receipts in by_folder.values() for one in receipts.every)):
        if not is_output(path):
            yield Finding("no run wrote this file, and globs read it: move it elsewhere", file=path)
        elif path.partition("/")[0] not in lost:
            yield Finding(f"not current, and globs read it: {UNFINISHED}", file=path)


def _misplaced(entry: StageEntry, receipt: Receipt, name: str, file: FileRef) -> str:
    if current_path(file.path) != file.path:
        return f"globs do not read it yet: {UNFINISHED}"
    folder = f"{entry.folder}/{FOLDERS.get(name, 'resolve')}/"
    part = int(name) if name.isdecimal() else receipt.part
    begins = f"part-{part:05d}-{receipt.key[:8]}"
    inside = re.fullmatch(rf"{re.escape(folder)}(?:{FOLDER}/)?{begins}[^/]*", file.path)
    return "" if inside else f"the receipt names a file elsewhere than {folder}{begins}"
