"""The takedowns of a root: the documents that no run brings back, and a record of each takedown.

``takedowns/list.json`` is the list, which is written before anything is taken out, and which runs read. A takedown that
is ``pending`` in it was interrupted. ``takedowns/NNNN.json`` is the record of one that is complete.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, ValidationError

from refinery.errors import StorageError
from refinery.root.document_list import DocumentList
from refinery.root.root import Root

FOLDER = "takedowns"
LIST = f"{FOLDER}/list.json"

TAKEN_DOWN = "taken_down"
"""The outcome of a record that a run does not read into a document because the list has it."""


class TakenDocument(BaseModel):
    """A document that was taken down, and the entry of the list that it matches."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    entry: str


class TakedownState(BaseModel):
    """All entries of all takedowns, the documents they were found to match, and the takedown that is not finished.

    ``pending`` is its number, 0 for none, and ``last`` that of the newest. ``reason`` and ``time`` are those of the
    newest, ``new`` its entries, and the first ``previous`` documents were taken down before it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    entries: tuple[str, ...] = ()
    documents: tuple[TakenDocument, ...] = ()
    last: int = 0
    pending: int = 0
    new: tuple[str, ...] = ()
    previous: int = 0
    reason: str = ""
    time: str = ""

    def taken_before(self) -> frozenset[bytes]:
        """Return the ids of the documents that were taken down before the takedown that is pending, or is next."""
        return frozenset(bytes.fromhex(one.id) for one in self.documents[: self.previous if self.pending else None])

    def listed(self) -> DocumentList:
        """Return the list of documents: those that matched before by id as well."""
        return DocumentList.parse(self.entries).with_ids(bytes.fromhex(one.id) for one in self.documents)


class TakedownRecord(BaseModel):
    """The receipt of one takedown: what was taken down and why, without its content.

    ``rows`` are the rows that were taken out by the folder of the stage and the name of the files, and ``deleted`` the
    files that had no other content, by their paths below the root.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    time: str
    reason: str
    entries: tuple[str, ...]
    documents: tuple[TakenDocument, ...]
    rows: dict[str, dict[str, int]]
    deleted: tuple[str, ...] = ()


def read_state(root: Root) -> TakedownState:
    """Return the list of a root. Raises StorageError where it is damaged."""
    data = root.store.find(root.full(LIST))
    if data is None:
        return TakedownState()
    try:
        return TakedownState.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]["msg"]
        hint = "restore the file: without it a run would bring back what was taken down"
        raise StorageError(f"{root.full(LIST)}: damaged list of takedowns ({first})", hint=hint) from error


def write_state(root: Root, state: TakedownState) -> None:
    """Replace the list."""
    root.store.put(root.full(LIST), state.model_dump_json(indent=1).encode())


def write_record(root: Root, record: TakedownRecord) -> str:
    """Write the record of a takedown, and return its path below the root."""
    path = f"{FOLDER}/{record.number:04d}.json"
    root.store.put(root.full(path), record.model_dump_json(indent=1).encode())
    return path


def taken_down(root: Root) -> DocumentList:
    """Return the documents that a run of this root must not read."""
    return read_state(root).listed()
