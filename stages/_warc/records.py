"""Parses the records of an archive file with their positions, and the gaps between them.

Every byte of a file belongs to a record, to a reported gap, or to the line ends between them. A record's declared
length is used if another record, or the end, follows it; otherwise the next record is searched. Bodies are returned as
stored. Not here: decoding and filtering of content.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Protocol

from refinery.stages._warc.blocks import Blocks
from refinery.stages._warc.cursor import HEADER, Cursor
from refinery.stages._warc.headers import CLOSING, arc_fields, content_length, warc_fields
from refinery.stages._warc.members import EARLY, Members

TRUNCATED = "truncated"
CUT_OFF = "cut_off"
DAMAGED = "damaged"
UNREADABLE = "unreadable"
NO_ARCHIVE = "not_an_archive"

SAMPLE = 48
"""Bytes of a gap in its note."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record, or a gap (``kind`` is "").

    ``offset`` and ``length`` are bytes in the file. A record that shares its compressed member with others has a
    ``length`` of 0, and its ``offset`` counts decompressed bytes from the file's beginning. ``body`` contains the
    requested part of ``size`` bytes. ``flaw`` is the reason why it cannot be used, ``note`` a remark on it.
    """

    offset: int
    length: int
    kind: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    size: int = 0
    flaw: str = ""
    note: str = ""


class Rows(Protocol):
    """Reader of runs of ordinary records: ``refinery.kernels.PageRows``."""

    def read(self, data: bytes, at: int, base: int) -> tuple[int, int, bool]:
        """Return the end of a run, its decompressed size, and True if ``data`` ended within the next record."""


def records(blocks: Blocks, wanted: str, keep: int) -> Iterator[Record]:
    """Return all records, with at most ``keep`` bytes of the bodies of the ``wanted`` type. Raises StorageError."""
    return (record for record in odd_records(blocks, wanted, keep, None) if record is not None)


def odd_records(blocks: Blocks, wanted: str, keep: int, rows: Rows | None) -> Iterator[Record | None]:
    """Yield the records that ``rows`` does not read, and None after each run that it read.

    When a record is yielded, ``rows`` contains all runs before it, and none after it.
    """
    remaining = _all(blocks, wanted, keep, rows)
    for first in remaining:
        readable = first is None or first.flaw not in (UNREADABLE, CUT_OFF)
        if first is None or readable or not blocks.whole or Members(blocks).has_record(0):
            yield first
        else:
            second = list(islice(remaining, 1))
            yield first if second else replace(first, offset=0, length=blocks.size, flaw=NO_ARCHIVE)
            yield from second
        yield from remaining
        return
    if blocks.whole:
        yield Record(0, 0, flaw=NO_ARCHIVE, note="the file holds nothing")


def _all(blocks: Blocks, wanted: str, keep: int, rows: Rows | None) -> Iterator[Record | None]:
    members = Members(blocks)
    before = count = 0
    while True:
        # ``odd_records`` may read ahead of the first record; the rows of a run would precede it.
        if rows is not None and count != 1 and (run := _run(members, rows)):
            before += run
            count += 1
            yield None
        elif member := members.next_member():
            cursor = Cursor(member)
            for record in _Parser(cursor, before, wanted, keep, blocks).records():
                count += 1
                yield record
            before += cursor.pos
            members.leave(member)
        else:
            return


def _run(members: Members, rows: Rows) -> int:
    """Read the ordinary records that follow; return their decompressed size."""
    blocks = members.blocks
    if blocks.exhausted or members.at >= blocks.stop:
        return 0
    data, base = blocks.around(members.at)
    end, size, short = rows.read(data, members.at - base, base)
    if short and not size and base < members.at:
        data, base = blocks.around(members.at, anew=True)
        end, size, _ = rows.read(data, 0, base)
    members.at = base + end
    return size


@dataclass(frozen=True, slots=True)
class _Body:
    """A body of ``size`` bytes, of which ``data`` is kept; ``rest`` counts the bytes of the gap after it."""

    data: bytes
    size: int
    flaw: str = ""
    note: str = ""
    rest: int = 0
    sample: bytes = b""


class _Parser:
    """Parser of one member, which ``before`` decompressed bytes of the file precede."""

    def __init__(self, cursor: Cursor, before: int, wanted: str, keep: int, blocks: Blocks) -> None:
        self._cursor = cursor
        self._member = cursor.member
        self._before = before
        self._wanted = wanted
        self._keep = keep
        self._blocks = blocks
        self._count = 0
        self._reported = False

    def records(self) -> Iterator[Record]:
        """Yield all records, and a gap for the member's error if no record reports it."""
        self._cursor.newlines()
        while not self._cursor.ended:
            yield from self._next()
        if self._member.error and not self._reported:
            yield self._gap(max(self._cursor.pos - 1, 0), self._cursor.pos, self._member.error)

    def _next(self) -> Iterator[Record]:
        cursor = self._cursor
        cursor.drop()
        start = cursor.pos
        line = cursor.record()
        if line is None:
            yield from self._skip_to_record(start, "no record begins with")
        elif line["arc"] is not None:
            fields, size = arc_fields(line), len(line[0])
            cursor.take(size)
            yield from self._record(start, fields)
        elif (header := cursor.header(HEADER[: 1 if self._blocks.exhausted else None])) is None:
            self._blocks.spend(cursor.buffered)
            yield from self._skip_to_record(start, "a WARC header without an end:")
        else:
            yield from self._record(start, warc_fields(header))

    def _record(self, start: int, fields: Mapping[str, str]) -> Iterator[Record]:
        kind = fields.get("warc-type", "").lower()
        length = content_length(fields.get("content-length", ""))
        body, closed = None, False
        if length is not None and not self._blocks.exhausted:
            body, closed = self._declared_body(length, self._keep if kind == self._wanted else 0)
        if body is None:
            body = self._searched_body(length, closed=closed)
        end = self._cursor.pos - body.rest
        flaw, note = self._flawed(body)
        if not kind:
            flaw, note = UNREADABLE, _join("no WARC-Type", note)
        offset, size = self._pointer(start, end)
        if flaw == TRUNCATED and self._cut_off():
            flaw = CUT_OFF
        self._count += 1
        data = body.data if kind == self._wanted else b""
        yield Record(offset, size, kind, fields, data, body.size, flaw, note)
        if body.rest:
            yield from self._rest(end, f"no record begins with {body.sample!r}")

    def _cut_off(self) -> bool:
        """Return True if the file ends here, and not where a member does."""
        member = self._member
        return self._cursor.ended and member.end == self._blocks.size and (member.plain or member.error == EARLY)

    def _declared_body(self, length: int, keep: int) -> tuple[_Body | None, bool]:
        """Return the body if its declared length is right: a record or the end follows it. Else None, without moving.

        Also return True if the line ends that close a record follow the declared length.
        """
        cursor = self._cursor
        start = cursor.pos
        data = cursor.take(min(length, keep))
        size = len(data) + cursor.skip(length - len(data))
        closed = False
        if size == length:
            closed = cursor.closes()
            parted = cursor.newlines()
            behind = None if cursor.ended else cursor.record()
            # an ARC line has no marker at its start, so a wrong length could cut it
            follows = parted or behind["arc"] is None if behind else cursor.at_member()
            if cursor.ended or follows:
                return _Body(data, size), True
        self._blocks.spend(cursor.pos - start)
        cursor.seek(start)
        return None, closed

    def _searched_body(self, length: int | None, *, closed: bool) -> _Body:
        """Return the body, which ends at the next record, at the end of the member, or after ``length`` bytes.

        A record within a body with the right length is a quotation.
        """
        cursor = self._cursor
        data, size = cursor.until_record(self._keep, here=True)
        if closed and length is not None and size < length:
            return self._quoting(data, size, length)
        if not closed:
            start = cursor.pos - size
            size = self._end_at_member(start) - start
            data = data[:size]
        broken = TRUNCATED if cursor.ended and self._member.error else ""
        finished = size == len(data) and data.endswith((b"\n\n", b"\n\r\n"))
        whole = data.rstrip(b"\r\n") if size == len(data) else data
        if length is None:
            return _Body(whole, size - len(data) + len(whole), broken, "no Content-Length that is a number")
        if size < length:
            cut = self._member.plain and cursor.ended and self._member.end == self._blocks.size
            flaw = broken or (TRUNCATED if cut or not finished else "")
            note = f"Content-Length is {length}, the record has {size} bytes"
            return _Body(whole, size - len(data) + len(whole), flaw, note)
        behind = data[length:].lstrip(b"\r\n")
        rest = size - max(length, len(data) - len(behind))
        unknown = len(data) < length and rest <= len(CLOSING)
        return _Body(data[:length], length, rest=0 if unknown else rest, sample=behind[:SAMPLE])

    def _quoting(self, data: bytes, size: int, length: int) -> _Body:
        """Return the body of ``length`` bytes that quotes a record; ``data`` was kept of ``size`` bytes before it."""
        cursor = self._cursor
        more = cursor.take(min(length - size, self._keep - len(data)))
        cursor.skip(length - size - len(more))
        cursor.newlines()
        sample, rest = cursor.until_record(SAMPLE, here=True)
        return _Body(data + more, length, rest=rest, sample=sample)

    def _flawed(self, body: _Body) -> tuple[str, str]:
        """Return a body's flaw and note, with the member's error if it concerns this record."""
        error = self._member.error
        alone = self._count == 0 and not body.rest
        if not self._cursor.ended or not error or not (alone or body.flaw):
            return body.flaw, body.note
        self._reported = True
        complete = not body.flaw
        return DAMAGED if complete and error != EARLY else body.flaw, _join(body.note, error)

    def _skip_to_record(self, start: int, note: str) -> Iterator[Record]:
        """Yield the gap from here to the next record."""
        self._cursor.seek(start)
        sample, _ = self._cursor.until_record(SAMPLE, here=False)
        yield from self._rest(start, f"{note} {sample!r}")

    def _rest(self, start: int, note: str) -> Iterator[Record]:
        """Yield the gap from ``start`` to here; in uncompressed bytes it ends at a compressed member."""
        end = self._end_at_member(start)
        if end > start:
            yield self._gap(start, end, note)

    def _end_at_member(self, start: int) -> int:
        """Return the end of the gap from ``start`` to here: in uncompressed bytes, the start of a compressed member."""
        here = self._cursor.pos
        end = self._member.find_member(start, here)
        if end < here:
            self._blocks.spend(here - start)
            self._cursor.close(end)
        return end

    def _gap(self, start: int, end: int, note: str) -> Record:
        """Return a gap as a record of its own."""
        offset, size = self._pointer(start, end)
        error = self._member.error if self._cursor.ended else ""
        self._reported = self._reported or bool(error)
        self._count += 1
        note = note if error in note else _join(note, error)
        flaw = CUT_OFF if error == EARLY and self._cut_off() else UNREADABLE
        return Record(offset, size, size=end - start, flaw=flaw, note=note)

    def _pointer(self, start: int, end: int) -> tuple[int, int]:
        if self._member.plain:
            return self._member.start + start, end - start
        if self._count == 0 and end == self._cursor.pos and self._cursor.ended:
            return self._member.start, self._member.end - self._member.start
        return self._before + start, 0


def _join(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
