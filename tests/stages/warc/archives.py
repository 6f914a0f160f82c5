"""Small archives for tests: records written by warcio, packed in every way that archives are packed."""

from __future__ import annotations

import gzip
import io
import struct
import uuid
import zlib
from collections.abc import Callable, Sequence

import zstandard
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from refinery.stages._warc.blocks import Blocks
from refinery.stages._warc.records import Record, records

HTML = [("Content-Type", "text/html; charset=utf-8")]
DATE = "2024-03-01T12:00:00Z"


def record(
    number: int,
    body: bytes = b"<html><p>text</p></html>",
    kind: str = "response",
    status: str = "200 OK",
    headers: Sequence[tuple[str, str]] = tuple(HTML),
    fields: dict[str, str] | None = None,
) -> bytes:
    """One WARC record as warcio writes it, not compressed."""
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=False)
    http = StatusAndHeaders(status, list(headers), protocol="HTTP/1.1") if kind == "response" else None
    named = {"WARC-Record-ID": f"<urn:uuid:{uuid.UUID(int=number)}>", "WARC-Date": DATE} | (fields or {})
    made = writer.create_warc_record(
        f"http://example.org/{number}", kind, io.BytesIO(body), http_headers=http, warc_headers_dict=named
    )
    writer.write_record(made)
    made.raw_stream.close()
    return out.getvalue()


def raw(*fields: str, body: bytes = b"", version: str = "WARC/1.0") -> bytes:
    """A record of exactly these header lines."""
    return "\r\n".join([version, *fields, "", ""]).encode() + body + b"\r\n\r\n"


def plain(made: Sequence[bytes]) -> bytes:
    return b"".join(made)


def members(made: Sequence[bytes]) -> bytes:
    return b"".join(gzip.compress(one, mtime=0) for one in made)


def one_member(made: Sequence[bytes]) -> bytes:
    return gzip.compress(b"".join(made), mtime=0)


def pairs(made: Sequence[bytes]) -> bytes:
    """Two records in each gzip member."""
    return b"".join(gzip.compress(b"".join(made[i : i + 2]), mtime=0) for i in range(0, len(made), 2))


def pieces(made: Sequence[bytes]) -> bytes:
    """Gzip members of 90 bytes each that know nothing of records."""
    return blocked(b"".join(made), 90)


def blocked(data: bytes, size: int) -> bytes:
    """Gzip members of so many bytes, as bgzip makes them."""
    return b"".join(gzip.compress(data[i : i + size], mtime=0) for i in range(0, len(data), size))


def frames(made: Sequence[bytes]) -> bytes:
    return b"".join(zstandard.compress(one) for one in made)


def frames_with_dictionary(made: Sequence[bytes]) -> bytes:
    """As the WARC-zstd specification has it: the dictionary in a skippable frame before all others."""
    dictionary = zstandard.ZstdCompressionDict(b"WARC/1.0\r\nWARC-Type: response\r\nContent-Type: text/html" * 8)
    shared = zstandard.compress(dictionary.as_bytes())
    compressor = zstandard.ZstdCompressor(dict_data=dictionary)
    return struct.pack("<II", 0x184D2A5D, len(shared)) + shared + b"".join(compressor.compress(one) for one in made)


def mixed(made: Sequence[bytes]) -> bytes:
    """Gzip members, and records that were appended without compression, in turn."""
    return b"".join(one if i % 2 else gzip.compress(one, mtime=0) for i, one in enumerate(made))


def swollen_member(head: bytes) -> bytes:
    """A gzip member of 1 GB: a head and zeros, of which it has a block that is there 16 times."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    begun = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    zeros = packer.compress(bytes(1 << 26)) + packer.flush(zlib.Z_FULL_FLUSH)
    return begun + zeros * 16 + packer.flush()


def swollen_frame(head: bytes) -> bytes:
    """A zstd frame of 20 GB: a head and zeros, 128 KiB for each four bytes."""
    frame = b"\x28\xb5\x2f\xfd\x00\x58" + struct.pack("<I", len(head) << 3)[:3] + head
    return frame + (struct.pack("<I", 1 << 20 | 1 << 1)[:3] + b"\0") * (20 * 2**30 >> 17) + b"\x01\0\0"


LAYOUTS: tuple[Callable[[Sequence[bytes]], bytes], ...] = (
    plain,
    members,
    one_member,
    pairs,
    pieces,
    frames,
    frames_with_dictionary,
    mixed,
)


def read(data: bytes, start: int = 0, stop: int | None = None, keep: int = 1 << 20) -> list[Record]:
    """The records of an archive in memory."""
    return list(records(Blocks(io.BytesIO(data), "test.warc", start, stop), "response", keep))


def block(made: bytes) -> bytes:
    """What stands between the header and the closing empty lines of a record."""
    return made.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n\r\n")
