"""The source stage ``warc``: every record one outcome, on made archives and on real ones."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from fastwarc.warc import ArchiveIterator as FastIterator
from hypothesis import given, settings, strategies as st
from warcio.archiveiterator import ArchiveIterator

from refinery.errors import StorageError
from refinery.kernels import unpacked
from refinery.kernels.reference.labels import decoder
from refinery.stage.base import Records
from refinery.stage.documents import HTML, POINTER, document_ids, file_identity
from refinery.stages._warc.blocks import Blocks
from refinery.stages._warc.headers import message, record_uuid
from refinery.stages._warc.pages import OUTCOMES
from refinery.stages._warc.records import records
from refinery.stages.warc import Warc
from refinery.store import LocalStore
from tests.stages.warc.archives import HTML as HTML_HEADER, LAYOUTS, members, one_member, raw, record

STORE = LocalStore()
Layout = Callable[[Sequence[bytes]], bytes]
PAGE = "<html><p>Grüße</p></html>"


def rows(batches: Iterator[Records]) -> list[dict[str, Any]]:
    """The rows of all batches, columns and metrics in one; ``skipped`` is left out."""
    found = []
    for batch in batches:
        found += pa.table({**batch.columns, **batch.metrics}).to_pylist()
    return found


def read(path: Path, data: bytes | None = None, stage: Warc | None = None) -> tuple[list[dict[str, Any]], Counter[str]]:
    """The rows of a file, written first if data is given, and what was skipped."""
    if data is not None:
        path.write_bytes(data)
    batches = list((stage or Warc()).read(str(path), STORE))
    skipped: Counter[str] = Counter()
    for batch in batches:
        skipped.update(batch.skipped)
    return rows(iter(batches)), skipped


def http(head: str, body: bytes, uri: str = "WARC-Target-URI: http://example.org/") -> bytes:
    """A response record with just this HTTP message."""
    block = head.encode().replace(b"\n", b"\r\n") + b"\r\n\r\n" + body
    return raw(
        "WARC-Type: response", uri, "WARC-Date: 2024-03-01T12:00:00Z", f"Content-Length: {len(block)}", body=block
    )


OK = "HTTP/1.1 200 OK"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20

FATE_OF: dict[str, tuple[bytes, str]] = {
    "html": (http(f"{OK}\nContent-Type: text/html", PAGE.encode()), "ok"),
    "xhtml": (http(f"{OK}\nContent-Type: Application/XHTML+XML; charset=utf-8", PAGE.encode()), "ok"),
    "html without a type": (http(OK, b"\n<!DOCTYPE html><p>x"), "ok"),
    "html with a type that is none": (http(f"{OK}\nContent-Type: html", b"<html>"), "ok"),
    "html of a type that is unknown": (http(f"{OK}\nContent-Type: unknown/unknown", b"<html>"), "ok"),
    "words of a type that is unknown": (http(f"{OK}\nContent-Type: application/unknown", b"words"), "media_type"),
    "html before a type that is none": (http(f"{OK}\nContent-Type: text/html\nContent-Type: x", b"<nav>"), "ok"),
    "html before another type": (http(f"{OK}\nContent-Type: text/html\nContent-Type: image/png", PNG), "media_type"),
    "xhtml without a type": (http(OK, b'<?xml version="1.0"?>\n<html xmlns="x">'), "ok"),
    "not html, without a type": (http(OK, b"just words"), "media_type"),
    "an image": (http(f"{OK}\nContent-Type: image/png", PNG), "media_type"),
    "plain text": (http(f"{OK}\nContent-Type: text/plain", PAGE.encode()), "media_type"),
    "an image said to be html": (http(f"{OK}\nContent-Type: text/html", PNG), "encoding"),
    "not found": (http("HTTP/1.1 404 Not Found\nContent-Type: text/html", PAGE.encode()), "status"),
    "moved": (http("HTTP/1.1 301\nLocation: /", b""), "status"),
    "partial": (http("HTTP/1.1 206 Partial Content\nContent-Type: text/html", PAGE.encode()), "status"),
    "empty": (http(f"{OK}\nContent-Type: text/html", b""), "empty"),
    "blank": (http(f"{OK}\nContent-Type: text/html", b" \r\n"), "empty"),
    "no message": (http("Hello", b"world"), "no_http"),
    "no address": (http(f"{OK}\nContent-Type: text/html", PAGE.encode(), uri="X: y"), "no_url"),
    "broken gzip": (http(f"{OK}\nContent-Type: text/html\nContent-Encoding: gzip", b"\x1f\x8b\x08\0\xff"), "encoding"),
    "too large": (http(f"{OK}\nContent-Type: text/html", b"<p>" + b"x" * 70_000), "too_large"),
    "a bomb": (
        http(f"{OK}\nContent-Type: text/html\nContent-Encoding: gzip", gzip.compress(b"x" * 70_000)),
        "too_large",
    ),
    "beyond all thresholds": (http(f"{OK}\nContent-Type: text/html", b"<p>" + b"x" * 700_000), "too_large"),
    "cut off": (http(f"{OK}\nContent-Type: text/html", PAGE.encode())[:-20], "cut_off"),
    "its end missing": (gzip.compress(http(f"{OK}\nContent-Type: text/html", PAGE.encode())[:-20]), "truncated"),
    "a part of a record": (
        http(f"{OK}\nContent-Type: text/html", PAGE.encode()).replace(b"\r\n", b"\r\nWARC-Segment-Number: 1\r\n", 1),
        "segmented",
    ),
    "no type": (raw("Content-Length: 0"), "unreadable"),
    "no archive": (b"PK\x03\x04", "not_an_archive"),
    "nothing": (b"", "not_an_archive"),
}


@pytest.mark.parametrize("case", FATE_OF)
def test_a_record_has_one_outcome_and_only_documents_have_html(tmp_path: Path, case: str) -> None:
    data, outcome = FATE_OF[case]
    found, skipped = read(tmp_path / "a.warc", data, Warc(max_payload=65_536))
    assert [row["outcome"] for row in found] == [outcome]
    assert not skipped
    assert (found[0]["html"] is not None) == (found[0]["digest"] is not None) == (outcome == "ok")


def test_a_checksum_that_fails_is_damage(tmp_path: Path) -> None:
    data = bytearray(members([record(1)]))
    data[-6] ^= 1
    found, _ = read(tmp_path / "a.warc.gz", bytes(data))
    assert [(row["outcome"], row["note"]) for row in found] == [("damaged", "gzip: incorrect data check")]


def digests(kind: str, data: bytes) -> list[str]:
    """The digest of some bytes in every way that it is written."""
    digest = hashlib.new(kind, data).digest()
    written = (base64.b32encode, base64.b16encode, base64.b64encode)
    found = [f"{kind}:{encode(digest).decode()}" for encode in written]
    return [*found, *(f"{kind.upper()}:{digest.hex()}", f"sha-1:{digest.hex()}" if kind == "sha1" else found[0])]


PACKED = gzip.compress(PAGE.encode(), mtime=0)
CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(PACKED), PACKED)


@pytest.mark.parametrize("kind", ["sha1", "sha256", "md5", "sha512"])
@pytest.mark.parametrize("covered", [PAGE.encode(), PACKED, CHUNKED], ids=["page", "packed", "stored"])
def test_a_digest_is_checked_where_that_is_asked_for(tmp_path: Path, kind: str, covered: bytes) -> None:
    head = f"{OK}\nContent-Type: text/html\nContent-Encoding: gzip\nTransfer-Encoding: chunked"
    for name, true, false in (
        ("WARC-Payload-Digest", digests(kind, covered), digests(kind, covered + b" ")),
        (
            "WARC-Block-Digest",
            digests(kind, head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + CHUNKED),
            digests(kind, b""),
        ),
    ):
        for values, outcome in ((true, "ok"), (false, "digest")):
            made = [
                http(head, CHUNKED, uri=f"WARC-Target-URI: http://a.example/\r\n{name}: {value}") for value in values
            ]
            found, _ = read(tmp_path / "a.warc.gz", members(made), Warc(check_digests=True))
            assert [row["outcome"] for row in found] == [outcome] * len(made)
            found, _ = read(tmp_path / "a.warc.gz", members(made))
            assert [row["outcome"] for row in found] == ["ok"] * len(made)


@pytest.mark.parametrize("digest", ["sha1:", "crc32:00", "sha1:XYZ", "urn:sha1:AAAA", "sha1:\u00c4\u0416", ""])
def test_what_is_no_digest_is_held_against_nothing(tmp_path: Path, digest: str) -> None:
    made = http(f"{OK}\nContent-Type: text/html", b"<p>", uri=f"uri: http://a.example/\r\nWARC-Block-Digest: {digest}")
    found, _ = read(tmp_path / "a.warc", made, Warc(check_digests=True))
    assert [row["outcome"] for row in found] == ["ok"]


def test_every_outcome_but_ok_has_a_rule_that_removes_just_its_records(tmp_path: Path) -> None:
    outcomes = pa.array(["ok", *(outcome for outcome, _ in OUTCOMES)])
    removed = [rule.violated(outcomes).to_pylist().index(True) for rule in Warc().rules()]
    assert removed == list(range(1, len(OUTCOMES) + 1))
    assert all(sum(rule.violated(outcomes).to_pylist()) == 1 and rule.because for rule in Warc().rules())
    assert {outcome for _, outcome in FATE_OF.values()} | {"damaged", "digest"} == set(outcomes.to_pylist())


def test_what_is_learnt_of_a_page_is_stored(tmp_path: Path) -> None:
    page = record(7, PAGE.encode("cp1252"), headers=[("Content-Type", "text/HTML; charset=ISO-8859-1")])
    (found,), _ = read(tmp_path / "a.warc.gz", members([page]))
    size = (tmp_path / "a.warc.gz").stat().st_size
    assert found.pop("digest")
    assert (
        found.pop("id")
        == document_ids(
            file_identity("a.warc.gz", (tmp_path / "a.warc.gz").read_bytes()), pa.array([0]), pa.array([size])
        )[0].as_py()
    )
    assert found.pop("date").isoformat() == "2024-03-01T12:00:00+00:00"
    assert found == {
        "url": "http://example.org/7",
        "warc": str(tmp_path / "a.warc.gz"),
        "offset": 0,
        "length": size,
        "html": PAGE,
        "outcome": "ok",
        "payload": len(PAGE.encode("cp1252")),
        "status": 200,
        "media_type": "text/html",
        "charset": "cp1252",
        "charset_found": "header",
        "charset_declared": "ISO-8859-1",
        "note": None,
        "rights": None,
        "record_id": (7).to_bytes(16),
    }


def test_columns_and_facts_have_their_declared_types(tmp_path: Path) -> None:
    (tmp_path / "a.warc").write_bytes(record(1) + FATE_OF["no type"][0])
    (batch,) = Warc().read(str(tmp_path / "a.warc"), STORE)
    assert {name: column.type for name, column in batch.columns.items()} == {f.name: f.type for f in (*POINTER, HTML)}
    assert {name: column.type for name, column in batch.metrics.items()} == {
        f.name: f.type for f in Warc.metrics_type()
    }
    for column in batch.columns.values():
        column.validate(full=True)


def test_records_that_are_no_documents_are_counted_by_type(tmp_path: Path) -> None:
    kinds = ["warcinfo", "metadata", "metadata", "resource", "revisit", "conversion", "continuation", "RESOURCE", "odd"]
    data = b"".join(raw(f"WARC-Type: {kind}", "Content-Length: 1", body=b"x") for kind in kinds)
    found, skipped = read(tmp_path / "a.warc", data)
    assert found == []
    assert skipped == Counter(kind.lower() if kind != "odd" else "unknown type" for kind in kinds)


def test_the_payload_type_that_the_crawler_found_outdoes_the_header(tmp_path: Path) -> None:
    fields = {"WARC-Identified-Payload-Type": "application/xhtml+xml"}
    html = record(1, PAGE.encode(), headers=[("Content-Type", "text/plain")], fields=fields)
    other = record(2, PAGE.encode(), fields={"WARC-Identified-Payload-Type": "application/pdf"})
    found, _ = read(tmp_path / "a.warc", html + other)
    assert [(row["outcome"], row["media_type"]) for row in found] == [
        ("ok", "application/xhtml+xml"),
        ("media_type", "application/pdf"),
    ]


@pytest.mark.parametrize("name", ["<urn:none>", "<urn:uuid:00000000-0000-0000-0000-0000000000af>"])
def test_a_document_is_its_file_and_where_in_it_its_record_lies(tmp_path: Path, name: str) -> None:
    """Ids stay where a file is moved, and are others in another file, whatever record ids its records have."""
    made = b"".join(record(n, fields={"WARC-Record-ID": name}) for n in range(3))
    (tmp_path / "other").mkdir()
    found = [read(tmp_path / path, made)[0] for path in ("a.warc", "other/a.warc", "b.warc")]
    found.append(read(tmp_path / "other" / "b.warc", made + record(4))[0])
    first, moved, renamed, longer = ([row["id"] for row in rows] for rows in found)
    assert first == moved
    assert len({*first, *renamed, *longer}) == 3 + 3 + 4
    assert {row["record_id"] for row in found[0]} == {record_uuid(name)}


SMALL = [data for data, _ in FATE_OF.values() if len(data) < 5_000]


@given(st.lists(st.integers(0, len(SMALL) - 1), max_size=6), st.sampled_from(LAYOUTS), st.integers(0, 1 << 16))
@settings(max_examples=100)
def test_no_two_rows_of_a_file_have_one_id(chosen: list[int], layout: Layout, cut: int) -> None:
    """Whatever the records are, however they are packed, and wherever the file breaks off."""
    data = layout([SMALL[number] for number in chosen])
    with TemporaryDirectory() as folder:
        found, _ = read(Path(folder) / "a.warc.gz", data[: max(1, len(data) - cut % (len(data) + 1))])
    assert len({row["id"] for row in found}) == len(found) > 0


def test_an_address_is_taken_from_old_headers_and_out_of_angle_brackets(tmp_path: Path) -> None:
    head = f"{OK}\nContent-Type: text/html"
    data = http(head, b"<p>", uri="uri: http://old.example/") + http(
        head, b"<p>", uri="WARC-Target-URI: <http://b.example/>"
    )
    found, _ = read(tmp_path / "a.warc", data)
    assert [row["url"] for row in found] == ["http://old.example/", "http://b.example/"]


def test_a_date_that_is_none_is_null_and_noted(tmp_path: Path) -> None:
    (found,), _ = read(tmp_path / "a.warc", record(1, fields={"WARC-Date": "last week"}))
    assert (found["outcome"], found["date"], found["note"]) == ("ok", None, "no date in 'last week'")


def test_a_file_is_read_in_batches_of_bounded_size(tmp_path: Path) -> None:
    made = [record(n) for n in range(600)]
    (tmp_path / "a.warc").write_bytes(b"".join(made))
    sizes = [len(batch.columns["id"]) for batch in Warc().read(str(tmp_path / "a.warc"), STORE)]
    assert sizes == [256, 256, 88]
    big = http(f"{OK}\nContent-Type: text/html", b"<p>" + b"x" * 6_000_000)
    (tmp_path / "b.warc").write_bytes(big * 7)
    sizes = [len(batch.columns["id"]) for batch in Warc().read(str(tmp_path / "b.warc"), STORE)]
    assert sizes == [3, 3, 1]


def test_a_pointer_that_leads_nowhere_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "a.warc").write_bytes(record(1))
    for offset, length in ((10_000, 100), (3, 0)):
        with pytest.raises(StorageError, match="no record at"):
            Warc().read_one(str(tmp_path / "a.warc"), offset, length, STORE)


def test_a_file_that_is_missing_or_forbidden_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"a\.warc"):
        list(Warc().read(str(tmp_path / "a.warc"), STORE))
    (tmp_path / "b.warc").write_bytes(record(1))
    (tmp_path / "b.warc").chmod(0)
    if not os.access(tmp_path / "b.warc", os.R_OK):
        with pytest.raises(StorageError, match="Permission denied"):
            list(Warc().read(str(tmp_path / "b.warc"), STORE))


def read_one_equals(path: Path, found: list[dict[str, Any]]) -> None:
    """Every row is what its own pointer gives."""
    for row in found:
        assert rows(iter([Warc().read_one(str(path), row["offset"], row["length"], STORE)])) == [row]


def test_a_row_can_be_read_again_by_its_pointer_even_within_a_shared_member(tmp_path: Path) -> None:
    made = [record(n, PAGE.encode(), headers=HTML_HEADER) for n in range(5)]
    for number, data in enumerate((members(made), one_member(made), b"".join(made), members(made)[:-99] + b"junk")):
        path = tmp_path / f"{number}.warc"
        found, _ = read(path, data)
        assert len(found) >= 5
        read_one_equals(path, found)


# ---- real archives


@pytest.fixture(scope="module")
def pages(corpus: Path) -> dict[str, tuple[list[dict[str, Any]], Counter[str]]]:
    """What is read from the six files of real pages, by file name."""
    paths = Warc().list_inputs(str(corpus / "pages"), STORE)
    return {Path(path).name: read(Path(path)) for path in paths}


def test_all_records_of_the_real_pages_are_accounted_for(pages: dict[str, Any]) -> None:
    skipped: Counter[str] = sum((counts for _, counts in pages.values()), Counter())
    assert len(pages) == 6
    assert sum(len(found) for found, _ in pages.values()) == 2_226
    assert skipped == {"request": 1_473, "metadata": 1_473, "warcinfo": 5}


def manifest(corpus: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """The known metrics of the real pages by file name and offset."""
    with gzip.open(corpus / "pages" / "manifest.jsonl.gz", "rt", encoding="utf-8") as lines:
        return {(known["warc"], known["offset"]): known for known in map(json.loads, lines)}


def test_the_real_pages_lie_where_the_manifest_says(corpus: Path, pages: dict[str, Any]) -> None:
    known = manifest(corpus)
    found = {(name, row["offset"]): row for name, (batch, _) in pages.items() for row in batch}
    assert {place: (row["url"], row["length"]) for place, row in found.items()} == {
        place: (line["url"], line["length"]) for place, line in known.items()
    }
    assert all(row["outcome"] == "ok" and row["html"] for row in found.values())
    assert len({row["id"] for row in found.values()}) == len(found)


def test_the_real_pages_are_read_in_the_charset_that_the_manifest_names(corpus: Path, pages: dict[str, Any]) -> None:
    """Unless their bytes are UTF-8 and the manifest says otherwise, or are not and it says UTF-8."""
    known = manifest(corpus)
    differ = []
    for name, (batch, _) in pages.items():
        for row in batch:
            label = decoder(known[name, row["offset"]]["charset"])
            if row["charset"] != label and not row["html"].isascii():
                differ.append((label, row["charset"], row["charset_found"]))
    mislabelled = [one for one in differ if one[1] == "utf-8" or one[0] == "utf-8"]
    assert len(differ) - len(mislabelled) <= 1
    assert len(mislabelled) <= 40


def test_the_html_of_the_real_pages_is_the_bytes_that_warcio_gives(corpus: Path, pages: dict[str, Any]) -> None:
    """The codings undone by warcio, the text decoded by Python: the text must be the same wherever the payload is UTF-8."""
    compared = 0
    for name in ("dev-w11-00000.warc.gz", "dev-00001.warc.gz"):
        found = iter(pages[name][0])
        with (corpus / "pages" / name).open("rb") as stream:
            for theirs in ArchiveIterator(stream):
                if theirs.rec_type == "response":
                    ours = next(found)
                    payload = theirs.content_stream().read()
                    if ours["charset"] == "utf-8":
                        assert ours["html"] == payload.decode("utf-8-sig", "replace").replace("\0", "")
                        compared += 1
    assert compared > 400


def test_the_records_of_the_real_pages_are_those_of_fastwarc(corpus: Path) -> None:
    """Type, place and every byte, with its decoding off (in 2.0.1 ``auto_decode="all"`` ends a file early)."""
    for path in sorted((corpus / "pages").glob("dev-[we]*.warc.gz")):
        with path.open("rb") as ours, path.open("rb") as theirs:
            fast = FastIterator(theirs, parse_http=False)
            places = []
            for one, other in zip(records(Blocks(ours, str(path)), "response", 1 << 26), fast, strict=True):
                body = other.reader.read()
                assert (one.offset, one.kind, one.size) == (other.stream_pos, str(other.record_type), len(body))
                assert one.body in (body, b"")
                places += [one.offset, one.offset + one.length]
            assert all(end == begin for end, begin in list(pairwise(places))[1::2])
            assert places[-1] == path.stat().st_size


def test_a_real_page_is_read_again_by_its_pointer(corpus: Path, pages: dict[str, Any]) -> None:
    name = "dev-w11-00000.warc.gz"
    read_one_equals(corpus / "pages" / name, pages[name][0])


def test_the_codings_of_real_pages_are_undone_without_a_note(corpus: Path) -> None:
    coded = 0
    with (corpus / "pages" / "dev-w11-00000.warc.gz").open("rb") as stream:
        for one in records(Blocks(stream, "w11"), "response", 1 << 24):
            found = message(one.body)
            if found and {"transfer-encoding", "content-encoding"} & set(found.fields):
                codings = (found.fields.get(name, ()) for name in ("transfer-encoding", "content-encoding"))
                assert unpacked(found.payload, *codings, 1 << 24).notes == ()
                coded += 1
    assert coded > 100
