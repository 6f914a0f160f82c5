"""The S3 store against a real server: listing, ranges, parts, conditions, and errors that name the path and the fix."""

from __future__ import annotations

import hashlib
import io
import os
import random
import sys
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from refinery.errors import StorageError, UsageError
from refinery.store import S3Store, Stat, configure, s3_parts, s3_requests, store_for, taken, web
from refinery.store.remote import Version
from refinery.store.responses import Response, threads
from refinery.store.retry import Transient
from refinery.store.s3 import S3LeaseFile
from tests.storage.conftest import fresh
from tools.s3server import KEY, SECRET

STORE = S3Store()

NAMES = ("b.gz", "a.gz", "notes.txt", "deep/c.gz", "deep/er/d.gz", "odd[1].gz", ".hidden.gz", "ü ?&%41+.gz")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.gz", ["a.gz", "b.gz", "odd[1].gz", "ü ?&%41+.gz"]),
        ("**/*.gz", ["a.gz", "b.gz", "deep/c.gz", "deep/er/d.gz", "odd[1].gz", "ü ?&%41+.gz"]),
        ("deep/**", ["deep/c.gz", "deep/er/d.gz"]),
        ("*/?.gz", ["deep/c.gz"]),
        ("[ab].gz", ["a.gz", "b.gz"]),
        (".h*", [".hidden.gz"]),
        ("a.gz", ["a.gz"]),
        ("deep", ["deep/c.gz", "deep/er/d.gz"]),
        ("dee", []),
        ("odd[1].gz", ["odd[1].gz"]),
        ("none.gz", []),
        ("none/*", []),
    ],
)
def test_list(bucket: str, pattern: str, expected: list[str], tmp_path: Path) -> None:
    """The same files as of a local folder, sorted."""
    local = store_for(str(tmp_path))
    for name in NAMES:
        STORE.put(f"{bucket}/{name}", name.encode())
        local.put(f"{tmp_path}/{name}", name.encode())
    assert STORE.list(f"{bucket}/{pattern}") == [f"{bucket}/{name}" for name in expected]
    assert local.list(f"{tmp_path}/{pattern}") == [f"{tmp_path}/{name}" for name in expected]
    assert [STORE.read(f"{bucket}/{name}") for name in expected] == [name.encode() for name in expected]


def test_names_are_those_of_files_and_folders(bucket: str, tmp_path: Path) -> None:
    """The same as of a local folder; none of one that is not there."""
    local = store_for(str(tmp_path))
    for name in NAMES:
        STORE.put(f"{bucket}/root/{name}", b"")
        local.put(f"{tmp_path}/root/{name}", b"")
    expected = sorted({name.partition("/")[0] for name in NAMES})
    assert STORE.names(f"{bucket}/root") == local.names(f"{tmp_path}/root") == expected
    assert not STORE.names(f"{bucket}/roo")
    assert not local.names(f"{tmp_path}/roo")


@pytest.mark.slow
def test_thousands_of_objects_are_listed_by_pages(bucket: str) -> None:
    """All of them, each once, in order; and looked at with as few requests."""
    paths = [f"{bucket}/many/part-{number:05d}.json" for number in range(3100)]
    list(threads().map(lambda path: STORE.put(path, path.encode()), paths))
    taken()
    assert STORE.list(f"{bucket}/many/*.json") == paths
    assert taken()["list"] == 4
    stats = STORE.stats(paths)
    assert taken() == {"list": 4}
    assert stats[7] == STORE.stat(paths[7])
    assert {stat.size for stat in stats} == {len(paths[0])}


def test_reading(bucket: str) -> None:
    """Whole files, ranges, ranges beyond the end, and empty files."""
    path = f"{bucket}/notes"
    STORE.put(path, b"0123456789")
    assert [STORE.read(path), STORE.read(path, 3), STORE.read(path, 3, 4), STORE.read(path, 8, 9)] == [
        b"0123456789",
        b"3456789",
        b"3456",
        b"89",
    ]
    assert STORE.read(path, 10, 5) == STORE.read(path, 30) == STORE.read(path, 2, 0) == b""
    assert STORE.find(path) == b"0123456789"
    assert STORE.find(f"{path}/none") is None
    STORE.put(path, b"")
    assert STORE.read(path) == b""
    with STORE.open(path) as stream:
        assert stream.read() == b""


@pytest.mark.parametrize("whole", [False, True])
def test_a_stream_is_the_file(bucket: str, whole: bool) -> None:
    """Any order of reads and seeks gives what a file in memory gives, over windows of every size."""
    data = random.Random(1).randbytes(9_000_000)
    STORE.put(f"{bucket}/file", data)
    chance, twin = random.Random(2), io.BytesIO(data)
    with (STORE.stream if whole else STORE.open)(f"{bucket}/file") as stream:
        for _ in range(120):
            if chance.random() < 0.3:
                place = chance.randrange(0, len(data) + 100)
                assert stream.seek(place) == twin.seek(place)
            size = chance.choice([1, 100, 70_000, 2_000_000])
            assert stream.read(size) == twin.read(size)
            assert stream.tell() == twin.tell()
        assert stream.seek(-5, io.SEEK_END) == twin.seek(-5, io.SEEK_END)
        assert stream.read() == twin.read()


def test_a_file_that_is_read_through_takes_few_requests(bucket: str) -> None:
    """Windows grow, and no byte is asked for twice."""
    data = random.Random(1).randbytes(70_000_000)
    STORE.put(f"{bucket}/file", data)
    taken()
    with STORE.stream(f"{bucket}/file") as stream:
        found = hashlib.sha256()
        while piece := stream.read(1 << 21):
            found.update(piece)
    assert found.digest() == hashlib.sha256(data).digest()
    asked = taken()
    assert asked["read"] == len(data)
    assert asked["get"] <= 9


@pytest.mark.parametrize("size", [0, 1, 2 * s3_parts.PART, 2 * s3_parts.PART + 1, 5 * s3_parts.PART - 7])
def test_publish(bucket: str, size: int) -> None:
    """Small files by one request, large ones in parts; the temporary file is gone."""
    data = random.Random(size).randbytes(size)
    temporary = STORE.temporary(bucket)
    Path(temporary).write_bytes(data)
    assert STORE.stat(temporary).size == size
    taken()
    STORE.publish(temporary, f"{bucket}/out")
    parts = -(-size // s3_parts.PART)
    assert taken() == {"put": parts + 2 if parts > 2 else 1, "written": size} if size else True
    assert STORE.read(f"{bucket}/out") == data
    assert not os.path.exists(temporary)


def test_an_upload_that_fails_leaves_no_parts(bucket: str, server: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is aborted, so that nobody pays for parts that nobody sees; what was there stays."""
    STORE.put(f"{bucket}/out", b"old")
    temporary = STORE.temporary(bucket)
    Path(temporary).write_bytes(bytes(3 * s3_parts.PART))
    ask = s3_requests.retried_request

    def refuse(path: str, kind: str, method: str, **given: object) -> object:
        if method == "upload_part" and given["PartNumber"] == 2:
            raise StorageError("no")
        return ask(path, kind, method, **given)

    monkeypatch.setattr(s3_parts, "retried_request", refuse)
    with pytest.raises(StorageError, match=r"^no$"):
        STORE.publish(temporary, f"{bucket}/out")
    left = s3_requests.client().list_multipart_uploads(Bucket="refinery").get("Uploads", [])
    assert [one for one in left if bucket.endswith(one["Key"].partition("/")[0])] == []
    assert STORE.read(f"{bucket}/out") == b"old"


def test_parquet_is_read_where_it_lies(bucket: str) -> None:
    """The stream is one that pyarrow reads from, by the columns that are wanted."""
    table = pa.table({"a": range(200_000), "b": [f"text {n}" for n in range(200_000)]})
    temporary = STORE.temporary(bucket)
    pq.write_table(table, temporary, row_group_size=50_000, compression="none")
    STORE.publish(temporary, f"{bucket}/t.parquet")
    with STORE.open(f"{bucket}/t.parquet") as stream, pq.ParquetFile(stream) as file:
        assert file.read(columns=["b"]).equals(table.select(["b"]))


def test_what_is_not_there(bucket: str) -> None:
    """Is named, with the advice to check the path; deleting it is no error."""
    for action in (STORE.stat, STORE.open, STORE.read):
        with pytest.raises(StorageError, match=f"{bucket}/none: no such file") as caught:
            action(f"{bucket}/none")
        assert caught.value.hint == "check the path"
    assert not STORE.exists(f"{bucket}/none")
    STORE.delete(f"{bucket}/none")
    with pytest.raises(StorageError, match="s3://no-such-bucket"):
        STORE.list("s3://no-such-bucket/x/*")
    with pytest.raises(UsageError, match="no bucket"):
        STORE.read("s3:///x")


def test_a_wrong_clock_is_told_at_once(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store takes no request of an hour ahead."""
    auth = pytest.importorskip("botocore.auth")
    right = auth.get_current_datetime
    monkeypatch.setattr(auth, "get_current_datetime", lambda: right() + timedelta(hours=1))
    with pytest.raises(StorageError, match="RequestTimeTooSkewed") as caught:
        STORE.put(f"{bucket}/x", b"")
    assert "clock is wrong" in caught.value.hint


def test_a_wrong_secret_is_told_at_once(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a second try where the store says why; what it cannot mean is no throttling."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    fresh()
    with pytest.raises(StorageError, match="SignatureDoesNotMatch") as caught:
        STORE.list(f"{bucket}/*")
    assert "secret key" in caught.value.hint
    assert taken() == {"list": 1}
    with pytest.raises(StorageError, match="403") as caught:
        STORE.stat(f"{bucket}/x")  # HEAD has no body that says why
    assert "credentials" in caught.value.hint


def test_no_credentials_are_an_anonymous_request(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """This server refuses those, and says so."""
    monkeypatch.setenv("AWS_NO_SIGN_REQUEST", "yes")
    fresh()
    with pytest.raises(StorageError, match="AccessDenied") as caught:
        STORE.list(f"{bucket}/*")
    assert "AWS_NO_SIGN_REQUEST" in caught.value.hint


def test_an_unknown_profile_is_told(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As any wrong setting of the environment."""
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    fresh()
    with pytest.raises(StorageError, match="nobody") as caught:
        STORE.read(f"{bucket}/x")
    assert "AWS_" in caught.value.hint


def test_a_file_that_is_replaced_while_it_is_read_is_an_error(bucket: str) -> None:
    """Bytes of two versions are never mixed."""
    STORE.put(f"{bucket}/x", bytes(3_000_000))
    with STORE.open(f"{bucket}/x") as stream:
        stream.read(10)
        STORE.put(f"{bucket}/x", b"\1" * 3_000_001)
        with pytest.raises(StorageError, match="changed while it was read"):
            stream.read()


def test_a_cell_is_written_by_one_of_two(bucket: str) -> None:
    """Only over what was seen, and only where nothing was if nothing was seen."""
    cell = S3LeaseFile(f"{bucket}/cell")
    assert cell.read() is None
    assert cell.write(b"1", "")
    assert not cell.write(b"2", "")
    found = cell.read()
    assert found is not None and found[0] == b"1"
    assert cell.write(b"3", found[1])
    assert not cell.write(b"4", found[1])
    cell.remove()
    assert cell.read() is None


def test_stat(bucket: str) -> None:
    """The tag changes with the content."""
    STORE.put(f"{bucket}/x", b"1")
    first = STORE.stat(f"{bucket}/x")
    STORE.put(f"{bucket}/x", b"2")
    assert first == Stat(1, first.etag) != STORE.stat(f"{bucket}/x")


def test_answers_are_held_against_each_other() -> None:
    """What is said once is asked again; a wrong first tag is outvoted before it was confirmed; the rest is a change."""

    def got(etag: str, modified: str = "m", total: int = 9) -> Response:
        return Response(etag, modified, total)

    version = Version(STORE, "s3://b/x")
    version.check(got("wrong"))
    with pytest.raises(Transient):
        version.check(got("right"))
    version.check(got("right"))
    assert version.etag == "right"
    with pytest.raises(Transient):
        version.check(got("stray"))
    version.check(got("right"))
    for changed in (got("new", "later"), got("right", total=10), got("new")):
        with pytest.raises(Transient):
            version.check(changed)
        with pytest.raises(StorageError, match="changed"):
            version.check(changed)
        version.check(got("right"))


def test_credentials_of_a_profile(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A section of the shared files, named by the environment or by a recipe."""
    (tmp_path / "credentials").write_text(f"[one]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_PROFILE", "another")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    configure(profile="one")
    STORE.put(f"{bucket}/x", b"1")
    assert STORE.read(f"{bucket}/x") == b"1"


def test_without_the_extra(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has to be installed is said, where such a path is first used."""
    for name in ("boto3", "botocore", "urllib3"):
        monkeypatch.setitem(sys.modules, name, None)
    web.pool.cache_clear()
    for path in (f"{bucket}/x", "https://host.invalid/x"):
        with pytest.raises(UsageError) as caught:
            store_for(path).read(path)
        assert caught.value.hint == 'pip install "crawl-refinery[s3]"'


@pytest.mark.parametrize(
    ("text", "seconds"), [("7", 7.0), ("3600", 60.0), ("", 0.0), ("\u00b2", 0.0), ("Wed, 21", 0.0)]
)
def test_how_long_a_store_asks_to_wait(text: str, seconds: float) -> None:
    """At most a minute; what is no number says nothing."""
    assert s3_requests.retry_after(text) == seconds
