"""What is fuzzed: each native kernel gives what its twin gives, for whatever can be read out of any bytes.

To add a kernel, write a function of ``Reader`` and put it into ``KERNELS``. ``KERNELS`` in the environment names those
to run; each input's first byte chooses one of them.
"""

from __future__ import annotations

import dataclasses
import gzip
import os
import re
import unicodedata
import zlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from io import BytesIO
from itertools import pairwise
from typing import Any
from unittest.mock import patch

os.environ["REFINERY_KERNELS"] = "reference"  # the facades are imported one by one, whatever is installed

import brotli
import numpy as np
import pyarrow as pa
import tiktoken
import zstandard

import stages._warc.pages as warc_pages
import stages._warc.reading as warc_reading
import stages.warc as warc_stage
from refinery.assets import Asset
from refinery.kernels import (
    _native,
    native_bpe,
    native_content,
    native_dedup,
    native_extract,
    native_langid,
    native_mojibake,
    native_pages,
    native_text,
    native_urls,
)
from refinery.kernels.reference import (
    bpe,
    charset,
    content,
    cuts,
    extract,
    langid,
    linewise,
    minhash,
    mojibake,
    normalise,
    payload,
    text,
    unionfind,
    units,
    urls,
    windows,
)
from refinery.kernels.reference import repeats as repetitions
from refinery.stage.documents import PROTECTED
from refinery.store import LocalStore
from stages._url import blocklist
from stages._url.suffixes import suffixes
from stages._warc import blocks

WIDTHS = (np.uint8, np.uint16, np.uint32, np.uint64)
STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with", "οδός", "straße", "i̇", "")
RULES = linewise.LineRules(
    start=("share this", "by"),
    end=("read more", "…"),
    anywhere=("sign up for", "© all rights", "straße"),
    counted=("comments", "likes", "ΟΔΌΣ"),
    short_line=6,
)
MODEL = Asset("lid.176.ftz").path()
NOT_SHOWN = re.compile(r"[\0-\x09\x0b-\x1f\x7f-\x9f\xad\u200b\u2028\u2029\ufeff]|[ \t]\n|\s\Z|\A\n")
ROW, NULL = b"\xff", b"\xfe"
"""Bytes that no UTF-8 text has: between texts, and instead of one."""

FAVOURS: tuple[extract.Favour, ...] = ("balance", "precision", "recall")
PROSE = (
    b"It was agreed on Tuesday that work on the bridge, and on the road to it, would begin in the spring of the year. "
)
STARTS = re.findall(
    r"\S+",
    "p div a b i span ul ol li table tr td th h1 h2 br pre img form select option button noscript template svg "
    "math title textarea script style xmp dl dt dd body html head main article section nav footer iframe plaintext x-y",
)
ENDS = re.findall(
    r"\S+",
    "p div a b i span ul li table tr td h1 pre form select button noscript template svg math title textarea script "
    "style xmp dl dd body html article x-y",
)
MARKUP = (
    *(f"<{tag}>".encode() for tag in STARTS),
    *(f"</{tag}>".encode() for tag in ENDS),
    *(b"<p class='", b" class=comment", b' id="content', b" href='", b" hidden", b' itemprop="text"'),
    *(b"<!--", b"-->", b"<![CDATA[", b"]]>", b"&amp;", b"&nbsp;", b"&#x", b"&lt;", b"&shy;", b"\xff"),
    *("e\u0301".encode(), "漢".encode(), "\u200b".encode(), PROSE, PROSE * 6),
    *(b'<script type="application/ld+json">', b"<script>window.a=", b'"@type":"Article",', b'"articleBody":"'),
    *(b'"text":"', b'"@type":"Question","name":"', b'{"', b'":"', b'","', b'":{"', b'"}', b"[{", b"}]"),
    *(b"\\u", b"\\n", b"\\ud83d"),
)
"""What bytes beyond ASCII stand for in ``markup``, one each, but for those between rows."""
assert len(MARKUP) <= NULL[0] - 0x80

MERGES = Asset("gpt2.bpe").path()
SINGLE_BYTES = [bytes([byte]) for byte in range(256)]
SPANS = pa.list_(pa.struct([("start", pa.uint64()), ("end", pa.uint64())]))
LEAVES = (
    *(pa.bool_(), pa.int8(), pa.uint32(), pa.int64(), pa.float32(), pa.float64(), pa.binary(3), pa.date32()),
    *(pa.time32("s"), pa.timestamp("ms", "UTC"), pa.duration("s"), pa.string(), pa.binary(), pa.null()),
)


def listed(entries: dict[str, str]) -> urls.Listed:
    """Entries and their categories as a blocklist."""
    categories = sorted(set(entries.values()))
    codes = pa.array([categories.index(category) for category in entries.values()], pa.int8())
    return blocklist.make(pa.array(list(entries), pa.large_string()), codes, categories)


URL_RULES = urls.UrlRules(
    blocklists=(
        listed({"a.example": "one", "b.co.uk": "two", "co.uk": "two", "192.0.2.7": "two", "a.example/porn": "one"}),
        listed({"a.example": "three", "b.a.example": "three", "xn--bcher-kva.de": "one", "b.example/é?x=1": "two"}),
    ),
    allow=frozenset({"com", "b.example/"}),
    strict=("groupsex", "porno", "sexg", "éa", "ﬁx", "日本"),
    hard=("groupsex", "i", "ik", "k", "porn", "é", "σας"),
    soft=("a", "b", "k", "porn", "ß", "日本"),
    curated=frozenset({"b.co.uk", "a.example"}),
    suffixes=suffixes(),
)
URL_PIECES = (
    *(
        "http",
        "https",
        "://",
        "//",
        "/",
        "\\",
        "?",
        "#",
        "@",
        ":",
        ":80",
        "www.",
        "a.example",
        "b.a.example",
        "b.co.uk",
    ),
    *(
        "example",
        "com",
        "ck",
        "bücher.de",
        "xn--bcher-kva.de",
        "xn--",
        "例え。テスト",
        "192.0.2.7",
        "0x7f",
        "[2001:db8::1]",
    ),
    *(
        "porn",
        "PORN",
        "groupsex",
        "sexg",
        "ik",
        "\u212a",
        "İ",
        "i\u0307",
        "é",
        "e\u0301",
        "ß",
        "ẞ",
        "日本",
        "ΣΑΣ",
        "σας",
    ),
    *("Σ", "%", "%41", "%2e", "%c3%a9", "%C3", "%a9", "%ff", "%25%34%31", "%e2%84%aa", "%CE%A3", "%00", "\0", "\x1c"),
    *("\x85", "\u3000", "\u200b", "\u0378", "\U0010ffff", "a" * 64, "a." * 126),
)

LABELS = (
    *("utf-8", "UTF8", "iso-8859-1", "windows-1251", "koi8-r", "cp866", "tis-620", "macintosh", "x-mac-cyrillic"),
    *("gb2312", "big5", "shift_jis", "euc-kr", "iso-2022-jp", "hz-gb-2312", "utf-16", "utf-16be", "utf-7", "johab"),
    *("kz1048", "cp437", "cp037", "nonsense", ""),
)
PAGE_PIECES = (
    *(b"<meta ", b"<META\n", b"charset", b"CHARSET", b"=", b'"', b"'", b";", b">", b"/", b"<!--", b"-->", b"<?xml "),
    *(b"encoding", b" " * 10, b"x" * 200, b"y" * 1000, b"\0", "Grüße, мир".encode(), "мир".encode("cp1251"), b"\xc3"),
    *(
        b"\xef\xbf\xbd",
        b"\xed\xa0\x80",
        b"\xf4\x90",
        b"\xe2\x82",
        b"\xf0\x9f\x99",
        b"\xff",
        b"\x80",
        b"\xe4",
        b"\x1b$B",
    ),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"<p>text</p>", *(label.encode() for label in LABELS if label)),
)
HEADER_PIECES = (
    *(b"\r\n", b"\n", b": ", b"WARC-Type", b"WARC-Date", b"WARC-Target-URI", b"WARC-Record-ID", b"Content-Length"),
    *(b"WARC-Truncated", b"WARC-Segment-Number", b"WARC-Identified-Payload-Type", b"uri", b"response", b"request"),
    *(b"metadata", b"2023-02-29T00:00:00Z", b"1999-12-31T23:59:59Z", b"<urn:uuid:", b"http://a.example/", b"<", b">"),
    *(b"Content-Type", b"Content-Encoding", b"Transfer-Encoding", b"text/html", b"application/xhtml+xml", b"gzip"),
    *(b"deflate", b"br", b"chunked", b"; charset=", b"windows-1251", b"utf-8", b"WARC/1.0\r\n", b"HTTP/1.1 200 OK\r\n"),
    *(b"\xe9", b"\xa0", b"\x85", b"\0", b"0\r\n\r\n", b"5\r\n", b"y" * 5000),
)
STATUS_LINES = (b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 200\n", b"HTTP/2 404 Not Found\r\n", b"")
NEEDED = (
    b"WARC-Type: response\r\nWARC-Target-URI: http://example.org/\r\nWARC-Date: 2024-02-29T23:59:59Z\r\n"
    b"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-0000000000aF>\r\n"
)
PACKERS: tuple[Callable[[bytes], bytes], ...] = (
    bytes,
    lambda data: gzip.compress(data, 1, mtime=0),
    zlib.compress,
    lambda data: zlib.compress(data)[2:-4],
    brotli.compress,
    zstandard.compress,
    lambda data: b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data),
)
CODINGS = ("gzip", "x-gzip", "GZIP", "deflate", " br", "zstd", "identity", "", "chunked", "utf-8", "a'b", "é")
ARCHIVE = warc_stage.Warc(max_payload=1 << 16)


class Memory(LocalStore):
    """A store of one file."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def open(self, path: str) -> Any:
        """The file, whatever its name."""
        del path
        return BytesIO(self.data)


class Reader:
    """Reads numbers and texts out of bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def number(self, limit: int) -> int:
        """A number below ``limit``, of one byte."""
        first, self._data = self._data[:1] or b"\0", self._data[1:]
        return first[0] % limit

    def take(self, size: int) -> bytes:
        """The next bytes; zeros where there are no more."""
        first, self._data = self._data[:size], self._data[size:]
        return first.ljust(size, b"\0")

    def bytes(self) -> bytes:
        """All that is left."""
        rest, self._data = self._data, b""
        return rest

    def damaged(self, data: bytes) -> bytes:
        """The data as they are, or with one byte changed, without it, or only up to there."""
        how, at = self.number(8), int.from_bytes(self.take(2), "little") % (len(data) + 1)
        if how == 0:
            return data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :] if at < len(data) else data
        return data[:at] + (data[at + 1 :] if how == 1 else b"") if how < 3 else data

    def codings(self) -> list[str]:
        """The values of a field that names codings."""
        return [
            ",".join(CODINGS[self.number(len(CODINGS))] for _ in range(self.number(3))) for _ in range(self.number(3))
        ]

    def array(self, rows: int, depth: int = 2) -> pa.Array:
        """A column of any type, with something behind its nulls."""
        bitmap, choice = pa.py_buffer(self.take(2)), self.number(len(LEAVES) + (3 if depth else 0))
        if choice == len(LEAVES):
            fields = [self.array(rows, depth - 1) for _ in range(self.number(4))]
            kind = pa.struct([(str(place), field.type) for place, field in enumerate(fields)])
            return pa.Array.from_buffers(kind, rows, [bitmap], children=fields)
        if choice > len(LEAVES):
            kind, offsets, total = (pa.list_, pa.large_list)[choice - len(LEAVES) - 1], *self._offsets(rows, choice)
            values = self.array(total, depth - 1)
            return pa.Array.from_buffers(kind(values.type), rows, [bitmap, offsets], children=[values])
        kind = LEAVES[choice]
        if pa.types.is_null(kind):
            return pa.nulls(rows)
        if pa.types.is_string(kind) or kind == pa.binary():
            offsets, total = self._offsets(rows, 0)
            data = bytes(byte & 0x7F for byte in self.take(total)) if pa.types.is_string(kind) else self.take(total)
            return pa.Array.from_buffers(kind, rows, [bitmap, offsets, pa.py_buffer(data)])
        data = self.take((rows * kind.bit_width + 7) // 8)
        return pa.Array.from_buffers(kind, rows, [bitmap, pa.py_buffer(data)])

    def _offsets(self, rows: int, choice: int) -> tuple[pa.Buffer, int]:
        ends = np.cumsum([0, *(self.number(4) for _ in range(rows))])
        total = min(int(ends[-1]), 16)  # no more than a bitmap of two bytes has
        width = np.int64 if choice == len(LEAVES) + 2 else np.int32
        return pa.py_buffer(np.minimum(ends, total).astype(width).tobytes()), total

    def texts(self) -> pa.StringArray:
        """All that is left, as texts; now and then a slice."""
        start = self.number(3)
        rows = [None if row == NULL else row.decode("utf-8", "replace") for row in self.bytes().split(ROW)]
        return pa.array(rows, pa.string()).slice(start)

    def spelled(self) -> pa.StringArray:
        """All that is left, as addresses; now and then a slice."""
        start, pieces = self.number(3), [piece.encode() for piece in URL_PIECES]
        rows = [None if row == NULL else spell(row, pieces).decode() for row in self.bytes().split(ROW)]
        return pa.array(rows, pa.string()).slice(start)

    def tokens(self) -> pa.ListArray:
        """All that is left, as lists of unsigned integers of some width, now and then a slice."""
        start, width = self.number(3), WIDTHS[self.number(4)]
        rows = [
            np.frombuffer(row[: len(row) // width(0).nbytes * width(0).nbytes], width) for row in self._data.split(ROW)
        ]
        return pa.array(rows, pa.list_(pa.from_numpy_dtype(width))).slice(start)

    def numbers(self) -> np.ndarray:
        """All that is left, as integers of 64 bits, most of them small."""
        return np.frombuffer(self.bytes(), np.uint8).astype(np.uint64) ** 7


def statistics(given: Reader) -> None:
    """Text statistics."""
    texts = given.texts()
    same(native_text.text_statistics(texts), text.text_statistics(texts))


def stop_words(given: Reader) -> None:
    """Words that are wanted."""
    texts = given.texts()
    same(native_text.distinct_words(texts, STOP_WORDS), text.distinct_words(texts, STOP_WORDS))


def lines(given: Reader) -> None:
    """Line-wise corrections, with a span of each text that stays."""
    start, size, kinds = given.number(40), given.number(40), frozenset(linewise.KINDS[given.number(3) :])
    texts, rules = given.texts(), dataclasses.replace(RULES, kinds=kinds)
    spans = pa.array([[{"start": start, "end": start + size, "kind": "code"}]] * len(texts), PROTECTED.type)
    same(native_text.correct_lines(texts, rules, spans), linewise.correct_lines(texts, rules, spans))


def misread(given: Reader) -> None:
    """Places where UTF-8 may have been read as another charset."""
    data = given.bytes()
    texts = pa.array([data.decode("utf-8", "replace"), data.decode("cp1251", "replace"), data.decode("latin-1")])
    same(native_mojibake.suspects(texts), mojibake.suspects(texts))


def languages(given: Reader) -> None:
    """The language of texts."""
    texts = given.texts()
    for found, expected in zip(
        native_langid.identify_languages(texts, MODEL), langid.identify_languages(texts, MODEL), strict=True
    ):
        same(found, expected)


def pages(given: Reader) -> None:
    """The main text of pages, which has no twin: it keeps its laws."""
    favour, paragraphs = FAVOURS[given.number(3)], bool(given.number(2))
    keeps_laws(given.texts(), favour, paragraphs=paragraphs)


def markup(given: Reader) -> None:
    """The same of pages spelled in tags, attributes and JSON, so that a changed byte is another structure."""
    favour, paragraphs = FAVOURS[given.number(3)], bool(given.number(2))
    rows = [spell(row, MARKUP).decode("utf-8", "replace") for row in given.bytes().split(ROW)]
    keeps_laws(pa.array(rows, pa.string()), favour, paragraphs=paragraphs)


def keeps_laws(pages: pa.StringArray, favour: extract.Favour, *, paragraphs: bool) -> None:
    """Texts are clean, facts are within their bounds, and each page has the same alone and in company."""
    urls = pa.nulls(len(pages), pa.string())
    found = native_extract.main_texts(pages, urls, favour, paragraphs=paragraphs)
    found.validate(full=True)
    for row, made in enumerate(found.to_pylist()):
        text, shown = made["text"], made["origin"] == "page"
        assert not NOT_SHOWN.search(text), repr(text)
        assert unicodedata.is_normalized("NFC", text), repr(text)
        assert shown == (made["confidence"] is not None), made
        assert 0 <= (made["confidence"] or 0) <= 1, made
        assert 0 <= (made["share"] or 0) <= 1, made
        assert shown or text, made
        alone = native_extract.main_texts(pages.slice(row, 1), urls.slice(row, 1), favour, paragraphs=paragraphs)
        assert alone.equals(found.slice(row, 1)), f"row {row} is not the same alone"


def normalised(given: Reader) -> None:
    """Normalised texts."""
    texts = given.texts()
    same(native_dedup.normalise(texts), normalise.normalise(texts))


def words(given: Reader) -> None:
    """Hashes of words and of whole texts."""
    texts = given.texts()
    same(native_dedup.word_ids(texts), minhash.word_ids(texts))
    same(native_dedup.word_sizes(texts), units.word_sizes(texts))
    same(native_dedup.string_hashes(texts), minhash.string_hashes(texts))


def signatures(given: Reader) -> None:
    """Shingles and keys of bands."""
    size, bands, rows, seed = 1 + given.number(9), 1 + given.number(20), 1 + given.number(30), given.number(5)
    sets = native_dedup.shingles(tokens := given.tokens(), size)
    same(sets, minhash.shingles(tokens, size))
    same(native_dedup.band_keys(sets, bands, rows, seed), minhash.band_keys(sets, bands, rows, seed))


def repeats(given: Reader) -> None:
    """Windows, and where they repeat."""
    size, every = 1 + given.number(60), 1 + given.number(4)
    tokens = given.tokens()
    hashes = native_dedup.window_hashes(tokens, size)
    same(hashes, windows.window_hashes(tokens, size))
    repeated = np.unique(hashes.flatten().to_numpy())[::every].copy()
    same(native_dedup.mark_repeated(tokens, repeated, size), windows.mark_repeated(tokens, repeated, size))
    keepers = (repeated % np.uint64(5)).astype(np.uint32)
    found = native_dedup.mark_copies(tokens, repeated, keepers, every, size)
    for one, other in zip(found, windows.mark_copies(tokens, repeated, keepers, every, size), strict=True):
        same(one, other)


def spans(given: Reader) -> None:
    """Where runs of tokens lie in the texts."""
    skip = given.number(3)
    places = [given.number(32) for _ in range(16)]
    texts = given.texts()
    sizes = [len(row.encode()) + 2 for row in normalise.normalise(texts).to_pylist()]
    tokens = pa.array([[(size + place) % 7 for place in range(size)] for size in sizes], pa.list_(pa.uint16()))
    ends = [sorted(min(place, size) for place in places[row % 8 : row % 8 + 8]) for row, size in enumerate(sizes)]
    runs = [[{"start": a, "end": b} for a, b in zip(row[::2], row[1::2], strict=True)] for row in ends]
    part = (pa.array(runs, SPANS).slice(skip), tokens.slice(skip))
    ranges, texts = native_dedup.byte_ranges(*part), texts.slice(skip)
    same(ranges, windows.byte_ranges(*part))
    for normalised in (True, False):
        spans = native_dedup.original_spans(texts, ranges, normalised=normalised)
        same(spans, windows.original_spans(texts, ranges, normalised=normalised))
    if all(a["end"] <= b["start"] for row in spans.to_pylist() for a, b in pairwise(row)):
        for found, expected in zip(native_dedup.take_out(texts, spans), cuts.take_out(texts, spans), strict=True):
            same(found, expected)


def orders(given: Reader) -> None:
    """The order of numbers, few and many, near and far, and what is there more than once."""
    copies, step, shift = 1 + given.number(200) ** 2 // 8, given.number(256) ** 7, np.uint64(given.number(64))
    some = np.frombuffer(data := given.bytes(), np.uint64, len(data) // 8)
    count = min(len(some) * copies, 1 << 16)
    values = (np.resize(some, count) ^ (np.arange(count, dtype=np.uint64) * np.uint64(step))) >> shift
    same(native_dedup.order_of(values), repetitions.order_of(values))
    same(native_dedup.repeated(values), repetitions.repeated(values))
    lists = np.split(values, [count // 3, count // 2])
    for found, expected in zip(native_dedup.recurs(lists), repetitions.recurs(lists), strict=True):
        same(found, expected)
    same(native_dedup.at_most_twice(lists), repetitions.at_most_twice(lists))
    same(native_dedup.mix64(values), windows.mix64(values))


def tokens(given: Reader) -> None:
    """Tokens of GPT-2, each text as it is and repeated."""
    texts = given.texts()
    for some in (texts, pa.array([(row or "") * 9 for row in texts.to_pylist()], pa.string())):
        same(native_bpe.token_ids(some, MERGES), bpe.token_ids(some, MERGES))
        same(native_bpe.count_tokens(some, MERGES), bpe.count_tokens(some, MERGES))


def vocabularies(given: Reader) -> None:
    """Tokens of any vocabulary."""
    first, words = given.number(2), [given.take(2 + given.number(5)) for _ in range(given.number(24))]
    known = [*words, *SINGLE_BYTES] if first else [*SINGLE_BYTES, *words]
    known = list(dict.fromkeys(known))
    texts = given.texts().fill_null("")
    ranks = {token: rank for rank, token in enumerate(known)}
    twin = tiktoken.Encoding(
        "any",
        pat_str=bpe._PIECES,  # noqa: SLF001
        mergeable_ranks=ranks,
        special_tokens={},
    )
    tokenizer = _native.Tokenizer(pa.array(known, pa.binary()), native_bpe.character_classes())
    expected = [twin.encode_ordinary(row) for row in texts.to_pylist()]
    same(pa.array(tokenizer.token_ids(texts)), pa.array(expected, pa.list_(pa.uint16())))


def addresses(given: Reader) -> None:
    """What addresses tell."""
    some = given.spelled()
    same(native_urls.url_facts(some, URL_RULES), urls.url_facts(some, URL_RULES))


def contents(given: Reader) -> None:
    """The hashes of columns, whole and in slices."""
    rows = given.number(17)
    cut = given.number(rows + 1)
    columns = [given.array(rows) for _ in range(1 + given.number(3))]
    if given.number(4) == 0:
        columns.append(pa.array(["a", "b", None] * 6).slice(0, rows).dictionary_encode())
    batch = pa.RecordBatch.from_arrays(columns, [str(place) for place in range(len(columns))])
    for fed in ([batch], [batch.slice(0, cut), batch.slice(cut)], [batch.slice(cut)], [batch.slice(cut // 2, cut)]):
        digests = []
        for kernel in (native_content, content):
            hashes = kernel.ContentHashes(batch.schema)
            for one in fed:
                hashes.update(one)
            digests.append(hashes.digests())
        assert digests[0] == digests[1], f"{digests} for {fed}"


def archives(given: Reader) -> None:
    """The rows of the source stage, read by the kernel where records are ordinary, and by the stage alone."""
    size, most = (300, 1_000, 1 << 21)[given.number(3)], 1 + given.number(4)
    layout, break_at = given.number(4), given.take(3)
    made = [record(row) for row in given.bytes().split(ROW)]
    members = [b"".join(made)] if layout == 0 else made if layout > 1 else [b"".join(made[:2]), *made[2:]]
    data = Reader(break_at).damaged(b"".join(gzip.compress(one, 1, mtime=0) for one in members)) or b"\0"
    with ExitStack() as patches:
        patches.enter_context(patch.object(blocks, "BLOCK", size))
        patches.enter_context(patch.object(warc_reading, "BATCH_ROWS", most))
        expected = list(ARCHIVE.read("a.warc.gz", Memory(data)))
        patches.enter_context(patch.object(warc_reading, "PageRows", native_pages.PageRows))
        patches.enter_context(patch.object(warc_pages, "unpacked", native_pages.unpacked))
        patches.enter_context(patch.object(warc_pages, "decoded", native_pages.decoded))
        found = list(ARCHIVE.read("a.warc.gz", Memory(data)))
    for mine, other in zip(found, expected, strict=True):
        same(pa.table({**mine.columns, **mine.facts}), pa.table({**other.columns, **other.facts}))
        assert mine.skipped == other.skipped


def record(row: bytes) -> bytes:
    """A record with some WARC fields, some HTTP fields and a body besides what a response needs."""
    given = Reader(row)
    status, packer = STATUS_LINES[given.number(len(STATUS_LINES))], PACKERS[given.number(len(PACKERS))]
    bare = given.number(8) == 7  # a record without a body is none for the kernel
    fields, http, body = [*given.bytes().split(NULL, 2), b"", b""][:3]
    block = status + b"Content-Type: text/html\r\n" + spell(http, HEADER_PIECES) + b"\r\n\r\n"
    block += packer((b"<p>", b"")[bare] + spell(body, PAGE_PIECES))
    head = b"WARC/1.0\r\n" + spell(fields, HEADER_PIECES) + NEEDED + b"Content-Length: %d\r\n\r\n" % len(block)
    return head + block + b"\r\n\r\n"


def payloads(given: Reader) -> None:
    """Bodies without their codings, also where they break."""
    transfer, coded, most = given.codings(), given.codings(), (10, 500, 9_000, 1 << 20)[given.number(4)]
    packers = [PACKERS[given.number(len(PACKERS))] for _ in range(given.number(3))]
    break_at, copies = given.take(3), 1 + given.number(2) * 50
    data = given.bytes() * copies
    for pack in packers:
        data = pack(data)
    data = Reader(break_at).damaged(data)
    found, expected = native_pages.unpacked(data, transfer, coded, most), payload.unpacked(data, transfer, coded, most)
    assert found == expected, f"{found} is not {expected}"


def charsets(given: Reader) -> None:
    """Pages as text."""
    label, plain = LABELS[given.number(len(LABELS))], given.number(2)
    data = given.bytes() if plain else spell(given.bytes(), PAGE_PIECES)
    found, expected = native_pages.decoded(data, label), charset.decoded(data, label)
    assert found == expected, f"{found} is not {expected}"


def spell(data: bytes, pieces: Sequence[bytes]) -> bytes:
    """ASCII as it is, and for each byte beyond it one of the pieces."""
    return b"".join(pieces[byte % len(pieces)] if byte > 0x7F else bytes([byte]) for byte in data)


def graphs(given: Reader) -> None:
    """Components and their spanning forests."""
    nodes = given.numbers()
    a, b = nodes[: len(nodes) // 2], nodes[len(nodes) // 2 :][: len(nodes) // 2]
    for native, twin in (
        (native_dedup.components, unionfind.components),
        (native_dedup.spanning_forest, unionfind.spanning_forest),
    ):
        for found, expected in zip(native(a, b), twin(a, b), strict=True):
            same(found, expected)
    same(native_dedup.contains(np.unique(a), b), windows.contains(np.unique(a), b))


KERNELS: dict[str, Callable[[Reader], None]] = {
    "addresses": addresses,
    "archives": archives,
    "charsets": charsets,
    "contents": contents,
    "graphs": graphs,
    "languages": languages,
    "lines": lines,
    "misread": misread,
    "markup": markup,
    "normalised": normalised,
    "orders": orders,
    "pages": pages,
    "payloads": payloads,
    "repeats": repeats,
    "signatures": signatures,
    "spans": spans,
    "statistics": statistics,
    "stop_words": stop_words,
    "tokens": tokens,
    "vocabularies": vocabularies,
    "words": words,
}

CHOSEN = [KERNELS[name] for name in os.environ.get("KERNELS", ",".join(KERNELS)).split(",")]


def target(data: bytes) -> bool:
    """Hold one kernel against its twin. Raises AssertionError where they differ."""
    reader = Reader(data)
    CHOSEN[reader.number(len(CHOSEN))](reader)
    return True


def same(found: pa.Array | pa.RecordBatch | np.ndarray, expected: pa.Array | pa.RecordBatch | np.ndarray) -> None:
    """Both are equal, and the arrays of Arrow are well formed."""
    if isinstance(found, np.ndarray):
        assert found.tolist() == expected.tolist()
    else:
        found.validate(full=True)
        assert found.equals(expected), f"{found} is not {expected}"
