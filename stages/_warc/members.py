"""The members of an archive file: gzip members, zstd frames, uncompressed bytes.

Common Crawl compresses each record as a gzip member, so reading can start, and resume, at any member. A damaged member
ends where the next one with a record begins, compressed or not.
Source: https://iipc.github.io/warc-specifications/specifications/warc-zstd/ for frames and their dictionary.
"""

from __future__ import annotations

import re

import zstandard

from refinery.stages._warc.blocks import PIECE, SWELLING, Blocks
from refinery.stages._warc.decoders import GZIP, WINDOW, ZSTD, Broken, Decoder, Gzip, Plain, Zstd, may_begin
from refinery.stages._warc.headers import CLOSING, HEADER_END, MARGIN, RECORD, content_length, warc_fields

EARLY = "ends early"
BOMB = "unpacks to far more than it should"
DICTIONARY = b"\x5d\x2a\x4d\x18"
DICTIONARY_BYTES = 1 << 24
TRIAL = 1 << 10
"""Compressed bytes that suffice to see if a member begins with a record."""

HEADER_BYTES = 1 << 12
"""Most bytes of the header of an uncompressed record among compressed ones."""

SIP = 1 << 6
"""Bytes of one step of such a trial: few, as a step that meets damage is repeated byte by byte."""

SMALL = 1 << 8
"""Bytes that are added to the size of a member in the check for bombs, which spares small ones."""

_SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18(....)", re.DOTALL)
_MAGIC = re.compile(rb"\x1f\x8b\x08[\x00-\x1f]|\x28\xb5\x2f\xfd", re.DOTALL)
_MAGIC_OR_RECORD = re.compile(_MAGIC.pattern + rb"|WARC(?=/)", re.DOTALL)


class Members:
    """The members of a file in order; ``at`` is the start of the next one."""

    def __init__(self, blocks: Blocks) -> None:
        self.blocks = blocks
        self.at = blocks.start
        self._dictionary: zstandard.ZstdCompressionDict | None = None
        self._dictionary_read = False

    def next_member(self) -> Member | None:
        """Return the member at ``at`` or behind padding there; None at the end."""
        while self.at < self.blocks.stop:
            skippable = _SKIPPABLE.match(self.blocks.read(self.at, self.blocks.stop, 8))
            behind = self.at + 8 + int.from_bytes(skippable[1], "little") if skippable else self.at
            if not self.at < behind <= self.blocks.stop:
                return Member(self, self.at, self._stop(self.at))
            self.at = behind
        return None

    def leave(self, member: Member) -> None:
        """Move behind a member that was read to its end."""
        self.at = max(member.end, member.start + 1)

    def _stop(self, at: int) -> int:
        """Return the end of the member at ``at``: for uncompressed bytes that are no archive, the next member."""
        if not isinstance(self.decoder(at), Plain) or (at == self.blocks.start and self.has_record(at)):
            return self.blocks.stop
        return self.find(at + 1, self.blocks.stop)

    def decoder(self, at: int) -> Decoder:
        """Return a new decompressor for the member at ``at``."""
        magic = self.blocks.read(at, self.blocks.stop, 4)
        if magic.startswith(GZIP):
            return Gzip()
        return Zstd(self._shared_dictionary()) if magic == ZSTD else Plain()

    def has_record(self, at: int, blank: bytes = b"\r\n") -> bool:
        """Return True if the bytes at ``at``, decompressed if necessary, begin with a record after ``blank``."""
        if not may_begin(self.blocks.read(at, self.blocks.stop, TRIAL)):
            return False
        decoder = self.decoder(at)
        plain = isinstance(decoder, Plain)
        size, step = (2 * MARGIN, 2 * MARGIN) if plain else (TRIAL, SIP)
        data = self.blocks.read(at, self.blocks.stop, size)
        out = b""
        for offset in range(0, len(data), step):
            try:
                out += decoder.feed(data[offset : offset + step])[0]
            except Broken as broken:
                return RECORD.match((out + broken.out).lstrip(blank)) is not None
            line = out.lstrip(blank)
            if b"\n" in line or len(out) > MARGIN or decoder.ended:
                break
        return RECORD.match(out.lstrip(blank)) is not None

    def find(self, at: int, stop: int, *, plain: bool = False) -> int:
        """Return the start of the next compressed member with a record, from ``at`` on; ``stop`` if there is none.

        With ``plain``, a complete uncompressed record counts as well.
        """
        while at < stop:
            piece = self.blocks.read(at, stop)
            for magic in (_MAGIC_OR_RECORD if plain else _MAGIC).finditer(piece):
                position = at + magic.start()
                if self._is_plain_record(position) if magic[0].startswith(b"W") else self.has_record(position):
                    return position
            at += len(piece) if len(piece) < PIECE else PIECE - 3
        return stop

    def _is_plain_record(self, at: int) -> bool:
        """Return True for an uncompressed WARC record at ``at`` that is followed by a record, a member or the end.

        Records in gzip members without compression are followed by a checksum instead.
        """
        blocks = self.blocks
        if blocks.exhausted:
            return False
        head = blocks.read(at, blocks.stop, HEADER_BYTES)
        end = HEADER_END.search(head) if RECORD.match(head) else None
        length = content_length(warc_fields(head[: end.end()]).get("content-length", "")) if end and end[1] else None
        if end is None or length is None or (behind := at + end.end() + length) > blocks.stop:
            return False
        blocks.spend(length)
        rest = blocks.read(behind, blocks.stop, MARGIN)
        following = rest.lstrip(b"\r\n")
        ends = len(rest) < MARGIN and not following
        return rest.startswith(CLOSING) and (ends or bool(RECORD.match(following) or _MAGIC.match(following)))

    def _shared_dictionary(self) -> zstandard.ZstdCompressionDict | None:
        if not self._dictionary_read:
            self._dictionary_read = True
            self._dictionary = _dictionary(self.blocks)
        return self._dictionary


def _dictionary(blocks: Blocks) -> zstandard.ZstdCompressionDict | None:
    """The dictionary that all frames of the file share: its first frame, a skippable one; it may be a frame itself."""
    head = blocks.head(8)
    size = int.from_bytes(head[4:8], "little")
    if not head.startswith(DICTIONARY) or size > DICTIONARY_BYTES:
        return None
    data = blocks.head(8 + size)[8:]
    if data.startswith(ZSTD):
        try:
            data = zstandard.ZstdDecompressor(max_window_size=WINDOW).decompress(data, DICTIONARY_BYTES)
        except zstandard.ZstdError:
            return None  # frames that need it are reported as damaged
    return zstandard.ZstdCompressionDict(data)


class Member:
    """A range of the file that is decompressed as one.

    ``end`` is the position of the reader and finally the end of the member. ``error`` is the reason why it is not
    complete: EARLY, BOMB, or an error of the decompressor.
    """

    def __init__(self, members: Members, start: int, stop: int) -> None:
        self._members = members
        self.start = start
        self._stop = stop
        self._most = 0
        self._clear = 0  # no compressed member begins before it in its uncompressed bytes
        self._bomb = False
        self._begin(start, 0)
        self.plain = isinstance(self._decoder, Plain)

    def _begin(self, at: int, size: int, skip: int = 0) -> None:
        """Start a piece at ``at``, after ``size`` decompressed bytes; skip its first ``skip`` bytes."""
        self._decoder = self._members.decoder(at)
        self._done = False
        self._piece = self.end = at
        self._before = self._size = size
        self._skip = self._returned = skip
        self.error = ""

    def read(self) -> bytes:
        """Return the next bytes, at most 64 MiB; none at the end."""
        while not self._done:
            piece = self._step()
            skipped = min(self._skip, len(piece))
            self._skip -= skipped
            if skipped < len(piece):
                self._returned += len(piece) - skipped
                return piece[skipped:]
        return b""

    def _step(self) -> bytes:
        data = self._members.blocks.read(self.end, self._stop)
        try:
            out, used = self._decoder.feed(data)
        except Broken as broken:
            self.end += broken.consumed
            return self._fail(broken.reason, broken.out)
        self.end += used
        if not self.plain and self._is_bomb(len(out)):
            return self._fail(BOMB, out)
        self._done = self._decoder.ended or (self.plain and not data)
        return out if self._done or data or out else self._fail(EARLY, b"")

    def _is_bomb(self, size: int) -> bool:
        """Return True if both the member and its file decompress to far more bytes than they have.

        The result at a position stays the same when the position is read again.
        """
        self._size += size
        if self._size > self._most and not self._bomb:
            too_large = self._members.blocks.unpacked(self._size - self._most)
            self._most = self._size
            self._bomb = too_large and self._most > SWELLING * (self.end - self.start + SMALL)
        return self._bomb and self._size >= self._most

    def _fail(self, reason: str, out: bytes) -> bytes:
        """End here, unless bytes of other members were read as this one's: then read it again up to them."""
        blocks = self._members.blocks
        following = self._members.find(self.end if blocks.exhausted else self._piece + 1, self._stop, plain=True)
        if following <= self.end and following < self._stop:
            blocks.spend(self.end - self._piece)
            self._stop = following
            self._begin(self._piece, self._before, self._returned)
            return b""
        self._done, self.error, self.end = True, reason, following
        return out

    def extend(self) -> bool:
        """Continue with the compressed member behind this one, unless a record begins there: for split records."""
        members = self._members
        if self.error or not self._done or self.plain or self.end >= self._stop or members.has_record(self.end, b""):
            return False
        if isinstance(members.decoder(self.end), Plain):
            return False
        self._begin(self.end, self._size)
        return True

    def has_member(self, pos: int) -> bool:
        """Return True if a compressed member with a record begins at ``pos`` of these uncompressed bytes."""
        members, at = self._members, self.start + pos
        return self.plain and not isinstance(members.decoder(at), Plain) and members.has_record(at)

    def find_member(self, pos: int, stop: int) -> int:
        """Return the next such position from ``pos`` on; ``stop`` if there is none before it."""
        if not self.plain or self._members.blocks.exhausted or stop <= self._clear:
            return stop
        self._clear = self._members.find(self.start + pos, self.start + stop) - self.start
        return self._clear

    def close(self, size: int) -> None:
        """End the member after this many uncompressed bytes."""
        self._stop = self.end = self.start + size
        self._done = True

    def restart(self) -> None:
        """Start again, for bytes that are no longer in memory."""
        self._members.blocks.spend(self.end - self.start)
        self._begin(self.start, 0)
