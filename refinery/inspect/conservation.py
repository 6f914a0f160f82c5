"""Every record of every input file has one outcome: counted as no document, removed by one stage, or kept at the end.

Receipts alone are read. A stage that gathers parts anew (export) has no part for each file, so files are followed up to
it; from there on the sums of all are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from refinery.errors import RefineryError
from refinery.inspect.holdings import Finding, Held, Holdings, documents_of
from refinery.planner.inputs import file_content, file_stats, input_files
from refinery.root.receipts import Receipt


@dataclass(frozen=True)
class FileBooks:
    """One input file: records ``read``, those that are no documents, those ``removed`` by stage, and those ``kept``.

    ``file`` is "" where the file is gone or was changed since. ``stage`` is the last one that the file was followed to.
    """

    part: int
    file: str
    read: int
    no_documents: int
    removed: Mapping[str, int]
    kept: int
    stage: str

    @property
    def balanced(self) -> bool:
        """Whether every record has just one outcome."""
        return self.read == self.no_documents + sum(self.removed.values()) + self.kept


def file_books(holdings: Holdings) -> tuple[FileBooks, ...]:
    """The books of every input file that is made, in order of parts."""
    first = next((held for held in holdings.stages if held.position == 0), None)
    if first is None:
        return ()
    names = _names(holdings)
    stages = list(_by_file(holdings))
    return tuple(_books(holdings, stages, receipt, names) for receipt in holdings.load(first).made)


def unbalanced(books: FileBooks) -> Iterator[Finding]:
    """What is wrong with a file's books."""
    if not books.balanced:
        removed = sum(books.removed.values())
        message = (
            f"{books.read} records ≠ {books.no_documents} that are no documents + {removed} removed + {books.kept} kept"
        )
        yield Finding(message, books.stage, books.part, books.file)


def _by_file(holdings: Holdings) -> Iterator[Held]:
    """The stages that have a part for each file."""
    for held in holdings.stages:
        if held.position and any(len(documents_of(held, receipt)) != 1 for receipt in holdings.load(held).made):
            return
        yield held


def _names(holdings: Holdings) -> dict[str, str]:
    """The input files by content id; none where they cannot be looked at."""
    try:
        paths = input_files(holdings.pipeline)
        return {file_content(path, found): path for path, found in zip(paths, file_stats(paths), strict=True)}
    except RefineryError:
        return {}


def _books(holdings: Holdings, stages: list[Held], receipt: Receipt, names: Mapping[str, str]) -> FileBooks:
    removed: dict[str, int] = {}
    last, now = stages[0], receipt
    for held in stages:
        if held.position:
            found = holdings.made_from(held, [now.contents.get("kept", "")])
            if not found:
                break
            last, now = held, found[0]
        removed[held.name] = now.rows.get("removed", 0) + (now.rows.get("skipped", 0) if held.position else 0)
    return FileBooks(
        part=receipt.part,
        file=names.get(receipt.inputs[0], "") if receipt.inputs else "",
        read=receipt.rows.get("in", 0),
        no_documents=receipt.rows.get("skipped", 0),
        removed=removed,
        kept=now.rows.get("kept", 0),
        stage=last.name,
    )
