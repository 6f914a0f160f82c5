"""The files of one root, by name."""

from __future__ import annotations

import glob
import gzip
import zlib
from collections.abc import Container, Iterable, Sequence
from typing import TypeVar, cast

import numpy as np
from pydantic import BaseModel, ValidationError

from refinery.errors import Refused, StorageError, UsageError
from refinery.identity import FORMAT, canonical
from refinery.root.briefs import FilesBrief
from refinery.root.manifests import Head, StageManifest
from refinery.root.receipt_index import ReceiptIndex
from refinery.root.receipt_sequence import Receipts
from refinery.root.receipts import Receipt, decoded, encoded, first_absent, named_files, receipt_path
from refinery.root.statistics import AuditStatistics, Statistics
from refinery.store import Store

MANY = 64
"""Receipts from which on they are looked for in an index: it has to list their folder."""

Model = TypeVar("Model", bound=BaseModel)
Record = TypeVar("Record", bound=BaseModel | Receipt)


class Root:
    """The files of one root, by name. All paths are below the root unless called full."""

    def __init__(self, path: str, store: Store) -> None:
        self.path = path.rstrip("/") or "/"
        self.store = store

    def full(self, path: str) -> str:
        """Return the path as the store knows it."""
        return f"{self.path}/{path}"

    def head(self) -> Head | None:
        """Return the head, or None where the folder is no root yet.

        Raises StorageError for a damaged one, and Refused for one of another format.
        """
        head = self._record(Head, self.full("HEAD.json"))
        if head is not None and head.format != FORMAT:
            raise Refused(
                f"{self.path} has format {head.format}; this version reads and writes format {FORMAT}",
                hint="use the version that wrote it, or a new --root: the inputs make it again",
            )
        return head

    def existing_head(self, hint: str) -> Head:
        """Return the head. Raises UsageError with the ``hint`` where the folder is no root; else as ``head``."""
        head = self.head()
        if head is None:
            raise UsageError(f"{self.path} is no root of refinery (no HEAD.json)", hint=hint)
        return head

    def write_head(self, head: Head) -> None:
        """Replace the head."""
        self.store.put(self.full("HEAD.json"), _json(head))

    def receipt(self, folder: str, key: str) -> Receipt | None:
        """Return the receipt with a key, or None where that part is not finished."""
        return self._record(Receipt, self.full(receipt_path(folder, key)))

    def receipts(self, folder: str, keys: Iterable[str]) -> list[Receipt]:
        """Return the receipts with these keys that exist, in the order of the keys."""
        receipts = self.examined(folder, keys)
        for damaged in (one for one in receipts if isinstance(one, StorageError)):
            raise damaged
        return [one for one in receipts if isinstance(one, Receipt)]

    def examined(self, folder: str, keys: Iterable[str]) -> list[Receipt | StorageError | None]:
        """Return the receipts with these keys, many at once: an error for a damaged one, None for a lost one."""
        every = list(keys)
        found, others = self.sequence(folder, every)
        known = iter(found)
        return [others[key] if key in others else next(known) for key in every]

    def sequence(
        self, folder: str, keys: Sequence[str], index: ReceiptIndex | None = None
    ) -> tuple[Receipts, dict[str, StorageError | None]]:
        """Return the receipts with these keys, many of them read when they are asked for, and what the others lack.

        An ``index`` of the folder spares reading it again.
        """
        index = index if index is not None else self.index(folder if len(keys) >= MANY else "")
        rows = index.rows(keys)
        loose = list(dict.fromkeys(key for key, row in zip(keys, rows.tolist(), strict=True) if row < 0))
        read = dict(zip(loose, self.own_receipts(folder, loose), strict=True))
        others = [one for one in read.values() if isinstance(one, Receipt)]
        places = {key: -1 - place for place, key in enumerate(key for key in read if isinstance(read[key], Receipt))}
        absent = {key: one for key, one in read.items() if not isinstance(one, Receipt)}
        there = [(key, row) for key, row in zip(keys, rows.tolist(), strict=True) if key not in absent]
        found = np.array([places[key] if row < 0 else row for key, row in there], np.int64)
        return Receipts(index, found, others), absent

    def own_receipts(self, folder: str, keys: Sequence[str]) -> list[Receipt | StorageError | None]:
        """Return receipts as ``examined`` does, from their own files and no index."""
        paths = [self.full(receipt_path(folder, key)) for key in keys]
        return [*map(_examined, paths, self.store.find_all(paths))]

    def index(self, folder: str) -> ReceiptIndex:
        """Return the index of the receipts of a stage; an empty one for "", and where there is none."""
        return ReceiptIndex(self.store, self.full(folder) if folder else "")

    def missing(
        self, receipts: Sequence[Receipt] | Sequence[FilesBrief], listed: Container[str] = frozenset()
    ) -> list[str]:
        """Return for each receipt a file that it names and that is not there, or has another size; "" for a whole one.

        Files of which no size is recorded are there if they are ``listed``. Files are not read: ``verify`` compares
        their rows.
        """
        named = [one.named if isinstance(one, FilesBrief) else tuple(named_files(one)) for one in receipts]
        asked = [one for files in named for one in files if one[1] is not None or one[0] not in listed]
        sizes = self.store.sizes(self.path, [path for path, _ in asked])
        if all(there is not None and size in (None, there) for there, (_, size) in zip(sizes, asked, strict=True)):
            return [""] * len(named)
        there = dict(zip([path for path, _ in asked], sizes, strict=True))
        return [first_absent([(path, size, there.get(path, 0)) for path, size in files]) for files in named]

    def commit(self, folder: str, receipt: Receipt) -> None:
        """Write a receipt: from then on its files exist for readers."""
        self.store.put(self.full(receipt_path(folder, receipt.key)), encoded(receipt, indent=1))

    def receipts_of(self, folder: str) -> list[Receipt]:
        """Return every receipt of a stage, those of other configurations included."""
        return self.receipts(folder, self.receipt_keys(folder))

    def receipt_keys(self, folder: str) -> list[str]:
        """Return the keys of all receipts of a stage."""
        paths = self.store.list(f"{glob.escape(self.full(folder))}/receipts/*.json")
        return [path.rpartition("/")[2].removesuffix(".json") for path in paths]

    def readable(self, folder: str) -> dict[str, Receipt | None]:
        """Return every receipt of a stage by its key; None for a damaged one, whose error is raised when it is read."""
        keys = self.receipt_keys(folder)
        receipts = zip(keys, self.examined(folder, keys), strict=True)
        return {key: one if isinstance(one, Receipt) else None for key, one in receipts}

    def withdraw(self, folder: str, key: str) -> None:
        """Delete a receipt, if it exists: its files are about to be replaced by other rows under the same names."""
        self.store.delete(self.full(receipt_path(folder, key)))

    def manifest(self, path: str) -> StageManifest:
        """Return the manifest of a stage. Raises StorageError where it is lost or damaged."""
        full = self.full(path)
        manifest = self._record(StageManifest, full)
        if manifest is None:
            raise StorageError(
                f"{full}: HEAD.json names this manifest, and it is not there",
                hint=f"delete {self.full('HEAD.json')}: the next run writes both again, from the receipts",
            )
        return manifest

    def manifests_of(self, folder: str) -> list[StageManifest]:
        """Return every manifest of a stage, those of other configurations included; the head names the current one."""
        paths = self.store.list(f"{glob.escape(self.full(folder))}/manifest-*.json")
        records = zip(paths, self.store.find_all(paths), strict=True)
        return [_parsed(StageManifest, path, data) for path, data in records if data is not None]

    def current_manifests(self, head: Head | None) -> dict[str, StageManifest]:
        """The manifests that a head names by folder, in order; none without a head."""
        if head is None:
            return {}
        return {folder: self.manifest(head.manifests[folder]) for folder in head.folders if folder in head.manifests}

    def write_manifest(self, folder: str, manifest: StageManifest) -> str:
        """Write a manifest, and return its path."""
        path = f"{folder}/manifest-{manifest.identity[:8]}.json"
        self.store.put(self.full(path), _json(manifest))
        return path

    def statistics(self, receipt: Receipt, number: int = 0) -> Statistics:
        """Return the statistics of a part, the ``number``-th. Raises StorageError where they are lost or damaged."""
        return self._counts(Statistics, receipt).of_part(number)

    def audit_statistics(self, receipt: Receipt) -> AuditStatistics:
        """Return the statistics of an audited part. Raises StorageError where they are missing or damaged."""
        return self._counts(AuditStatistics, receipt)

    def write_statistics(self, path: str, statistics: Statistics | AuditStatistics) -> None:
        """Write statistics as gzipped JSON."""
        self.store.put(self.full(path), gzip.compress(canonical(statistics.model_dump(mode="json")), mtime=0))

    def _counts(self, model: type[Model], receipt: Receipt) -> Model:
        path = self.full(receipt.statistics)
        try:
            return model.model_validate_json(gzip.decompress(self.store.read(path)))
        except (OSError, EOFError, zlib.error, ValidationError) as error:
            raise StorageError(
                f"{path}: damaged statistics ({_reason(error)})",
                hint=f"`refinery run --from {receipt.stage}` makes it again; `refinery verify` lists all damage",
            ) from error

    def _record(self, model: type[Record], path: str) -> Record | None:
        data = self.store.find(path)
        return None if data is None else _parsed(model, path, data)


def _examined(path: str, data: bytes | None) -> Receipt | StorageError | None:
    try:
        return None if data is None else _parsed(Receipt, path, data)
    except StorageError as error:
        return error


def _parsed(model: type[Record], path: str, data: bytes) -> Record:
    try:
        if issubclass(model, Receipt):
            return cast("Record", decoded(data))
        return model.model_validate_json(data)
    except ValueError as error:
        kind, also = _NAMES[model]
        raise StorageError(
            f"{path}: not a {kind} of this version ({_reason(error)})",
            hint=f"if it is damaged, delete it{also}: the next run makes it again; "
            "if another version wrote it, use a new root",
        ) from error


def _reason(error: Exception) -> str:
    """Return the first problem of a damaged record, with its place."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return "".join(f"{place}: " for place in first["loc"]) + first["msg"]
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


_NAMES: dict[type, tuple[str, str]] = {
    Head: ("head", ""),
    Receipt: ("receipt", ""),
    StageManifest: ("manifest", " and HEAD.json"),
}
"""Name of each kind of record, and the file to delete with a damaged one."""


def quarantine_path(stage: str, document: str, file: str) -> str:
    """Return the path of the record of a quarantined document, below the root; ``file`` is the archive it is from."""
    return f"quarantine/{stage}-{document}-{file.rsplit('/', 1)[-1][-100:]}"


def _json(model: BaseModel) -> bytes:
    return model.model_dump_json(indent=1).encode()
