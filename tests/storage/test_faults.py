"""A network that breaks: no wrong byte, no lost record, no request given up that could have been answered."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest

from refinery.demo import sample
from refinery.errors import StorageError
from refinery.inspect.runs import runs
from refinery.root.root import Root
from refinery.stages.warc import Warc
from refinery.store import LocalStore, S3Store, remote, retry, s3_parts, s3_requests, taken
from refinery.store.retry import RequestLimiter, Transient, retrying
from refinery.store.traffic import count
from tests.engine.roots import all_kinds, pipeline, quick, write_inputs
from tests.storage.conftest import fresh
from tests.storage.held import contents_of
from tools.faults import KINDS, Faults
from tools.s3server import S3Server

STORE = S3Store()


@pytest.fixture
def faults(bucket: str, server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    """A proxy that spoils every fourth request, between this process and the server."""
    monkeypatch.setattr(s3_requests, "SILENT_SECONDS", 0.3)
    monkeypatch.setattr(retry, "LONGEST_WAIT", 0.1)
    between = Faults(server.endpoint, 0.25, stall=0.5)
    yield between
    between.close()


def through(faults: Faults, patch: pytest.MonkeyPatch) -> None:
    """From here on, all requests go through the proxy."""
    patch.setenv("AWS_ENDPOINT_URL_S3", faults.endpoint)
    fresh()


def rows(path: str, store: S3Store | LocalStore) -> pa.Table:
    """All rows of an archive, but for the path that it has."""
    found = [pa.table({**r.columns, **r.metrics}) for r in Warc().read(path, store)]
    return pa.concat_tables(found).drop_columns(["warc"]).combine_chunks()


@pytest.mark.slow
def test_an_archive_is_read_through_faults(
    bucket: str, faults: Faults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each record once, in order, as from a local file; what came before an answer broke is not asked for again."""
    sample(str(tmp_path), pages=120, files=1, seed=5)
    name = "sample-00000.warc.gz"
    data = (tmp_path / name).read_bytes()
    STORE.put(f"{bucket}/{name}", data)
    monkeypatch.setattr(remote, "FIRST", 1 << 12)
    monkeypatch.setattr(remote, "AHEAD", 1 << 13)
    monkeypatch.setattr("refinery.stages._warc.blocks.BLOCK", 1 << 13)
    expected = rows(str(tmp_path / name), LocalStore())
    taken()
    assert rows(f"{bucket}/{name}", STORE).equals(expected)
    unspoiled = taken()["read"]
    through(faults, monkeypatch)
    for _ in range(2):
        assert rows(f"{bucket}/{name}", STORE).equals(expected)
    counts = taken()
    assert counts["read"] < 2.3 * unspoiled
    assert counts["retried"] >= 20
    assert set(faults.injected) == set(KINDS["GET"])


@pytest.mark.slow
def test_files_of_any_size_are_written_through_faults(
    bucket: str, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one piece or in parts, what is there afterwards is what was written."""
    monkeypatch.setattr(s3_parts, "PART", 5 << 20)
    chance = random.Random(4)
    through(faults, monkeypatch)
    every = {*KINDS["GET"], *KINDS["PUT"]}
    sizes = [0, 10, 1000, 100_000] * 10 + [11 << 20, 18 << 20]
    for number in range(500):  # which faults come depends on threads: more files until each has come
        if number >= len(sizes) and set(faults.injected) == every:
            break
        data = chance.randbytes(sizes[number] if number < len(sizes) else 10)
        temporary = STORE.temporary(bucket)
        Path(temporary).write_bytes(data)
        STORE.publish(temporary, f"{bucket}/{number}")
        assert STORE.find(f"{bucket}/{number}") == data
    assert set(faults.injected) == every


@pytest.mark.slow
def test_a_run_through_faults_ends_as_without(
    bucket: str, faults: Faults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inputs and root behind the proxy: the same content ids, and a lock that holds."""
    write_inputs(tmp_path / "in")
    for path in (tmp_path / "in").iterdir():
        STORE.put(f"{bucket}/in/{path.name}", path.read_bytes())
    given = pipeline(tmp_path, all_kinds()).model_copy(update={"inputs": (f"{bucket}/in/*.txt",)})
    assert quick(given).complete
    through(faults, monkeypatch)
    assert quick(given.model_copy(update={"root": f"{bucket}/root"})).complete
    assert contents_of(f"{bucket}/root") == contents_of(str(tmp_path / "root"))
    assert faults.total > 20


@pytest.mark.slow
def test_a_store_that_throttles_slows_a_run_and_does_not_fail_it(
    bucket: str, server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A third of all requests is refused with 503: fewer are sent at once, each is counted, and content ids are equal."""
    write_inputs(tmp_path / "in")
    given = pipeline(tmp_path, all_kinds())
    assert quick(given).complete
    limits: list[float] = []
    counted: Counter[str] = Counter()
    halve = RequestLimiter._slow_down

    def seen(limiter: RequestLimiter, wait: float) -> None:
        halve(limiter, wait)
        limits.append(limiter.limit)

    def add(name: str, number: int = 1) -> None:
        counted[name] += number
        count(name, number)

    monkeypatch.setattr(RequestLimiter, "_slow_down", seen)
    monkeypatch.setattr(retry, "count", add)
    monkeypatch.setattr(retry, "LONGEST_WAIT", 0.1)
    store = Faults(server.endpoint, 0.16, only="busy")  # each refusal is one of up to four in a row
    through(store, monkeypatch)
    try:
        assert quick(given.model_copy(update={"root": f"{bucket}/root"})).complete
        refused, requests = store.injected["busy"], store.requests
    finally:
        store.close()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.endpoint)
    fresh()
    assert contents_of(f"{bucket}/root") == contents_of(str(tmp_path / "root"))
    assert refused > requests / 4
    assert min(limits) == 1.0
    assert counted["throttled"] == refused
    (record,) = [found.record for found in runs(Root(f"{bucket}/root", STORE))]
    assert record.requests["throttled"] > 0
    assert record.work[0].requests["throttled"] > 0


def test_a_busy_store_that_serves_others_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time for retries begins when it served the last request, whichever that was."""
    now = [1000.0]
    monkeypatch.setattr(retry, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=lambda _: None))
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.0)
    monkeypatch.setattr(retry, "LONGEST_WAIT", 0.0)
    limiter, tries = RequestLimiter("busy"), []

    def refused() -> None:
        now[0] += 100.0
        tries.append(1)
        if len(tries) % 2 and len(tries) < 30:
            limiter.succeeded = now[0]  # of another request
        raise Transient("503 SlowDown", busy=True)

    limiter.proven = True
    with pytest.raises(StorageError, match=r"503 SlowDown \(32 tries\)"):
        retrying(refused, "s3://b/x", limiter)


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error of a store that never answers names the path and the number of requests; progress renews retry."""
    monkeypatch.setattr(retry, "RETRY_SECONDS", 3.0)
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(retry, "LONGEST_WAIT", 0.05)

    def never() -> None:
        raise Transient("no answer")

    with pytest.raises(StorageError, match=r"s3://b/x: no answer \(\d+ tries\)") as caught:
        retrying(never, "s3://b/x", RequestLimiter("never"))
    assert "run again" in caught.value.hint
    reached = iter(range(60))
    seen = [0]

    def slowly() -> str:
        seen[0] = next(reached)
        if seen[0] < 59:
            raise Transient("a byte at a time")
        return "done"

    assert retrying(slowly, "s3://b/x", RequestLimiter("slowly"), lambda: seen[0]) == "done"


def test_a_busy_store_is_asked_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each refusal halves what is under way at once; what goes well brings it back, one by one."""
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.0)
    limiter = RequestLimiter("busy")
    before = limiter.limit
    for _ in range(2):
        with pytest.raises(Transient), limiter:
            raise Transient("503", busy=True)
    assert limiter.limit == before / 4
    for _ in range(1000):
        with limiter:
            pass
    assert limiter.limit == retry.MOST_AT_ONCE


def test_a_403_without_a_reason_is_taken_for_throttling_once_credentials_are_proven(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As Common Crawl says it; before, it is given up soon."""
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.0)
    monkeypatch.setattr(retry, "PROVEN", threading.Event())  # tests before did tasks in this process
    limiter, tries = RequestLimiter("forbidden"), []

    def forbidden() -> None:
        tries.append(1)
        if len(tries) < 10:
            raise Transient("403", busy=True, forbidden=True)

    with pytest.raises(StorageError, match=r"403 \(3 tries\)"):
        retrying(forbidden, "https://x/y", limiter)
    with limiter:
        pass
    retrying(forbidden, "https://x/y", limiter)
    assert len(tries) == 10
