"""The bytes of one member, buffered: what the parser of records stands on.

Positions count from the member's first decompressed byte. What lies behind ``drop`` is let go; going back there means
to read the member again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from stages._warc.headers import CLOSING, HEADER_END, MARGIN, RECORD, amid
from stages._warc.members import Member

SPAN = 1 << 16
HEADER = (1 << 12, 1 << 16, 1 << 20, 1 << 24)
"""A WARC header ends within these many bytes, tried in turn."""

_NEWLINES = re.compile(rb"[\r\n]+")


class Cursor:
    """A place in a member, ``pos`` bytes from its beginning."""

    def __init__(self, member: Member) -> None:
        self.member = member
        self._buffer = bytearray()
        self._base = 0
        self._at = 0

    @property
    def pos(self) -> int:
        """Decompressed bytes from the member's beginning."""
        return self._base + self._at

    @property
    def ended(self) -> bool:
        """Whether nothing follows in this member."""
        return not self._fill(1)

    @property
    def buffered(self) -> int:
        """Bytes from here on that are in memory."""
        return len(self._buffer) - self._at

    def _fill(self, size: int, *, across: bool = False) -> int:
        """Buffer ``size`` bytes from here on if there are; how many are. ``across`` goes on in members behind."""
        while self.buffered < size:
            piece = self.member.read()
            if piece:
                self._buffer += piece
            elif not (across and self.member.extend()):
                break
        return self.buffered

    def drop(self) -> None:
        """Let go of everything before this place."""
        del self._buffer[: self._at]
        self._base += self._at
        self._at = 0

    def seek(self, pos: int) -> None:
        """Go back to ``pos``."""
        if pos < self._base:
            self.member.again()
            self._buffer.clear()
            self._base = self._at = 0
            self.skip(pos)
        self._at = pos - self._base

    def skip(self, size: int) -> int:
        """Pass ``size`` bytes if there are, letting go of them; how many were passed."""
        left = size
        while left and (step := min(self._fill(min(left, SPAN), across=True), left)):
            self._at += step
            left -= step
            self.drop()
        return size - left

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes, fewer where the member ends."""
        size = min(self._fill(size, across=True), size)
        self._at += size
        return bytes(memoryview(self._buffer)[self._at - size : self._at])

    def packed(self) -> bool:
        """Whether a compressed member that holds a record begins here, in bytes that are not compressed."""
        return self.member.packs(self.pos)

    def leave(self, pos: int) -> None:
        """Let the member end at ``pos``."""
        self.seek(pos)
        del self._buffer[self._at :]
        self.member.close(pos)

    def newlines(self) -> int:
        """Pass the line ends that come next; how many bytes they are."""
        passed = 0
        while self._fill(1) and (found := _NEWLINES.match(self._buffer, self._at)):
            passed += found.end() - self._at
            self._at = found.end()
            if passed > SPAN:
                self.drop()
        return passed

    def closes(self) -> bool:
        """Whether the two line ends come next that stand behind every record."""
        self._fill(len(CLOSING))
        return self._buffer.startswith(CLOSING, self._at)

    def record(self) -> re.Match[bytes] | None:
        """What a record begins with, if one begins here; a line may go on in the member behind."""
        if self._fill(MARGIN) < MARGIN and self._buffer.find(b"\n", self._at) < 0:
            self._fill(MARGIN, across=True)
        return RECORD.match(self._buffer, self._at)

    def header(self, limits: Sequence[int] = HEADER) -> bytes | None:
        """A WARC header with the empty line that ends it; None, without a move, where it has no such end."""
        for limit in limits:
            for across in (False, True):
                have = self._fill(limit, across=across)
                found = HEADER_END.search(self._buffer, self._at, self._at + limit)
                if found:
                    return self.take(found.end() - self._at) if found[1] else None
                if have >= limit:
                    break
        return None

    def until_record(self, keep: int, *, here: bool) -> tuple[bytes, int]:
        """Pass everything up to the next record or the end: the first ``keep`` bytes of it, and how many it was.

        ``here`` says that the next record may begin at this very place.
        """
        kept, passed = bytearray(), 0
        if here and self.record():
            return b"", 0
        while have := self._fill(SPAN + MARGIN):
            last = have < SPAN + MARGIN
            found = amid(self._buffer, self._at + (not here and not passed), self._at + SPAN + MARGIN)
            step = found - self._at if found >= 0 else have if last else SPAN
            kept += self._buffer[self._at : self._at + min(step, keep - len(kept))]
            self._at += step
            passed += step
            self.drop()
            if found >= 0:
                break
        return bytes(kept), passed
