"""Who works on a root in a store without locks: an object that its holder renews, and others watch.

No clock is read but each process's own, for durations. Who holds a root renews its lease with every beat; another run
that finds a lease watches it for some beats, and takes it over if nothing happens. Where both run on one machine, the
other process is looked for instead. Two runs on one root do no harm, for files are named by what they hold: a lease
saves their doing everything twice.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import psutil

from refinery.errors import Refused, StorageError
from refinery.store.local import WAIT

BEAT = 10.0
"""Seconds between renewals."""

SILENCE = 4.5
"""Beats without a renewal after which the holder is gone."""


class Cell(Protocol):
    """A small object that is only written over what was there when it was looked at, if the store can tell."""

    def look(self) -> tuple[bytes, str] | None:
        """What is in it, and its tag; None where it is not there."""

    def write(self, data: bytes, over: str) -> bool:
        """Replace what has the tag ``over``, or nothing if that is empty; whether it was still so."""

    def remove(self) -> None:
        """Delete it."""


@contextlib.contextmanager
def hold(cell: Cell, root: str) -> Iterator[Callable[[], None]]:
    """See ``Store.hold``."""
    mine = _Lease(cell, root)
    mine.take()
    ended = threading.Event()
    renewing = threading.Thread(target=mine.renew, args=(ended,), daemon=True, name="refinery-lease")
    renewing.start()
    try:
        yield mine.check
    finally:
        ended.set()
        renewing.join(BEAT)
        mine.give_back()


class _Lease:
    """The lease of one run."""

    def __init__(self, cell: Cell, root: str) -> None:
        self._cell = cell
        self._root = root
        self._owner = uuid.uuid4().hex
        self._beats = 0
        self._lost = False

    def take(self) -> None:
        """Take the root. Raises Refused where another run holds it."""
        found = self._cell.look()
        if found is not None:
            self._watch(found)
        self._write(found[1] if found else "")
        if not self._is_mine():  # looked at, for not every store heeds conditions, and an answer may get lost
            raise self._refusal()

    def _watch(self, found: tuple[bytes, str]) -> None:
        """Return when the holder of the lease is gone. Raises Refused when it is not."""
        holder = _read(found[0])
        if holder.get("machine") == _machine():
            if _alive(holder):
                raise self._refusal()
            return
        until = time.monotonic() + SILENCE * BEAT
        while time.monotonic() < until:
            time.sleep(BEAT / 2)
            now = self._cell.look()
            if now is not None and now[0] != found[0]:
                raise self._refusal()

    def renew(self, ended: threading.Event) -> None:
        """Renew the lease until the run has ended, or lost it."""
        while not ended.wait(BEAT) and not self._lost:
            try:
                found = self._cell.look()
                mine = found is not None and _read(found[0]).get("owner") == self._owner
                written = mine and self._write(found[1] if found else "")
                self._lost = not written and not self._is_mine()
            except StorageError:
                continue  # the store does not answer; the run will meet that, too

    def check(self) -> None:
        """Raise Refused where another run has taken the root over."""
        if self._lost:
            raise Refused(
                f"another run has taken over {self._root}: nothing was heard of this one for too long",
                hint="what is finished is kept; run again when the other one has ended",
            )

    def give_back(self) -> None:
        """Free the root, if it is still held."""
        with contextlib.suppress(StorageError):  # it ends by itself; how the run ended is told
            if not self._lost and self._is_mine():
                self._cell.remove()

    def _is_mine(self) -> bool:
        found = self._cell.look()
        return found is not None and _read(found[0]).get("owner") == self._owner

    def _write(self, over: str) -> bool:
        self._beats += 1
        about = {"owner": self._owner, "beat": self._beats, "machine": _machine(), **_process()}
        return self._cell.write(json.dumps(about, sort_keys=True).encode(), over)

    def _refusal(self) -> Refused:
        return Refused(f"another run is at work on {self._root}", hint=WAIT)


def _read(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _machine() -> str:
    """This machine since it was started, and the world of process numbers that this process sees."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
            boot = stream.read().strip()
        return f"{socket.gethostname()} {boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return f"{socket.gethostname()} {psutil.boot_time():.0f}"


def _process() -> dict[str, Any]:
    return {"pid": os.getpid(), "born": psutil.Process().create_time()}


def _alive(holder: dict[str, Any]) -> bool:
    """Whether the process of a lease of this machine is at work."""
    try:
        process = psutil.Process(int(holder["pid"]))
        return (
            process.is_running()
            and process.status() != psutil.STATUS_ZOMBIE
            and process.create_time() == holder["born"]
        )
    except (psutil.NoSuchProcess, KeyError, ValueError, TypeError):
        return False
