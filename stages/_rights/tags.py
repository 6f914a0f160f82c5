"""Tags that may state rights, with their attributes, the elements around them and the text around them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from html import unescape

import pyarrow as pa

_NAME = re.compile(r"<([^\s/>]+)")
_ATTRIBUTE = re.compile(r"""([^\s/>=][^\s/>=]*)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s>]*))?""")
_ELEMENT = re.compile(r"""<[a-z](?:"[^"]*"|'[^']*'|[^'">])*>""", re.IGNORECASE)
_BLOCK = re.compile(
    r"</?(?:address|article|aside|blockquote|body|center|dd|div|dl|dt|fieldset|figure|footer|form|h[1-6]|header|hr|li"
    r"|main|nav|ol|p|pre|section|table|tbody|td|th|tr|ul)\b[^>]*>",
    re.IGNORECASE,
)
_HIDDEN = re.compile(r"<!--.*?(?:-->|$)|<(script|style)\b.*?(?:</\1>|$)|^(?:(?!<!--).)*?-->", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*(?:>|$)")
_HALF_TAG = re.compile(r"^[^<>]*>")
_IMAGE = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
_ANCHOR_END = re.compile(r"</a\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?。！？;|]\s+|[。！？]")

Attributes = dict[str, str]


def attributes(tag: str) -> Attributes:
    """Return the attributes of a start tag by lower-case name, with decoded values; the first of each counts."""
    found: Attributes = {}
    name = _NAME.match(tag)
    for match in _ATTRIBUTE.finditer(tag, name.end() if name else 1):
        value = match[2] or ""
        value = value[1:-1] if value[:1] in {'"', "'"} else value
        found.setdefault(match[1].lower(), unescape(value).strip())
    return found


@dataclass(frozen=True)
class StatedTag:
    """A tag of a page: its ``source``, those of the elements around it (``path``), and the source around it."""

    source: str
    path: str
    before: str
    after: str

    @cached_property
    def name(self) -> str:
        """The name in lower case."""
        found = _NAME.match(self.source)
        return found[1].lower() if found else ""

    @cached_property
    def attributes(self) -> Attributes:
        return attributes(self.source)

    def words(self, *names: str) -> list[str]:
        """Return the words of some attributes in lower case."""
        return [word for name in names for word in self.attributes.get(name, "").lower().split()]

    @cached_property
    def elements(self) -> list[tuple[str, Attributes]]:
        """The elements around it, the nearest first: names and attributes."""
        tags = [match[0] for match in _ELEMENT.finditer(self.path)]
        return [(StatedTag(tag, "", "", "").name, attributes(tag)) for tag in reversed(tags)]

    @cached_property
    def inner(self) -> str:
        """The source of an anchor's content."""
        end = _ANCHOR_END.search(self.after)
        return self.after[: end.start()] if end else ""

    @cached_property
    def images(self) -> list[Attributes]:
        """The images in an anchor."""
        return [attributes(match[0]) for match in _IMAGE.finditer(self.inner)]

    @cached_property
    def text(self) -> str:
        """The text of an anchor."""
        return plain_text(self.inner)

    @cached_property
    def lead(self) -> str:
        """The text before it: of the sentence, else of the block before."""
        blocks = [plain_text(block) for block in _BLOCK.split(_HALF_TAG.sub("", self.before))]
        own = blocks[-1]
        return _SENTENCE_END.split(own)[-1] if own else next(filter(None, reversed(blocks)), "")[-120:]

    @cached_property
    def begins_block(self) -> bool:
        """True if its block has no text before it."""
        return not plain_text(_BLOCK.split(_HALF_TAG.sub("", self.before))[-1])

    @cached_property
    def rest(self) -> str:
        """The text after an anchor, to the end of the sentence or block."""
        block = _BLOCK.split(self.after[len(self.inner) :])[0]
        return _SENTENCE_END.split(plain_text(block))[0]


def plain_text(source: str) -> str:
    """Return the text of a piece of source, in one line."""
    return " ".join(unescape(_TAG.sub(" ", _HIDDEN.sub(" ", source))).split())


def tags_of(batch: pa.RecordBatch) -> Iterator[tuple[int, StatedTag]]:
    """Yield the tags that a kernel found, with the rows of their pages."""
    for row in batch.to_pylist():
        yield row["row"], StatedTag(row["tag"], row["path"], row["before"], row["after"])
