"""Buffered bytes of one member, as input of the parser of records.

Positions count from the member's first decompressed byte. ``drop`` releases the bytes before the position; moving back
there reads the member again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from refinery.stages._warc.headers import CLOSING, HEADER_END, MARGIN, RECORD, amid
from refinery.stages._warc.members import Member

SPAN = 1 << 16
HEADER = (1 << 12, 1 << 16, 1 << 20, 1 << 24)
"""Limits for the size of a WARC header, tried one after another."""

_NEWLINES = re.compile(rb"[\r\n]+")


class Cursor:
    """A position in a member, ``pos`` bytes from its beginning."""

    def __init__(self, member: Member) -> None:
        self.member = member
        self._buffer = bytearray()
        self._base = 0
        self._at = 0

    @property
    def pos(self) -> int:
        """Return the decompressed bytes from the member's beginning."""
        return self._base + self._at

    @property
    def ended(self) -> bool:
        """True if the member ends here."""
        return not self._fill(1)

    @property
    def buffered(self) -> int:
        """Number of bytes from here on in memory."""
        return len(self._buffer) - self._at

    def _fill(self, size: int, *, across: bool = False) -> int:
        """Buffer up to ``size`` bytes from here on; return their number. With ``across``, continue in later members."""
        while self.buffered < size:
            piece = self.member.read()
            if piece:
                self._buffer += piece
            elif not (across and self.member.extend()):
                break
        return self.buffered

    def drop(self) -> None:
        """Release everything before the position."""
        del self._buffer[: self._at]
        self._base += self._at
        self._at = 0

    def seek(self, pos: int) -> None:
        """Move back to ``pos``."""
        if pos < self._base:
            self.member.restart()
            self._buffer.clear()
            self._base = self._at = 0
            self.skip(pos)
        self._at = pos - self._base

    def skip(self, size: int) -> int:
        """Skip up to ``size`` bytes and release them; return their number."""
        left = size
        while left and (step := min(self._fill(min(left, SPAN), across=True), left)):
            self._at += step
            left -= step
            self.drop()
        return size - left

    def take(self, size: int) -> bytes:
        """Return the next ``size`` bytes, fewer where the member ends."""
        size = min(self._fill(size, across=True), size)
        self._at += size
        return bytes(memoryview(self._buffer)[self._at - size : self._at])

    def at_member(self) -> bool:
        """Return True if a compressed member with a record begins here, within uncompressed bytes."""
        return self.member.has_member(self.pos)

    def close(self, pos: int) -> None:
        """End the member at ``pos``."""
        self.seek(pos)
        del self._buffer[self._at :]
        self.member.close(pos)

    def newlines(self) -> int:
        """Skip the line ends that follow; return their number of bytes."""
        skipped = 0
        while self._fill(1) and (ends := _NEWLINES.match(self._buffer, self._at)):
            skipped += ends.end() - self._at
            self._at = ends.end()
            if skipped > SPAN:
                self.drop()
        return skipped

    def closes(self) -> bool:
        """Return True if the two line ends follow that close every record."""
        self._fill(len(CLOSING))
        return self._buffer.startswith(CLOSING, self._at)

    def record(self) -> re.Match[bytes] | None:
        """Match the first line of a record here, which may continue in the next member; None if there is none."""
        if self._fill(MARGIN) < MARGIN and self._buffer.find(b"\n", self._at) < 0:
            self._fill(MARGIN, across=True)
        return RECORD.match(self._buffer, self._at)

    def header(self, limits: Sequence[int] = HEADER) -> bytes | None:
        """Return a WARC header with the empty line at its end; None, without moving, if it has no end."""
        for limit in limits:
            for across in (False, True):
                have = self._fill(limit, across=across)
                end = HEADER_END.search(self._buffer, self._at, self._at + limit)
                if end:
                    return self.take(end.end() - self._at) if end[1] else None
                if have >= limit:
                    break
        return None

    def until_record(self, keep: int, *, here: bool) -> tuple[bytes, int]:
        """Skip to the next record or the end; return the first ``keep`` skipped bytes and their total number.

        With ``here``, the next record may begin at the position itself.
        """
        kept, skipped = bytearray(), 0
        if here and self.record():
            return b"", 0
        while have := self._fill(SPAN + MARGIN):
            last = have < SPAN + MARGIN
            record = amid(self._buffer, self._at + (not here and not skipped), self._at + SPAN + MARGIN)
            step = record - self._at if record >= 0 else have if last else SPAN
            kept += self._buffer[self._at : self._at + min(step, keep - len(kept))]
            self._at += step
            skipped += step
            self.drop()
            if record >= 0:
                break
        return bytes(kept), skipped
