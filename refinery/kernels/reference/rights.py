"""The tags of a page that may state rights: tags with one of ``WORDS``, each with what it is in and what is around it.

Which of them state rights is not decided here. Tags are cut as the HTML standard's tokenizer cuts them; those in
comments, raw text and inert elements are no tags. The words are compared in any case, and as they are written:
character references are not decoded.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa

RIGHTS_TAGS = pa.schema(
    {"row": pa.uint32(), "path": pa.string(), "before": pa.string(), "tag": pa.string(), "after": pa.string()}
)
"""``path``: the start tags of the elements around, the outermost first. ``before`` and ``after``: source around it.

Of a script with data, ``after`` is its content."""

WORDS = (
    *("ai.txt", "copyleft", "creativecommons.org/", "license", "llms-full.txt", "llms.txt", ".rights", "noai"),
    *("noarchive", "nocache", "noimageai", "noindex", "nosnippet", "robots", "rsl+xml", "tdm-"),
)
TAGS = {b"a", b"area", b"link", b"meta"}
ATTRIBUTES = {b"rel", b"property", b"itemprop"}
"""A tag is looked at if it is one of ``TAGS``, or has one of these."""

RAW = {b"script", b"style", b"textarea", b"title", b"xmp", b"iframe", b"noembed", b"noframes", b"plaintext"}
DATA = (b"ld+json", b"rsl+xml")
"""Types of scripts with data contain one of these."""

OPEN = {
    *(b"article", b"aside", b"blockquote", b"button", b"code", b"details", b"dialog", b"div", b"dl", b"figcaption"),
    *(b"figure", b"footer", b"form", b"header", b"main", b"math", b"nav", b"noscript", b"ol", b"pre", b"section"),
    *(b"select", b"span", b"svg", b"table", b"template", b"ul"),
}
"""Elements with obligatory end tags, as far as a path has them."""

INERT = {b"math", b"select", b"svg", b"template"}
MOST, LONGEST, BEFORE, AFTER, CONTENT = 128, 4096, 400, 600, 1 << 16
"""Tags of a page, and bytes of a tag, before it, after it, and of a script."""

DEEPEST, NEAREST, LONGEST_IN_PATH = 512, 24, 400

_SPACE = b" \t\n\r\f"
_WORD = re.compile("|".join(map(re.escape, WORDS)).encode())
_NAME = re.compile(rb"[^ \t\n\r\f/>]*")
_BETWEEN = re.compile(rb"[ \t\n\r\f/]*")
_ATTRIBUTE = re.compile(rb"(?s:.)[^ \t\n\r\f/=>]*")
_EQUALS = re.compile(rb"[ \t\n\r\f]*(=[ \t\n\r\f]*)?")
_UNQUOTED = re.compile(rb"[^ \t\n\r\f>]*")
_COMMENT_END = re.compile(rb"(?:--!?)>")


class _Tag(NamedTuple):
    """A tag and its range; attributes of start tags, None of end tags."""

    name: bytes
    start: int
    end: int
    attributes: dict[bytes, bytes] | None


class _Element(NamedTuple):
    """An open element, and the range of its start tag."""

    name: bytes
    start: int
    end: int


def rights_tags(pages: pa.StringArray) -> pa.RecordBatch:
    """Return the tags that may state rights, page by page: of many on one page, the first and the last."""
    rows = [(row, *found) for row, page in enumerate(pages.to_pylist()) for found in _tags((page or "").encode())]
    columns = zip(*rows, strict=True) if rows else [()] * len(RIGHTS_TAGS)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, RIGHTS_TAGS, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=RIGHTS_TAGS)


def _tags(page: bytes) -> list[tuple[str, str, str, str]]:
    scanner = _Scanner(page.lower())
    opened: list[_Element] = []
    found: list[tuple[str, str, str, str]] = []
    counts: Counter[bytes] = Counter()
    for tag in scanner.tags():
        if tag.attributes is None:
            _close(opened, counts, tag.name)
            continue
        inert = any(counts[name] for name in INERT)
        if tag.name in RAW:
            content = scanner.raw_text(tag.name, tag.end)
            kind = tag.attributes.get(b"type", b"")
            data = tag.name == b"script" and any(one in kind for one in DATA)
            if data and not inert and _WORD.search(scanner.source, tag.start, content):
                _add(found, (*_around(page, opened, tag)[:3], _text(page[tag.end : min(content, tag.end + CONTENT)])))
            continue
        may = tag.name in TAGS or not ATTRIBUTES.isdisjoint(tag.attributes)
        if may and not inert and _WORD.search(scanner.source, tag.start, tag.end):
            _add(found, _around(page, opened, tag))
        closed = tag.name in {b"svg", b"math"} and page[tag.end - 2 : tag.end - 1] == b"/"
        if tag.name in OPEN and not closed and len(opened) < DEEPEST:
            opened.append(_Element(tag.name, tag.start, tag.end))
            counts[tag.name] += 1
    return found


def _close(opened: list[_Element], counts: Counter[bytes], name: bytes) -> None:
    while counts[name]:
        last = opened.pop()
        counts[last.name] -= 1
        if last.name == name:
            return


def _add(tags: list[tuple[str, str, str, str]], tag: tuple[str, str, str, str]) -> None:
    if len(tags) == MOST:
        del tags[MOST // 2]
    tags.append(tag)


def _around(page: bytes, opened: list[_Element], tag: _Tag) -> tuple[str, str, str, str]:
    path = [
        page[one.start : one.end] if one.end - one.start <= LONGEST_IN_PATH else b"<%b>" % one.name
        for one in opened[-NEAREST:]
    ]
    return (
        _text(b"".join(path)),
        _text(page[max(0, tag.start - BEFORE) : tag.start]),
        _text(page[tag.start : min(tag.end, tag.start + LONGEST)]),
        _text(page[tag.end : tag.end + AFTER]),
    )


def _text(part: bytes) -> str:
    """Return a part of a page without the halves of characters at its ends."""
    return part.decode("utf-8", "ignore")


class _Scanner:
    """The tags of a source in small letters."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self._at = 0

    def tags(self) -> Iterator[_Tag]:
        """Yield the tags. The caller passes over raw text."""
        source = self.source
        while (start := source.find(b"<", self._at)) >= 0:
            after = source[start + 1 : start + 2]
            if after == b"!":
                self._at = self._after_declaration(start + 2)
            elif after == b"?":
                self._at = self._after(b">", start + 1)
            elif after == b"/" and start + 2 < len(source):
                if not source[start + 2 : start + 3].isalpha():
                    self._at = self._after(b">", start + 2)
                    continue
                yield from self._tag(start, start + 2)
            elif after.isalpha():
                yield from self._tag(start, start + 1)
            else:
                self._at = start + 1

    def _after(self, mark: bytes, start: int) -> int:
        found = self.source.find(mark, start)
        return len(self.source) if found < 0 else found + len(mark)

    def _after_declaration(self, start: int) -> int:
        if not self.source.startswith(b"--", start):
            return self._after(b">", start)
        for short in (b">", b"->"):
            if self.source.startswith(short, start + 2):
                return start + 2 + len(short)
        found = _COMMENT_END.search(self.source, start + 2)
        return found.end() if found else len(self.source)

    def _tag(self, start: int, name: int) -> Iterator[_Tag]:
        """Yield a tag, unless the source ends in it."""
        source = self.source
        end = _NAME.match(source, name).end()  # type: ignore[union-attr]
        at = end
        attributes: dict[bytes, bytes] = {}
        while True:
            at = _BETWEEN.match(source, at).end()  # type: ignore[union-attr]
            if at >= len(source):
                self._at = len(source)
                return
            if source[at] == ord(">"):
                self._at = at + 1
                yield _Tag(source[name:end], start, at + 1, None if source[start + 1] == ord("/") else attributes)
                return
            stop = _ATTRIBUTE.match(source, at).end()  # type: ignore[union-attr]
            value, after = self._value(stop)
            attributes.setdefault(source[at:stop], value)
            at = after

    def _value(self, at: int) -> tuple[bytes, int]:
        """Return the value of an attribute whose name ends here, and its end; beyond the source if it does not end."""
        source = self.source
        equals = _EQUALS.match(source, at)
        assert equals is not None
        at = equals.end()
        if not equals[1]:
            return b"", at
        quote = source[at : at + 1]
        if quote in {b'"', b"'"}:
            end = source.find(quote, at + 1)
            return (b"", len(source) + 1) if end < 0 else (source[at + 1 : end], end + 1)
        end = _UNQUOTED.match(source, at).end()  # type: ignore[union-attr]
        return source[at:end], end

    def raw_text(self, name: bytes, start: int) -> int:
        """Pass over the text of a raw element that begins here; return its end."""
        nested = ""
        pattern = _RAW_SCRIPT if name == b"script" else _RAW
        self._at = len(self.source)
        if name == b"plaintext":
            return self._at
        at = start
        while found := pattern.search(self.source, at):
            at, what = found.end(), found[0]
            if what == b"-":
                nested = "" if self.source.startswith(b"-->", found.start()) else nested
            elif name == b"script" and self.source.startswith(b"<!--", found.start()):
                nested = nested or "comment"
                at = found.start() + 2
            elif name == b"script" and nested == "comment" and self._is_tag(at, b"script"):
                nested = "script"
            elif self.source.startswith(b"/", at) and self._is_tag(at + 1, name):
                if nested != "script":
                    self._at = found.start()
                    return self._at
                nested = "comment"
        return self._at

    def _is_tag(self, at: int, name: bytes) -> bool:
        end = at + len(name)
        return self.source.startswith(name, at) and self.source[end : end + 1] in {*_ENDS}


_RAW = re.compile(b"<")
_RAW_SCRIPT = re.compile(b"[<-]")
_ENDS = (b" ", b"\t", b"\n", b"\r", b"\f", b"/", b">")
