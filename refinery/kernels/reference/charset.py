"""Bytes of a page to text. Never fails: what cannot be decoded becomes U+FFFD and is counted.

The order is the WHATWG's (byte order mark, HTTP header, meta element, detection), but for one thing: bytes that are
UTF-8, or nearly, are read as UTF-8 whatever they are labelled, for text in another encoding is hardly ever valid UTF-8
by chance. Sources: https://html.spec.whatwg.org/#determining-the-character-encoding, https://encoding.spec.whatwg.org.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, replace
from typing import NamedTuple

from resiliparse.parse.encoding import detect_encoding

from refinery.kernels.reference.labels import PRESCAN, decoder, meta_label

MARKS = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
WIDE = (
    (re.compile(rb"(?:[\t\n\f\r ]\0){0,64}<\0[!?A-Za-z]\0"), 1, "utf-16-le"),
    (re.compile(rb"(?:\0[\t\n\f\r ]){0,64}\0<\0[!?A-Za-z]"), 0, "utf-16-be"),
)
"""Beginnings of pages in UTF-16 without a mark, and which bytes of such a page are often zero."""

SOUND = 8
"""Text is UTF-8 if for every broken sequence there are so many sound ones beyond ASCII (1 if it is labelled UTF-8)."""

TOLERABLE = 50
"""A named encoding is believed if at most one in so many bytes beyond ASCII cannot be decoded."""

KNOWS_MORE = {"iso2022_jp": "iso2022_jp_ext"}
"""The codec that reads a character set, where it is not the one of that name."""

LACKING = ("gb18030", "euc_jp", "iso2022_jp_ext")
"""Codecs that lack characters which pages have: the euro sign at 0x80, and the rows of NEC and IBM."""

LATIN = ("cp1250", "cp1254", "cp1257", "cp1258", "iso8859-1", "iso8859-2", "iso8859-3", "iso8859-4")
"""Beginnings of the names of codecs that uchardet takes English for that has a few typographic signs."""

FEW = 16
"""Fewer bytes beyond ASCII do not distinguish such encodings from windows-1252."""

DOS = ("cp4", "cp7", "cp8")
"""Beginnings of the names of codecs that the Web does not use, but for cp866 and cp874."""

NOT_ASCII = ("utf-16", "iso2022", "hz")
"""Beginnings of the names of codecs in which bytes below 128 are not ASCII."""

_PAIRS = re.compile(rb"\x1b\$[@B](?:[\x21-\x7e]{2})*(?=\x1b|\Z)")
_PAIR = re.compile(rb"[\x21-\x7e]{2}")
_ASCII = bytes(range(0x80))
_BELOW_LEADS = bytes(range(0xC0))
_NO_CONTROLS = bytes(sorted(set(range(256)) - set(range(0x20)) | set(b"\t\n\f\r\x1b")))


class _Label(NamedTuple):
    """A charset, the source of its label, and the label as written."""

    charset: str
    source: str
    declared: str


@dataclass(frozen=True, slots=True)
class Text:
    """A page in UTF-8, without the NUL characters it had.

    ``charset`` is the name of the decoder used, ``source`` how it was chosen, ``declared`` the label that was given.
    ``broken`` counts the places that could not be decoded, ``nuls`` the NUL characters, which browsers pass over too.
    ``junk`` counts what is no text: the broken places and, where the bytes are not UTF-8, control characters.
    """

    utf8: bytes
    charset: str
    source: str
    declared: str
    broken: int = 0
    nuls: int = 0
    junk: int = 0


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
    if text := _seven_bits(data, labels, declared):
        return text
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


def _seven_bits(data: bytes, labels: list[_Label], declared: str) -> Text | None:
    """The bytes as ISO-2022-JP if they are that: whatever goes over to pairs of bytes comes back from them."""
    shifts = data.count(b"\x1b$")
    if shifts == 0 or not data.isascii() or len(_PAIRS.findall(data)) < shifts:
        return None
    named = (label for label in labels if label.charset == "iso2022_jp")
    text = _read(data, *next(named, _Label("iso2022_jp", "content", declared)))
    sound = len(text.utf8.translate(None, _BELOW_LEADS)) - text.broken
    return text if text.broken * SOUND <= sound else None


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
    """Return the charset that uchardet detects in bytes that are not UTF-8; windows-1252 if it detects none."""
    name = decoder(detect_encoding(data, html5_compatible=False) or "")
    unlikely = (
        name in ("", "utf-8")
        or (name.startswith(DOS) and name not in ("cp866", "cp874"))
        or (beyond < FEW and name.startswith(LATIN))
    )
    if name == "koi8-r":
        return "koi8-u"  # of these uchardet knows one; eight signs that draw boxes in it are letters in the other
    return "cp1252" if unlikely else name


def _read(data: bytes, charset: str, source: str, declared: str) -> Text:
    broken = 0
    utf8 = data
    if charset != "utf-8" or not data.isascii():
        try:
            text = data.decode(KNOWS_MORE.get(charset, charset))
        except UnicodeDecodeError:
            text = _as_far_as_it_goes(data, KNOWS_MORE.get(charset, charset))
            broken = text.count("\ufffd") - (data.count("\ufffd".encode()) if charset == "utf-8" else 0)
        utf8 = data if charset == "utf-8" and not broken else text.encode()
    nuls = utf8.count(0)
    return Text(utf8.replace(b"\0", b"") if nuls else utf8, charset, source, declared, broken, nuls, broken)


def _as_far_as_it_goes(data: bytes, codec: str) -> str:
    text = data.decode(codec, "replace")
    few = codec in LACKING and text.count("\ufffd") * SOUND <= len(text)  # each is seen to by itself, which takes time
    return data.decode(codec, _WEB) if few else text


def _lacked(error: UnicodeError) -> tuple[str, int]:
    """Return the character of the Web where a codec of Python has none; an error handler of codecs."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    pair = error.object[error.start : error.start + 2]
    if error.encoding == "gb18030":
        return ("\u20ac", error.start + 1) if pair[0] == 0x80 else ("\ufffd", error.end)
    if error.encoding == "euc_jp":
        pair = bytes(byte ^ 0x80 for byte in pair)
    return (_shift_jis(*pair), error.start + 2) if _PAIR.fullmatch(pair) else ("\ufffd", error.end)


def _shift_jis(row: int, cell: int) -> str:
    """The character in a row and a cell of JIS X 0208 as Microsoft and the Web have it; both count from 0x21."""
    half, odd = divmod(row - 0x21, 2)
    lead = half + (0x81 if half < 31 else 0xC1)
    trail = cell + (0x7E if odd else 0x1F + (cell > 0x5F))
    return bytes((lead, trail)).decode("cp932", "replace")[0]


_WEB = "refinery-web"
codecs.register_error(_WEB, _lacked)
