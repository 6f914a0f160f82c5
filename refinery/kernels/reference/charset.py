"""Bytes of a page to text. Never fails: what cannot be decoded becomes U+FFFD and is counted.

The order is the WHATWG's (byte order mark, HTTP header, meta element, detection), but for one thing: bytes that are
UTF-8, or nearly, are read as UTF-8 whatever they are labelled, for text in another encoding is hardly ever valid UTF-8
by chance. Sources: https://html.spec.whatwg.org/#determining-the-character-encoding, https://encoding.spec.whatwg.org.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

MARKS = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
WIDE = (
    (re.compile(rb"(?:[\t\n\f\r ]\0){0,64}<\0[!?A-Za-z]\0"), 1, "utf-16-le"),
    (re.compile(rb"(?:\0[\t\n\f\r ]){0,64}\0<\0[!?A-Za-z]"), 0, "utf-16-be"),
)
"""How an element begins a page in UTF-16 that has no mark, and which bytes of such a page are often zero."""

PRESCAN = 1 << 14
"""Bytes in which a meta element is looked for: more than the standard's 1,024, for pages put much before it."""

SOUND = 8
"""Text is UTF-8 if for every broken sequence there are so many sound ones beyond ASCII (1 if it is labelled UTF-8)."""

TOLERABLE = 50
"""A named encoding is believed if at most one in so many bytes beyond ASCII cannot be decoded."""

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

LATIN = ("cp1250", "cp1254", "cp1257", "cp1258", "iso8859-1", "iso8859-2", "iso8859-3", "iso8859-4")
"""Beginnings of the names of codecs that uchardet takes English for that has a few typographic signs."""

FEW = 16
"""Bytes beyond ASCII that are too few to tell such encodings from windows-1252."""

DOS = ("cp4", "cp7", "cp8")
"""Beginnings of the names of codecs that the Web does not use, but for cp866 and cp874."""

NOT_ASCII = ("utf-16", "iso2022", "hz")
"""Beginnings of the names of codecs in which bytes below 128 are not ASCII."""

FAMILIES = ("cp", "iso8859", "iso2022", "koi8", "mac-", "gb", "big5", "euc_", "shift_jis", "johab", "ptcp", "kz", "hz")
"""Beginnings of the names of those further Python codecs that are character sets of pages."""

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9 :._()-]{0,39}")
_WINDOWS = re.compile(r"^(?:windows|win)[-_ ]?(?=\d)")
_HEADER = re.compile(r"charset\s{0,9}=\s{0,9}[\"']?\s{0,9}([^\s\"';,]{1,40})", re.IGNORECASE)
_COMMENT = re.compile(rb"<!--.*?(?:-->|\Z)", re.DOTALL)
_META = re.compile(rb"<meta\s[^>]{0,1024}?charset\s{0,9}=\s{0,9}[\"']?\s{0,9}([^\s\"'/>;,]{1,40})", re.IGNORECASE)
_XML = re.compile(rb"\s{0,99}<\?xml\s[^>]{0,200}?encoding\s{0,9}=\s{0,9}[\"']([^\"'>]{1,40})", re.IGNORECASE)
_ASCII = bytes(range(0x80))
_BELOW_LEADS = bytes(range(0xC0))
_NO_CONTROLS = bytes(sorted(set(range(256)) - set(range(0x20)) | set(b"\t\n\f\r\x1b")))


class _Label(NamedTuple):
    """A character set, where it is from, and how it was written."""

    charset: str
    found: str
    declared: str


@dataclass(frozen=True, slots=True)
class Text:
    """A page in UTF-8, without the NUL characters it had.

    ``charset`` is the name of the decoder used, ``found`` how it was chosen, ``declared`` the label that was given.
    ``broken`` counts the places that could not be decoded, ``nuls`` the NUL characters, which browsers pass over too.
    ``junk`` counts what is no text: the broken places and, where the bytes are not UTF-8, control characters.
    """

    utf8: bytes
    charset: str
    found: str
    declared: str
    broken: int = 0
    nuls: int = 0
    junk: int = 0


def header_label(content_type: str) -> str:
    """The charset parameter of a Content-Type field, "" where there is none."""
    match = _HEADER.search(content_type)
    return match[1][:40] if match else ""


def meta_label(data: bytes) -> str:
    """The charset that a page names in a meta element or an XML declaration near its beginning, else ""."""
    head = data[:PRESCAN]
    if b"harset" not in head and b"HARSET" not in head and b"<?xml" not in head[:100]:
        return ""
    match = _META.search(_COMMENT.sub(b"", head)) or _XML.match(head)
    return match[1].decode("latin-1") if match else ""


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


def decoded(data: bytes, header: str) -> Text:
    """A page's bytes as text, given the label in its HTTP header ("" for none). NUL characters are dropped."""
    for mark, name in MARKS:
        if data.startswith(mark):
            return _read(data[len(mark) :], name, "bom", name)
    labels = _labels(data, header)
    if name := _wide(data):
        named = (label for label in labels if label.charset == name)
        return _read(data, *next(named, _Label(name, "content", header)))
    if data.startswith(codecs.BOM_UTF8):  # put by editors before text in other encodings, too, so that it is no proof
        data = data.removeprefix(codecs.BOM_UTF8)
        labels.insert(0, _Label("utf-8", "bom", "utf-8"))
    declared = labels[0].declared if labels else header
    if labels and labels[0].charset.startswith(NOT_ASCII):
        text = _read(data, *labels[0])
        if not text.broken:
            return text
    return _utf8(data, labels, declared) or _legacy(data, labels, declared)


def _wide(data: bytes) -> str:
    """The form of UTF-16 in which a page without a mark is, "" for other pages."""
    for beginning, zeros, name in WIDE:
        if beginning.match(data):
            head = data[:PRESCAN]
            often, seldom = head[zeros::2].count(0), head[1 - zeros :: 2].count(0)
            return name if seldom * SOUND <= often else ""
    return ""


def _labels(data: bytes, header: str) -> list[_Label]:
    meta = meta_label(data)
    found = [_Label(decoder(header), "header", header), _Label(decoder(meta), "meta", meta)]
    if found[1].charset.startswith("utf-16"):  # bytes in which a meta element can be read are not UTF-16
        found[1] = _Label("utf-8", "meta", meta)
    no_wide = 0 not in data  # nor is a page UTF-16 whose markup has no zero byte
    return [label for label in found if label.charset and not (no_wide and label.charset.startswith("utf-16"))]


def _utf8(data: bytes, labels: list[_Label], declared: str) -> Text | None:
    """The bytes as UTF-8 if they are that; ASCII is whatever it is labelled."""
    label = labels[0] if labels else _Label("utf-8", "content", declared)
    known = label.charset == "utf-8" or (data.isascii() and not label.charset.startswith(NOT_ASCII))
    text = _read(data, *(label if known else _Label("utf-8", "content", declared)))
    if text.broken:
        sound = len(data.translate(None, _BELOW_LEADS)) - text.broken
        named = any(label.charset == "utf-8" for label in labels)
        return text if text.broken * (1 if named else SOUND) <= sound else None
    return text


def _legacy(data: bytes, labels: list[_Label], declared: str) -> Text:
    """The bytes in the first encoding of those named and the one detected that suits them, else in the best of them."""
    tried: list[Text] = []
    beyond = len(data.translate(None, _ASCII))
    for label in labels:
        tried.append(_read(data, *label))
        if tried[-1].broken * TOLERABLE <= beyond:
            break
    else:
        tried.append(_read(data, _detected(data, beyond), "detector", declared))
    best = min(reversed(tried), key=lambda text: text.broken)
    return replace(best, junk=best.junk + len(data.translate(None, _NO_CONTROLS)))


def _detected(data: bytes, beyond: int) -> str:
    """What uchardet takes bytes for that are not UTF-8; windows-1252, which any bytes are, where it knows nothing."""
    name = decoder(detect_encoding(data, html5_compatible=False) or "")
    unlikely = (
        name in ("", "utf-8")
        or (name.startswith(DOS) and name not in ("cp866", "cp874"))
        or (beyond < FEW and name.startswith(LATIN))
    )
    return "cp1252" if unlikely else name


def _read(data: bytes, charset: str, found: str, declared: str) -> Text:
    broken = 0
    utf8 = data
    if charset != "utf-8" or not data.isascii():
        try:
            text = data.decode(charset)
        except UnicodeDecodeError:
            text = data.decode(charset, "replace")
            broken = text.count("\ufffd") - (data.count("\ufffd".encode()) if charset == "utf-8" else 0)
        utf8 = data if charset == "utf-8" and not broken else text.encode()
    nuls = utf8.count(0)
    return Text(utf8.replace(b"\0", b"") if nuls else utf8, charset, found, declared, broken, nuls, broken)
