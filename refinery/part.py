"""What was made, from what: receipts of parts, and the manifest that merges a stage's receipts.

A receipt is the commit: a file that no receipt names does not exist to any reader.
"""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from refinery.errors import StorageError
from refinery.store import Stat, Store

Model = TypeVar("Model", bound=BaseModel)
Kind = Literal["stage", "map", "reduce", "round", "resolve", "audit"]


def _below(path: str) -> str:
    names = path.split("/")
    if path and ("\\" in path or not path.isprintable() or any(name in ("", ".", "..") for name in names)):
        raise ValueError(f"{path[:80]!r} is no path below the root")
    return path


def _name(name: str) -> str:
    if "/" in name or not name:
        raise ValueError(f"{name[:80]!r} names nothing in a folder")
    return _below(name)


Below = Annotated[str, AfterValidator(_below)]
"""A path below the root, "" for none: a record that leads elsewhere is refused, whoever wrote it."""

Name = Annotated[str, AfterValidator(_name)]
"""A name in a folder of the root."""


class FileRef(BaseModel):
    """One file of a part: its path below the root, its rows, and its size in bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Below
    rows: int
    bytes: int


class Receipt(BaseModel):
    """One part of one stage (or of a phase of a global stage), committed.

    ``key`` says what it is and names the receipt; ``inputs`` are the content ids it was made from; ``contents`` the
    content ids of what it made, by name (``kept``, ``removed``, or a part's number for verdicts).
    ``rows`` are in, kept, removed (rows of the removed file) and skipped (records that are no documents).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    stage: str
    part: int
    key: Name
    inputs: tuple[str, ...]
    contents: dict[str, str]
    rows: dict[str, int]
    files: dict[str, tuple[FileRef, ...]]
    statistics: Below = ""
    """Path of the statistics below the root."""
    groups: FileRef | None = None
    """Documents by domain, suffix, language and month, see ``refinery.stats.groups``."""
    code: str = ""
    libraries: dict[str, str] = {}
    judged: bool = False
    """Made from stored facts, without measuring again."""
    seconds: float = 0.0
    peak_memory: int = 0
    """Bytes, of the process that made the part, without the libraries that workers share."""
    requests: dict[str, int] = {}
    """What remote stores were asked meanwhile: requests by kind, failed tries, bytes read and written."""
    poison: tuple[tuple[int, str], ...] = ()
    """Of a map: rows of the documents that killed a worker in it, and what is known of that. ``apply`` removes them."""

    @property
    def written(self) -> dict[str, tuple[FileRef, ...]]:
        """All Parquet files by name: ``files``, and ``groups``."""
        return {**self.files, **({"groups": (self.groups,)} if self.groups else {})}

    def total(self, name: str) -> int:
        """Bytes of all files of a name."""
        return sum(f.bytes for f in self.files.get(name, ()))


class InputFault(BaseModel):
    """An input file that yields no document, or is damaged; ``damage`` counts its damaged records by reason.

    ``broken`` is False where so few records are damaged that the file as a whole is not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    part: int
    records: int
    documents: int
    damage: dict[str, int]
    broken: bool
    remedy: str
    """The fix, as the source returns it; "" for none."""


class InputFigures(BaseModel):
    """How many input files a source has read, and those of them that yield no document or are damaged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: int = 0
    faults: tuple[InputFault, ...] = ()

    @property
    def broken(self) -> int:
        """Return how many files are broken as a whole."""
        return sum(fault.broken for fault in self.faults)


class Outlier(BaseModel):
    """A part that differs from the others of its stage: its ``value`` of a measure, and what is ``usual``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    part: int
    measure: Literal["kept", "seconds"]
    value: float
    usual: float


class StageManifest(BaseModel):
    """All current receipts of one stage, and its merged statistics."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str
    kind: str
    """Name of the stage's class in the registry."""
    identity: str
    measure: str
    """Measure identity of a filter, whose stored facts can be judged again; empty for other stages."""
    version: int
    configuration: dict[str, Any]
    libraries: dict[str, str]
    expected: int
    """How many parts there will be, as far as is known; those without a receipt are still missing."""
    parts: tuple[Name, ...]
    """Keys of the receipts, in part order."""
    shuffle: tuple[Name, ...]
    """Keys of the map, reduce and resolve receipts of a global stage."""
    statistics: dict[str, Any]
    audit: tuple[Name, ...] = ()
    """Of the source: keys of the receipts of the shadow audit, in part order."""
    audited: dict[str, Any] = {}
    """What the audit counted, merged; empty where there is none."""
    rules: tuple[str, ...] = ()
    """Ids of its rules."""
    inputs: InputFigures = InputFigures()
    """Of the source: its input files."""
    outliers: tuple[Outlier, ...] = ()
    unsuited: tuple[tuple[str, str], ...] = ()
    """The lists and rules of the stage that do not suit all languages the recipe keeps, each with the fix."""
    """Some parts that differ from the others."""

    @property
    def complete(self) -> bool:
        """Whether every part is there."""
        return len(self.parts) == self.expected


class Head(BaseModel):
    """``HEAD.json``: what the root holds. It marks a folder as a root."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    dataset: str
    recipe: dict[str, Any]
    folders: tuple[Name, ...]
    """The stages' folders below the root, in order."""
    manifests: dict[Name, Below]
    """Path of each stage's current manifest below the root."""
    code: dict[str, str]
    """The code digest under which each stage's results are accepted."""
    outputs_current: bool = False
    """True if every file that a run wrote into ``kept`` and ``removed`` is one that the manifests lead to.

    False while a run is at work, and after one that was interrupted: a glob may then read outdated rows as well.
    """


class Root:
    """The files of one root, by name. All paths it gives and takes are below the root unless called full."""

    def __init__(self, path: str, store: Store) -> None:
        self.path = path.rstrip("/") or "/"
        self.store = store

    def full(self, path: str) -> str:
        """The path as the store knows it."""
        return f"{self.path}/{path}"

    def head(self) -> Head | None:
        """The head, or None where the folder is no root yet. Raises StorageError for a damaged one."""
        return self._found(Head, self.full("HEAD.json"))

    def write_head(self, head: Head) -> None:
        """Replace the head."""
        self.store.put(self.full("HEAD.json"), _json(head))

    def receipt(self, folder: str, key: str) -> Receipt | None:
        """The receipt with a key, or None where that part is not made."""
        return self._found(Receipt, self.full(receipt_path(folder, key)))

    def receipts(self, folder: str, keys: Iterable[str]) -> list[Receipt]:
        """Those of the receipts with these keys that are there, in the order of the keys."""
        found = self.examined(folder, keys)
        for damaged in (one for one in found if isinstance(one, StorageError)):
            raise damaged
        return [one for one in found if isinstance(one, Receipt)]

    def examined(self, folder: str, keys: Iterable[str]) -> list[Receipt | StorageError | None]:
        """The receipts with these keys, fetched many at once; what is wrong with one instead, None if it is lost."""
        paths = [self.full(receipt_path(folder, key)) for key in keys]
        return [_examined(path, data) for path, data in zip(paths, self.store.find_all(paths), strict=True)]

    def missing(self, receipts: Sequence[Receipt]) -> list[str]:
        """Return for each receipt a file that it names and that is not there, or has another size; "" for a whole one.

        Files are not read: ``verify`` compares their rows.
        """
        named = [list(_named(receipt)) for receipt in receipts]
        found = iter(self.store.find_stats([self.full(path) for files in named for path, _ in files]))
        return [_absent([(path, size, next(found)) for path, size in files]) for files in named]

    def commit(self, folder: str, receipt: Receipt) -> None:
        """Write a receipt: from here on its files exist."""
        self.store.put(self.full(receipt_path(folder, receipt.key)), _json(receipt))

    def receipts_of(self, folder: str) -> list[Receipt]:
        """Every receipt of a stage, those of earlier configurations included."""
        return self._all(Receipt, f"{folder}/receipts/*.json")

    def readable(self, folder: str) -> dict[str, Receipt | None]:
        """Every receipt of a stage by its key, None for one that is damaged: that is told when it is wanted."""
        paths = self.store.list(f"{glob.escape(self.path)}/{folder}/receipts/*.json")
        keys = [path.rpartition("/")[2].removesuffix(".json") for path in paths]
        found = zip(keys, self.examined(folder, keys), strict=True)
        return {key: one if isinstance(one, Receipt) else None for key, one in found}

    def withdraw(self, folder: str, key: str) -> None:
        """Remove a receipt, if it is there: its files are about to be replaced by other rows under the same names."""
        self.store.delete(self.full(receipt_path(folder, key)))

    def manifest(self, path: str) -> StageManifest:
        """A stage's manifest. Raises StorageError where it is lost or damaged."""
        full = self.full(path)
        found = self._found(StageManifest, full)
        if found is None:
            raise StorageError(
                f"{full}: HEAD.json names this manifest, and it is not there",
                hint=f"delete {self.full('HEAD.json')}: the next run writes both again, from the receipts",
            )
        return found

    def manifests_of(self, folder: str) -> list[StageManifest]:
        """Every manifest of a stage, those of earlier configurations included; the head knows which one is current."""
        return self._all(StageManifest, f"{folder}/manifest-*.json")

    def write_manifest(self, folder: str, manifest: StageManifest) -> str:
        """Write a manifest; its path."""
        path = f"{folder}/manifest-{manifest.identity[:8]}.json"
        self.store.put(self.full(path), _json(manifest))
        return path

    def _all(self, model: type[Model], pattern: str) -> list[Model]:
        paths = self.store.list(f"{glob.escape(self.path)}/{pattern}")
        found = zip(paths, self.store.find_all(paths), strict=True)
        return [_parsed(model, path, data) for path, data in found if data is not None]

    def _found(self, model: type[Model], path: str) -> Model | None:
        data = self.store.find(path)
        return None if data is None else _parsed(model, path, data)


def _named(receipt: Receipt) -> Iterator[tuple[str, int | None]]:
    """The files that a receipt names, with the size that each must have, as far as that is recorded."""
    yield from ((file.path, file.bytes) for files in receipt.written.values() for file in files)
    if receipt.statistics:
        yield receipt.statistics, None


def _absent(files: Iterable[tuple[str, int | None, Stat | None]]) -> str:
    """The first file that is not there in its size, or ""."""
    return next((path for path, size, found in files if found is None or size not in (None, found.size)), "")


def _examined(path: str, data: bytes | None) -> Receipt | StorageError | None:
    try:
        return None if data is None else _parsed(Receipt, path, data)
    except StorageError as error:
        return error


def _parsed(model: type[Model], path: str, data: bytes) -> Model:
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"{place}: " for place in first["loc"])
        kind, also = _NAMES[model]
        raise StorageError(
            f"{path}: not a {kind} of this version ({where}{first['msg']})",
            hint=f"if it is damaged, delete it{also}: the next run makes it again; "
            "if another version wrote it, use a new root",
        ) from error


_NAMES: dict[type[BaseModel], tuple[str, str]] = {
    Head: ("head", ""),
    Receipt: ("receipt", ""),
    StageManifest: ("manifest", " and HEAD.json"),
}
"""What each kind of record is called, and what has to be deleted with a damaged one."""


def receipt_path(folder: str, key: str) -> str:
    """Where the receipt with a key lies, below the root."""
    return f"{folder}/receipts/{key}.json"


def quarantine_path(stage: str, document: str, file: str) -> str:
    """Where the record of a quarantined document lies, below the root; ``file`` is the archive that it is from."""
    return f"quarantine/{stage}-{document}-{file.rsplit('/', 1)[-1][-100:]}"


def _json(model: BaseModel) -> bytes:
    return model.model_dump_json(indent=1).encode()
