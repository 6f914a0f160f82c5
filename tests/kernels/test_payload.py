"""Transfer and content codings undone."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given, settings, strategies as st

from refinery.kernels import unpacked
from refinery.kernels.reference.payload import Payload, dechunked

PAGE = b"<html>" + b"".join(b"<p>line %d of the page</p>" % n for n in range(300))
MOST = 1 << 20


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "GZIP": gzip.compress,
    "deflate": zlib.compress,
    " deflate ": raw_deflate,
    "br": brotli.compress,
    "zstd": zstandard.compress,
    "identity": bytes,
    "": bytes,
    "none": bytes,
}


def chunked(data: bytes, size: int = 1000, end: bytes = b"\r\n") -> bytes:
    """The data as chunks, the last one included."""
    parts = [data[i : i + size] for i in range(0, len(data), size)] + [b""]
    return b"".join(b"%x%s%s%s" % (len(part), end, part, end) for part in parts)


def unpack(data: bytes, coding: str = "", transfer: str = "", most: int = MOST) -> Payload:
    return unpacked(data, [transfer] if transfer else [], [coding] if coding else [], most)


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("transfer", ["", "chunked", "Chunked"])
def test_codings_are_undone(coding: str, transfer: str) -> None:
    packed = CODINGS[coding](PAGE)
    assert unpack(chunked(packed) if transfer else packed, coding, transfer) == Payload(PAGE)


def test_stacked_codings_are_undone_last_first() -> None:
    assert unpack(gzip.compress(brotli.compress(PAGE)), "br, gzip") == Payload(PAGE)
    packed = chunked(gzip.compress(zstandard.compress(zlib.compress(PAGE))))
    assert unpacked(packed, ["gzip, chunked"], ["deflate", "zstd"], MOST) == Payload(PAGE)


def test_a_gzip_body_may_be_several_members() -> None:
    assert unpack(gzip.compress(PAGE[:500]) + gzip.compress(PAGE[500:]), "gzip") == Payload(PAGE)
    assert unpack(b"".join(gzip.compress(PAGE[i : i + 9]) for i in range(0, len(PAGE), 9)), "gzip") == Payload(PAGE)


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_what_follows_very_many_members_is_passed_over_with_a_note(coding: str) -> None:
    packed = CODINGS[coding](PAGE) + CODINGS[coding](b"") * 5_000 + CODINGS[coding](PAGE)
    assert unpack(packed, coding) == Payload(PAGE, (f"{coding} ends before the body does",))


@pytest.mark.parametrize("coding", ["gzip", "deflate", " deflate ", "br", "zstd"])
def test_what_follows_a_packed_body_is_passed_over(coding: str) -> None:
    notes = ("br ends before the body does",) if coding == "br" else ()
    for page in (PAGE, PAGE * 99 + bytes(range(256)) * 60):
        for rest in (b"\0\0\0", b"\r\n\r\n", b"rest" * 5_000):
            assert unpack(CODINGS[coding](page) + rest, coding) == Payload(page, notes)


def test_zstd_frames_follow_each_other_and_some_are_skipped() -> None:
    skipped = b"\x53\x2a\x4d\x18\x03\0\0\0xyz"
    packed = skipped + zstandard.compress(PAGE[:500]) + skipped + zstandard.compress(PAGE[500:]) + skipped
    assert unpack(packed, "zstd") == Payload(PAGE)


def test_a_checksum_that_fails_is_noted_and_the_body_kept() -> None:
    found = unpack(gzip.compress(PAGE)[:-8] + bytes(8), "gzip")
    assert (found.data, found.failed) == (PAGE, False)
    assert "incorrect data check" in found.notes[0]


@pytest.mark.parametrize("coding", ["gzip", "br"])
def test_all_that_comes_before_the_damage_is_kept(coding: str) -> None:
    """However small the body is beside what a decoder is fed at once."""
    packed = CODINGS[coding](PAGE + bytes(range(256)) * 12)
    found = unpack(packed[:-60] + b"\xff" * 60, coding)
    assert found.data[:3_000] == PAGE[:3_000]
    assert found.notes


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_coding_that_was_not_used_is_passed_over_with_a_note(coding: str) -> None:
    assert unpack(PAGE, coding) == Payload(PAGE, (f"named {coding}, but is not",))
    assert unpack(b"", coding) == Payload(b"")


def test_an_unknown_coding_is_passed_over_with_a_note() -> None:
    assert unpack(PAGE, "utf-8") == Payload(PAGE, ("unknown coding 'utf-8'",))


UNNAMED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "raw deflate": raw_deflate,
    "chunked": chunked,
}


@pytest.mark.parametrize("used", UNNAMED)
def test_a_coding_that_no_header_names_is_undone_where_a_page_comes_out(used: str) -> None:
    for page in (PAGE, b"\xef\xbb\xbf \n" + PAGE, b"\xff\xfe" + PAGE.decode().encode("utf-16-le")):
        assert unpack(UNNAMED[used](page)) == Payload(page, (f"{used}, though not named",))
    packed = UNNAMED[used](b"just words, and no page\n" * 20)
    assert unpack(packed) == Payload(packed)


@pytest.mark.parametrize("named", ["gzip", "deflate", "br", "zstd", "x-gzip, br", "chunked"])
@pytest.mark.parametrize("used", UNNAMED)
def test_a_coding_with_the_name_of_another_is_undone(named: str, used: str) -> None:
    packed = UNNAMED[used](PAGE)
    found = unpacked(packed, ["chunked"], [], MOST) if named == "chunked" else unpack(packed, named)
    assert found.data == PAGE
    assert bool(found.notes) == (named != used and (named, used) != ("deflate", "raw deflate"))


@pytest.mark.parametrize("first", UNNAMED)
@pytest.mark.parametrize("second", ["gzip", "zstd", "deflate"])
def test_what_was_packed_twice_is_unpacked_twice(first: str, second: str) -> None:
    twice = UNNAMED[second](UNNAMED[second](PAGE))
    assert unpack(twice, second) == Payload(PAGE, (f"{second}, though not named",))
    assert unpack(UNNAMED[first](UNNAMED[second](PAGE))).data == PAGE


@pytest.mark.parametrize("used", ["gzip", "deflate", "zstd"])
def test_a_bomb_that_no_header_names_ends_at_the_limit(used: str) -> None:
    found = unpack(UNNAMED[used](b"<html>" + bytes(40_000_000)))
    assert (found.data, found.too_large) == (b"", True)


def test_a_body_cut_short_without_a_name_gives_what_it_holds() -> None:
    whole = PAGE + bytes(range(256)) * 20
    found = unpack(gzip.compress(whole)[:-40])
    assert found.notes == ("gzip, though not named", "gzip ends early")
    assert whole.startswith(found.data)
    assert len(found.data) > 6


@pytest.mark.parametrize("page", [b"2024\nwords <b>and</b> more", b"0\r\n", b"a\n", b"x^2 + y^2", b"8 words"])
def test_text_that_looks_like_a_coding_stays_as_it_is(page: bytes) -> None:
    assert unpack(page) == Payload(page)


def test_a_zstd_frame_cut_short_is_not_empty() -> None:
    assert unpack(zstandard.compress(PAGE)[:-40], "zstd") == Payload(b"", ("zstd ends early",), failed=True)
    found = unpack(zstandard.compress(PAGE) + zstandard.compress(PAGE)[:-40], "zstd")
    assert found == Payload(PAGE, ("zstd ends early",))


@pytest.mark.parametrize("coding", ["gzip", "deflate", " deflate ", "br"])
def test_a_body_cut_short_gives_what_it_holds(coding: str) -> None:
    packed = CODINGS[coding](PAGE + bytes(range(256)) * 20)
    found = unpack(packed[:-40], coding)
    assert found.data
    assert (PAGE + bytes(range(256)) * 20).startswith(found.data)
    assert found.notes == (f"{coding.strip()} ends early",)
    assert not found.failed


def test_a_body_broken_in_the_middle_gives_what_came_before() -> None:
    data = b"".join(b"%d " % (n * n) for n in range(20_000))
    packer = zlib.compressobj(wbits=31)
    whole = packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH)
    found = unpack(whole + b"\x07 is no block", "gzip")
    assert data.startswith(found.data)
    assert len(found.data) > len(data) * 0.9
    assert found.notes[0].startswith("gzip breaks")


@pytest.mark.parametrize(
    ("data", "coding"), [(b"\x1f\x8b\x08\0\xff\xff", "gzip"), (b"\xff" * 50, "deflate"), (b"\xff" * 50, "br")]
)
def test_packed_bytes_of_which_nothing_comes_out_have_failed(data: bytes, coding: str) -> None:
    found = unpack(data, coding)
    assert found.failed
    assert found.notes


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_bomb_ends_at_the_limit(coding: str) -> None:
    bomb = CODINGS[coding](bytes(40_000_000))
    assert unpack(bomb, coding) == Payload(b"", too_large=True)
    assert unpack(gzip.compress(bomb), f"{coding}, gzip") == Payload(b"", too_large=True)


def test_a_payload_of_just_the_limit_is_whole() -> None:
    assert unpack(gzip.compress(PAGE), "gzip", most=len(PAGE)) == Payload(PAGE)
    assert unpack(gzip.compress(PAGE), "gzip", most=len(PAGE) - 1).too_large
    assert unpack(PAGE, most=len(PAGE) - 1).too_large


@pytest.mark.parametrize(
    ("data", "expected", "note"),
    [
        (b"5\r\nhello\r\n0\r\n\r\n", b"hello", ""),
        (b"5\nhello\n0\n\n", b"hello", ""),
        (b"5;name=value\r\nhello\r\n0\r\nTrailer: x\r\n\r\n", b"hello", ""),
        (b"  5  \r\nhello\r\n00000\r\n", b"hello", ""),
        (b"5\r\nhello\r\n", b"hello", "the chunked coding ends early"),
        (b"5\r\nhel", b"hel", "the chunked coding ends early"),
        (b"5\r\nhello\r\nzz\r\nworld\r\n", b"hellozz\r\nworld\r\n", "the chunked coding breaks at byte 10"),
        (b"5\r\nhello world\r\n3\r\nand\r\n0\r\n\r\n", b"hello worldand", "the chunked coding breaks at byte 8"),
        (b"9\r\nhello\r\n3\r\nand\r\n0\r\n\r\n", b"hello\r\n3\rand", "the chunked coding breaks at byte 13"),
        (b"<html>", b"<html>", "named chunked, but is not"),
        (b"ffffffffffffffffffff\r\nx", b"ffffffffffffffffffff\r\nx", "named chunked, but is not"),
        (b"", b"", ""),
    ],
)
def test_chunks_are_joined_as_far_as_they_go(data: bytes, expected: bytes, note: str) -> None:
    assert dechunked(data) == (expected, note)


@given(st.binary(max_size=3000), st.integers(1, 700))
def test_what_was_chunked_is_joined_again(data: bytes, size: int) -> None:
    assert dechunked(chunked(data, size)) == (data, "")


@settings(max_examples=150)
@given(
    st.sampled_from(sorted(CODINGS)), st.binary(max_size=300), st.booleans(), st.integers(0, 400), st.integers(0, 255)
)
def test_no_bytes_make_it_fail(coding: str, data: bytes, packed: bool, at: int, byte: int) -> None:
    whole = bytearray(CODINGS[coding](data) if packed else data)
    if at < len(whole):
        whole[at] = byte
    found = unpack(bytes(whole), coding, "chunked" if byte % 2 else "")
    assert len(found.data) <= MOST
