"""What the row of any record says: which it is, where it lies, from which address and day, and what is odd about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

from refinery import Rule
from refinery.kernels import Page
from stages._warc.headers import record_uuid, seconds
from stages._warc.records import CUT_OFF, DAMAGED, NO_ARCHIVE, TRUNCATED, UNREADABLE, Record

OK: Final = "ok"
SEGMENTED: Final = "segmented"
DIGEST: Final = "digest"
NO_URL: Final = "no_url"
TOO_LARGE: Final = "too_large"
ENCODING: Final = "encoding"
EMPTY: Final = "empty"

FLAWS: Final = (
    (NO_ARCHIVE, "The file is no WARC or ARC archive."),
    (UNREADABLE, "Bytes that are no record, or a record whose header cannot be read."),
    (TRUNCATED, "The record ends before its declared length."),
    (CUT_OFF, "The file ends within the record: the rest of it is missing."),
    (DAMAGED, "The record's compressed member fails its checksum."),
    (SEGMENTED, "One part of a record that was cut into several."),
    (DIGEST, "The record is not what its own digest says."),
    (NO_URL, "A record without the address it came from."),
)
"""Outcomes of records of any type, and why they are no documents."""

DAMAGE: Final[Mapping[str, Literal["record", "end"]]] = {
    NO_ARCHIVE: "end",
    CUT_OFF: "end",
    **dict.fromkeys((UNREADABLE, TRUNCATED, DAMAGED, DIGEST), "record"),
}
"""Outcomes of damaged files, and how much is lost."""

NOTE = 500
"""Characters of a note."""


NO_ID: Final = bytes(16)
"""The id of a record whose header has no UUID."""


def rules(outcomes: Iterable[tuple[str, str]]) -> tuple[Rule, ...]:
    """A rule for each outcome that is not ``ok``."""
    return tuple(
        Rule(outcome, "outcome", because, not_in=(outcome,), damage=DAMAGE.get(outcome, ""))
        for outcome, because in outcomes
    )


def row_of(record: Record) -> Page:
    """The row for a record, without its outcome; its id is the UUID in the record's header, or ``NO_ID``."""
    fields = record.fields
    url = fields.get("warc-target-uri") or fields.get("uri") or ""
    name = record_uuid(fields.get("warc-record-id", "")) or NO_ID
    return Page(name, _address(url), seconds(fields.get("warc-date", "")), record.offset, record.length)


def judged(row: Page, outcome: str, notes: Sequence[str]) -> Page:
    """The row with its outcome and its notes, of which empty ones are none."""
    row.outcome = outcome
    row.note = "; ".join(note for note in notes if note)[:NOTE] or None
    return row


def flaw(record: Record, row: Page) -> str:
    """Why a record cannot be a document whatever it holds, "" where it can."""
    if record.flaw:
        return record.flaw
    if "warc-segment-number" in record.fields:
        return SEGMENTED
    return NO_URL if row.url is None else ""


def oddities(record: Record, row: Page) -> list[str]:
    """Notes on a record's header."""
    fields = record.fields
    notes = [f"{name}: {fields[name]}" for name in ("warc-truncated", "warc-segment-number") if name in fields]
    if fields and row.date is None:
        notes.append(f"no date in {fields.get('warc-date', '')[:40]!r}")
    return [record.note, *notes]


def _address(text: str) -> str | None:
    """A target URI without the angle brackets that old wget put around it."""
    return text.strip().removeprefix("<").removesuffix(">").replace("\0", "") or None


def remedy(counts: Mapping[str, int], documents: int, wanted: str) -> str:
    """Return the fix for a file that is damaged or yields no document, by the outcomes of its records."""
    if counts.get(NO_ARCHIVE):
        return "it is no archive: correct `inputs`, or fetch it again if it should be one"
    if counts.get(CUT_OFF):
        return "it ends too early: fetch it again"
    if any(outcome in DAMAGE for outcome in counts):
        return "fetch it again, or compare it with the checksum of its publisher"
    return "" if documents else f"no record of it is {wanted}: leave it out"
