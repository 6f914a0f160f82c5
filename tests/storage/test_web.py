"""Files of web servers: read in ranges, never written; what a server refuses, and what it lacks."""

from __future__ import annotations

import gzip
import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from refinery.demo import sample
from refinery.errors import StorageError, UsageError
from refinery.planner.estimator import plan
from refinery.planner.selection import Selection
from refinery.recipe import Pipeline, Step
from refinery.stages._warc.inputs import ARCHIVES, archives
from refinery.stages.warc import Warc
from refinery.store import LocalStore, WebStore, retry, taken
from tests.engine.roots import RootContents, quick
from tests.storage.conftest import fresh
from tests.storage.test_faults import rows

STORE = WebStore()


class Site(http.server.ThreadingHTTPServer):
    """Serves files; ``moods`` are statuses that it answers with first, ``ranges`` whether it knows ranges."""

    daemon_threads = True
    moods: list[int]
    ranges: bool
    files: dict[str, bytes]
    asked: int = 0
    heads: list[str]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Site

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        pass

    def do_GET(self) -> None:
        self.server.asked += 1
        self.server.heads += [self.path] if self.command == "HEAD" else []
        data = self.server.files.get(self.path)
        if self.server.moods:
            self.answer(self.server.moods.pop(0), b"", {"Retry-After": "0"})
        elif data is None:
            self.answer(404, b"")
        else:
            self.file(data)

    do_HEAD = do_GET  # noqa: N815 - its name there

    def file(self, data: bytes) -> None:
        tags = {"ETag": f'"{hash(data)}"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")) if self.server.ranges else None
        if wanted is None:
            self.answer(200, data, tags)
            return
        start, stop = int(wanted[1]), min(int(wanted[2] or len(data)) + 1, len(data))
        if start >= len(data):
            self.answer(416, b"")
        else:
            self.answer(206, data[start:stop], tags | {"Content-Range": f"bytes {start}-{stop - 1}/{len(data)}"})

    def answer(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server that knows one file."""
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    running = Site(("127.0.0.1", 0), Handler)
    running.moods, running.ranges, running.heads = [], True, []
    running.files = {"/x": b"0123456789", "/empty": b""}
    threading.Thread(target=running.serve_forever, daemon=True).start()
    fresh()
    yield running
    running.shutdown()
    running.server_close()
    fresh()


def test_reading(site: Site) -> None:
    """Whole files, ranges, ranges beyond the end, and streams."""
    path = f"{site.address}/x"
    assert STORE.stat(path).size == 10
    assert [
        STORE.read(path),
        STORE.read(path, 3),
        STORE.read(path, 3, 4),
        STORE.read(path, 8, 9),
        STORE.read(path, 99),
    ] == [
        b"0123456789",
        b"3456789",
        b"3456",
        b"89",
        b"",
    ]
    with STORE.stream(path) as stream:
        stream.seek(4)
        assert stream.read() == b"456789"
    assert STORE.find(f"{site.address}/empty") == b""
    assert STORE.find(f"{site.address}/none") is None
    assert not STORE.exists(f"{site.address}/none")
    with pytest.raises(StorageError, match="no such file"):
        STORE.stream(f"{site.address}/none")


@pytest.mark.parametrize("moods", [[503, 429, 500], [403, 403], [408, 502, 504]])
def test_a_server_in_a_bad_mood_is_asked_again(site: Site, moods: list[int]) -> None:
    """Common Crawl says 403, others 429 or 503, when they are asked too often."""
    site.moods = list(moods)
    assert STORE.read(f"{site.address}/x") == b"0123456789"
    assert taken()["retried"] == len(moods)


@pytest.mark.parametrize(("status", "tries"), [(401, 1), (400, 1), (403, 3)])
def test_a_server_that_refuses_is_told(site: Site, status: int, tries: int) -> None:
    """With the path and the status, and without asking for minutes."""
    site.moods = [status] * 10
    with pytest.raises(StorageError, match=f"/x: {status}"):
        STORE.read(f"{site.address}/x")
    assert site.asked == tries


def test_a_server_without_ranges(site: Site) -> None:
    """Its small files can be read; others are to be fetched first, and the error says so."""
    site.ranges = False
    assert STORE.read(f"{site.address}/x") == b"0123456789"
    with STORE.open(f"{site.address}/x") as stream:
        assert stream.read() == b"0123456789"
    with pytest.raises(StorageError, match="does not support range requests") as caught:
        STORE.read(f"{site.address}/x", 3, 4)
    assert "local" in caught.value.hint


@pytest.mark.parametrize("path", ["http://127.0.0.1:9/x", "http://no-such-host.invalid/x"])
def test_nobody_there(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong host is reported sooner than one that has answered before."""
    monkeypatch.setattr(retry, "RETRY_SECONDS", 2.0)
    fresh()
    with pytest.raises(StorageError, match=path):
        STORE.read(path)


@pytest.mark.slow
def test_a_crawl_as_common_crawl_serves_it(site: Site, tmp_path: Path) -> None:
    """The list of paths works as it is, and its archives give the rows that local ones give."""
    sample(str(tmp_path), pages=120, files=2, seed=3)
    names = [f"crawl-data/CC-X/segments/1/warc/sample-{number:05}.warc.gz" for number in range(2)]
    site.files |= {f"/{name}": (tmp_path / name.rpartition("/")[2]).read_bytes() for name in names}
    site.files["/crawl-data/CC-X/warc.paths.gz"] = gzip.compress("".join(f"{name}\n" for name in names).encode())
    paths = Warc().list_inputs(f"{site.address}/crawl-data/CC-X/warc.paths.gz", STORE)
    assert paths == [f"{site.address}/{name}" for name in names]
    (tmp_path / "warc.paths").write_text("".join(f"{name}\n" for name in names))
    assert Warc(prefix=site.address).list_inputs(str(tmp_path / "warc.paths"), LocalStore()) == paths
    for path in paths:
        assert rows(path, STORE).equals(rows(f"{tmp_path}/{path.rpartition('/')[2]}", LocalStore()))
    with pytest.raises(StorageError, match="no input file"):
        archives(f"{site.address}/none.warc.gz", STORE, ARCHIVES)


@pytest.mark.slow
def test_a_run_of_some_parts_looks_at_no_others(site: Site, tmp_path: Path) -> None:
    """A list may name a hundred thousand files, and each look at one is a request."""
    sample(str(tmp_path), pages=120, files=2, seed=3)
    names = [f"crawl-data/{number}.warc.gz" for number in range(5)]
    data = [(tmp_path / f"sample-{number:05}.warc.gz").read_bytes() for number in range(2)]
    site.files |= {f"/{name}": data[number % 2] for number, name in enumerate(names)}
    site.files["/crawl-data/warc.paths"] = "".join(f"{name}\n" for name in names).encode()
    given = Pipeline(
        dataset="web",
        inputs=(f"{site.address}/crawl-data/warc.paths",),
        root=str(tmp_path / "root"),
        steps=(Step("warc", Warc()),),
    )
    for parts in ((1,), (2, 3)):
        site.heads.clear()
        assert quick(given, Selection(parts=parts)).tasks == len(parts)
        assert plan(given, Selection(parts=parts)).inputs == len(parts)
        assert {path for path in site.heads if path.endswith(".gz")} == {
            f"/crawl-data/{part}.warc.gz" for part in parts
        }
    manifest = RootContents(tmp_path / "root").manifests["00-warc"]
    assert (len(manifest.parts), manifest.expected) == (3, 5)
    assert [receipt.part for receipt in RootContents(tmp_path / "root").receipts("00-warc")] == [1, 2, 3]
    assert quick(given).tasks == 2
    assert RootContents(tmp_path / "root").manifests["00-warc"].complete


def test_a_proxy_is_used_as_the_environment_says(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for hosts that it leaves out."""
    monkeypatch.setenv("http_proxy", site.address)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    site.files["http://somewhere.invalid/x"] = b"by proxy"
    assert STORE.read("http://somewhere.invalid/x") == b"by proxy"
    assert STORE.read(f"{site.address}/x") == b"0123456789"


def test_nothing_is_written(site: Site) -> None:
    """A root there is a mistake of the recipe."""
    for action in (lambda p: STORE.put(p, b""), STORE.temporary, STORE.delete, STORE.lock):
        with pytest.raises(UsageError, match="web servers are read-only"):
            action(f"{site.address}/root")
