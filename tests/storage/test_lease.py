"""Two runs on one root: one works, the other is refused or takes over from the dead; no clock decides."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from refinery.errors import Refused
from refinery.store import LocalStore, RootLock, lease
from refinery.store.lease import lock


class MemoryFile:
    """Lease files in memory, of which this is the first. ``heeds``: they support conditional writes, as in most stores."""

    def __init__(self, *, heeds: bool = True) -> None:
        self.heeds = heeds
        self.others: dict[str, MemoryFile] = {}
        self.data: bytes | None = None
        self.number = 0
        self._lock = threading.Lock()

    def file(self, name: str) -> MemoryFile:
        return self if name == lease.LOCK else self.others.setdefault(name, MemoryFile(heeds=self.heeds))

    def names(self) -> list[str]:
        return [name for name, cell in list(self.others.items()) if cell.data is not None]

    def read(self) -> tuple[bytes, str] | None:
        with self._lock:
            return None if self.data is None else (self.data, str(self.number))

    def write(self, data: bytes, over: str) -> bool:
        with self._lock:
            if self.heeds and over != ("" if self.data is None else str(self.number)):
                return False
            self.data, self.number = data, self.number + 1
            return True

    def remove(self) -> None:
        self.data = None


@pytest.fixture(autouse=True)
def quick_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "HEARTBEAT", 0.05)


@pytest.fixture
def slow_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beats of which nobody waits for one."""
    monkeypatch.setattr(lease, "HEARTBEAT", 60.0)


def told_of_loss(check: Callable[[], object]) -> bool:
    """Return True if a run learns within many beats that another one has taken over."""
    for _ in range(600):
        try:
            check()
        except Refused as error:
            return "taken over" in error.message
        time.sleep(lease.HEARTBEAT)
    return False


def elsewhere(cell: MemoryFile, **changed: object) -> None:
    """Let the lease be one of another machine."""
    assert cell.data is not None
    cell.data = json.dumps(json.loads(cell.data) | {"machine": "another"} | changed).encode()
    cell.number += 1


@pytest.mark.parametrize("heeds", [True, False])
def test_one_of_two_is_refused(heeds: bool) -> None:
    """At once, where both are on one machine; when the first has ended, the second may."""
    cell = MemoryFile(heeds=heeds)
    with lock(cell, "s3://b/root") as held:
        held.check()
        with pytest.raises(Refused, match="another run is at work on s3://b/root"), lock(cell, "s3://b/root"):
            pass
    assert cell.data is None
    with lock(cell, "s3://b/root") as held:
        held.check()


def test_a_holder_elsewhere_that_renews_its_lease_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen by its beats, whatever its clock says."""
    monkeypatch.setattr(lease, "HEARTBEAT", 0.5)
    cell = MemoryFile()
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(0.02):
            cell.data, cell.number = json.dumps({"machine": "x", "beat": cell.number}).encode(), cell.number + 1

    cell.data = b"{}"
    beating = threading.Thread(target=beat)
    beating.start()
    with pytest.raises(Refused, match="at work"), lock(cell, "r"):
        pass
    ended.set()
    beating.join()


def test_a_holder_elsewhere_that_is_silent_is_dead() -> None:
    """After some beats of ours."""
    cell = MemoryFile()
    cell.data = b'{"machine": "another", "owner": "gone", "beat": 7}'
    started = time.monotonic()
    with lock(cell, "r") as held:
        assert time.monotonic() - started >= lease.MISSED_HEARTBEATS * lease.HEARTBEAT
        held.check()


@pytest.mark.usefixtures("slow_beats")
def test_a_killed_holder_on_this_machine_is_dead_at_once() -> None:
    """Nobody waits for a process that can be seen to be gone, nor for another one that has its number."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for pid, born in ((gone.pid, 1.0), (os.getpid(), 1.0)):
        cell = MemoryFile()
        cell.data = json.dumps({"machine": lease._machine(), "owner": "gone", "pid": pid, "born": born}).encode()
        started = time.monotonic()
        with lock(cell, "r") as held:
            held.check()
        assert time.monotonic() - started < lease.HEARTBEAT


@pytest.mark.parametrize("heeds", [True, False])
def test_who_has_lost_the_root_is_told(heeds: bool) -> None:
    """A run that was asleep while another took over stops, and leaves the other's lease alone."""
    cell = MemoryFile(heeds=heeds)
    with lock(cell, "r") as held:
        elsewhere(cell, owner="another")
        assert told_of_loss(held.check)
    assert cell.data is not None and b"another" in cell.data


def test_of_many_at_once_one_holds() -> None:
    """With conditions, whatever the order of their requests."""
    cell, held, refused = MemoryFile(), [], []
    start, end = threading.Barrier(8), threading.Event()

    def one() -> None:
        start.wait()
        try:
            with lock(cell, "r"):
                held.append(1)
                end.wait(5)
        except Refused:
            refused.append(1)
            if len(refused) == 7:
                end.set()

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(held), len(refused)) == (1, 7)


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b'{"pid": "x"}'])
def test_a_damaged_lease_is_watched_like_any(data: bytes) -> None:
    """And taken over when nothing happens to it."""
    cell = MemoryFile()
    cell.data = data
    with lock(cell, "r") as held:
        held.check()


# ---------------------------------------------------------------------------------------------------------- sharing

Opening = Callable[..., AbstractContextManager[RootLock]]


@pytest.fixture(params=["locks", "leases", "leases without conditions"])
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> Opening:
    """One root: of this machine, or in a store of either kind."""
    if request.param == "locks":
        return partial(LocalStore().lock, str(tmp_path / "root"))
    return partial(lock, MemoryFile(heeds=request.param == "leases"), "root")


def test_runs_that_share_and_one_that_does_not_exclude_each_other(opening: Opening) -> None:
    """Whoever comes second is refused, and may come when the first has ended."""
    with (
        opening(shared=True),
        opening(shared=True),
        pytest.raises(Refused, match="another run is at work"),
        opening(),
    ):
        pass
    with opening(), pytest.raises(Refused, match="another run is at work"), opening(shared=True):
        pass
    with opening() as held, held.exclusive(), held.leave() as alone:
        assert alone
    with opening(shared=True) as held, held.leave() as alone:
        assert alone


def test_the_last_to_leave_is_told(opening: Opening) -> None:
    """Whatever the order of ends."""
    with opening(shared=True) as first, opening(shared=True) as second:
        with second.leave() as alone:
            assert not alone
        with first.leave() as alone:
            assert alone
    with opening():
        pass


def test_many_that_end_together(opening: Opening, request: pytest.FixtureRequest) -> None:
    """At least one finds itself alone, and whoever does finds all work done; turns overlap only without conditions."""
    strict = "without" not in request.node.name
    at_work, done, last = set(range(6)), [], []
    inside, together = threading.Lock(), threading.Barrier(6)

    def one(number: int) -> None:
        with opening(shared=True) as held:
            together.wait()
            with held.exclusive():
                assert inside.acquire(blocking=False) or not strict
                time.sleep(0.01)
                if strict:
                    inside.release()
            at_work.remove(number)
            with held.leave() as alone:
                done.append(number)
                if alone:
                    last.append(set(at_work))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 6
    assert last
    assert not any(last)


def test_a_run_that_shares_enters_during_a_turn() -> None:
    """It is not the head that it works on."""
    cells = MemoryFile()
    with lock(cells, "r", shared=True) as first, first.exclusive(), lock(cells, "r", shared=True) as second:
        second.check()


@pytest.mark.parametrize("here", [True, False])
def test_a_killed_run_that_shared_is_gone(request: pytest.FixtureRequest, *, here: bool) -> None:
    """Who comes next removes what it left: at once where it can be seen to be gone, after some beats elsewhere."""
    if here:
        request.getfixturevalue("slow_beats")
    cells = MemoryFile()
    machine = lease._machine() if here else "another"
    left = cells.file(f"{lease.SHARED}/x")
    for shared in (True, False):
        left.data = json.dumps({"machine": machine, "owner": "gone", "pid": os.getpid(), "born": 1.0}).encode()
        started = time.monotonic()
        with lock(cells, "r", shared=shared) as held, held.leave() as alone:
            assert alone
        assert (time.monotonic() - started >= lease.MISSED_HEARTBEATS * lease.HEARTBEAT) != here
        assert left.data is None


def test_who_shared_and_was_taken_for_dead_is_told() -> None:
    """As soon as it wakes, and when it would enter what it made."""
    cells = MemoryFile()
    with lock(cells, "r", shared=True) as held:
        (name,) = cells.names()
        cells.file(name).remove()
        assert told_of_loss(held.check)
        with pytest.raises(Refused, match="taken over"):
            held.leave().__enter__()
