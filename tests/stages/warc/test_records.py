"""The reader of records: however they are packed, whatever is broken."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from io import BytesIO

import pytest
import zstandard
from fastwarc.warc import ArchiveIterator as FastIterator
from hypothesis import given, settings, strategies as st
from warcio.archiveiterator import ArchiveIterator

from refinery.errors import StorageError
from refinery.stages._warc import blocks
from refinery.stages._warc.blocks import Blocks
from refinery.stages._warc.members import BOMB
from refinery.stages._warc.records import CUT_OFF, DAMAGED, NO_ARCHIVE, TRUNCATED, UNREADABLE, Record, records
from tests.stages.warc.archives import (
    LAYOUTS,
    block,
    blocked,
    frames,
    members,
    mixed,
    one_member,
    pieces,
    plain,
    raw,
    read,
    record,
    swollen_frame,
    swollen_member,
)

Layout = Callable[[Sequence[bytes]], bytes]

MADE = [
    record(0, b"<html>" + b"zero " * 40),
    record(1, b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n", kind="request"),
    record(2, b"<html>two\r\n\r\nWARC is a format\nWARC/1.0\r\nWARC-Type: none\r\n\r\n"),
    record(3, b""),
    record(4, b"<html>" + bytes(range(256)) * 3),
    record(5, b"name: value\r\n", kind="metadata"),
    record(6, b"<html>six"),
]


def reported(found: Sequence[Record]) -> list[tuple[str, str]]:
    """Kind and flaw of each."""
    return [(one.kind, one.flaw) for one in found]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_the_records_of_an_archive_do_not_depend_on_how_they_are_packed(layout: Layout) -> None:
    found = read(layout(MADE))
    assert [one.fields["warc-target-uri"] for one in found] == [f"http://example.org/{n}" for n in range(len(MADE))]
    assert not any(one.flaw or one.note for one in found)
    assert [one.size for one in found] == [len(block(one)) for one in MADE]
    assert all(one.body == block(made) for one, made in zip(found, MADE, strict=True) if one.kind == "response")


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_a_record_can_be_read_again_where_it_lies(layout: Layout) -> None:
    data = layout(MADE)
    found = read(data)
    assert len({(one.offset, one.length) for one in found}) == len(found)
    for one in found:
        if one.length:
            assert read(data, one.offset, one.offset + one.length) == [one]


@pytest.mark.parametrize("layout", [plain, members], ids=lambda layout: layout.__name__)
def test_sound_archives_hold_the_records_that_other_readers_find(layout: Layout) -> None:
    data = layout(MADE)
    found = [(one.kind, one.size) for one in read(data)]
    theirs = [
        (one.rec_type, len(one.raw_stream.read())) for one in ArchiveIterator(BytesIO(data), no_record_parse=True)
    ]
    fast = [(str(one.record_type), len(one.reader.read())) for one in FastIterator(BytesIO(data), parse_http=False)]
    assert found == theirs == fast


def test_a_body_is_kept_up_to_what_is_wanted_and_counted_in_full() -> None:
    body = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 3_000_000
    big = raw("WARC-Type: response", f"Content-Length: {len(body)}", body=body)
    for layout in (plain, members, one_member, frames):
        found = read(layout([MADE[0], big, MADE[6]]), keep=1_000)
        assert [one.size for one in found] == [len(block(one)) for one in (MADE[0], big, MADE[6])]
        assert found[1].body == block(big)[:1_000]
        assert reported(found) == [("response", "")] * 3


GZ = [gzip.compress(one, mtime=0) for one in MADE]
SHORT = MADE[0].replace(b"Content-Length: 2", b"Content-Length: 1")
LONG = MADE[0].replace(b"Content-Length: 2", b"Content-Length: 9")
R = ("response", "")
LOST = ("", UNREADABLE)
REQUEST = ("request", "")

DAMAGES: dict[str, tuple[bytes, list[tuple[str, str]]]] = {
    "the last member cut off": (GZ[0] + GZ[4][:-200], [R, ("response", CUT_OFF)]),
    "the last member whole, and its record is not": (
        GZ[0] + gzip.compress(MADE[4][:-200]),
        [R, ("response", TRUNCATED)],
    ),
    "the last member's checksum cut off": (GZ[0] + GZ[4][:-8], [R, R]),
    "the last header cut off": (GZ[0] + GZ[4][:40], [R, ("", CUT_OFF)]),
    "a member cut off in the middle": (GZ[0] + GZ[4][:-200] + GZ[6], [R, ("response", TRUNCATED), R]),
    "a wrong checksum": (GZ[0] + GZ[4][:-6] + b"\0\0" + GZ[4][-4:] + GZ[6], [R, ("response", DAMAGED), R]),
    "garbage between members": (GZ[0] + b"garbage" + GZ[6], [R, LOST, R]),
    "a plain record behind a damaged member": (
        GZ[0] + GZ[4][:-200] + MADE[6] + GZ[1],
        [R, ("response", TRUNCATED), R, REQUEST],
    ),
    "a plain record behind a wrong checksum": (GZ[0][:-6] + b"\0\0" + GZ[0][-4:] + MADE[6], [("response", DAMAGED), R]),
    "stored records with a wrong checksum": (
        gzip.compress(MADE[0], 0)[:-6] + b"\0\0" + gzip.compress(MADE[0], 0)[-4:] + MADE[6],
        [("response", DAMAGED), R],
    ),
    "zeros between members": (GZ[0] + bytes(100) + GZ[6], [R, LOST, R]),
    "zeros at the end": (GZ[0] + bytes(100), [R, LOST]),
    "line ends between members": (GZ[0] + b"\r\n\r\n" + GZ[6], [R, R]),
    "garbage before the first member": (b"garbage" + GZ[0] + GZ[6], [LOST, R, R]),
    "a member without its magic": (GZ[0] + b"\0\0" + GZ[4][2:] + GZ[6], [R, LOST, R]),
    "a member that holds no record": (GZ[0] + gzip.compress(b"no record") + GZ[6], [R, LOST, R]),
    "an empty member": (GZ[0] + gzip.compress(b"") + GZ[6], [R, R]),
    "a plain record's length too small": (SHORT + MADE[1], [R, LOST, REQUEST]),
    "a plain record's length too large": (LONG + MADE[1] + MADE[6], [R, REQUEST, R]),
    "a plain record's length too large, and compressed ones": (LONG + GZ[1] + GZ[6] + MADE[0], [R, REQUEST, R, R]),
    "a plain record's length too large at the end": (MADE[1] + LONG, [REQUEST, ("response", CUT_OFF)]),
    "one member for all records cut off": (gzip.compress(MADE[1] + MADE[4])[:-200], [REQUEST, ("response", CUT_OFF)]),
    "a member's length too small": (gzip.compress(SHORT) + GZ[1], [R, LOST, REQUEST]),
    "a member's length too large": (gzip.compress(LONG) + GZ[1], [R, REQUEST]),
    "no length": (raw("WARC-Type: response", body=b"x") + MADE[1], [R, REQUEST]),
    "no length, and compressed records": (raw("WARC-Type: response", body=b"x") + GZ[1] + GZ[6], [R, REQUEST, R]),
    "a length that is no number": (raw("WARC-Type: response", "Content-Length: -5", body=b"x") + MADE[1], [R, REQUEST]),
    "a length of many digits": (raw("WARC-Type: response", f"Content-Length: {'9' * 99}") + MADE[1], [R, REQUEST]),
    "no type": (raw("Content-Length: 1", body=b"x") + MADE[1], [LOST, REQUEST]),
    "a header without an end": (b"WARC/1.0\r\nWARC-Type: response\r\n" + MADE[1], [LOST, REQUEST]),
    "garbage behind a body that quotes a record": (MADE[2] + b"garbage" + MADE[1], [R, LOST, REQUEST]),
    "a damaged line behind a body that quotes a record": (MADE[2] + b"V" + MADE[4][1:] + MADE[1], [R, LOST, REQUEST]),
    "garbage that leads into a record": (MADE[0] + b"garbage" + MADE[1], [R, LOST, REQUEST]),
    "line ends of one byte": (raw("WARC-Type: request", "Content-Length: 1", body=b"x").replace(b"\r", b""), [REQUEST]),
    "small letters": (raw("warc-type: REQUEST", "content-length: 1", body=b"x", version="warc/1.0"), [REQUEST]),
    "an old version": (raw("WARC-Type: request", "Content-Length: 1", body=b"x", version="WARC/0.17"), [REQUEST]),
    "another format": (b"%PDF-1.4 and so on", [("", NO_ARCHIVE)]),
    "an empty file": (b"", [("", NO_ARCHIVE)]),
    "a header that was all": (b"WARC/1.0\r\n", [LOST]),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_told_and_what_lies_around_it_is_read(damage: str) -> None:
    data, expected = DAMAGES[damage]
    found = read(data)
    assert reported(found) == expected
    assert all(one.note for one in found if one.flaw)


def test_members_that_all_lack_their_end_are_read_all_the_same() -> None:
    found = read(b"".join(one[:-9] for one in GZ) * 20)
    whole = [one.fields["warc-target-uri"] for one in found if one.kind]
    assert whole == [f"http://example.org/{n}" for n in range(len(MADE))] * 20


def test_an_arc_file_is_read_with_its_records_as_responses() -> None:
    listing = b"1 0 Archive\nURL IP-address Archive-date Content-type Archive-length\n"
    page = b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<html>"
    lines = b"filedesc://a.arc 0.0.0.0 20080430204825 text/plain %d\n%s\n" % (len(listing), listing)
    lines += b"http://example.org/a page 10.0.0.1 20080430204826 text/html %d\n%s\n" % (len(page), page)
    lines += b"http://example.org/2 10.0.0.1 19960923142103 text/html 200 - - 0 a.arc %d\n%s\n" % (len(page), page)
    found = read(lines)
    assert reported(found) == [("filedesc", ""), R, R]
    assert [one.fields["warc-target-uri"] for one in found[1:]] == ["http://example.org/a page", "http://example.org/2"]
    assert [one.fields["warc-date"] for one in found[1:]] == ["20080430204826", "19960923142103"]
    assert all(one.body == page for one in found[1:])


ARC_PAGE = b"HTTP/1.0 200 OK\nContent-Type: text/html\n\n<html>"


def arc(line: bytes, page: bytes = ARC_PAGE) -> bytes:
    """An ARC record, with %d in its line for the length."""
    return (line % len(page) if b"%d" in line else line) + b"\n" + page + b"\n"


ARC = b"http://example.org/ 10.0.0.1 20080430204826 text/html %d"


@pytest.mark.parametrize(
    "line",
    [
        b"http://example.org/ 10.0.0.1 200804 text/html %d",
        b"http://example.org/ 10.0.0.1 2008-04-30T20:48:26Z text/html %d",
        b"http://example.org/ 10.0.0.1 - text/html %d",
        b"http://example.org/ 10.0.0.1 20080430204826  %d",
        b"http://example.org/  20080430204826 text/html %d",
        b"http://example.org/ host.example.org 20080430204826 text/html %d",
        b"www.example.org/ 10.0.0.1 20080430204826 text/html %d",
        b"http://example.org/%s 10.0.0.1 20080430204826 text/html %d" % (b"u" * 9_000, len(ARC_PAGE)),
        b"http://example.org/ 10.0.0.1 20080430204826 text/html -1",
        b"http://example.org/ 10.0.0.1 20080430204826 text/html " + b"9" * 30,
    ],
    ids=str,
)
def test_an_arc_line_may_be_odd_where_one_is_due(line: bytes) -> None:
    """As warcio reads it; where the length is none, the record ends where the next one begins."""
    data = arc(ARC) + arc(line) + arc(ARC)
    for whole in (
        data,
        gzip.compress(arc(ARC)) + gzip.compress(arc(line)) + gzip.compress(arc(ARC)),
        one_member([data]),
    ):
        found = read(whole)
        assert [(one.kind, one.flaw) for one in found] == [R] * 3
        assert [one.fields["warc-target-uri"].encode() for one in found] == [
            text.split(b" ")[0] for text in (ARC, line, ARC)
        ]
        assert [one.body.strip() for one in found] == [ARC_PAGE] * 3


ARC_KINDS = {
    "a page": arc(ARC),
    "-1 above a page": arc(ARC.replace(b"%d", b"-1")),
    "-1 above an empty line": arc(ARC.replace(b"%d", b"-1"), b""),
    "-1 above the next header": arc(ARC.replace(b"%d", b"-1"), b"")[:-1],
}


@given(
    st.lists(st.sampled_from(sorted(ARC_KINDS)), min_size=1, max_size=8),
    st.sampled_from([layout for layout in LAYOUTS if layout is not pieces]),
)
def test_each_arc_header_is_a_record_whatever_its_length_says(kinds: list[str], layout: Layout) -> None:
    """With the length -1 it reaches to the next header, and no record is lost in it."""
    found = read(layout([ARC_KINDS[kind] for kind in kinds]))
    assert [one.body.strip() for one in found] == [ARC_PAGE if "page" in kind else b"" for kind in kinds]
    assert [one.note for one in found] == [
        "no Content-Length that is a number" if "-1" in kind else "" for kind in kinds
    ]


def test_what_looks_like_an_odd_arc_line_amid_a_damaged_record_is_none() -> None:
    page = b"HTTP/1.0 200 OK\n\n<p>see\n\nhttp://example.org/ is number 1 of 5\n\nTel: +1 555 123 4567 89\n"
    found = read(arc(ARC.replace(b"%d", b"999999"), page) + arc(ARC))
    assert len(found) == 2


@pytest.mark.parametrize("size", [*range(1, 24), 64, 127])
def test_records_in_blocks_that_know_nothing_of_them_are_all_read(size: int) -> None:
    """Wherever a block ends: also within the line with which a record begins."""
    found = read(blocked(plain(MADE), size))
    assert [(one.fields["warc-target-uri"], one.flaw, one.note) for one in found] == [
        (f"http://example.org/{n}", "", "") for n in range(len(MADE))
    ]
    assert [one.body for one in read(blocked(arc(ARC) * 3, size))] == [ARC_PAGE] * 3


@pytest.mark.parametrize("kinds", ["pz", "pzpz", "ppzzp", "pgzg", "pgggp"])
def test_compressed_members_are_found_behind_plain_records(kinds: str) -> None:
    pack = {"p": bytes, "g": gzip.compress, "z": zstandard.compress}
    data = b"".join(pack[kind](made) for kind, made in zip(kinds, MADE, strict=False))
    found = read(data)
    assert [(one.fields["warc-target-uri"], one.flaw) for one in found] == [
        (f"http://example.org/{n}", "") for n in range(len(kinds))
    ]
    assert all(read(data, one.offset, one.offset + one.length) == [one] for one in found)


def test_a_stretch_that_is_lost_among_plain_records_ends_where_a_compressed_member_begins() -> None:
    found = read(MADE[0] + b"lost\r\n" + gzip.compress(MADE[1]) + MADE[2])
    assert reported(found) == [R, ("", UNREADABLE), ("request", ""), R]
    assert found[1].size == len(b"lost\r\n")


@pytest.mark.parametrize("size", [10_000, 1_000_000, 10_000_000])
def test_a_header_may_be_large(size: int) -> None:
    fields = b"WARC/1.0\r\nX: " + b"y" * size + b"\r\n"
    made = MADE[0].replace(b"WARC/1.0\r\n", fields, 1)
    found = read(made + MADE[2])
    assert [one.body for one in found] == [block(MADE[0]), block(MADE[2])]


def test_an_arc_length_that_reaches_into_the_next_line_does_not_cut_it() -> None:
    page = b"HTTP/1.0 200 OK\n\n<html>"
    line = b"http://example.org/ 10.0.0.1 20080430204826 text/html %d\n%s\n"
    found = read(line % (len(page) + 2, page) + line % (len(page), page))
    assert [one.fields["warc-target-uri"] for one in found] == ["http://example.org/"] * 2


def damaged(data: bytes, how: str, at: int, size: int) -> tuple[bytes, int, int]:
    """The archive with bytes changed, lost, added or cut off, and which of its bytes that touched."""
    end = min(at + size, len(data))
    if how == "flip":
        return data[:at] + bytes([data[at] ^ (1 << size % 8)]) + data[at + 1 :], at, at + 1
    if how == "zero":
        return data[:at] + bytes(end - at) + data[end:], at, end
    if how == "lose":
        return data[:at] + data[end:], at, end
    if how == "add":
        return data[:at] + b"\x8e\x00<garbage>\n"[: size % 11 + 1] + data[at:], at, at
    return data[:at], at, len(data)


@settings(max_examples=300)
@given(
    st.sampled_from([plain, members, frames, mixed]),
    st.sampled_from(["flip", "zero", "lose", "add", "cut"]),
    st.integers(0, 1 << 30),
    st.integers(0, 700),
)
def test_no_damage_hides_the_records_that_it_does_not_touch(layout: Layout, how: str, at: int, size: int) -> None:
    parts = [layout([one]) for one in MADE] if layout is not mixed else [mixed(MADE[:2]), mixed(MADE[2:])]
    groups = [[one] for one in MADE] if layout is not mixed else [MADE[:2], MADE[2:]]
    whole = b"".join(parts)
    data, first, last = damaged(whole, how, at % len(whole), size)
    found = read(data)
    sound = {one.body for one in found if one.kind == "response" and not one.flaw}
    place = 0
    for part, group in zip(parts, groups, strict=True):
        if place + len(part) <= first or place >= last:
            assert {block(one) for one in group if b"WARC-Type: response" in one} <= sound
        place += len(part)
    for one in found:
        if one.length:
            (again,) = read(data, one.offset, one.offset + one.length)
            # by itself, the beginning of a member behind plain bytes is known for one
            flaw = CUT_OFF if (again.flaw, one.flaw) == (CUT_OFF, UNREADABLE) else one.flaw
            assert again == (replace(one, note=again.note, size=again.size, flaw=flaw) if layout is mixed else one)


@settings(max_examples=80)
@given(st.sampled_from([one_member, pieces]), st.integers(0, 1 << 30), st.sampled_from(["flip", "lose", "cut"]))
def test_records_before_the_damage_are_read_where_members_hold_many(layout: Layout, at: int, how: str) -> None:
    made = MADE * 3
    whole = layout(made)
    data, first, _ = damaged(whole, how, at % len(whole), 40)
    before = read(whole[:first])
    whole_before = [one for one in before if one.kind and not one.flaw and not one.note][:-1]
    found = read(data)
    assert [one.body for one in found][: len(whole_before)] == [one.body for one in whole_before]
    assert len(found) == len(made) or any(one.flaw or one.note for one in found)


@settings(max_examples=100)
@given(st.binary(max_size=2000))
def test_any_bytes_are_read_to_their_end(data: bytes) -> None:
    found = read(data)
    assert found
    assert all(one.offset + one.length <= len(data) for one in found if one.length)


@settings(max_examples=100)
@given(
    st.lists(st.sampled_from([b"WARC/1.0\r\n", b"\r\n", b"\n", b"a: b\r\n", b"Content-Length: 9\r\n", b"xWARC/1.1\n"]))
)
def test_every_byte_of_a_plain_file_but_line_ends_is_in_one_record_or_stretch(lines: list[bytes]) -> None:
    data = b"".join(lines)
    place = 0
    for one in read(data):
        assert not data[place : one.offset].strip(b"\r\n")
        place = one.offset + one.length
    assert not data[place:].strip(b"\r\n")


HOSTILE = {
    "lengths that reach to the end": (raw("WARC-Type: response", "Content-Length: 9999999", body=b"x")) * 4_000,
    "headers that never end": b"WARC/1.0\r\na:\r\n" * 20_000,
    "records within lines": b"xWARC/1.0\na:" * 20_000,
    "beginnings of members": b"\x1f\x8b\x08\x00" * 60_000,
    "beginnings of frames": b"\x28\xb5\x2f\xfd" * 20_000,
    "members that cover others": (
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x00\xe8\xfd\x17\x02WARC/1.0\r\nWARC-Type: response\r\n\r\n"
    )
    * 5_000,
    "records within a damaged member": (
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xff" + b"WARC/1.0\r\nContent-Length: 2000\r\n\r\n" * 80_000
    ),
    "lines nearly those of ARC": (b"http://a " + b"1 11111111 x " * 300 + b"\n") * 60,
    "lines nearly those of an odd ARC": (arc(ARC, b"") + b"http://" + b"a" * 16_000 + b" 1" * 900 + b" \n") * 60,
    "headers of many fields": (b"WARC/1.0\r\n" + b"warc-type:\r\n a\r\n" * 400_000 + b"\r\n") * 2,
    "plain records and beginnings of members": (MADE[3] + b"\x1f\x8b\x08\x00" * 20) * 2_000,
    "blocks of a byte": blocked(b"http://example.org/ " * 500, 1),
    "line ends": b"\n" * 3_000_000,
    "a bomb": gzip.compress(raw("WARC-Type: response", "Content-Length: 9", body=bytes(100_000_000)), 1),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_read_in_linear_time(name: str) -> None:
    began = time.process_time()
    assert read(HOSTILE[name])
    assert time.process_time() - began < 8


@pytest.mark.parametrize("length", [5, 20 * 2**30])
@pytest.mark.parametrize(("swollen", "pack"), [(swollen_member, gzip.compress), (swollen_frame, zstandard.compress)])
def test_a_bomb_costs_its_own_record(
    swollen: Callable[[bytes], bytes], pack: Callable[[bytes], bytes], length: int
) -> None:
    """It is left when the file has unpacked to far more than archives do, and is reported; what follows is found."""
    head = b"WARC/1.0\r\nWARC-Type: response\r\nContent-Length: %d\r\n\r\n" % length
    data = pack(MADE[0]) + swollen(head) + pack(MADE[-1])
    began = time.process_time()
    found = read(data)
    assert time.process_time() - began < 8
    assert (found[0].flaw, found[-1].flaw) == ("", "")
    assert [one.body for one in (found[0], found[-1])] == [block(MADE[0]), block(MADE[-1])]
    assert [one.note for one in found if BOMB in one.note] and sum(bool(one.flaw) for one in found) == 1


def test_archives_that_swell_are_read_if_they_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records of a thousand times their bytes are no bomb until there is more of them than archives unpack to."""
    blank = record(1, bytes(1_000_000))
    data = members([blank] * 30)
    assert [one.flaw for one in read(data)] == [""] * 30
    monkeypatch.setattr(blocks, "UNPACKED", 1 << 23)
    flaws = [one.flaw for one in read(data)]
    assert flaws[:8] == [""] * 8
    assert set(flaws[20:]) == {DAMAGED}
    assert len(flaws) == 30


def test_a_file_that_cannot_be_read_is_a_storage_error() -> None:
    class Failing(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            del size
            raise OSError(5, "Input/output error")

    with pytest.raises(StorageError, match=r"far/away\.warc: Input/output error"):
        list(records(Blocks(Failing(b"WARC/1.0"), "far/away.warc"), "response", 100))


def test_a_file_that_becomes_shorter_is_a_storage_error() -> None:
    stream = BytesIO(plain(MADE))
    found = records(Blocks(stream, "x.warc", 100, None), "response", 100)
    stream.truncate(50)
    with pytest.raises(StorageError, match="became shorter"):
        list(found)
