"""Fields that rows of all records share: id, position, URL, date, outcome and notes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

from refinery import Rule
from refinery.kernels import Page
from refinery.stages._warc.headers import record_uuid, seconds
from refinery.stages._warc.records import CUT_OFF, DAMAGED, NO_ARCHIVE, TRUNCATED, UNREADABLE, Record

OK: Final = "ok"
SEGMENTED: Final = "segmented"
DIGEST: Final = "digest"
NO_URL: Final = "no_url"
TOO_LARGE: Final = "too_large"
ENCODING: Final = "encoding"
EMPTY: Final = "empty"

FLAWS: Final = (
    (NO_ARCHIVE, "The file is not a WARC or ARC archive."),
    (UNREADABLE, "Bytes outside of records, or a record whose header cannot be read."),
    (TRUNCATED, "The record ends before its declared length."),
    (CUT_OFF, "The file ends within the record: the rest of it is missing."),
    (DAMAGED, "The record's compressed member fails its checksum."),
    (SEGMENTED, "One part of a record that was split into several."),
    (DIGEST, "The record differs from its own digest."),
    (NO_URL, "A record without a URL."),
)
"""Outcomes of records of any type that are not documents, with their explanations."""

DAMAGE: Final[Mapping[str, Literal["record", "end"]]] = {
    NO_ARCHIVE: "end",
    CUT_OFF: "end",
    **dict.fromkeys((UNREADABLE, TRUNCATED, DAMAGED, DIGEST), "record"),
}
"""Outcomes of damaged files, and the extent of the damage."""

NOTE = 500
"""Most characters of a note."""


NO_ID: Final = bytes(16)
"""The id of a record whose header has no UUID."""


def rules(outcomes: Iterable[tuple[str, str]]) -> tuple[Rule, ...]:
    """Return a rule for each outcome other than ``ok``."""
    return tuple(
        Rule(outcome, "outcome", because, not_in=(outcome,), damage=DAMAGE.get(outcome, ""))
        for outcome, because in outcomes
    )


def row_of(record: Record) -> Page:
    """Return the row for a record, without its outcome; its id is the UUID in the record's header, or ``NO_ID``."""
    fields = record.fields
    url = fields.get("warc-target-uri") or fields.get("uri") or ""
    name = record_uuid(fields.get("warc-record-id", "")) or NO_ID
    return Page(name, _address(url), seconds(fields.get("warc-date", "")), record.offset, record.length)


def with_outcome(row: Page, outcome: str, notes: Sequence[str]) -> Page:
    """Return the row with its outcome and its notes, without empty ones."""
    row.outcome = outcome
    row.note = "; ".join(note for note in notes if note)[:NOTE] or None
    return row


def flaw(record: Record, row: Page) -> str:
    """Return the outcome of a record that cannot be a document because of its header, or ""."""
    if record.flaw:
        return record.flaw
    if "warc-segment-number" in record.fields:
        return SEGMENTED
    return NO_URL if row.url is None else ""


def oddities(record: Record, row: Page) -> list[str]:
    """Return notes on a record's header."""
    fields = record.fields
    notes = [f"{name}: {fields[name]}" for name in ("warc-truncated", "warc-segment-number") if name in fields]
    if fields and row.date is None:
        notes.append(f"no date in {fields.get('warc-date', '')[:40]!r}")
    return [record.note, *notes]


def _address(text: str) -> str | None:
    """Return a target URI without the angle brackets of old versions of wget."""
    return text.strip().removeprefix("<").removesuffix(">").replace("\0", "") or None


def remedy(counts: Mapping[str, int], documents: int, wanted: str) -> str:
    """Return the fix for a file that is damaged or yields no document, by the outcomes of its records."""
    if counts.get(NO_ARCHIVE):
        return "it is not an archive: correct `inputs`, or fetch it again if it should be one"
    if counts.get(CUT_OFF):
        return "it ends too early: fetch it again"
    if any(outcome in DAMAGE for outcome in counts):
        return "fetch it again, or compare it with the checksum of its publisher"
    return "" if documents else f"none of its records is {wanted}: remove it from the inputs"
