"""WARC fields, ARC dates, HTTP messages."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from refinery.stages._warc.headers import content_length, message, record_uuid, rights, seconds, warc_fields


def moment(*parts: int) -> int:
    """Seconds since 1970 of a UTC date."""
    year, month, day, *rest = parts
    return int(datetime(year, month, day, *rest, tzinfo=UTC).timestamp())  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-03-01T12:00:01Z", moment(2024, 3, 1, 12, 0, 1)),
        ("2016-01-11T23:24:25.412030Z", moment(2016, 1, 11, 23, 24, 25)),
        ("2016-01-11T23:24:25.123456789Z", moment(2016, 1, 11, 23, 24, 25)),
        ("2016-01-11T23:24:25+02:00", moment(2016, 1, 11, 21, 24, 25)),
        ("2016-01-11T23:24:25-0130", moment(2016, 1, 12, 0, 54, 25)),
        ("2008-04-30t20:48:25z", moment(2008, 4, 30, 20, 48, 25)),
        ("2016-01-11", moment(2016, 1, 11)),
        ("2016-01", moment(2016, 1, 1)),
        ("2016", moment(2016, 1, 1)),
        ("20080430204825", moment(2008, 4, 30, 20, 48, 25)),
        ("1969-12-31T23:59:59Z", -1),
        ("0001-01-01T00:00:00+02:00", None),
        ("2016-13-01T00:00:00Z", None),
        ("2016-02-30", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates_of_any_precision_become_seconds_and_others_nothing(text: str, expected: int | None) -> None:
    assert seconds(text) == expected


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)))  # noqa: DTZ001 - UTC is added
def test_every_date_that_can_be_written_is_read(date: datetime) -> None:
    assert seconds(date.isoformat(timespec="seconds") + "Z") == int(date.replace(tzinfo=UTC, microsecond=0).timestamp())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<urn:uuid:1a59c5c8-d806-4cdb-83aa-b21495d11063>", UUID("1a59c5c8-d806-4cdb-83aa-b21495d11063").bytes),
        ("urn:uuid:1A59C5C8-D806-4CDB-83AA-B21495D11063", UUID("1a59c5c8-d806-4cdb-83aa-b21495d11063").bytes),
        ("<urn:uuid:1a59c5c8>", None),
        ("<urn:sha1:ABC>", None),
        ("", None),
    ],
)
def test_a_record_id_is_the_one_uuid_in_it(text: str, expected: bytes | None) -> None:
    assert record_uuid(text) == expected


def test_a_length_is_a_number_of_plain_digits() -> None:
    assert [content_length(text) for text in ("12", "0", "", "-1", "1e3", "٣", "9" * 16)] == [12, 0] + [None] * 5


def test_fields_are_folded_trimmed_and_the_first_of_a_name_counts() -> None:
    block = (
        b"WARC/1.0\r\nWARC-Type: response\r\nwarc-type : x\r\nOther: y\r\nWARC-Date: a\r\n\tb\r\n  c\r\n"
        b"no field\r\n: none\r\nURI:\r\n\r\n"
    )
    assert warc_fields(block) == {"warc-type": "response", "warc-date": "a b c", "uri": ""}


def test_field_values_are_utf8_and_broken_ones_still_text() -> None:
    assert warc_fields("WARC/1.0\nURI: é\n\n".encode()) == {"uri": "é"}
    assert warc_fields(b"WARC/1.0\nURI: \xff\n\n") == {"uri": "\ufffd"}


@pytest.mark.parametrize(
    ("block", "status", "payload"),
    [
        (b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody", 200, b"body"),
        (b"HTTP/1.1 301\r\n\r\nbody", 301, b"body"),
        (b"HTTP/1.0 200 Document follows\nA: b\n\nbody\n\n", 200, b"body\n\n"),
        (b"HTTP/2 404 \r\r\nA: b\r\r\n\r\r\nbody", 404, b"body"),
        (b"http/1.1 200 ok\r\n\r\n", 200, b""),
        (b"HTTP/1.1 200 OK", 200, b""),
        (b"HTTP/1.1 200 OK\r\nA: b", 200, b""),
        (b"\r\nHTTP/1.1 200 OK\r\n\r\nx", 200, b"x"),
        (b"HTTP 200 OK\r\n\r\nx", 200, b"x"),
        (b"HTTP/1.x 200 OK\r\n\r\nx", 200, b"x"),
        (b"ICY 200 OK\r\n\r\nx", 200, b"x"),
        (b"HTTP/1.1 200 " + b"r" * 9_000 + b"\r\n\r\nx", 200, b"x"),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n \r\n<p>", 200, b"<p>"),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n \r\nC: d\r\n\r\n<p>", 200, b"<p>"),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n<!DOCTYPE html>\n\n<p>", 200, b"<!DOCTYPE html>\n\n<p>"),
        (b"HTTP/1.0 200 OK\n<html>\n\nx: y", 200, b"<html>\n\nx: y"),
        (b"HTTP/1.1 200 OK\r\n<b>: x\r\nA: b\r\n\r\n<p>", 200, b"<p>"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"b" * 1_000_000 + b"\r\n\r\nx", 200, b"x"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nx", 200, b"x"),
        (b"HTTP/1.1 100\r\n\r\nHTTP/1.1 103\r\nLink: x\r\n\r\nHTTP/1.1 404 No\r\n\r\nx", 404, b"x"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", 100, b""),
        (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 404 No\r\n\r\nx", 200, b"HTTP/1.1 404 No\r\n\r\nx"),
    ],
)
def test_a_response_is_its_status_and_what_follows_its_header(block: bytes, status: int, payload: bytes) -> None:
    found = message(block)
    assert found is not None
    assert (found.status, found.payload) == (status, payload)


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"<html>",
        b"HTTP/1.1",
        b"HTTP/1.1 20\r\n\r\n",
        b"HTTP/1.1 2000\r\n\r\n",
        b"GET /",
        b"HTTPS 20\r\n\r\n",
        b"ICY",
    ],
)
def test_what_has_no_status_line_is_no_response(block: bytes) -> None:
    assert message(block) is None


def test_all_values_of_a_field_are_kept_and_names_have_no_case() -> None:
    found = message(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nCONTENT-encoding: gzip\r\n\r\n")
    assert found is not None
    assert found.fields["content-encoding"] == ["br", "gzip"]
    assert (found.values("content-encoding")[0], found.values("none")) == ("gzip", ())


def test_fields_that_state_rights_are_lines_by_name() -> None:
    """A field Link counts if it is about a licence or mining; empty fields and all others do not."""
    fields = b"Link: </x>; rel=next\r\nTDM-Policy: /p\r\nX-Robots-Tag: noai\r\nx-robots-tag: googlebot: noindex\r\n"
    found = message(b"HTTP/1.1 200 OK\r\n" + fields + b"Server: robots\r\nlink: </l>; rel=license\r\n\r\n")
    assert found is not None
    lines = ["x-robots-tag: noai", "x-robots-tag: googlebot: noindex", "tdm-policy: /p", "link: </l>; rel=license"]
    assert rights(found) == "\n".join(lines)
    empty = message(b"HTTP/1.1 200 OK\r\nX-Robots-Tag:\r\n\r\n")
    assert empty is not None and rights(empty) is None
