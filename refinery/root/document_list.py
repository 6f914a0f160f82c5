"""Lists of documents: by domain, by URL, by URL pattern, by id. ``find`` and ``takedown`` read them.

URLs compare as in most browsers' address bars: http and https are one scheme, the host has no case, and the fragment
does not count. The rest is exact. Domains compare as those of block lists: see ``parse_url``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from refinery.errors import UsageError
from refinery.kernels import parse_url
from refinery.stage.documents import ID, URL, id_bytes

HINT = "a line is a domain, a URL, a URL with * for any characters, or an id of 32 hexadecimal digits"

_HEX = re.compile(r"[0-9a-f]{32}")
_PREFIXED = re.compile(r"(domain|url|id):(?!//)(.*)", re.DOTALL)
_SCHEME = re.compile(r"^(?:\*|https?)?://", re.IGNORECASE)
_END_OF_HOST = re.compile(r"[/?#]")


@dataclass(frozen=True)
class UrlPattern:
    """A comparable URL in which ``*`` is any characters."""

    pieces: tuple[str, ...]

    def matches(self, plain: str) -> bool:
        """Return True for a comparable URL that matches as a whole. Linear: each piece is looked for once."""
        first, *inner, last = self.pieces
        end = len(plain) - len(last)
        if not (plain.startswith(first) and plain.endswith(last)):
            return False
        at = len(first)
        for piece in inner:
            at = plain.find(piece, at, end)
            if at < 0:
                return False
            at += len(piece)
        return at <= end


@dataclass(frozen=True)
class DocumentList:
    """The documents of some domains with their subdomains, of URLs and patterns, and of ids: entries by what matches.

    listed = DocumentList.parse(["example.org", "https://example.com/a/*", "00112233445566778899aabbccddeeff"])
    """

    entries: tuple[str, ...] = ()
    domains: dict[str, str] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    patterns: tuple[tuple[UrlPattern, str], ...] = ()
    ids: dict[bytes, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, lines: Iterable[str]) -> DocumentList:
        """Read lines; empty ones and those that begin with # do not count. Raises UsageError for any other text."""
        entries = tuple(dict.fromkeys(_entries(lines)))
        listed = cls(entries)
        patterns = []
        for entry in entries:
            kind, value = _kind(entry)
            if kind == "id":
                listed.ids[bytes.fromhex(value)] = entry
            elif kind == "domain":
                listed.domains[value] = entry
            elif "*" in value:
                patterns.append((UrlPattern(tuple(value.split("*"))), entry))
            else:
                listed.urls[value] = entry
        return cls(entries, listed.domains, listed.urls, tuple(patterns), listed.ids)

    def with_ids(self, ids: Iterable[bytes]) -> DocumentList:
        """Return the list with further ids, which are entries themselves."""
        more = {one: one.hex() for one in ids}
        return DocumentList(self.entries, self.domains, self.urls, self.patterns, more | self.ids)

    def extended(self, entries: Iterable[str]) -> DocumentList:
        """Return the list with further entries. Raises UsageError as ``parse``."""
        return DocumentList.parse((*self.entries, *entries)).with_ids(self.ids)

    def matches(self, batch: pa.RecordBatch) -> list[str | None]:
        """Return for each row the entry that it matches by its id or URL, None for none."""
        names, rows = batch.schema.names, len(batch)
        found: list[str | None] = [None] * rows
        if URL.name in names and (self.domains or self.urls or self.patterns):
            found = [None if url is None else self.match_url(url) for url in batch.column(URL.name).to_pylist()]
        ids = ids_of(batch) if self.ids else None
        if ids is not None:
            found = [self.ids.get(one, entry) for one, entry in zip(ids, found, strict=True)]
        return found

    def mask(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """Return true for the rows that match."""
        return pa.array([entry is not None for entry in self.matches(batch)], pa.bool_())

    def match_url(self, url: str) -> str | None:
        """Return the entry that a URL matches, None for none."""
        if self.domains:
            for name in _suffixes(parse_url(f"http://{comparable(url)}").host):
                if name in self.domains:
                    return self.domains[name]
        plain = comparable(url) if self.urls or self.patterns else ""
        if plain in self.urls:
            return self.urls[plain]
        return next((entry for pattern, entry in self.patterns if pattern.matches(plain)), None)


def ids_of(batch: pa.RecordBatch) -> list[bytes] | None:
    """Return the ids of rows, which an export may have written as hexadecimal digits; None where there are none."""
    if ID.name not in batch.schema.names:
        return None
    column = batch.column(ID.name)
    if column.type == ID.type and not column.null_count:
        data = id_bytes(column).tobytes()
        return [data[place : place + 16] for place in range(0, len(data), 16)]
    values = column.to_pylist()
    if any(not isinstance(value, str) or not _HEX.fullmatch(value) for value in values):
        return None  # identifiers of another dataset, as a preset writes them
    return [bytes.fromhex(value) for value in values]


def comparable(url: str) -> str:
    """Return a URL as it is compared: without scheme and fragment, the host in lower case."""
    rest = _SCHEME.sub("", url.strip()).partition("#")[0]
    end = _END_OF_HOST.search(rest)
    place = end.start() if end else len(rest)
    return _ascii(rest[:place]) + (rest[place:] or ("" if rest.endswith("*") else "/"))


def _ascii(host: str) -> str:
    """Return a host in lower case, one with other letters in the form that archives have."""
    host = host.lower()
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return host


def _suffixes(host: str) -> Iterator[str]:
    """Yield the host and the domains that it is in."""
    while host:
        yield host
        host = host.partition(".")[2]


def _entries(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        entry = line.strip().removeprefix("\ufeff")
        if entry and not entry.startswith("#"):
            try:
                _kind(entry)
            except UsageError as error:
                raise UsageError(f"line {number}: {error.message}", hint=error.hint) from error
            yield entry


def _kind(entry: str) -> tuple[str, str]:
    """Return the kind of an entry, and the value that is compared. Raises UsageError."""
    prefixed = _PREFIXED.fullmatch(entry)
    kind, value = (prefixed[1], prefixed[2].strip()) if prefixed else ("", entry)
    digits = value.replace("-", "").lower()
    if kind == "id" or (not kind and _HEX.fullmatch(digits)):
        if not _HEX.fullmatch(digits):
            raise UsageError(f"{entry[:80]!r} is no id", hint=HINT)
        return "id", digits
    is_url = "://" in value or "/" in value or "*" in value
    if kind == "url" or (not kind and is_url):
        if not comparable(value).strip("*/:. "):
            raise UsageError(f"{entry[:80]!r} matches every document", hint=HINT)
        return "url", comparable(value)
    name = "" if is_url or set(value) & set("@:?#") else parse_url(f"http://{value.strip('.')}").host
    if not name or (not kind and "." not in name):
        raise UsageError(f"{entry[:80]!r} is neither a domain nor a URL nor an id", hint=HINT)
    return "domain", name
