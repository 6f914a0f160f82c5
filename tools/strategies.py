"""Hypothesis strategies for the inputs of kernels: texts, lists of tokens, graphs, URLs, pages, columns of all types."""

from __future__ import annotations

import codecs
import datetime as dt
import gzip
import zlib
from collections.abc import Callable
from itertools import accumulate
from typing import Any

import brotli
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import zstandard
from hypothesis import strategies as st

from refinery import PROTECTED
from refinery.kernels import LineRules, UrlRules
from refinery.kernels.reference import segmenter
from refinery.kernels.reference.prose import ENDS
from refinery.stages._url import blocklist
from refinery.stages._url.suffixes import suffixes

Strategy = st.SearchStrategy[Any]
Uint64s = npt.NDArray[np.uint64]

# --------------------------------------------------------------------------------------------------------------- texts

MARKS = ["...", "....", "…", ". . .", ". . . . .", "•", "‣", "\u2043", "⦿ ", "- ", "*", "#", "."]
SPACES = [" ", "  ", "\t", "\n", "\n\n", "\n\n\n", "\n \n", "\r\n", "\x0b", "\x1c", "\x85", "\xa0", "\u2028", "\u3000"]
NO_SPACES = ["\u200b", "\ufeff", "\x00", "\u180e", "\ue000", "\U0010ffff", "\U000e0001"]
WORDS = ["a", "b", "ab", "É", "e\u0301", "日本", "1", "²", "Ⅷ", "ª", "𐐀", "🙂", "߀", "अ", "\u0378", "a b a b a "]
SCRIPTS = (
    "日本語的東京大學ひらをカナースｶﾞ々〇𠀀ไทยที่เป็นๆ๑ລາວໄດ້ຳຽខ្មែរ្សីမမြန့်မာ္ကបོད་ཡིགꀀᨀ᩠ꦏ꧀ᬓ᭄"
    "。、「」，ab1é½\u200b\u200d\ufe00\u3099 \n\u3000."
)
REPEATS = ["a ", "b ", "a\n", "b\n\n", "été "]
COMBINED = (
    "\u0301\u0344\u20e3\u200d\ufe0f\u0323\u302e\U0001d165\u0915\u094d\u093f"  # marks, joiners, vowel signs
    "\u0130\u00df\u1e9e\ufb01\uac01\u1100\u1161\u03a3\u03c2\u00e9\u212b\u2260"  # letters that change their length
    "\u0000\u001c\u0085\u00a0\u3000\u2028 \n\t_-'.\u00bf\u037e\U0001f468\U0001f3fd$+<eAB"
)
TOKENS = "aeinstdmlrv'' \n\t\r\u00a0\u2003\u3000\u0085\x1c\x00١9Ⅷ½²éßжшא漢字かンกี가\u0301\u200d\ufeff\U0001f600\U00010400.,-_<|>$€"
CASES = [*"kK\u212aiIİß\u1e9eσςΣαΑ\u0345\u0307éÉe\u0301ⓐⒶ1'.-_€«ab \n", "\u0301", "\x00", "ΑΣ ", "The "]
MISREAD = ["Ã©", "Ã", "©", "â€™", "Â ", "\x80", "Ð¼", "<", ">", "\n", " ", "é", "x", "日", "x" * 1999]

PERSONAL = [
    *"@.:-+()x_/ \n09aFZé",
    "a@b.org",
    "a" * 64,
    "1234",
    "12.3456",
    "10.0.0.1",
    "\xa0",
    "‑",
    "（",
    "DE89",
    "AB",
    "ff",
    "::",
    "ghp_",
    "bc1q",
    "0x",
    "A1b2C3d4E5f6G7h8I9j0",
    "-----BEGIN ",
    "RSA PRIVATE KEY-----",
]
"""Pieces of candidates for personal data."""

BOUNDARIES = (
    "aZ1é٣_\u203f.,;:'\"’·-(!/\u05d0\u05d1\u30a2\u30fc日ก\u0301\u00ad\u200d\ufe0f\U0001f1e6\U0001f1e7"
    "\U0001f600\u2764\u24c2\U0001f3fb\uac00"
)
"""Characters of the classes of UAX #29, without white space."""
CHUNKS = [
    *",.;:!?()[]-–/%$'’@&~",
    "a",
    "Ab",
    "été",
    "don't",
    "e.g.",
    "Mr.",
    "US",
    "word",
    "77",
    "2024",
    " ",
    "  ",
    "\n",
]
"""Parts of chunks, and white space between them."""


def joined(pieces: list[str] | str, most: int) -> Strategy:
    """Texts of up to ``most`` of the pieces."""
    return st.lists(st.sampled_from(pieces), max_size=most).map("".join)


ANY_TEXT = st.text(max_size=9)
STATISTICS_TEXTS = joined([*MARKS, *SPACES, *NO_SPACES, *WORDS, " ", " ", "\n"], 80) | joined(REPEATS, 120)
CASED_WORDS = joined(CASES, 12)
SPACELESS_TEXTS = st.text(SCRIPTS, max_size=60)


@st.composite
def string_arrays(draw: st.DrawFn, some: Strategy = ANY_TEXT) -> pa.StringArray:
    """Slices of string arrays, with nulls."""
    rows = draw(st.lists(st.none() | st.text() | some, max_size=5))
    start = draw(st.integers(0, len(rows)))
    return pa.array(rows, pa.string()).slice(start if draw(st.booleans()) else 0)


@st.composite
def cuts_of(draw: st.DrawFn, texts: pa.StringArray) -> pa.ListArray | None:
    """Cuts of texts: none, those before words, or any between characters."""
    if draw(st.booleans()):
        return draw(st.sampled_from([None, segmenter.word_cuts(texts)]))
    rows = []
    for text in texts.to_pylist():
        ends = [0, *accumulate(len(character.encode()) for character in text or "")]
        rows.append(sorted(draw(st.lists(st.sampled_from(ends), max_size=6))))
    return pa.array(rows, pa.list_(pa.uint32()))


@st.composite
def divided_texts(draw: st.DrawFn, /, some: Strategy = SPACELESS_TEXTS, **others: Strategy) -> dict[str, Any]:
    """Texts and cuts of them, with other arguments."""
    texts = draw(string_arrays(some | SPACELESS_TEXTS))
    return {"texts": texts, "cuts": draw(cuts_of(texts)), **{name: draw(each) for name, each in others.items()}}


PROSE = [
    "a",
    "b",
    "Ab",
    "ΑΣ",
    "ας",
    "İ",
    "é",
    "д",
    "ασ",
    "日",
    "1",
    "Ã©t",
    "© ",
    "$a",
    "\ufffd",
    "\x80",
    "\ue000",
    "\x00",
]
PROSE += [". ", "! ", ".» ", "« ", " » ", " › ", "‹", " | ", "· ", "...", "\u200f", "\n", " ", " ", "a b. a b. ", "*"]


SENTENCES = [
    *".!?,;a1Ab。日\")'(",
    ". ",
    "..",
    "... ",
    "U.S.",
    "J. ",
    " ",
    " ",
    "\n",
    "  ",
    "\u200b",
    "\u2028",
    "+",
    "…",
    "é.",
]
"""Pieces of sentences, with what ends them and what seems to."""


@st.composite
def prose(draw: st.DrawFn) -> dict[str, Any]:
    """Texts and cuts of them, in languages with and without common words."""
    given = draw(divided_texts(joined([*PROSE, *ENDS], 60)))
    codes = draw(
        st.lists(st.sampled_from(["el", "xx", None]), min_size=len(given["texts"]), max_size=len(given["texts"]))
    )
    lists = {"el": draw(st.lists(joined(PROSE, 3) | st.sampled_from(["ας", "ασ", "a", "i\u0307", "日"]), max_size=5))}
    return {**given, "languages": pa.array(codes, pa.string()), "common": lists}


# --------------------------------------------------------------------------------------------------------------- lines

GREEK = LineRules(start=("ΟΔΟΣ ΑΣ",), end=("σας",), anywhere=("σ σ",), counted=("σχόλια", "ς"))
LINE_RULES = st.sampled_from(
    [
        LineRules(
            start=("a", "a b", "a b c d", "b a"),
            end=("a", "b a", "read more", "été"),
            anywhere=("b", "a a b", "b c", "x-y", "--"),
            counted=("a", "likes", "--"),
        ),
        LineRules(start=("a a",), anywhere=("b b", "a b", "é k"), counted=("k",), max_uppercase=0, short_line=4),
        LineRules(end=("a a a", "c"), anywhere=("a a", "b b b", "ß i\u0307"), max_uppercase=1, short_line=30),
        LineRules(short_line=0),
        LineRules(end=("a b",), anywhere=("b",), counted=("a",), shares_of_letters=False),
        LineRules(end=("a", "b a"), anywhere=("b", "é"), counted=("a",), kinds=frozenset({"numeric", "end"})),
        LineRules(start=("a",), end=("b",), anywhere=("c",), kinds=frozenset({"counter", "one_word", "anywhere"})),
        LineRules(counted=("a", "a b", "# é", "#é k", "é #", "日 #件", "#"), kinds=frozenset({"counter"})),
        GREEK,
        LineRules(start=("日本",), end=("กข", "本 a"), anywhere=("語",), counted=("日",), short_line=6, segmented=True),
    ]
)
FEW = ["a", "b", "c", "A", "É", "é", "k", "\u212a", "été", "x-y", "-", "--", "…", "»", "likes", "Likes!", "İ", "ẞ"]
PARTS = ["|", "/", "&", ".", "a.", "(b", "b)", "a:", "•", "c!"]
NUMBERS = [
    "1",
    "12",
    "123",
    "日(4",
    "5件",
    "é6é",
    "1,2",
    "1.2K",
    "3\u212a",
    "4m",
    "5MB",
    "k",
    "٣",
    "²",
    "Ⅷ",
    "$",
    "€",
    "%",
    "/",
    "1€",
    "5kk",
    "♥",
]
ODD_WORDS = [
    "",
    "ΟΔΟΣ",
    "ΑΣ",
    "Σ",
    "σας",
    "ΣΑΣ",
    "\x00",
    "\u0378",
    "🙂",
    "ǅ",
    "Ⓐ",
    "ª",
    "\u0345",
    "\U0010ffff",
    "read",
    "more",
]
SPACELESS_WORDS = ["日", "本", "日本", "日本。", "กข", "語a", "。", "3日"]
GAPS = [" ", " ", " ", "  ", "\t", "\r", "\x0b", "\x1c", "\x85", "\xa0", "\u2028", "\u3000", "\u200b", ""]
BREAKS = ["\n", "\n", "\n\n", "\n\n\n", "\n \n", "\r\n", "\n\t\n"]
LINES = st.lists(
    st.tuples(
        st.sampled_from([*FEW, *FEW, *PARTS, *PARTS, *NUMBERS, *ODD_WORDS, *SPACELESS_WORDS]), st.sampled_from(GAPS)
    ).map("".join),
    max_size=14,
).map("".join)
PARAGRAPHS = st.lists(st.tuples(LINES, st.sampled_from(BREAKS)).map("".join), max_size=8).map("".join) | st.text()


@st.composite
def protected_texts(draw: st.DrawFn) -> dict[str, Any]:
    """Texts with line rules, and ordered byte ranges that stay, some empty or beyond the end of their text."""
    texts = draw(st.lists(PARAGRAPHS | st.none(), max_size=4))
    spans: list[list[dict[str, Any]] | None] = []
    for text in texts:
        ends = sorted(draw(st.lists(st.integers(0, len((text or "").encode()) + 2), max_size=8)))
        pairs = zip(ends[::2], ends[1::2], strict=False)
        spans.append(draw(st.sampled_from([[{"start": a, "end": b, "kind": "code"} for a, b in pairs], None])))
    start, protected = draw(st.integers(0, len(texts))), pa.array(spans, PROTECTED.type)
    given = pa.array(texts, pa.string())[start:]
    return {
        "texts": given,
        "rules": draw(LINE_RULES),
        "protected": draw(st.sampled_from([protected[start:], None])),
        "cuts": draw(cuts_of(given)),
    }


# -------------------------------------------------------------------------------------------------- tokens and numbers

WIDTHS = {pa.uint8(): 2**8, pa.uint16(): 2**16, pa.uint32(): 2**32, pa.uint64(): 2**64}
SIZES = st.integers(1, 30)
uint64s = st.lists(st.integers(0, 9) | st.integers(0, 2**64 - 1), max_size=40).map(lambda row: np.array(row, np.uint64))
"""Numbers, many of them equal."""

near_or_far = st.tuples(uint64s, st.integers(0, 63)).map(lambda pair: pair[0] >> np.uint64(pair[1]))
runs_of_numbers = st.lists(near_or_far.flatmap(lambda run: st.sampled_from([np.sort(run), run])), max_size=5)
nodes = st.lists(st.integers(0, 20) | st.integers(0, 2**64 - 1), max_size=40)
edges = nodes.map(lambda ends: np.array(ends[: len(ends) // 2 * 2], np.uint64).reshape(2, -1))


@st.composite
def lists(draw: st.DrawFn, *types: pa.DataType) -> pa.ListArray:
    """Slices of lists of unsigned integers of any width."""
    type_ = draw(st.sampled_from(types or tuple(WIDTHS)))
    values = st.integers(0, 2) | st.integers(0, WIDTHS[type_] - 1)
    rows = draw(st.lists(st.lists(values, max_size=25), max_size=5))
    start = draw(st.integers(0, len(rows)))
    return pa.array(rows, pa.list_(type_)).slice(start, draw(st.integers(0, len(rows))))


@st.composite
def members(draw: st.DrawFn) -> dict[str, Any]:
    """Groups of members with sketches, and how many bytes are equal in similar ones."""
    sketches = draw(st.lists(st.binary(min_size=3, max_size=3).map(lambda row: bytes(b % 3 for b in row)), min_size=1))
    member = st.tuples(st.integers(0, len(sketches) - 1), st.integers(0, 2))
    groups = draw(st.lists(st.lists(member, max_size=6), max_size=4))
    flat = [one for group in groups for one in group]
    return {
        "starts": np.cumsum([0, *map(len, groups)], dtype=np.uint64),
        "places": np.array([place for place, _ in flat], np.uint32),
        "kinds": np.array([kind for _, kind in flat], np.uint8),
        "sketches": pa.array(sketches, pa.binary(3)),
        "least": draw(st.integers(0, 4)),
    }


@st.composite
def ranges_in(draw: st.DrawFn, ends: list[int]) -> pa.ListArray:
    """Ordered ranges that do not overlap, up to each of the ends."""
    rows = [sorted(draw(st.lists(st.integers(0, end), max_size=8))) for end in ends]
    pairs = [[{"start": a, "end": b} for a, b in zip(row[::2], row[1::2], strict=False)] for row in rows]
    return pa.array(pairs, pa.list_(pa.struct([("start", pa.uint64()), ("end", pa.uint64())])))


# ---------------------------------------------------------------------------------------------------------------- URLs


def blocklist_of(entries: dict[str, str]) -> Any:
    """Return a blocklist of entries with their categories."""
    categories = sorted(set(entries.values()))
    codes = pa.array([categories.index(category) for category in entries.values()], pa.int8())
    return blocklist.make(pa.array(list(entries), pa.large_string()), codes, categories)


FIRST = {
    "a.example": "one", "example.co.uk": "two", "co.uk": "two", "com": "one", "x.www.ck": "one", "xn--bcher-kva.de": "one",
    "192.0.2.7": "two", "2001:db8::1": "two", "a.example/porn": "one", "b.example/": "one", "b.example/é?x=1": "two",
}  # fmt: skip
SECOND = {"a.example": "three", "b.a.example": "three", "a.example/porn": "three"}
URL_RULES = UrlRules(
    blocklists=(blocklist_of(FIRST), blocklist_of({}), blocklist_of(SECOND)),
    allow=frozenset({"com", "b.example/"}),
    strict=("groupsex", "porno", "sexg", "éa", "ﬁx", "日本"),
    hard=("groupsex", "i", "ik", "k", "porn", "é", "σας", "१२"),
    soft=("a", "b", "k", "porn", "ß", "日本"),
    curated=frozenset({"example.co.uk", "a.example", "wikipedia.org"}),
    suffixes=suffixes(),
)
NO_URL_RULES = UrlRules((), frozenset(), (), (), (), frozenset(), frozenset())
HOSTS = [
    "a.example", "b.a.example", "WWW.B.Example", "example.co.uk", "x.y.www.ck", "any.ck", "localhost", "www.com", "www.",
    "bücher.de", "xn--bcher-kva.de", "faß.de", "例え。テスト", "%61.example", "a%2eexample", "192.0.2.7", "192.0.2", "1.2.3.04",
    "[2001:DB8::1]", "[::1", "::1]", "a..b", ".a", "a.", "a..", "-", "_", "a b", "a\0b", "Σ.example", "ﬁx.example", "İ", "",
    "en.wikipedia.org", "com", "co.uk", "a" * 64 + ".com", "a." * 126 + "b", "a." * 127 + "b", "%41" * 260,
]  # fmt: skip
URL_PIECES = [
    "http", "https", "ftp", "1a", "a+b.c-", ":", "//", "\\\\", "/\\", "/", "?", "#", "@", "user:pass@", ":80", ":", ":8a",
    "porn", "PORN", "group-sex", "group_sex", "GROUP sex", "sexgroupsexg", "a", "b", "k", "K", "\u212a", "ik", "İ", "i\u0307",
    "é", "É", "e\u0301", "ß", "ẞ", "日本", "σας", "ΣΑΣ", "Σ", "१२", "²", "%41", "%4", "%", "%c3%a9", "%C3", "%a9", "%ff", "%zz",
    "%25%34%31", "%F0%9F%98", "%e2%84%aa", "%CE%A3", "%00", "\0", " ", "\t", "\x1c", "\x85", "\u3000", "\u200b", "-", ".", "_",
    "~", "+", ",", "\u0378", "\U0010ffff",
]  # fmt: skip
ODD_URLS = joined([*URL_PIECES, *HOSTS], 14)
LIKELY_URLS = st.builds(
    "{}{}://{}{}{}/{}".format,
    st.sampled_from(["", "", " ", "\u3000\n"]),
    st.sampled_from(["http", "HTTPS", "x-y.z+1"]),
    st.sampled_from(["", "", "u@", "u:p@v@"]),
    st.sampled_from(HOSTS),
    st.sampled_from(["", "", ":80", ":"]),
    ODD_URLS,
)
URLS = ODD_URLS | LIKELY_URLS | st.text(max_size=40).map("http://a.example/{}".format)

# --------------------------------------------------------------------------------------------------------------- pages

LABELS = [
    *("utf-8", "UTF8", "iso-8859-1", "windows-1251", "koi8-r", "cp866", "tis-620", "iso-8859-8-i", "macintosh"),
    *("x-mac-cyrillic", "gb2312", "big5", "shift_jis", "euc-kr", "euc-jp", "iso-2022-jp", "hz-gb-2312", "utf-16"),
    *("utf-16be", "utf-7", "nonsense", "johab", "kz1048", "cp437", "cp037", "a\0b", "é", "utf-8é", "x" * 50, ""),
]
PAGE_PIECES = [
    *(b"<meta ", b"<META\n", b"<meta\x0b", b"charset", b"CHARSET", b"cHaRsEt", b"=", b" = ", b'"', b"'", b";", b">"),
    *(
        b" http-equiv=content-type ",
        b' HTTP-EQUIV="Content-Type"',
        b" content=",
        b"<script",
        b"</script>",
        b"<a ",
        b"</a",
    ),
    *(b"\x1b(B", b"\x1b$B$3\x1b(B", b"$$", b"<style>", b" a=", b"\x0c", b"<?x ", b"-->", b"\xad\xa1", b"\x80"),
    *(b"/", b"<!--", b"-->", b"<!-->", b"<?xml ", b"encoding", b" " * 10, b" " * 9, b"x" * 200, b"y" * 1000, b"\0"),
    *(b"<p>text</p>", "Grüße, мир".encode(), "мир".encode("cp1251"), b"\xef\xbf\xbd", b"\xed\xa0\x80", b"\xf4\x90"),
    *(
        b"\xe2\x82",
        b"\xc3",
        b"\xff",
        b"\x80",
        b"\x1b$B",
        b"\x01",
        codecs.BOM_UTF8,
        codecs.BOM_UTF16_LE,
        b"\xf0\x9f\x99",
    ),
]
PAGES = st.lists(
    st.sampled_from(PAGE_PIECES) | st.sampled_from([label.encode() for label in LABELS]) | st.binary(max_size=4),
    max_size=30,
).map(b"".join)


def meta(label: str, data: bytes) -> bytes:
    """Return a page that names its charset."""
    return b"<meta charset=" + label.encode() + b">" + b"\xe4\xf6" * 40 + data


RIGHTS = [
    *(
        "<meta name=robots content=noindex>",
        "<meta name='robots' content='NOAI, index'/>",
        '<meta name="tdm-reservation" content="1">',
    ),
    *(
        '<a rel="license" href="https://creativecommons.org/licenses/by/4.0/">',
        "<A HREF=//CreativeCommons.org/x>",
        "</a>",
        "</A >",
    ),
    *(
        "<span property=license>",
        "<b rel=license",
        "<p license>",
        "<link rel=license href=x\n>",
        "<area href=ai.txt>",
        "license",
    ),
    *(
        "<div>",
        "<div class='a>b' id=x>",
        "</div>",
        "<article>",
        "</article>",
        "<figure>",
        "</figure >",
        "<FOOTER/>",
        "<pre>",
        "</pre",
    ),
    *(
        "<svg>",
        "<svg/>",
        "</svg>",
        "<template>",
        "</template>",
        "<math />",
        "<select>",
        "</select>",
        "<noscript>",
        "<span>",
        "</span>",
    ),
    *(
        "<script>",
        "<script type='application/ld+json'>",
        '<script type="application/rsl+xml">',
        "</script>",
        "</script",
        "{license}",
    ),
    *(
        "<style>",
        "</style>",
        "<title>",
        "</title>",
        "<textarea/>",
        "</textarea>",
        "<plaintext>",
        "<xmp>",
        "</xmp>",
        "<iframe license>",
    ),
    *(
        "<!--",
        "-->",
        "--!>",
        "<!-->",
        "<!--->",
        "<!doctype html>",
        "<![CDATA[",
        "<?php",
        "?>",
        "</",
        "</>",
        "<",
        ">",
        "/",
        "=",
        '"',
        "'",
    ),
    *(
        "-",
        "é",
        "\U0001f600",
        "\x00",
        " ",
        "\n",
        "\t",
        "\f",
        "&amp;",
        "x" * 410,
        "é" * 301,
        "<div " + "y" * 400 + ">",
        "<a license " + "z" * 4100 + ">",
    ),
    *("<div>" * 530, "</div>" * 20, "<i rel=tdm->" * 140),
]
"""Pieces of pages whose tags may state rights."""

META_PAGES = st.builds(meta, st.sampled_from(LABELS), st.binary(min_size=1, max_size=300))
PACKERS: list[Callable[[bytes], bytes]] = [
    *(gzip.compress, zlib.compress, brotli.compress, zstandard.compress, bytes),
    lambda data: gzip.compress(data) + gzip.compress(data),
    lambda data: gzip.compress(data) + b"\0rest",
    lambda data: b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data) if data else b"0\r\n\r\n",
    lambda data: b" %X ;a=b\n%s\n" % (len(data), data) if data else b"",
    lambda data: zlib.compress(data)[2:-4],
]
CODINGS = ["gzip", "x-gzip", "GZIP", "deflate", " br", "zstd", "identity", "", "none", "chunked", "utf-8", "a'b", "é"]
FIELDS = st.lists(st.lists(st.sampled_from(CODINGS), max_size=3).map(",".join), max_size=2)


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    """Bodies that were packed in some codings, and perhaps damaged, with what their header says of them."""
    data = draw(st.one_of(st.binary(max_size=200), st.sampled_from([b"<html>" * 2_000, b"\0" * 9_000])))
    for pack in draw(st.lists(st.sampled_from(PACKERS), max_size=3)):
        data = pack(data)
    at, damage = draw(st.integers(0, 400)), draw(st.sampled_from(["keep", "flip", "cut", "lose"]))
    if damage == "flip" and at < len(data):
        data = data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :]
    elif damage != "keep":
        data = data[:at] + (data[at + 1 :] if damage == "lose" else b"")
    most = draw(st.sampled_from([10, 500, 9_000, 1 << 20]))
    return {"data": data, "transfer": draw(FIELDS), "content": draw(FIELDS), "most": most}


@st.composite
def streams(draw: st.DrawFn) -> dict[str, Any]:
    """Any bytes that are said to be one stream."""
    coding, data = draw(st.sampled_from(["deflate", "gzip"])), draw(st.binary(max_size=80))
    head = b"\x1f\x8b\x08\0\0\0\0\0\0\x03" if coding == "gzip" else b""
    return {"data": head + data, "transfer": [], "content": [coding], "most": 1 << 20}


# ------------------------------------------------------------------------------------------------------------- columns

Column = tuple[pa.DataType, Strategy]
LEAVES: list[Column] = [
    (pa.null(), st.none()),
    (pa.bool_(), st.booleans()),
    (pa.int8(), st.integers(-128, 127)),
    (pa.uint32(), st.integers(0, 2**32 - 1)),
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.float32(), st.floats(width=32)),
    (pa.float64(), st.floats()),
    (pa.string(), st.text(max_size=4)),
    (pa.binary(), st.binary(max_size=4)),
    (pa.binary(3), st.binary(min_size=3, max_size=3)),
    (pa.timestamp("ms", "UTC"), st.integers(0, 10**9).map(lambda second: dt.datetime.fromtimestamp(second, dt.UTC))),
    (pa.date32(), st.dates()),
    (pa.duration("s"), st.integers(0, 99).map(lambda seconds: dt.timedelta(seconds=seconds))),
    (pa.time32("s"), st.times().map(lambda time: time.replace(microsecond=0))),
    (pa.dictionary(pa.int8(), pa.string()), st.sampled_from(["a", "bc", ""])),
]


def nested(inner: st.SearchStrategy[Column]) -> st.SearchStrategy[Column]:
    """Lists, large lists and structures of ``inner``; no lists of dictionaries, which pyarrow cannot build."""
    lists = st.tuples(inner, st.sampled_from([pa.list_, pa.large_list])).map(
        lambda pair: (pair[1](pair[0][0]), st.lists(st.none() | pair[0][1], max_size=3))
    )
    structs = st.lists(inner, max_size=3).map(
        lambda fields: (
            pa.struct([(f"f{place}", kind) for place, (kind, _) in enumerate(fields)]),
            st.fixed_dictionaries({f"f{place}": st.none() | values for place, (_, values) in enumerate(fields)}),
        )
    )
    return lists | structs


COLUMNS = st.sampled_from(LEAVES) | st.recursive(st.sampled_from(LEAVES[:-1]), nested, max_leaves=4)


@st.composite
def batches(draw: st.DrawFn) -> list[pa.RecordBatch]:
    """Record batches of one schema with columns of all types: a whole one, its two halves, or the second half."""
    rows, columns = draw(st.integers(0, 9)), draw(st.lists(COLUMNS, max_size=3))
    values = [draw(st.lists(st.none() | each, min_size=rows, max_size=rows)) for _, each in columns]
    arrays = [pa.array(each, kind) for each, (kind, _) in zip(values, columns, strict=True)]
    batch = pa.RecordBatch.from_arrays(arrays, names=[f"c{place}" for place in range(len(arrays))])
    cut = draw(st.integers(0, rows))
    return draw(st.sampled_from([[batch], [batch.slice(0, cut), batch.slice(cut)], [batch.slice(cut)]]))
