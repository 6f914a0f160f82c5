"""Laws of the native payload and charset decoding: every value is that of the readable twin, notes included."""

from __future__ import annotations

import gzip

import pytest

from refinery.kernels import _native, native_pages
from refinery.kernels.reference import charset
from tests.kernels.natives import native
from tools.strategies import LABELS


@pytest.mark.parametrize("label", LABELS)
def test_every_byte_of_every_set_is_what_it_is_for_the_twin(label: str) -> None:
    data = b"<p>" + bytes(range(256)) + bytes(range(0x20, 0xFF)) * 30
    assert native.decoded(data, label) == charset.decoded(data, label)


def test_pages_may_make_up_any_number_of_labels() -> None:
    for number in range(5_000):
        header = f"made-up-{number}"
        page = b"<meta charset=other-%d>" % number
        assert native.decoded(page, header) == charset.Text(page, "utf-8", "content", header)


def test_ordinary_bodies_and_texts_are_not_left_to_the_twin() -> None:
    page = b"<html><meta charset=windows-1251>" + "мир".encode("cp1251")
    native.decoded(page, "")
    known = native_pages._CHARSETS
    assert _native.decoded(page, "", known)[1:3] == ("cp1251", "meta")
    assert _native.unpacked(gzip.compress(page), [], ["gzip"], 1_000) == (page, [])
    assert _native.unpacked(b"5\r\n<html\r\n0\r\n\r\n", ["chunked"], [], 1_000) == (b"<html", [])
