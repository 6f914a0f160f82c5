"""Reading a root: its head, the manifests that the head names, and the receipts that those name.

Changes nothing, and needs no stage's code but for ``pipeline``. Folders are never listed: a file that no current
receipt names does not exist for readers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from refinery.errors import StorageError, UsageError, did_you_mean
from refinery.recipe import Pipeline, from_dict
from refinery.root.briefs import Brief
from refinery.root.manifests import Head, StageManifest
from refinery.root.receipt_index import ReceiptIndex
from refinery.root.receipt_sequence import briefs_of
from refinery.root.receipts import Receipt, receipt_path
from refinery.root.root import MANY, Root
from refinery.stage.base import Source
from refinery.store import store_for


@dataclass(frozen=True)
class Finding:
    """A contradiction between the files and records of a root. Empty fields do not apply."""

    message: str
    stage: str = ""
    part: int | None = None
    file: str = ""

    def __str__(self) -> str:
        part = "" if self.part is None else f"part {self.part}"
        place = ", ".join(piece for piece in (self.stage, part, self.file) if piece)
        return f"{place}: {self.message}" if place else self.message


@dataclass(frozen=True)
class StageEntry:
    """A stage of a root with results, with its position in the pipeline."""

    position: int
    folder: str
    manifest: StageManifest

    @property
    def name(self) -> str:
        """Name of the step."""
        return self.manifest.stage

    @property
    def is_global(self) -> bool:
        """True for a global stage."""
        return bool(self.manifest.shuffle)


@dataclass(frozen=True)
class StageReceipts:
    """The receipts of a stage that can be read: of its ``parts``, of a global stage's phases, and of the ``audit``.

    A part without rows has the key of every other such part, so a receipt may be there more than once.
    """

    parts: Sequence[Receipt]
    shuffle: Sequence[Receipt]
    audit: Sequence[Receipt]
    lost: tuple[Finding, ...]

    @property
    def every(self) -> Iterator[Receipt]:
        """All receipts."""
        return chain(self.parts, self.shuffle, self.audit)


class RootReader:
    """A root that is open for reading. Receipts are read once, those that an index has when they are asked for."""

    def __init__(self, root: Root, head: Head) -> None:
        self.root = root
        self.head = head
        self.stages = tuple(
            StageEntry(position, folder, root.manifest(head.manifests[folder]))
            for position, folder in enumerate(head.folders)
            if folder in head.manifests
        )
        self._receipts: dict[int, StageReceipts] = {}
        self._by_content: dict[int, dict[str, int]] = {}

    @cached_property
    def pipeline(self) -> Pipeline:
        """The recipe that the root was written with. Raises UsageError where a stage of it is not known any more."""
        return from_dict(self.head.recipe, self.root.path, self.root.full("HEAD.json"))

    @cached_property
    def source(self) -> Source:
        """The source of that recipe, also where files of other stages must not be opened for a stored recipe."""
        recipe = {**self.head.recipe, "pipeline": self.head.recipe["pipeline"][:1]}
        return from_dict(recipe, self.root.path, self.root.full("HEAD.json")).source

    @property
    def names(self) -> list[str]:
        """Names of all stages of the recipe, with results or without."""
        return [folder.partition("-")[2] for folder in self.head.folders]

    def stage(self, name: str) -> StageEntry:
        """Return the stage with a name. Raises UsageError where it has no results."""
        for entry in self.stages:
            if entry.name == name:
                return entry
        if name in self.names:
            raise UsageError(f"stage {name!r} has no results yet", hint="run `refinery run` first")
        raise UsageError(
            f"the root has no stage {name[:80]!r}", hint=did_you_mean(name, self.names, "it has no stages")
        )

    def before(self, entry: StageEntry) -> StageEntry | None:
        """Return the stage before it, if that has results."""
        return next((other for other in self.stages if other.position == entry.position - 1), None)

    def load(self, entry: StageEntry) -> StageReceipts:
        """Return the receipts of a stage; those that cannot be read are in ``lost``."""
        if entry.position not in self._receipts:
            lost: list[Finding] = []
            keys = entry.manifest.parts, entry.manifest.shuffle, entry.manifest.audit
            index = self.root.index(entry.folder if max(map(len, keys)) >= MANY else "")
            parts, shuffle, audit = (self._read(entry, some, index, lost) for some in keys)
            self._receipts[entry.position] = StageReceipts(parts, shuffle, audit, tuple(lost))
        return self._receipts[entry.position]

    def receipts(self, entry: StageEntry) -> Sequence[Receipt]:
        """Return the receipts of the parts of a stage. Raises StorageError where one is missing or damaged."""
        receipts = self.load(entry)
        if receipts.lost:
            hint = "if a run makes it again now, wait for that; else `refinery verify` lists all damage"
            raise StorageError(str(receipts.lost[0]), hint=hint)
        return receipts.parts

    def _read(
        self, entry: StageEntry, keys: Sequence[str], index: ReceiptIndex, lost: list[Finding]
    ) -> Sequence[Receipt]:
        """Return the receipts with these keys, and add those that cannot be read to ``lost``."""
        receipts, absent = self.root.sequence(entry.folder, keys, index)
        for key, error in absent.items():
            message = error.message if error else "the manifest names this receipt, and it does not exist"
            lost.append(Finding(message, entry.name, file=receipt_path(entry.folder, key)))
        return receipts

    def sources(self, entry: StageEntry, receipt: Receipt) -> tuple[Receipt, ...]:
        """Return the receipts of the stage before whose kept rows are the input of a part, in order."""
        before = self.before(entry)
        if before is None:
            return ()
        parts = self.load(before).parts
        if before.position not in self._by_content:
            contents = enumerate(one.content for one in briefs_of(parts))
            self._by_content[before.position] = {content: place for place, content in contents}
        known = self._by_content[before.position]
        return tuple(parts[known[content]] for content in documents_of(entry, receipt) if content in known)

    def made_from(self, entry: StageEntry, contents: Iterable[str]) -> tuple[Receipt, ...]:
        """Return the receipts of the stage whose input has kept rows with one of these content ids."""
        wanted = set(contents)
        return tuple(r for r in self.load(entry).parts if wanted & set(documents_of(entry, r)))


def documents_of(entry: StageEntry, receipt: Receipt | Brief) -> tuple[str, ...]:
    """Return the content ids of the documents that are the input of a part, without the verdict of a global stage."""
    return receipt.inputs[:-1] if entry.is_global else receipt.inputs


def open_root(path: str) -> RootReader:
    """Open the root at a path.

    Raises UsageError where there is none, StorageError where its head or a manifest is damaged, and Refused where it
    has another format.
    """
    root = Root(path, store_for(path))
    return RootReader(root, root.existing_head("`refinery run` creates one; or pass the --root of a run"))
