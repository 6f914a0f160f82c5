"""Taking documents down: their rows go from all files of a root, and no run brings them back.

The list in the root is the journal: it is written first, with the ids of the documents. A takedown that was killed is
completed by the next one, or by any run. Decisions about other documents stand as they are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from refinery.errors import UsageError
from refinery.root.document_list import DocumentList
from refinery.root.receipts import Receipt
from refinery.root.rewriting import matching_rows
from refinery.root.root import Root
from refinery.root.takedowns import (
    TakedownRecord,
    TakedownState,
    TakenDocument,
    read_state,
    write_record,
    write_state,
)
from refinery.runner.layouts import FOLDER, lay_out_again
from refinery.runner.removals import Removal, RemovalSearch
from refinery.store import store_for

_ROWS = re.compile(r"(?:[0-9]{2,}-[a-z][a-z0-9_-]*/(?:kept|removed|shards|audit|map)|superseded)/.*part-[^/]*")
_QUARANTINED = re.compile(r"quarantine/.*-([0-9a-f]{32})-[^/]*")
_REPORT = re.compile(r"report/[^/]+\.(?:html|md)")


@dataclass(frozen=True)
class TouchedFile:
    """A file that has rows of documents to take down: its path below the root, and the number of these rows.

    It is deleted as a whole if ``rows`` is None.
    """

    path: str
    rows: int | None


@dataclass(frozen=True)
class Takedown:
    """The result of a takedown, or of a dry run: the documents, the files, and the path of its record below the root.

    The record is "" if nothing was done: no entry is new, and no document that matches is left.
    """

    documents: tuple[TakenDocument, ...]
    files: tuple[TouchedFile, ...]
    new_entries: tuple[str, ...]
    finished: bool = False
    """True if a takedown that had been interrupted was completed first."""
    record: str = ""


def takedown(path: str, lines: Iterable[str] = (), *, reason: str = "", dry_run: bool = False) -> Takedown:
    """Take down the documents of a list from the root at ``path``; without a list, complete an interrupted takedown.

    Raises UsageError for a list with anything else in it or where there is no root, Refused while a run is at work or
    where rows cannot be identified, StorageError.
    """
    entries = DocumentList.parse(lines).entries
    root = Root(path, store_for(path))
    root.existing_head("`refinery run` creates one; or pass the --root of a run")
    with root.store.lock(root.path):
        finished = False if dry_run else finish(root)
        state = read_state(root)
        new = tuple(entry for entry in entries if entry not in state.entries)
        documents, files = _matching(root, state, new) if entries else ((), ())
        if dry_run or not (new or files):
            return Takedown(documents, files, new, finished)
        state = _begun(state, new, documents, reason)
        write_state(root, state)
        return Takedown(documents, files, new, finished, _complete(root, state))


def _matching(
    root: Root, state: TakedownState, new: tuple[str, ...]
) -> tuple[tuple[TakenDocument, ...], tuple[TouchedFile, ...]]:
    """Return the documents that match new entries, or have come back, and the files that have rows of them."""
    search = RemovalSearch(root, state.last + 1, state.taken_before())
    wanted = state.listed().extended(new)
    documents = tuple(TakenDocument(id=one.hex(), entry=entry) for one, entry in search.documents(wanted).items())
    removals = list(search.removals(wanted.with_ids(bytes.fromhex(one.id) for one in documents)))
    if removals and (any(one.rewrites_shards for one in removals) or root.store.list(root.full(FOLDER))):
        search.read_recipe()  # else it would be refused when the list is written and the work begun
    return documents, tuple(_touched(root, removals, documents))


def _begun(
    state: TakedownState, new: tuple[str, ...], documents: tuple[TakenDocument, ...], reason: str
) -> TakedownState:
    """Return the list with a new takedown that is pending."""
    known = {one.id for one in state.documents}
    return TakedownState(
        entries=(*state.entries, *new),
        documents=(*state.documents, *(one for one in documents if one.id not in known)),
        last=state.last + 1,
        pending=state.last + 1,
        new=new,
        previous=len(state.documents),
        reason=reason,
        time=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def finish(root: Root) -> bool:
    """Complete a takedown that was interrupted, and return True if there was one. The root is locked by the caller."""
    state = read_state(root)
    if state.pending:
        _complete(root, state)
    return bool(state.pending)


def _complete(root: Root, state: TakedownState) -> str:
    """Remove all rows of the documents in the state, and write the record. Doing it again does the rest."""
    number, listed = state.pending, state.listed()
    search = RemovalSearch(root, number, state.taken_before())
    for removal in list(search.removals(listed)):  # all are found before the first one changes what is searched
        search.remove(removal, listed)
    deleted = []
    for path in _whole_files(root, {one.id for one in state.documents}):
        root.store.delete(root.full(path))
        deleted.append(path)
    root.store.clean(root.path)
    receipts = RemovalSearch(root, number, state.taken_before()).receipts
    lay_out_again(root)
    for path in _unreferenced(root, receipts, listed):
        root.store.delete(root.full(path))
    record = TakedownRecord(
        number=number,
        time=state.time,
        reason=state.reason,
        entries=state.new,
        documents=tuple(_documents_of(state)),
        rows={folder: counts for folder, some in receipts.items() if (counts := _counts(some, number))},
        deleted=tuple(deleted),
    )
    path = write_record(root, record)
    write_state(root, state.model_copy(update={"pending": 0}))
    return path


def _documents_of(state: TakedownState) -> Iterator[TakenDocument]:
    """The documents whose entry is new; of a takedown without a new entry all: they have come back."""
    yield from (one for one in state.documents if one.entry in state.new or not state.new)


def _counts(receipts: Iterable[Receipt], takedown: int) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for receipt in receipts:
        for name, taken in receipt.taken_down.items():
            counts[name] += len(taken.by(takedown) or ())
    return {name: count for name, count in counts.items() if count}


def _touched(root: Root, removals: Iterable[Removal], documents: Iterable[TakenDocument]) -> Iterator[TouchedFile]:
    for removal in removals:
        yield from (TouchedFile(path, rows) for path, rows in removal.files())
    ids = {one.id for one in documents}
    yield from (TouchedFile(path, None) for path in (_whole_files(root, ids) if ids else ()))


def _whole_files(root: Root, ids: set[str]) -> Iterator[str]:
    """Yield the files that are deleted: records of these documents in quarantine, and the pages of the report."""
    for folder in ("quarantine", "report"):
        for full in root.store.list(root.full(folder)):
            path = full.removeprefix(f"{root.path}/")
            record = _QUARANTINED.fullmatch(path)
            if _REPORT.fullmatch(path) or (record and record[1] in ids):
                yield path


def _unreferenced(root: Root, receipts: dict[str, list[Receipt]], listed: DocumentList) -> Iterator[str]:
    """Yield files of rows that no receipt names, left by a killed run, if they may have rows of the documents."""
    named = {
        file.path for some in receipts.values() for one in some for files in one.written.values() for file in files
    }
    for full in root.store.list(root.path):
        path = full.removeprefix(f"{root.path}/")
        if path not in named and _ROWS.fullmatch(path):
            found = matching_rows(root, path, listed) if path.endswith(".parquet") else None
            if found is None or len(found.rows) or not found.by_id:
                yield path


def check_list(lines: Iterable[str]) -> DocumentList:
    """Return the list in some lines. Raises UsageError for an empty one."""
    listed = DocumentList.parse(lines)
    if not listed.entries:
        raise UsageError("the list is empty", hint="write a domain, a URL, a URL pattern or an id on each line")
    return listed
