"""Counts the records of each file of an input list, so that a damaged file is reported and not the list.

Not here: whether a file counts as broken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from refinery.root.receipts import ListedFault, ListedFiles
from refinery.root.takedowns import TAKEN_DOWN
from refinery.stage.base import Stage
from refinery.task.step import Split


@dataclass
class FileRead:
    """Counts of one file: ``records``, of which those ``skipped`` by kind are no documents."""

    records: int = 0
    skipped: Counter[str] = field(default_factory=Counter)

    def add(self, documents: int, skipped: Mapping[str, int]) -> None:
        """Count the next records."""
        self.records += documents + sum(skipped.values())
        self.skipped.update(skipped)


class FileTally:
    """The outcomes of the records of each file of an input list."""

    def __init__(self) -> None:
        self._documents = Counter[str]()
        self._removed: dict[str, Counter[str]] = {}

    def add(self, path: str, split: Split) -> None:
        """Count the outcomes of a batch of a file."""
        self._documents[path] += len(split.kept)
        if len(split.kept) < len(split.before):
            self._removed.setdefault(path, Counter()).update(split.verdict.first.drop_null().to_pylist())

    def listed(self, read: Mapping[str, FileRead], stage: Stage) -> ListedFiles | None:
        """Return the number of files, and those without a document or with damage; None if there was no list."""
        damage = {rule.id for rule in stage.rules() if rule.damage}
        files = (self._counts(path, file) for path, file in read.items())
        faults = tuple(file for file in files if not file.documents or damage & set(file.reasons))
        return ListedFiles(len(read), faults) if read else None

    def _counts(self, path: str, file: FileRead) -> ListedFault:
        documents, reasons = self._documents[path], file.skipped + self._removed.get(path, Counter())
        if taken := file.records - documents - reasons.total():
            reasons[TAKEN_DOWN] += taken
        return ListedFault(path, file.records, documents, dict(reasons))
