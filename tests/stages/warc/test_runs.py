"""Runs of ordinary records that a kernel reads: rows, batches and counts are those of the stage's own reader."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import brotli
import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings, strategies as st

import refinery.stages._warc.pages as pages_module
import refinery.stages._warc.reading as stage_module
from refinery.kernels.reference import charset, pages, payload
from refinery.stages._warc import blocks
from refinery.stages.warc import Warc
from refinery.store import LocalStore
from tests.stages.warc.archives import frames, members, mixed, one_member, pairs, pieces, plain, raw, record
from tests.stages.warc.test_records import HOSTILE, MADE, damaged

native = pytest.importorskip(
    "refinery.kernels.native_pages", reason="the native kernels are not built", exc_type=ImportError
)

Layout = Callable[[Sequence[bytes]], bytes]


class Memory(LocalStore):
    """A store of one file."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def open(self, path: str) -> Any:
        del path
        return BytesIO(self.data)


def both(data: bytes, max_payload: int = 1 << 20) -> tuple[list[Any], list[Any]]:
    """The batches as the kernel gives them, and as the reader alone does."""
    found = []
    for rows, undo in ((native.PageRows, native), (pages.PageRows, None)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stage_module, "PageRows", rows)
            patch.setattr(pages_module, "unpacked", undo.unpacked if undo else payload.unpacked)
            patch.setattr(pages_module, "decoded", undo.decoded if undo else charset.decoded)
            batches = list(Warc(max_payload=max_payload).read("a.warc.gz", Memory(data)))
        found.append([(pa.table({**b.columns, **b.metrics}).to_pylist(), b.skipped) for b in batches])
    return found[0], found[1]


def http(
    *fields: str, body: bytes = b"<p>text</p>", status: str = "HTTP/1.1 200 OK", warc: Sequence[str] = ()
) -> bytes:
    """A response with just these HTTP and WARC fields besides those that it needs."""
    block = "\r\n".join([status, *fields, "", ""]).encode("latin-1") + body
    needed = ["WARC-Type: response", "WARC-Target-URI: http://example.org/", "WARC-Date: 2024-02-29T23:59:59Z"]
    needed += ["WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-0000000000aF>", f"Content-Length: {len(block)}"]
    return raw(*warc, *needed, body=block)


TYPE = "Content-Type: text/html"
ODD = [
    http(TYPE, body="мир".encode("cp1251") * 20 + b"<meta charset=cp1251>"),
    http(TYPE, "Content-Encoding: gzip", body=gzip.compress(b"<p>text</p>" * 9)),
    http(TYPE, "Content-Encoding: gzip"),
    http(TYPE, "Transfer-Encoding: chunked", body=b"3\r\n<p>\r\n0\r\n\r\n"),
    http("Content-Type: text/plain"),
    http("Content-Type: TEXT/HTML ;charset = 'UTF-8'", "content-type:text/html; charset=koi8-r"),
    http(TYPE, " folded: yes"),
    http(TYPE, "X-Name: \xe9\x85", "X\xa0: y", "\xa0Content-Type: image/png"),
    http("Content-Type: text/html\x85"),
    http("Content-Type\r: text/html", "Content-Type : application/xhtml+xml"),
    http(TYPE, "Content-Type: x", "Content-Type: */*"),
    http("Content-Type: text/html; charset=cp1251", TYPE, body="мир".encode("cp1251") * 20),
    http("Content-Type: Unknown/Unknown", body=b"<html>"),
    http("Content-Type: application/unknown", TYPE, "Content-Type: unknown/unknown"),
    http(TYPE, body="<p>日本</p>".encode("iso2022_jp")),
    http(TYPE, body=b"".join(b"<meta charset=no-%d>" % n for n in range(9)) + b"<meta charset=koi8-r>\xc1"),
    http(),
    http(TYPE, status="HTTP/1.1 404 Not Found"),
    http(TYPE, status="HTTP/1. 200 OK"),
    http(TYPE, status="HTTP/2 200"),
    http(TYPE, status="http/1.1 200 OK"),
    http(TYPE, status=" HTTP/1.1 200 OK"),
    http(TYPE, status="HTTP/1.1 2000 OK"),
    http(TYPE, status="HTTP/1.x 200 OK"),
    http(TYPE, status="HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"),
    http(TYPE, status="HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 404 No"),
    http(TYPE, status="HTTP/1.1 100 Continue"),
    http(TYPE, "<!doctype html><p>text</p>"),
    http("<html><p>text</p>", TYPE),
    http(TYPE, "<b>: x"),
    http(TYPE, " "),
    http(TYPE, " ", "X: y"),
    http(TYPE, "Transfer-Encoding: chunked", body=b"0000000000000000003\r\n<p>\r\n00000000000000000000\r\n\r\n"),
    http(
        TYPE,
        "TDM-Policy: b",
        "Link: <a>; rel=License, <b>",
        "X-Robots-Tag: noai",
        "Link: <c>",
        "tdm-policy:a",
        "x-robots-tag: ",
    ),
    http(TYPE, "X-Robots-Tag: noai\xe9", "Content-Signal: ai-train=no", "Content-Usage: " + "train-ai=n, " * 500),
    http(TYPE, "X-Robots-Tag: noindex", status="HTTP/1.1 404 Not Found"),
    http(TYPE, "Content-Encoding: br", body=brotli.compress(b"<p>text</p>") + b"\r\n"),
    http(TYPE, "Content-Encoding: zstd", body=zstandard.compress(b"<p>text</p>")[:-3]),
    http(TYPE, "Content-Encoding: gzip", body=gzip.compress(b"<p>text</p>")[:-8] + bytes(8)),
    http(TYPE, body=b""),
    http(TYPE, body=b" \n\x0b"),
    http(TYPE, body=b"<p>\0a\0"),
    http(TYPE, body=bytes(range(256)) * 9),
    http(TYPE, body=b"<p>broken \xc3 text</p>" + "é".encode() * 30),
    http(TYPE, body=b"<p>" + b"x" * 70_000),
    http(TYPE, "Content-Encoding: gzip", body=gzip.compress(b"<p>" + b"x" * 70_000)),
    http(TYPE, warc=["WARC-Truncated: length", "WARC-Segment-Number:  1"]),
    http(TYPE, warc=["WARC-Identified-Payload-Type: application/pdf"]),
    http(TYPE, warc=["WARC-Identified-Payload-Type: "]),
    http(TYPE, warc=["WARC-Identified-Payload-Type: application/unknown"]),
    http(TYPE, warc=["WARC-Date: 2023-02-29T00:00:00Z"]),
    http(TYPE, warc=["WARC-Date: 2024-01-01"]),
    http(TYPE, warc=["WARC-Target-URI: <http://a.example/>"]),
    http(TYPE, warc=["WARC-Target-URI: http://a.example/ä"]),
    http(TYPE, warc=["WARC-Target-URI:", "uri: http://b.example/"]),
    http(TYPE, warc=["WARC-Target-URI: <>"]),
    http(TYPE, warc=["WARC-Record-ID: <urn:uuid:0>"]),
    http(TYPE, warc=["WARC-Type: Response"]),
    http(TYPE, warc=["warc-type : metadata"]),
    http(TYPE, warc=["WARC-Type: odd"]),
    http(TYPE, warc=["WARC-Type:"]),
    http(TYPE, warc=["Content-Length: 3"]),
    http(TYPE, warc=["Content-Length: 99999"]),
    http(TYPE, warc=["Content-Length: +3"]),
    http(TYPE, warc=["X: " + "y" * 5_000]),
    http(TYPE).replace(b"WARC/1.0\r\n", b"WARC/1.\r\n"),
    http(TYPE).replace(b"\r\n", b"\n"),
    http(TYPE)[:-4],
    b"\r\n" + http(TYPE),
    http(TYPE) + b"rest",
]
ALL = [*MADE, *ODD]


@pytest.mark.parametrize("number", range(len(ODD)))
def test_whatever_is_odd_about_a_record_the_rows_are_the_same(number: int) -> None:
    mine, expected = both(members([MADE[0], ODD[number], MADE[1], MADE[6]]), max_payload=65_536)
    assert mine == expected
    mine, expected = both(members([ODD[number], MADE[1]]), max_payload=65_536)
    assert mine == expected


@settings(max_examples=400)
@given(
    st.lists(st.sampled_from(ALL), min_size=1, max_size=12),
    st.sampled_from([members, members, members, pairs, one_member, pieces, frames, mixed, plain]),
    st.lists(
        st.tuples(
            st.sampled_from(["flip", "zero", "lose", "add", "cut"]), st.integers(0, 1 << 30), st.integers(0, 300)
        ),
        max_size=2,
    ),
    st.sampled_from([300, 1_000, 1 << 21]),
    st.integers(1, 5),
)
def test_rows_batches_and_counts_are_the_same_whatever_is_damaged(
    made: list[bytes], layout: Layout, damages: list[tuple[str, int, int]], block: int, batch: int
) -> None:
    data = layout(made)
    for how, at, size in damages:
        data = damaged(data, how, at % len(data), size)[0] or b"\0"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", block)
        patch.setattr(stage_module, "BATCH_ROWS", batch)
        mine, expected = both(data, max_payload=65_536)
    assert mine == expected


@settings(max_examples=200)
@given(st.sampled_from(ALL), st.integers(0, 1 << 20), st.sampled_from(["flip", "lose", "add"]), st.integers(0, 40))
def test_rows_are_the_same_whatever_a_sound_member_holds(one: bytes, at: int, how: str, size: int) -> None:
    inside = damaged(one, how, at % min(len(one), 900), size)[0]
    mine, expected = both(members([inside, MADE[0]]))
    assert mine == expected


@settings(max_examples=100)
@given(st.binary(max_size=400))
def test_rows_are_the_same_for_any_deflate_stream(data: bytes) -> None:
    mine, expected = both(members([MADE[0]]) + b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + data)
    assert mine == expected


@pytest.mark.parametrize("name", ["beginnings of members", "a bomb"])
def test_rows_are_the_same_for_a_hostile_file(name: str) -> None:
    mine, expected = both(HOSTILE[name])
    assert mine == expected


def test_ordinary_records_are_read_by_the_kernel() -> None:
    rows = native.PageRows(["request"], 1 << 20, 100, 1 << 20)
    data = members([record(1), MADE[1], record(3)])
    assert rows.read(data, 0, 1_000) == (len(data), len(gzip.decompress(data)), False)
    batch, skipped = rows.finish()
    assert (batch["offset"][0].as_py(), batch.num_rows, skipped) == (1_000, 2, {"request": 1})
    assert rows.finish()[0].num_rows == 0


def test_the_rows_of_real_archives_are_the_same(corpus: Path) -> None:
    for path in [*sorted((corpus / "odd").iterdir()), corpus / "pages" / "dev-w11-00000.warc.gz"]:
        mine, expected = both(path.read_bytes())
        assert mine == expected, path.name
