"""The members of an archive file: gzip members, zstd frames, plain stretches.

CommonCrawl compresses every record as a gzip member of its own, so a member is where reading can start, and start
again. A damaged member ends where the next one begins that holds a record, compressed or not.
Source: https://iipc.github.io/warc-specifications/specifications/warc-zstd/ for frames and their dictionary.
"""

from __future__ import annotations

import re

import zstandard

from stages._warc.blocks import PIECE, SWELLING, Blocks
from stages._warc.decoders import GZIP, WINDOW, ZSTD, Broken, Decoder, Gzip, Plain, Zstd, may_begin
from stages._warc.headers import CLOSING, HEADER_END, MARGIN, RECORD, content_length, warc_fields

EARLY = "ends early"
BOMB = "unpacks to far more than it should"
DICTIONARY = b"\x5d\x2a\x4d\x18"
DICTIONARY_BYTES = 1 << 24
TRIAL = 1 << 10
"""Compressed bytes that show whether a member begins with a record."""

HEADER_BYTES = 1 << 12
"""In which the header of a record must end that is not compressed where compressed ones are."""

SIP = 1 << 6
"""Bytes of one step of such a trial: few, for a step that meets damage is done again byte by byte."""

SMALL = 1 << 8
"""Bytes that a member is thought to have besides, when it is asked whether it swells."""

_SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18(....)", re.DOTALL)
_MAGIC = re.compile(rb"\x1f\x8b\x08[\x00-\x1f]|\x28\xb5\x2f\xfd", re.DOTALL)
_MAGIC_OR_RECORD = re.compile(_MAGIC.pattern + rb"|WARC(?=/)", re.DOTALL)


class Members:
    """The members of a file in their order; ``at`` is where the next one begins."""

    def __init__(self, blocks: Blocks) -> None:
        self.blocks = blocks
        self.at = blocks.start
        self._dictionary: zstandard.ZstdCompressionDict | None = None
        self._looked = False

    def next_member(self) -> Member | None:
        """The member at ``at`` or behind padding there; None at the end."""
        while self.at < self.blocks.stop:
            skippable = _SKIPPABLE.match(self.blocks.read(self.at, self.blocks.stop, 8))
            behind = self.at + 8 + int.from_bytes(skippable[1], "little") if skippable else self.at
            if not self.at < behind <= self.blocks.stop:
                return Member(self, self.at, self._stop(self.at))
            self.at = behind
        return None

    def leave(self, member: Member) -> None:
        """Go on behind a member that was read to its end."""
        self.at = max(member.end, member.start + 1)

    def _stop(self, at: int) -> int:
        """Plain bytes reach to the end where they begin as an archive does, else to the next member."""
        if not isinstance(self.decoder(at), Plain) or (at == self.blocks.start and self.holds_record(at)):
            return self.blocks.stop
        return self.find(at + 1, self.blocks.stop)

    def decoder(self, at: int) -> Decoder:
        """A fresh decompressor for the member at ``at``."""
        magic = self.blocks.read(at, self.blocks.stop, 4)
        if magic.startswith(GZIP):
            return Gzip()
        return Zstd(self._shared_dictionary()) if magic == ZSTD else Plain()

    def holds_record(self, at: int, blank: bytes = b"\r\n") -> bool:
        """Whether the bytes at ``at``, decompressed if they are compressed, begin with a record behind ``blank``."""
        if not may_begin(self.blocks.read(at, self.blocks.stop, TRIAL)):
            return False
        decoder = self.decoder(at)
        plain = isinstance(decoder, Plain)
        size, step = (2 * MARGIN, 2 * MARGIN) if plain else (TRIAL, SIP)
        data = self.blocks.read(at, self.blocks.stop, size)
        out = b""
        for place in range(0, len(data), step):
            try:
                out += decoder.feed(data[place : place + step])[0]
            except Broken as broken:
                return RECORD.match((out + broken.out).lstrip(blank)) is not None
            line = out.lstrip(blank)
            if b"\n" in line or len(out) > MARGIN or decoder.ended:
                break
        return RECORD.match(out.lstrip(blank)) is not None

    def find(self, at: int, stop: int, *, plain: bool = False) -> int:
        """Where the next compressed member begins, at ``at`` or after, that holds a record; ``stop`` if none does.

        ``plain`` says that it may as well be a record that is not compressed, if it is whole.
        """
        while at < stop:
            piece = self.blocks.read(at, stop)
            for magic in (_MAGIC_OR_RECORD if plain else _MAGIC).finditer(piece):
                place = at + magic.start()
                if self._stands_alone(place) if magic[0].startswith(b"W") else self.holds_record(place):
                    return place
            at += len(piece) if len(piece) < PIECE else PIECE - 3
        return stop

    def _stands_alone(self, at: int) -> bool:
        """Whether a WARC record stands at ``at`` as it is: one that another, a member or the end follows.

        Members whose bytes are stored and not deflated hold records, too, but their checksum follows those.
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
        found = rest.lstrip(b"\r\n")
        ends = len(rest) < MARGIN and not found
        return rest.startswith(CLOSING) and (ends or bool(RECORD.match(found) or _MAGIC.match(found)))

    def _shared_dictionary(self) -> zstandard.ZstdCompressionDict | None:
        if not self._looked:
            self._looked = True
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
            return None  # the frames that need it cannot be read then, and say so
    return zstandard.ZstdCompressionDict(data)


class Member:
    """A stretch of the file that is read as one.

    ``end`` is how far it was read and, once it is done, where it ends. ``error`` then says why it is not whole: EARLY,
    BOMB, or what the decompressor found.
    """

    def __init__(self, members: Members, start: int, stop: int) -> None:
        self._members = members
        self.start = start
        self._stop = stop
        self._most = 0
        self._clear = 0  # up to there no compressed member begins in its plain bytes
        self._bomb = False
        self._begin(start, 0)
        self.plain = isinstance(self._decoder, Plain)

    def _begin(self, at: int, size: int, skip: int = 0) -> None:
        """Read a piece from ``at`` on, which comes behind ``size`` bytes; pass over its first ``skip``."""
        self._decoder = self._members.decoder(at)
        self._done = False
        self._piece = self.end = at
        self._before = self._size = size
        self._skip = self._given = skip
        self.error = ""

    def read(self) -> bytes:
        """The next bytes, at most 64 MiB of them; empty at the end."""
        while not self._done:
            piece = self._step()
            passed = min(self._skip, len(piece))
            self._skip -= passed
            if passed < len(piece):
                self._given += len(piece) - passed
                return piece[passed:]
        return b""

    def _step(self) -> bytes:
        data = self._members.blocks.read(self.end, self._stop)
        try:
            out, used = self._decoder.feed(data)
        except Broken as broken:
            self.end += broken.consumed
            return self._stuck(broken.reason, broken.out)
        self.end += used
        if not self.plain and self._swells(len(out)):
            return self._stuck(BOMB, out)
        self._done = self._decoder.ended or (self.plain and not data)
        return out if self._done or data or out else self._stuck(EARLY, b"")

    def _swells(self, size: int) -> bool:
        """Whether it unpacks to far more than it has bytes, in a file that has unpacked to far more than it has.

        What is found when a place is reached for the first time holds whenever it is read again.
        """
        self._size += size
        if self._size > self._most and not self._bomb:
            too_large = self._members.blocks.unpacked(self._size - self._most)
            self._most = self._size
            self._bomb = too_large and self._most > SWELLING * (self.end - self.start + SMALL)
        return self._bomb and self._size >= self._most

    def _stuck(self, reason: str, out: bytes) -> bytes:
        """End here, unless other members' bytes were taken for this one's: then read it again up to them."""
        blocks = self._members.blocks
        known = self._members.find(self.end if blocks.exhausted else self._piece + 1, self._stop, plain=True)
        if known <= self.end and known < self._stop:
            blocks.spend(self.end - self._piece)
            self._stop = known
            self._begin(self._piece, self._before, self._given)
            return b""
        self._done, self.error, self.end = True, reason, known
        return out

    def extend(self) -> bool:
        """Go on with the compressed member behind this one, unless a record begins there: for records in pieces."""
        members = self._members
        if self.error or not self._done or self.plain or self.end >= self._stop or members.holds_record(self.end, b""):
            return False
        if isinstance(members.decoder(self.end), Plain):
            return False
        self._begin(self.end, self._size)
        return True

    def packs(self, pos: int) -> bool:
        """Whether it is not compressed, but a compressed member that holds a record begins at ``pos``."""
        members, at = self._members, self.start + pos
        return self.plain and not isinstance(members.decoder(at), Plain) and members.holds_record(at)

    def find_packed(self, pos: int, stop: int) -> int:
        """The next such place from ``pos`` on, ``stop`` if there is none before it."""
        if not self.plain or self._members.blocks.exhausted or stop <= self._clear:
            return stop
        found = self._members.find(self.start + pos, self.start + stop) - self.start
        self._clear = found
        return found

    def close(self, size: int) -> None:
        """End behind so many bytes, which are not compressed."""
        self._stop = self.end = self.start + size
        self._done = True

    def again(self) -> None:
        """Begin anew, for bytes that were let go."""
        self._members.blocks.spend(self.end - self.start)
        self._begin(self.start, 0)
