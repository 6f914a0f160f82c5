"""Two runs on one root: one works, the other is refused or takes over from the dead; no clock decides."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time

import pytest

from refinery.errors import Refused
from refinery.store import lease
from refinery.store.lease import hold


class Held:
    """A cell in memory. ``heeds`` says whether it knows conditions, as most stores do."""

    def __init__(self, *, heeds: bool = True) -> None:
        self.heeds = heeds
        self.data: bytes | None = None
        self.number = 0
        self._lock = threading.Lock()

    def look(self) -> tuple[bytes, str] | None:
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
    monkeypatch.setattr(lease, "BEAT", 0.05)


def elsewhere(cell: Held, **changed: object) -> None:
    """Let the lease be one of another machine."""
    assert cell.data is not None
    cell.data = json.dumps(json.loads(cell.data) | {"machine": "another"} | changed).encode()
    cell.number += 1


@pytest.mark.parametrize("heeds", [True, False])
def test_one_of_two_is_refused(heeds: bool) -> None:
    """At once, where both are on one machine; when the first has ended, the second may."""
    cell = Held(heeds=heeds)
    with hold(cell, "s3://b/root") as check:
        check()
        with pytest.raises(Refused, match="another run is at work on s3://b/root"), hold(cell, "s3://b/root"):
            pass
    assert cell.data is None
    with hold(cell, "s3://b/root") as check:
        check()


def test_a_holder_elsewhere_that_renews_its_lease_is_alive() -> None:
    """Seen by its beats, whatever its clock says."""
    cell = Held()
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(0.02):
            cell.data, cell.number = json.dumps({"machine": "x", "beat": cell.number}).encode(), cell.number + 1

    cell.data = b"{}"
    beating = threading.Thread(target=beat)
    beating.start()
    with pytest.raises(Refused, match="at work"), hold(cell, "r"):
        pass
    ended.set()
    beating.join()


def test_a_holder_elsewhere_that_is_silent_is_dead() -> None:
    """After some beats of ours."""
    cell = Held()
    cell.data = b'{"machine": "another", "owner": "gone", "beat": 7}'
    started = time.monotonic()
    with hold(cell, "r") as check:
        assert time.monotonic() - started >= lease.SILENCE * lease.BEAT
        check()


def test_a_killed_holder_on_this_machine_is_dead_at_once() -> None:
    """Nobody waits for a process that can be seen to be gone, nor for another one that has its number."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for pid, born in ((gone.pid, 1.0), (os.getpid(), 1.0)):
        cell = Held()
        cell.data = json.dumps({"machine": lease._machine(), "owner": "gone", "pid": pid, "born": born}).encode()
        started = time.monotonic()
        with hold(cell, "r") as check:
            check()
        assert time.monotonic() - started < lease.SILENCE * lease.BEAT


@pytest.mark.parametrize("heeds", [True, False])
def test_who_has_lost_the_root_is_told(heeds: bool) -> None:
    """A run that was asleep while another took over stops, and leaves the other's lease alone."""
    cell = Held(heeds=heeds)
    with hold(cell, "r") as check:
        elsewhere(cell, owner="another")
        time.sleep(3 * lease.BEAT)
        with pytest.raises(Refused, match="taken over"):
            check()
    assert cell.data is not None and b"another" in cell.data


def test_of_many_at_once_one_holds() -> None:
    """With conditions, whatever the order of their requests."""
    cell, held, refused = Held(), [], []
    start, end = threading.Barrier(8), threading.Event()

    def one() -> None:
        start.wait()
        try:
            with hold(cell, "r"):
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
    cell = Held()
    cell.data = data
    with hold(cell, "r") as check:
        check()
