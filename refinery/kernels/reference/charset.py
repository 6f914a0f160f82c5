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
from refinery.kernels.reference.letters import likeliest

MARKS = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
WIDE = (
    (re.compile(rb"(?:[\t\n\f\r ]\0){0,64}<\0[!?A-Za-z]\0"), 1, "utf-16-le"),
    (re.compile(rb"(?:\0[\t\n\f\r ]){0,64}\0<\0[!?A-Za-z]"), 0, "utf-16-be"),
)
"""Beginnings of pages in UTF-16 without a mark, and which byte of two is zero in markup."""

SOUND = 8
"""Text is UTF-8 if for every broken sequence there are so many sound ones beyond ASCII (1 if it is labelled UTF-8)."""

TOLERABLE = 50
"""A named encoding is believed if at most one in so many bytes beyond ASCII cannot be decoded."""

KNOWS_MORE = {"iso2022_jp": "iso2022_jp_ext"}
"""The codec that reads a character set, where it is not the one of that name."""

LACKING = ("gb18030", "euc_jp", "iso2022_jp_ext")
"""Codecs that lack characters which pages have: the euro sign at 0x80, and the rows of NEC and IBM."""

PAIRS = ("gb18030", "big5", "cp949", "cp932", "euc_", "iso2022", "hz", "johab")
"""Beginnings of the names of codecs with characters of several bytes, which uchardet distinguishes from all others."""

DEFAULT = "cp1252"
"""The charset that servers declare for pages in any other, because it is their default."""

RUN = 4
"""So many letters beyond ASCII in a row are rare in the languages of that charset."""

NOT_ASCII = ("utf-16", "iso2022", "hz")
"""Beginnings of the names of codecs in which bytes below 128 are not ASCII."""

_RUNS = re.compile(rb"[\x80-\x9f\xa1-\xff]{%d,}" % RUN)
_PAIRS = re.compile(rb"\x1b\$[@B](?:[\x21-\x7e]{2})*(?=\x1b|\Z)")
_TAGS = b"<>"
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
            units = list(zip(head[zeros::2], head[1 - zeros :: 2], strict=False))  # each a zero and a byte, in markup
            right = sum(zero == 0 and byte in _TAGS for zero, byte in units)
            wrong = sum(byte == 0 and zero in _TAGS for zero, byte in units)
            return name if wrong * SOUND <= right else ""
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
    for label in _ordered(data, labels, beyond):
        tried.append(_read(data, *label))
        if tried[-1].broken * TOLERABLE <= beyond:
            break
    else:
        tried.append(_read(data, _detected(data), "detector", declared))
    best = min(reversed(tried), key=lambda text: text.broken)
    return replace(best, junk=best.junk + len(data.translate(None, _NO_CONTROLS)))


def _ordered(data: bytes, labels: list[_Label], beyond: int) -> list[_Label]:
    """The labels, the one first that detection confirms where the first label is ``DEFAULT`` and in doubt.

    In doubt it is where letters beyond ASCII are mostly in runs, where the page names another charset, and where the
    page names none. Without runs, a charset that is not named must be far more likely.
    """
    if not labels or labels[0].charset != DEFAULT:
        return labels
    named = any(label.charset not in {DEFAULT, "utf-8"} for label in labels)
    alone = labels[0].source == "header" and all(label.charset == "utf-8" for label in labels[1:])
    runs = 2 * sum(map(len, _RUNS.findall(data))) > beyond
    if not (runs or named or alone):
        return labels
    name = _detected(data) if runs or named else likeliest(data, DEFAULT)
    confirmed = [label for label in labels if label.charset == name]
    if not confirmed and (runs or alone):
        confirmed = [_Label(name, "detector", labels[0].declared)]
    return [*confirmed, *labels]


def _detected(data: bytes) -> str:
    """Return the charset of bytes that are not UTF-8: of several bytes by uchardet, else by letters."""
    name = decoder(detect_encoding(data, html5_compatible=False) or "")
    return name if name.startswith(PAIRS) else likeliest(data)


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
