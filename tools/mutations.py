"""Damaged copies of an archive, and which of its records each copy must still give.

A copy is cut off, has a flipped bit, records that changed places or came twice, or a record with a mangled header. What
its damage does not touch must be read from it as from the original: of records that share a compressed member with
others, those before the damage. The same archive gives the same copies, everywhere.
"""

from __future__ import annotations

import gzip
import io
import random
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import xxhash

from refinery.stages._warc.blocks import Blocks
from refinery.stages._warc.members import DICTIONARY
from refinery.stages._warc.records import Record, records
from refinery.stages.warc import Warc
from refinery.store import LocalStore

KEEP = 1 << 24


class Key(NamedTuple):
    """What tells records apart: header and body, but not the place."""

    kind: str
    fields: tuple[tuple[str, str], ...]
    size: int
    body: int


@dataclass(frozen=True)
class Copy:
    """A damaged copy: how it was made, and the records that must be there.

    ``cut`` says that the damage is an end within a record, which must be reported.
    """

    name: str
    data: bytes
    expected: Counter[Key] = field(repr=False)
    cut: bool = False


class Memory(LocalStore):
    """A store of one archive."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def open(self, path: str) -> io.BytesIO:
        """The archive, whatever the path."""
        del path
        return io.BytesIO(self._data)


def read(data: bytes) -> list[Record]:
    """All records and stretches of an archive in memory."""
    return list(records(Blocks(io.BytesIO(data), "copy"), "response", KEEP))


def key(record: Record) -> Key:
    """The record's key."""
    return Key(record.kind, tuple(record.fields.items()), record.size, xxhash.xxh3_64_intdigest(record.body))


def sound(record: Record) -> bool:
    """Whether nothing is odd about a record."""
    return bool(record.kind) and not record.flaw and not record.note


def problem(copy: Copy) -> str:
    """What is wrong with how a copy is read, "" where nothing is."""
    found = read(copy.data)
    lost = copy.expected - Counter(key(one) for one in found if sound(one))
    if lost:
        return f"{lost.total()} records are lost that the damage does not touch: {next(iter(lost))[:2]}"
    if copy.cut and all(sound(one) for one in found):
        return "no record reports that the archive is cut off"
    counted = 0
    for batch in Warc().read("copy", Memory(copy.data)):
        counted += len(batch.columns["id"]) + sum(batch.skipped.values())
    return "" if counted == len(found) else f"{len(found)} records were read, {counted} have a outcome"


class Archive:
    """An archive that copies are made of; ``name`` seeds what is chosen at random."""

    def __init__(self, name: str, data: bytes) -> None:
        self._data = data
        self._chance = random.Random(name)  # noqa: S311  nothing secret
        self._found = read(data)
        self._whole = all(sound(one) for one in self._found)
        self._pieces = [one for one in self._found if one.length]
        head = 8 + int.from_bytes(data[4:8], "little")
        self._shared = head if data.startswith(DICTIONARY) else 0

    @property
    def readable(self) -> int:
        """Sound records."""
        return sum(map(sound, self._found))

    def copies(self, cuts: int, flips: int, others: int) -> Iterator[Copy]:
        """So many copies that are cut off, with a flipped bit, and of each other kind."""
        size = len(self._data)
        for at in sorted({size * n // cuts if n % 2 else self._chance.randrange(size) for n in range(cuts)}):
            cut = self._whole and any(one.offset < at < one.offset + len(self._body(one)) for one in self._pieces)
            yield Copy(f"cut at {at}", self._data[:at], self._untouched(at, size), cut)
        for _ in range(flips):
            at, bit = self._chance.randrange(size), self._chance.randrange(8)
            flipped = self._data[:at] + bytes([self._data[at] ^ (1 << bit)]) + self._data[at + 1 :]
            yield Copy(f"bit {bit} of {at} flipped", flipped, self._untouched(at, at + 1))
        if len(self._pieces) > 1 and self._whole:
            for _ in range(others):
                yield self._swapped()
                yield self._doubled()
        for piece in self._chance.sample(self._pieces, min(others, len(self._pieces))):
            for name, mangle in MANGLES.items():
                yield from self._mangled(piece, name, mangle)

    def _body(self, piece: Record) -> bytes:
        """A piece as it is stored, without the line ends behind it."""
        return self._data[piece.offset : piece.offset + piece.length].rstrip(b"\r\n")

    def _untouched(self, first: int, last: int) -> Counter[Key]:
        """The records that lie outside the bytes from ``first`` to ``last``; all need its dictionary."""
        if first < last and first < self._shared:
            return Counter()
        apart = [one for one in self._pieces if sound(one) and (one.offset + one.length <= first or one.offset >= last)]
        shared = [] if len(self._pieces) == len(self._found) else read(self._data[:first])[:-1]
        there = Counter(key(one) for one in self._found if not one.length and sound(one))
        before = Counter(key(one) for one in shared if not one.length and sound(one))
        return Counter(map(key, apart)) + (before & there)

    def _around(self, piece: Record) -> tuple[bytes, bytes]:
        return self._data[: piece.offset], self._data[piece.offset + piece.length :]

    def _swapped(self) -> Copy:
        one, other = sorted(self._chance.sample(self._pieces, 2), key=lambda piece: piece.offset)
        between = self._data[one.offset + one.length : other.offset]
        parts = [self._closed(other), between, self._closed(one)]
        data = self._around(one)[0] + b"".join(parts) + self._around(other)[1]
        return Copy(f"{one.offset} and {other.offset} swapped", data, self._untouched(0, 0))

    def _doubled(self) -> Copy:
        piece = self._chance.choice(self._pieces)
        before, after = self._around(piece)
        expected = self._untouched(0, 0) + Counter([key(piece)])
        return Copy(f"{piece.offset} twice", before + self._closed(piece) * 2 + after, expected)

    def _closed(self, piece: Record) -> bytes:
        """A piece as it is stored, with the line ends that the last record of a file may lack."""
        stored = self._data[piece.offset : piece.offset + piece.length]
        packed = stored.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd"))
        return stored if packed or stored.endswith(b"\n") else stored + b"\r\n\r\n"

    def _mangled(self, piece: Record, name: str, mangle: Mangle) -> Iterator[Copy]:
        stored = self._data[piece.offset : piece.offset + piece.length]
        try:
            opened = gzip.decompress(stored) if stored.startswith(b"\x1f\x8b") else stored
        except (OSError, EOFError, zlib.error):
            return
        head, end, body = opened.partition(b"\r\n\r\n")
        if end and head.startswith(b"WARC/"):
            changed = mangle(head.split(b"\r\n"), body)
            made = changed if opened is stored else gzip.compress(changed, 1, mtime=0)
            before, after = self._around(piece)
            expected = self._untouched(piece.offset, piece.offset + piece.length)
            yield Copy(f"{piece.offset} {name}", before + made + after, expected)


Mangle = Callable[[Sequence[bytes], bytes], bytes]


def _whole(lines: Sequence[bytes], body: bytes) -> bytes:
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _field(name: bytes, change: Callable[[bytes], bytes]) -> Mangle:
    """The value of a field changed; without the field where nothing is left of it."""

    def mangle(lines: Sequence[bytes], body: bytes) -> bytes:
        made = []
        for line in lines:
            if line.lower().startswith(name + b":"):
                value = change(line.partition(b":")[2].strip())
                made += [name + b": " + value] if value else []
            else:
                made.append(line)
        return _whole(made, body)

    return mangle


def _length(change: Callable[[int], int]) -> Mangle:
    return _field(b"content-length", lambda value: b"%d" % change(int(value)) if value.isdigit() else b"0")


MANGLES: dict[str, Mangle] = {
    "length too large": _length(lambda size: size + 1_000),
    "length too large by one": _length(lambda size: size + 1),
    "length too small": _length(lambda size: size // 2),
    "length too small by one": _length(lambda size: max(size - 1, 0)),
    "length of a terabyte": _length(lambda _: 1 << 40),
    "length negative": _length(lambda size: -size),
    "no length": _field(b"content-length", lambda _: b""),
    "length is words": _field(b"content-length", lambda _: b"about a page"),
    "no type": _field(b"warc-type", lambda _: b""),
    "type unknown": _field(b"warc-type", lambda _: b"\xff\xfe"),
    "date wrong": _field(b"warc-date", lambda _: b"2024-13-45T99:99:99Z"),
    "address not UTF-8": _field(b"warc-target-uri", lambda value: value + b"\xff\xc3\xed\xa0\x80"),
    "address with NUL and blanks": _field(b"warc-target-uri", lambda value: b"\0 " + value + b" \0 x"),
    "address of a megabyte": _field(b"warc-target-uri", lambda value: value + b"x" * 1_000_000),
    "id no UUID": _field(b"warc-record-id", lambda _: b"<urn:uuid:../../etc>"),
    "fields twice": lambda lines, body: _whole([*lines, *lines[1:]], body),
    "line feeds only": lambda lines, body: b"\n".join(lines) + b"\n\n" + body,
    "carriage returns doubled": lambda lines, body: b"\r\r\n".join(lines) + b"\r\r\n\r\r\n" + body,
    "no empty line": lambda lines, body: b"\r\n".join(lines) + b"\r\n" + body,
    "no colons": lambda lines, body: _whole([line.replace(b":", b" ") for line in lines], body),
    "version unknown": lambda lines, body: _whole([b"WARC/99.99", *lines[1:]], body),
    "version damaged": lambda lines, body: _whole([b"WRAC/1.0", *lines[1:]], body),
    "folded": lambda lines, body: _whole([line.replace(b": ", b":\r\n ") for line in lines], body),
    "no line ends behind": lambda lines, body: _whole(lines, body.removesuffix(b"\r\n\r\n")),
    "garbage behind": lambda lines, body: _whole(lines, body + b"\0garbage\0\r\n"),
    "header alone": lambda lines, _: _whole(lines, b""),
    "nothing but its first line": lambda lines, _: lines[0] + b"\r\n",
}
"""What is done to the header of a record, given as lines, and to the body with the line ends behind it."""
