"""Writes WARC records like Common Crawl: one gzip member per record; request, response and metadata per capture.

The bytes depend only on the arguments and on zlib, not on clock, host name or operating system.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from refinery.demo.chance import digest

_START = datetime(2024, 2, 20, 21, 10, 55, tzinfo=UTC)
_MEMBER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"  # no time, no name, unknown system

Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class HttpResponse:
    """Response of a server. ``payload`` is the content before ``codings`` (gzip, deflate, chunked).

    ``claims`` are further header fields, which may be wrong. ``identified`` is the media type that the crawler
    identifies; if empty, the declared one.
    """

    payload: bytes
    content_type: str = "text/html; charset=utf-8"
    status: str = "200 OK"
    codings: tuple[str, ...] = ()
    claims: tuple[tuple[str, str], ...] = ()
    identified: str = ""

    def entity(self) -> bytes:
        """Return the payload with its content coding, without the transfer coding."""
        if "gzip" in self.codings:
            return member(self.payload)
        return zlib.compress(self.payload, 6) if "deflate" in self.codings else self.payload

    def block(self) -> bytes:
        """Return the HTTP message."""
        entity = self.entity()
        fields = [("Server", "nginx")]
        if self.content_type:
            fields.append(("Content-Type", self.content_type))
        fields += [("Content-Encoding", coding) for coding in self.codings if coding != "chunked"]
        if "chunked" in self.codings:
            fields.append(("Transfer-Encoding", "chunked"))
            entity = _chunked(entity)
        elif not any(name == "Content-Length" for name, _ in self.claims):
            fields.append(("Content-Length", str(len(entity))))
        fields += self.claims
        return f"HTTP/1.1 {self.status}\r\n{_lines(fields)}\r\n".encode() + entity


def member(data: bytes) -> bytes:
    """Return the data as one gzip member."""
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    tail = zlib.crc32(data).to_bytes(4, "little") + (len(data) & 0xFFFFFFFF).to_bytes(4, "little")
    return _MEMBER + deflate.compress(data) + deflate.flush() + tail


def _chunked(data: bytes, size: int = 4096) -> bytes:
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def _lines(fields: Fields) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in fields)


def identifier(*parts: object) -> str:
    """Return a record's identifier, derived from ``parts``."""
    return f"<urn:uuid:{uuid.UUID(bytes=digest('id', *parts)[:16], version=4)}>"


def date(number: int) -> str:
    """Return the time of a capture; each is three seconds after the one before."""
    return (_START + timedelta(seconds=3 * number)).strftime("%Y-%m-%dT%H:%M:%SZ")


def record(fields: Fields, block: bytes, excess: int = 0) -> bytes:
    """Return a WARC record; ``excess`` is added to its Content-Length."""
    head = f"WARC/1.0\r\n{_lines([*fields, ('Content-Length', str(len(block) + excess))])}\r\n"
    return head.encode() + block + b"\r\n\r\n"


def warcinfo(name: str, seed: int) -> bytes:
    """Return the first record of the file ``name``."""
    description = {
        "isPartOf": "SAMPLE-2024-10",
        "publisher": "refinery",
        "description": "made-up pages to try refinery on",
        "format": "WARC File Format 1.0",
    }
    fields = [
        ("WARC-Type", "warcinfo"),
        ("WARC-Date", date(0)),
        ("WARC-Record-ID", identifier(seed, name)),
        ("Content-Type", "application/warc-fields"),
        ("WARC-Filename", name),
    ]
    return record(fields, _lines(list(description.items())).encode())


@dataclass(frozen=True)
class Capture:
    """One capture: its URL, and the identifiers that connect its records."""

    url: str
    number: int
    seed: int
    file: str

    def id(self, kind: str) -> str:
        """Return the identifier of this capture's record of type ``kind``."""
        return identifier(self.seed, self.number, kind)

    def _fields(self, kind: str, content_type: str) -> list[tuple[str, str]]:
        return [
            ("WARC-Type", kind),
            ("WARC-Date", date(self.number)),
            ("WARC-Record-ID", self.id(kind)),
            ("Content-Type", content_type),
            ("WARC-Warcinfo-ID", identifier(self.seed, self.file)),
            ("WARC-Target-URI", self.url),
        ]

    def request(self) -> bytes:
        """Return the request record."""
        host, _, path = self.url.partition("://")[2].partition("/")
        fields = [*self._fields("request", "application/http; msgtype=request"), ("WARC-IP-Address", "192.0.2.80")]
        headers = [("User-Agent", "sample/1.0"), ("Accept", "text/html"), ("Host", host)]
        return record(fields, f"GET /{path} HTTP/1.1\r\n{_lines(headers)}\r\n".encode())

    def response(self, answer: HttpResponse, excess: int = 0, without: tuple[str, ...] = ()) -> bytes:
        """Return the response record, without the given WARC fields."""
        block = answer.block()
        fields = [
            *self._fields("response", "application/http; msgtype=response"),
            ("WARC-Concurrent-To", self.id("request")),
            ("WARC-IP-Address", "192.0.2.80"),
            ("WARC-Payload-Digest", _sha1(answer.entity())),
            ("WARC-Block-Digest", _sha1(block)),
        ]
        identified = answer.identified or answer.content_type.partition(";")[0]
        if identified:
            fields.append(("WARC-Identified-Payload-Type", identified))
        return record([f for f in fields if f[0] not in without], block, excess)

    def metadata(self) -> bytes:
        """Return the metadata record."""
        fields = [*self._fields("metadata", "application/warc-fields"), ("WARC-Concurrent-To", self.id("response"))]
        return record(fields, _lines([("fetchTimeMs", str(40 + self.number % 400))]).encode())

    def revisit(self) -> bytes:
        """Return a revisit record, for unchanged content."""
        profile = "http://netpreserve.org/warc/1.0/revisit/identical-payload-digest"
        fields = [*self._fields("revisit", "application/http; msgtype=response"), ("WARC-Profile", profile)]
        return record(fields, b"HTTP/1.1 304 Not Modified\r\n\r\n")

    def lookup(self) -> bytes:
        """Return a response record of a name server, which is not a page."""
        host = self.url.partition("://")[2].partition("/")[0]
        own = {"WARC-Record-ID": self.id("lookup"), "WARC-Target-URI": f"dns:{host}"}
        fields = [(name, own.get(name, value)) for name, value in self._fields("response", "text/dns")]
        block = f"{date(self.number)[:10].replace('-', '')}\r\n{host}.\t300\tIN\tA\t192.0.2.80\r\n".encode()
        return record(fields, block)


def _sha1(data: bytes) -> str:
    return "sha1:" + base64.b32encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()
