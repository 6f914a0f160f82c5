"""Fuzz targets: each native kernel returns what its twin returns, whatever libFuzzer finds.

The arguments of the kernels in ``tools/parity.py`` are drawn from the input's bytes with Hypothesis. The targets below
read theirs with ``Reader``: the extractor, which has laws instead of a twin, whole archives, and any vocabulary.
``KERNELS`` in the environment names the targets to run; each input's first byte chooses one of them.
"""

from __future__ import annotations

import gzip
import os
import re
import sys
import unicodedata
import zlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from io import BytesIO
from typing import Any
from unittest.mock import patch

os.environ["REFINERY_KERNELS"] = "reference"  # the extension is this program, whatever is installed

import brotli
import numpy as np
import pyarrow as pa
import tiktoken
import zstandard
from hypothesis import given

import refinery

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(refinery.__file__))))  # the package ``tools``

import refinery.stages._warc.pages as warc_pages
import refinery.stages._warc.reading as warc_reading
import refinery.stages.warc as warc_stage
from refinery.kernels import _native, native_bpe, native_extract
from refinery.kernels.reference import bpe, extract
from refinery.stages._warc import blocks
from refinery.store import LocalStore
from tools.parity import CASES, check, pairs, same
from tools.strategies import PAGE_PIECES

PAIRS = pairs()
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


SINGLE_BYTES = [bytes([byte]) for byte in range(256)]
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
ARCHIVE = warc_stage.Warc(max_payload=1 << 16)


class Memory(LocalStore):
    """A store of one file."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def open(self, path: str) -> Any:
        """Open the file, under any name."""
        del path
        return BytesIO(self.data)


class Reader:
    """Reads numbers and texts out of bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def number(self, limit: int) -> int:
        """Return a number below ``limit``, of one byte."""
        first, self._data = self._data[:1] or b"\0", self._data[1:]
        return first[0] % limit

    def take(self, size: int) -> bytes:
        """Return the next bytes, filled up with zeros at the end."""
        first, self._data = self._data[:size], self._data[size:]
        return first.ljust(size, b"\0")

    def bytes(self) -> bytes:
        """Return the rest."""
        rest, self._data = self._data, b""
        return rest

    def damaged(self, data: bytes) -> bytes:
        """Return the data as they are, or with one byte changed, without it, or cut there."""
        how, at = self.number(8), int.from_bytes(self.take(2), "little") % (len(data) + 1)
        if how == 0:
            return data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :] if at < len(data) else data
        return data[:at] + (data[at + 1 :] if how == 1 else b"") if how < 3 else data

    def texts(self) -> pa.StringArray:
        """Return the rest as texts, in some cases a slice."""
        start = self.number(3)
        rows = [None if row == NULL else row.decode("utf-8", "replace") for row in self.bytes().split(ROW)]
        return pa.array(rows, pa.string()).slice(start)


MODEL_TEXTS = pa.array(["a the été x a\nthe </s> a", "", None, "été " * 200 + "x" * 5000])


def pages(source: Reader) -> None:
    """The main text of pages, which has no twin: it keeps its laws."""
    favour, paragraphs = FAVOURS[source.number(3)], bool(source.number(2))
    keeps_laws(source.texts(), favour, paragraphs=paragraphs)


def markup(source: Reader) -> None:
    """The same of pages spelled in tags, attributes and JSON, so that a changed byte is another structure."""
    favour, paragraphs = FAVOURS[source.number(3)], bool(source.number(2))
    rows = [spell(row, MARKUP).decode("utf-8", "replace") for row in source.bytes().split(ROW)]
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
    has_true_marks(pages, found, favour, paragraphs=paragraphs)


def has_true_marks(pages: pa.StringArray, found: pa.RecordBatch, favour: extract.Favour, *, paragraphs: bool) -> None:
    """Nothing else changes with marks, and they are a tree over the text, which all forms are rendered of."""
    urls, same_ones = pa.nulls(len(pages), pa.string()), [name for name in found.schema.names if name != "structure"]
    marked = native_extract.main_texts(pages, urls, favour, paragraphs=paragraphs, structure=True, links=True)
    assert marked.select(same_ones).equals(found.select(same_ones)), "marks change what is extracted"
    texts, marks = marked.column("text"), marked.column("structure")
    assert pa.array(_native.render(texts, marks, "plain")).equals(texts)
    for form in ("markdown", "html"):
        pa.array(_native.render(texts, marks, form)).validate(full=True)


def vocabularies(source: Reader) -> None:
    """Tokens of any vocabulary."""
    first, words = source.number(2), [source.take(2 + source.number(5)) for _ in range(source.number(24))]
    known = [*words, *SINGLE_BYTES] if first else [*SINGLE_BYTES, *words]
    known = list(dict.fromkeys(known))
    texts = source.texts().fill_null("")
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


def archives(source: Reader) -> None:
    """The rows of the source stage, read by the kernel where records are ordinary, and by the stage alone."""
    size, most = (300, 1_000, 1 << 21)[source.number(3)], 1 + source.number(4)
    layout, break_at = source.number(4), source.take(3)
    made = [record(row) for row in source.bytes().split(ROW)]
    members = [b"".join(made)] if layout == 0 else made if layout > 1 else [b"".join(made[:2]), *made[2:]]
    data = Reader(break_at).damaged(b"".join(gzip.compress(one, 1, mtime=0) for one in members)) or b"\0"
    with ExitStack() as patches:
        patches.enter_context(patch.object(blocks, "BLOCK", size))
        patches.enter_context(patch.object(warc_reading, "BATCH_ROWS", most))
        expected = list(ARCHIVE.read("a.warc.gz", Memory(data)))
        patches.enter_context(patch.object(warc_reading, "PageRows", PAIRS["PageRows"].native))
        patches.enter_context(patch.object(warc_pages, "unpacked", PAIRS["unpacked"].native))
        patches.enter_context(patch.object(warc_pages, "decoded", PAIRS["decoded"].native))
        found = list(ARCHIVE.read("a.warc.gz", Memory(data)))
    for mine, other in zip(found, expected, strict=True):
        same(pa.table({**mine.columns, **mine.metrics}), pa.table({**other.columns, **other.metrics}))
        assert mine.skipped == other.skipped


def record(row: bytes) -> bytes:
    """A record with some WARC fields, some HTTP fields and a body besides what a response needs."""
    source = Reader(row)
    status, packer = STATUS_LINES[source.number(len(STATUS_LINES))], PACKERS[source.number(len(PACKERS))]
    bare = source.number(8) == 7  # a record without a body is none for the kernel
    fields, http, body = [*source.bytes().split(NULL, 2), b"", b""][:3]
    block = status + b"Content-Type: text/html\r\n" + spell(http, HEADER_PIECES) + b"\r\n\r\n"
    block += packer((b"<p>", b"")[bare] + spell(body, PAGE_PIECES))
    head = b"WARC/1.0\r\n" + spell(fields, HEADER_PIECES) + NEEDED + b"Content-Length: %d\r\n\r\n" % len(block)
    return head + block + b"\r\n\r\n"


def spell(data: bytes, pieces: Sequence[bytes]) -> bytes:
    """ASCII as it is, and for each byte beyond it one of the pieces."""
    return b"".join(pieces[byte % len(pieces)] if byte > 0x7F else bytes([byte]) for byte in data)


def models(source: Reader) -> None:
    """A file of any bytes is a model whose scores are probabilities, or an error; the fuzzer bounds time and memory."""
    file = pa.array(np.frombuffer(source.bytes(), np.uint8))
    try:
        model = _native.FastText(file)
        labels = list(range(len(model.labels)))
        scores = model.scores(MODEL_TEXTS, labels)
        model.contributions(MODEL_TEXTS[0].as_py(), labels[-1], 5)
        _native.LanguageModel(file).identify(MODEL_TEXTS, "none")
    except ValueError:
        return
    assert len(scores) == len(labels) * len(MODEL_TEXTS)
    assert (scores >= 0).all(), scores


def drawn(name: str) -> Callable[[Reader], None]:
    """Return the target of a kernel of the table: its arguments are drawn from bytes."""

    @given(CASES[name].inputs)
    def test(arguments: Any) -> None:
        check(name, PAIRS[name], arguments)

    return lambda reader: test.hypothesis.fuzz_one_input(reader.bytes())


KERNELS: dict[str, Callable[[Reader], None]] = {
    **{name: drawn(name) for name in CASES},
    "archives": archives,
    "markup": markup,
    "models": models,
    "pages": pages,
    "vocabularies": vocabularies,
}

CHOSEN = [KERNELS[name] for name in os.environ.get("KERNELS", ",".join(KERNELS)).split(",")]


def target(data: bytes) -> bool:
    """Compare one kernel with its twin. Raises AssertionError where they differ."""
    reader = Reader(data)
    CHOSEN[reader.number(len(CHOSEN))](reader)
    return True
