"""Labels of charsets: in HTTP headers, meta elements and XML declarations, and the codecs that they name."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice

from resiliparse.parse.encoding import map_encoding_to_html5

PRESCAN = 1 << 14
"""Bytes in which a meta element is looked for: more than the standard's 1,024, for pages put much before it."""

LABELS = 4
"""So many labels of a page are asked what they mean."""

WIDER = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
}
"""Python's decoder for what the WHATWG means by a name, where its own of that name knows fewer characters."""

FAMILIES = ("cp", "iso8859", "iso2022", "koi8", "mac-", "gb", "big5", "euc_", "shift_jis", "johab", "ptcp", "kz", "hz")
"""Beginnings of the names of those further Python codecs that are character sets of pages."""

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9 :._()-]{0,39}")
_WINDOWS = re.compile(r"^(?:windows|win)[-_ ]?(?=\d)")
_HEADER = re.compile(r"charset\s{0,9}=\s{0,9}[\"']?\s{0,9}([^\s\"';,]{1,40})", re.IGNORECASE)
_MARKUP = re.compile(
    rb"<!--(?:-?>|.*?(?:-->|\Z))|<(script|style)(?=[\s/>]).*?(?:</\1|\Z)|<(?P<tag>[a-z][^\s/>]*)|<[!/?][^>]*",
    re.DOTALL | re.IGNORECASE,
)
_ATTRIBUTE = re.compile(rb"[\s/]*([^\s/>][^\s/>=]*)(?:\s*+=\s*+(?:\"([^\"]*)\"|'([^']*)'|(?![\"'])([^\s>]*)))?")
_VALUE = re.compile(rb"[\s\"']{0,9}([^\s\"'/>;,]{1,40})")
_CONTENT = re.compile(rb"charset\s{0,9}=" + _VALUE.pattern, re.IGNORECASE)
_XML = re.compile(rb"\s{0,99}<\?xml\s[^>]{0,200}?encoding\s{0,9}=\s{0,9}[\"']([^\"'>]{1,40})", re.IGNORECASE)


def header_label(content_type: str) -> str:
    """The charset parameter of a Content-Type field, "" where there is none."""
    match = _HEADER.search(content_type)
    return match[1][:40] if match else ""


def meta_label(data: bytes) -> str:
    """The first charset that a page names in a meta element or an XML declaration near its beginning, else ""."""
    return next(filter(decoder, islice(_named(data[:PRESCAN]), LABELS)), "")


def _named(head: bytes) -> Iterator[str]:
    labels = [_of_meta(attributes) for attributes in _metas(head)] if b"charset" in head.lower() else []
    for label in (*labels, _XML.match(head)):
        if label:
            yield label[1].decode("latin-1")


def _metas(head: bytes) -> Iterator[dict[bytes, bytes]]:
    """The attributes of each meta element, by lower-case name."""
    place = 0
    while markup := _MARKUP.search(head, place):
        place = markup.end()
        attributes: dict[bytes, bytes] = {}
        while markup["tag"] and (found := _ATTRIBUTE.match(head, place)):
            place = found.end()
            attributes.setdefault(found[1].lower(), found[2] or found[3] or found[4] or b"")
        if (markup["tag"] or b"").lower() == b"meta":
            yield attributes


def _of_meta(attributes: Mapping[bytes, bytes]) -> re.Match[bytes] | None:
    if b"charset" in attributes:
        return _VALUE.match(attributes[b"charset"])
    pragma = attributes.get(b"http-equiv", b"").strip().lower()
    return _CONTENT.search(attributes.get(b"content", b"")) if pragma == b"content-type" else None


@lru_cache(maxsize=4096)
def decoder(label: str) -> str:
    """The Python codec for a label as pages use them; "" for one that names no character set."""
    if not _LABEL.fullmatch(label):
        return ""
    name = map_encoding_to_html5(label, fallback_utf8=False) or _python(label)
    return WIDER.get(name, name)


def _python(label: str) -> str:
    try:
        name = codecs.lookup(_WINDOWS.sub("cp", label.lower().removeprefix("x-"))).name
    except LookupError:
        return ""
    return name if name.startswith(FAMILIES) else ""
