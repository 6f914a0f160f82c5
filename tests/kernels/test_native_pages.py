"""Laws of the native payload and charset decoding: every value is that of the readable twin, notes included."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from refinery.kernels.reference import charset, payload

native = pytest.importorskip(
    "refinery.kernels.native_pages", reason="the native kernels are not built", exc_type=ImportError
)

extension = native._native

LABELS = [
    *("utf-8", "UTF8", "iso-8859-1", "windows-1251", "koi8-r", "cp866", "tis-620", "iso-8859-8-i", "macintosh"),
    *("x-mac-cyrillic", "gb2312", "big5", "shift_jis", "euc-kr", "euc-jp", "iso-2022-jp", "hz-gb-2312", "utf-16"),
    *("utf-16be", "utf-7", "nonsense", "johab", "kz1048", "cp437", "cp037", "a\0b", "é", "utf-8é", "x" * 50, ""),
]
PIECES = [
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
    *(
        b"\x1b$B",
        b"\x1b(B",
        b"\x1b$B$3\x1b(B",
        b"$$",
        b"<style>",
        b" a=",
        b"\x0c",
        b"<?x ",
        b"-->",
        b"\xad\xa1",
        b"\x80",
    ),
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
BYTES = st.lists(
    st.one_of(st.sampled_from(PIECES), st.sampled_from([label.encode() for label in LABELS]), st.binary(max_size=4)),
    max_size=30,
).map(b"".join)
LABEL = st.one_of(st.sampled_from(LABELS), st.text(max_size=12))


@settings(max_examples=600)
@given(BYTES, LABEL)
def test_a_page_is_decoded_as_by_the_twin(data: bytes, label: str) -> None:
    assert native.decoded(data, label) == charset.decoded(data, label)


@settings(max_examples=300)
@given(st.sampled_from(LABELS), st.binary(min_size=1, max_size=300))
def test_a_meta_element_is_heeded_as_by_the_twin(label: str, data: bytes) -> None:
    page = b"<meta charset=" + label.encode() + b">" + b"\xe4\xf6" * 40 + data
    assert native.decoded(page, "") == charset.decoded(page, "")


@pytest.mark.parametrize("label", LABELS)
def test_every_byte_of_every_set_is_what_it_is_for_the_twin(label: str) -> None:
    data = b"<p>" + bytes(range(256)) + bytes(range(0x20, 0xFF)) * 30
    assert native.decoded(data, label) == charset.decoded(data, label)


def test_pages_may_make_up_any_number_of_labels() -> None:
    for number in range(5_000):
        header = f"made-up-{number}"
        page = b"<meta charset=other-%d>" % number
        assert native.decoded(page, header) == charset.Text(page, "utf-8", "content", header)


PACKERS = [
    *(gzip.compress, zlib.compress, brotli.compress, zstandard.compress, bytes),
    lambda data: gzip.compress(data) + gzip.compress(data),
    lambda data: gzip.compress(data) + b"\0rest",
    lambda data: b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data) if data else b"0\r\n\r\n",
    lambda data: b" %X ;a=b\n%s\n" % (len(data), data) if data else b"",
    lambda data: zlib.compress(data)[2:-4],
]
CODINGS = ["gzip", "x-gzip", "GZIP", "deflate", " br", "zstd", "identity", "", "none", "chunked", "utf-8", "a'b", "é"]
FIELD = st.lists(st.lists(st.sampled_from(CODINGS), max_size=3).map(",".join), max_size=2)


@settings(max_examples=600)
@given(
    st.one_of(st.binary(max_size=200), st.sampled_from([b"<html>" * 2_000, b"\0" * 9_000])),
    st.lists(st.sampled_from(PACKERS), max_size=3),
    st.tuples(st.integers(0, 400), st.sampled_from(["keep", "flip", "cut", "lose"])),
    FIELD,
    FIELD,
    st.sampled_from([10, 500, 9_000, 1 << 20]),
)
def test_codings_are_undone_as_by_the_twin(
    data: bytes,
    packers: list[Callable[[bytes], bytes]],
    damage: tuple[int, str],
    transfer: list[str],
    content: list[str],
    most: int,
) -> None:
    for pack in packers:
        data = pack(data)
    at, how = damage
    if how == "flip" and at < len(data):
        data = data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :]
    elif how != "keep":
        data = data[:at] + (data[at + 1 :] if how == "lose" else b"")
    assert native.unpacked(data, transfer, content, most) == payload.unpacked(data, transfer, content, most)


@settings(max_examples=500)
@given(st.binary(max_size=80), st.sampled_from(["deflate", "gzip"]))
def test_any_bytes_are_a_stream_for_both_or_for_none(data: bytes, coding: str) -> None:
    data = b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + data if coding == "gzip" else data
    assert native.unpacked(data, [], [coding], 1 << 20) == payload.unpacked(data, [], [coding], 1 << 20)


def test_ordinary_bodies_and_texts_are_not_left_to_the_twin() -> None:
    page = b"<html><meta charset=windows-1251>" + "мир".encode("cp1251")
    native.decoded(page, "")
    known = native._CHARSETS
    assert extension.decoded(page, "", known)[1:3] == ("cp1251", "meta")
    assert extension.unpacked(gzip.compress(page), [], ["gzip"], 1_000) == (page, [])
    assert extension.unpacked(b"5\r\n<html\r\n0\r\n\r\n", ["chunked"], [], 1_000) == (b"<html", [])
