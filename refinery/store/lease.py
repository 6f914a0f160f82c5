"""Who works on a root in a store without locks: objects that their holders renew, and others watch.

No clock is read but each process's own, for durations. Who holds a lease renews it with every beat; another run that
finds one watches it for some beats, and takes it for left if nothing happens. Where both run on one machine, the other
process is looked for instead. Two runs on one root do no harm, for files are named by what they hold: a lease saves
their doing everything twice.

One lease, ``.lock``, is that of a run that holds the root alone, or whose turn it is; a run that shares the root has
one of its own. Who takes either looks at the other kind afterwards, so one of two that come together sees the other.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import psutil

from refinery.errors import Refused, StorageError
from refinery.store.base import Hold
from refinery.store.local import WAIT

BEAT = 10.0
"""Seconds between renewals."""

SILENCE = 4.5
"""Beats without a renewal after which the holder is gone."""

LOCK = ".lock"
SHARED = ".shared"
"""Names below a root: of the one lease, and of the folder of the others."""


class Cell(Protocol):
    """A small object that is only written over what was there when it was looked at, if the store can tell."""

    def look(self) -> tuple[bytes, str] | None:
        """What is in it, and its tag; None where it is not there."""

    def write(self, data: bytes, over: str) -> bool:
        """Replace what has the tag ``over``, or nothing if that is empty; whether it was still so."""

    def remove(self) -> None:
        """Delete it."""


class Cells(Protocol):
    """The cells of a root."""

    def cell(self, name: str) -> Cell:
        """That of a name."""

    def names(self) -> Sequence[str]:
        """Of those in the folder ``SHARED``, whose name they begin with."""


@contextlib.contextmanager
def hold(cells: Cells, root: str, *, shared: bool = False) -> Iterator[Hold]:
    """See ``Store.hold``."""
    one = _Shared(cells, root) if shared else _Alone(cells, root)
    with one.held():
        yield one


class _Alone:
    """A root that is held by one run."""

    def __init__(self, cells: Cells, root: str) -> None:
        self._cells, self._root = cells, root
        self._lease = _Lease(cells.cell(LOCK), root)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Take the root, and give it back. Raises Refused where others are at work."""
        found = self._lease.cell.look()
        if found is not None and _alive(self._lease.cell, found[0]):
            raise _refusal(self._root)
        if not self._lease.take(found and self._lease.cell.look() and found):  # it may have been given back meanwhile
            raise _refusal(self._root)
        with self._lease.renewed():
            if _others(self._cells):
                raise _refusal(self._root)
            yield

    def check(self) -> None:
        """See ``Hold``."""
        self._lease.check()

    def turn(self) -> contextlib.AbstractContextManager[None]:
        """See ``Hold``: it is always this run's."""
        return contextlib.nullcontext()

    def last(self) -> contextlib.AbstractContextManager[bool]:
        """See ``Hold``."""
        return contextlib.nullcontext(True)


class _Shared:
    """A root that several runs share, each with a lease of its own."""

    def __init__(self, cells: Cells, root: str) -> None:
        self._cells, self._root = cells, root
        self._lease = _Lease(cells.cell(f"{SHARED}/{uuid.uuid4().hex}"), root)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Enter, and leave. Raises Refused where a run holds the root alone."""
        self._lease.take(None)
        with self._lease.renewed():
            lock = self._cells.cell(LOCK)
            found = lock.look()
            if found is not None and not _read(found[0]).get("turn") and _alive(lock, found[0]):
                raise _refusal(self._root)
            yield

    def check(self) -> None:
        """See ``Hold``."""
        self._lease.check()

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """See ``Hold``."""
        lease = _Lease(self._cells.cell(LOCK), self._root, turn=True)
        lease.wait(self.check)
        with lease.renewed():
            yield

    @contextlib.contextmanager
    def last(self) -> Iterator[bool]:
        """See ``Hold``."""
        with self.turn():
            self.check()
            self._lease.give_back()  # who comes next, and finds no other, is the last
            yield not _others(self._cells)


class _Lease:
    """One lease of one run."""

    def __init__(self, cell: Cell, root: str, *, turn: bool = False) -> None:
        self.cell = cell
        self._root = root
        self._turn = turn
        self._owner = uuid.uuid4().hex
        self._beats = 0
        self._lost = False
        self._ended = threading.Event()

    def take(self, found: tuple[bytes, str] | None) -> bool:
        """Write it over what was found; whether it is this run's then."""
        self._write(found[1] if found else "")
        return self._is_mine()  # looked at, for not every store heeds conditions, and an answer may get lost

    def wait(self, check: Callable[[], None]) -> None:
        """Take it as soon as no living run has it, unless ``check`` raises before."""
        while True:
            found = self.cell.look()
            if (found is None or not _alive(self.cell, found[0])) and self.take(found):
                return
            time.sleep(BEAT / 20)
            check()

    @contextlib.contextmanager
    def renewed(self) -> Iterator[None]:
        """Renew it meanwhile, then give it back."""
        self._renewing = threading.Thread(target=self._renew, daemon=True, name="refinery-lease")
        self._renewing.start()
        try:
            yield
        finally:
            self.give_back()

    def _renew(self) -> None:
        """Renew the lease until the run has ended, or lost it."""
        while not self._ended.wait(BEAT) and not self._lost:
            try:
                found = self.cell.look()
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
        """Free it, if it is still held."""
        if self._ended.is_set():
            return
        self._ended.set()
        self._renewing.join(BEAT)  # what it writes later would bring the lease back
        with contextlib.suppress(StorageError):  # it ends by itself; how the run ended is told
            if not self._lost and self._is_mine():
                self.cell.remove()

    def _is_mine(self) -> bool:
        found = self.cell.look()
        return found is not None and _read(found[0]).get("owner") == self._owner

    def _write(self, over: str) -> bool:
        self._beats += 1
        about = {"owner": self._owner, "beat": self._beats, "machine": _machine(), **_process()}
        about |= {"turn": True} if self._turn else {}
        return self.cell.write(json.dumps(about, sort_keys=True).encode(), over)


def _refusal(root: str) -> Refused:
    return Refused(f"another run is at work on {root}", hint=WAIT)


def _others(cells: Cells) -> bool:
    """Whether a run that shares the root is at work; what dead ones left is removed."""
    found = [(cell, cell.look()) for cell in map(cells.cell, cells.names())]
    there = [(cell, seen[0]) for cell, seen in found if seen is not None]
    if any(_is_here(data) and _runs(_read(data)) for _, data in there):
        return True
    if _any_moves([(cell, data) for cell, data in there if not _is_here(data)]):
        return True
    for cell, _ in there:
        cell.remove()
    return False


def _alive(cell: Cell, data: bytes) -> bool:
    """Whether the holder of a lease that was found is at work."""
    return _runs(_read(data)) if _is_here(data) else _any_moves([(cell, data)])


def _any_moves(leases: Sequence[tuple[Cell, bytes]]) -> bool:
    """Watch leases of other machines for some beats; whether one is renewed. Those that are given back are not."""
    until = time.monotonic() + SILENCE * BEAT
    while leases and time.monotonic() < until:
        time.sleep(BEAT / 2)
        now = [(cell, cell.look(), data) for cell, data in leases]
        if any(seen is not None and seen[0] != data for _, seen, data in now):
            return True
        leases = [(cell, data) for cell, seen, data in now if seen is not None]
    return False


def _is_here(data: bytes) -> bool:
    return bool(_read(data).get("machine") == _machine())


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


def _runs(holder: dict[str, Any]) -> bool:
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
