"""What a root holds: its head, the manifests that the head names, and the receipts that those name.

Reads and changes nothing, and needs no stage's code unless ``pipeline`` is asked for. Folders are never listed: a file
that no current receipt names does not exist to any reader.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from refinery.errors import Refused, StorageError, UsageError, did_you_mean
from refinery.identity import FORMAT
from refinery.recipe import Pipeline, from_dict
from refinery.root.manifests import Head, StageManifest
from refinery.root.receipts import Receipt, receipt_path
from refinery.root.root import Root
from refinery.store import store_for


@dataclass(frozen=True)
class Finding:
    """Something that is not as the root's own records say. Empty fields do not apply."""

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
    """One stage of a root, at its place in the pipeline."""

    position: int
    folder: str
    manifest: StageManifest

    @property
    def name(self) -> str:
        """The step's name."""
        return self.manifest.stage

    @property
    def is_global(self) -> bool:
        """Whether it looked at all documents at once."""
        return bool(self.manifest.shuffle)


@dataclass(frozen=True)
class StageReceipts:
    """The receipts of a stage that could be read: ``made`` by part, ``shuffle`` of a global stage's phases, ``audit``.

    A part without rows has the key of every other such part, so a receipt may be there more than once.
    """

    made: tuple[Receipt, ...]
    shuffle: tuple[Receipt, ...]
    lost: tuple[Finding, ...]
    audit: tuple[Receipt, ...] = ()

    @property
    def every(self) -> tuple[Receipt, ...]:
        """All of them."""
        return *self.made, *self.shuffle, *self.audit


class RootReader:
    """A root, opened for reading."""

    def __init__(self, root: Root, head: Head) -> None:
        self.root = root
        self.head = head
        self.stages = tuple(
            StageEntry(position, folder, root.manifest(head.manifests[folder]))
            for position, folder in enumerate(head.folders)
            if folder in head.manifests
        )
        self._receipts: dict[int, StageReceipts] = {}
        self._by_content: dict[int, dict[str, Receipt]] = {}

    @cached_property
    def pipeline(self) -> Pipeline:
        """The recipe the root was made with. Raises UsageError where a stage of it is not known any more."""
        return from_dict(self.head.recipe, self.root.path, self.root.full("HEAD.json"))

    @property
    def names(self) -> list[str]:
        """The names of all stages of the recipe, made or not."""
        return [folder.partition("-")[2] for folder in self.head.folders]

    def stage(self, name: str) -> StageEntry:
        """The stage with a name. Raises UsageError where the root has none."""
        for entry in self.stages:
            if entry.name == name:
                return entry
        if name in self.names:
            raise UsageError(f"stage {name!r} is not made yet", hint="`refinery run` makes it")
        raise UsageError(
            f"the root has no stage {name[:80]!r}", hint=did_you_mean(name, self.names, "it has no stages")
        )

    def before(self, entry: StageEntry) -> StageEntry | None:
        """The stage before it, if it is there."""
        return next((other for other in self.stages if other.position == entry.position - 1), None)

    def load(self, entry: StageEntry) -> StageReceipts:
        """The stage's receipts, read once; what is wrong with them is in ``lost``."""
        if entry.position not in self._receipts:
            made, lost = self._read(entry, entry.manifest.parts)
            shuffle, lost_too = self._read(entry, entry.manifest.shuffle)
            audit, lost_as_well = self._read(entry, entry.manifest.audit)
            self._receipts[entry.position] = StageReceipts(made, shuffle, (*lost, *lost_too, *lost_as_well), audit)
        return self._receipts[entry.position]

    def receipts(self, entry: StageEntry) -> tuple[Receipt, ...]:
        """The receipts of the stage's parts. Raises StorageError where one is missing or damaged."""
        found = self.load(entry)
        if found.lost:
            hint = "if a run makes it again now, wait for that; else `refinery verify` names all that is wrong"
            raise StorageError(str(found.lost[0]), hint=hint)
        return found.made

    def _read(self, entry: StageEntry, keys: Sequence[str]) -> tuple[tuple[Receipt, ...], tuple[Finding, ...]]:
        wanted = list(dict.fromkeys(keys))
        known: dict[str, Receipt] = {}
        lost = []
        for key, found in zip(wanted, self.root.examined(entry.folder, wanted), strict=True):
            if isinstance(found, Receipt):
                known[key] = found
            else:
                said = found.message if found else "the manifest names this receipt, and it is not there"
                lost.append(Finding(said, entry.name, file=receipt_path(entry.folder, key)))
        return tuple(known[key] for key in keys if key in known), tuple(lost)

    def sources(self, entry: StageEntry, receipt: Receipt) -> tuple[Receipt, ...]:
        """The receipts of the stage before it whose kept rows a part was made from, in order."""
        known = self._kept_by(self.before(entry))
        return tuple(known[content] for content in documents_of(entry, receipt) if content in known)

    def _kept_by(self, entry: StageEntry | None) -> dict[str, Receipt]:
        if entry is None:
            return {}
        if entry.position not in self._by_content:
            self._by_content[entry.position] = {r.contents.get("kept", ""): r for r in self.load(entry).made}
        return self._by_content[entry.position]

    def made_from(self, entry: StageEntry, contents: Iterable[str]) -> tuple[Receipt, ...]:
        """The stage's receipts that were made from kept rows with one of these content ids."""
        wanted = set(contents)
        return tuple(r for r in self.load(entry).made if wanted & set(documents_of(entry, r)))


def documents_of(entry: StageEntry, receipt: Receipt) -> tuple[str, ...]:
    """The content ids of the documents a part was made from; the verdict of a global stage is left out."""
    return receipt.inputs[:-1] if entry.is_global else receipt.inputs


def missing_inputs(entry: StageEntry, made: Sequence[Receipt], before: Sequence[Receipt]) -> Counter[str]:
    """Content ids that parts were made from and that are not among what the stage before kept."""
    used = Counter(content for receipt in made for content in documents_of(entry, receipt))
    return used - Counter(receipt.contents.get("kept", "") for receipt in before)


def open_root(path: str) -> RootReader:
    """The root at a path.

    Raises UsageError where there is none, StorageError where its head or a manifest is damaged, and Refused where
    another version wrote it.
    """
    root = Root(path, store_for(path))
    head = root.head()
    if head is None:
        raise UsageError(
            f"{path} is no root of refinery (no HEAD.json)",
            hint="`refinery run` makes it; else give the --root of a run",
        )
    if head.format != FORMAT:
        raise Refused(
            f"{path} has format {head.format}; this version reads format {FORMAT}", hint="use the version that wrote it"
        )
    return RootReader(root, head)
