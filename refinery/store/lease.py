"""Locks of roots in a store without file locks: lease objects that their owners renew and other runs watch.

Each process reads only its own clock, and only for durations. An owner renews its lease with every heartbeat.
Another run that finds a lease watches it for some heartbeats and takes it over if it is not renewed. If both run on one
machine, it looks for the owner's process instead. Two runs on one root cannot damage it, because files are named by
their content: a lease only prevents duplicate work.

The lease ``.lock`` belongs to the exclusive run; a run that shares the root has a lease of its own. A run checks the
other kind of lease after it acquired its own, so of two that start at once at least one notices the other.
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
from refinery.store.base import RootLock
from refinery.store.file_lock import WAIT

HEARTBEAT = 10.0
"""Seconds between renewals."""

MISSED_HEARTBEATS = 4.5
"""Heartbeats without a renewal after which the owner counts as dead."""

LOCK = ".lock"
SHARED = ".shared"
"""Names below a root: of the exclusive lease, and of the folder of the shared ones."""


class LeaseFile(Protocol):
    """A small object that is only overwritten if it has not changed since it was read, if the store supports that."""

    def read(self) -> tuple[bytes, str] | None:
        """Return its content and tag; None if it is absent."""

    def write(self, data: bytes, over: str) -> bool:
        """Replace the version with the tag ``over``, or create it if that is empty; return False on another version."""

    def remove(self) -> None:
        """Delete it."""


class LeaseFiles(Protocol):
    """The lease files of a root."""

    def file(self, name: str) -> LeaseFile:
        """Return the file of a name."""

    def names(self) -> Sequence[str]:
        """Return the names of the files in the folder ``SHARED``, which they include."""


@contextlib.contextmanager
def lock(files: LeaseFiles, root: str, *, shared: bool = False) -> Iterator[RootLock]:
    """See ``Store.lock``."""
    leased = _SharedLease(files, root) if shared else _ExclusiveLease(files, root)
    with leased.acquired():
        yield leased


class _ExclusiveLease:
    """The lock of a root by one run."""

    def __init__(self, files: LeaseFiles, root: str) -> None:
        self._files, self._root = files, root
        self._lease = _Lease(files.file(LOCK), root)

    @contextlib.contextmanager
    def acquired(self) -> Iterator[None]:
        """Acquire the root, and release it. Raises Refused if other runs are at work."""
        before = self._lease.file.read()
        if before is not None and _alive(self._lease.file, before[0]):
            raise _refusal(self._root)
        if not self._lease.acquire(
            before and self._lease.file.read() and before
        ):  # it may have been released meanwhile
            raise _refusal(self._root)
        with self._lease.renewed():
            if _others(self._files):
                raise _refusal(self._root)
            yield

    def check(self) -> None:
        """See ``RootLock``."""
        self._lease.check()

    def exclusive(self) -> contextlib.AbstractContextManager[None]:
        """See ``RootLock``: the lease is exclusive already."""
        return contextlib.nullcontext()

    def leave(self) -> contextlib.AbstractContextManager[bool]:
        """See ``RootLock``."""
        return contextlib.nullcontext(True)


class _SharedLease:
    """The lock of a root that several runs share, each with a lease of its own."""

    def __init__(self, files: LeaseFiles, root: str) -> None:
        self._files, self._root = files, root
        self._lease = _Lease(files.file(f"{SHARED}/{uuid.uuid4().hex}"), root)

    @contextlib.contextmanager
    def acquired(self) -> Iterator[None]:
        """Acquire a share of the root, and release it. Raises Refused if a run has locked the root exclusively."""
        self._lease.acquire(None)
        with self._lease.renewed():
            exclusive = self._files.file(LOCK)
            current = exclusive.read()
            if current is not None and not _parsed(current[0]).get("turn") and _alive(exclusive, current[0]):
                raise _refusal(self._root)
            yield

    def check(self) -> None:
        """See ``RootLock``."""
        self._lease.check()

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """See ``RootLock``."""
        lease = _Lease(self._files.file(LOCK), self._root, exclusive=True)
        lease.wait(self.check)
        with lease.renewed():
            yield

    @contextlib.contextmanager
    def leave(self) -> Iterator[bool]:
        """See ``RootLock``."""
        with self.exclusive():
            self.check()
            self._lease.release()  # so that the next run to leave can find no other
            yield not _others(self._files)


class _Lease:
    """One lease of one run."""

    def __init__(self, file: LeaseFile, root: str, *, exclusive: bool = False) -> None:
        self.file = file
        self._root = root
        self._exclusive = exclusive
        self._owner = uuid.uuid4().hex
        self._heartbeats = 0
        self._lost = False
        self._ended = threading.Event()

    def acquire(self, before: tuple[bytes, str] | None) -> bool:
        """Write the lease over the version ``before``; return True if it is this run's then."""
        self._write(before[1] if before else "")
        return self._is_mine()  # read back, as not every store respects conditions, and a response may get lost

    def wait(self, check: Callable[[], None]) -> None:
        """Acquire the lease as soon as no living run has it, unless ``check`` raises before."""
        while True:
            current = self.file.read()
            if (current is None or not _alive(self.file, current[0])) and self.acquire(current):
                return
            time.sleep(HEARTBEAT / 20)
            check()

    @contextlib.contextmanager
    def renewed(self) -> Iterator[None]:
        """Renew the lease in the background, then release it."""
        self._renewing = threading.Thread(target=self._renew, daemon=True, name="refinery-lease")
        self._renewing.start()
        try:
            yield
        finally:
            self.release()

    def _renew(self) -> None:
        """Renew the lease until it is released or lost."""
        while not self._ended.wait(HEARTBEAT) and not self._lost:
            try:
                current = self.file.read()
                mine = current is not None and _parsed(current[0]).get("owner") == self._owner
                written = mine and self._write(current[1] if current else "")
                self._lost = not written and not self._is_mine()
            except StorageError:
                continue  # the store does not respond; the run will fail for that reason itself

    def check(self) -> None:
        """Raise Refused if another run has taken over the root."""
        if self._lost:
            raise Refused(
                f"another run has taken over {self._root}: this one did not renew its lease for too long",
                hint="finished parts are kept; run again when the other run has ended",
            )

    def release(self) -> None:
        """Delete the lease if this run still owns it."""
        if self._ended.is_set():
            return
        self._ended.set()
        self._renewing.join(HEARTBEAT)  # a later renewal would create the lease again
        with contextlib.suppress(StorageError):  # the lease expires; the result of the run is reported anyway
            if not self._lost and self._is_mine():
                self.file.remove()

    def _is_mine(self) -> bool:
        current = self.file.read()
        return current is not None and _parsed(current[0]).get("owner") == self._owner

    def _write(self, over: str) -> bool:
        self._heartbeats += 1
        content = {"owner": self._owner, "beat": self._heartbeats, "machine": _machine(), "pid": os.getpid()}
        content["born"] = psutil.Process().create_time()
        content |= {"turn": True} if self._exclusive else {}
        return self.file.write(json.dumps(content, sort_keys=True).encode(), over)


def _refusal(root: str) -> Refused:
    return Refused(f"another run is at work on {root}", hint=WAIT)


def _others(files: LeaseFiles) -> bool:
    """Return True if a run that shares the root is at work; otherwise delete the leases of dead runs."""
    current = [(file, file.read()) for file in map(files.file, files.names())]
    present = [(file, content[0]) for file, content in current if content is not None]
    if any(_is_local(data) and _process_runs(_parsed(data)) for _, data in present):
        return True
    if _any_renewed([(file, data) for file, data in present if not _is_local(data)]):
        return True
    for file, _ in present:
        file.remove()
    return False


def _alive(file: LeaseFile, data: bytes) -> bool:
    """Return True if the owner of an existing lease is at work."""
    return _process_runs(_parsed(data)) if _is_local(data) else _any_renewed([(file, data)])


def _any_renewed(leases: Sequence[tuple[LeaseFile, bytes]]) -> bool:
    """Watch leases of other machines for some heartbeats; return True if one is renewed, ignoring released ones."""
    until = time.monotonic() + MISSED_HEARTBEATS * HEARTBEAT
    while leases and time.monotonic() < until:
        time.sleep(HEARTBEAT / 2)
        current = [(file, file.read(), data) for file, data in leases]
        if any(content is not None and content[0] != data for _, content, data in current):
            return True
        leases = [(file, data) for file, content, data in current if content is not None]
    return False


def _is_local(data: bytes) -> bool:
    return bool(_parsed(data).get("machine") == _machine())


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        content = json.loads(data)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _machine() -> str:
    """Return an id of this machine, its boot, and this process's namespace of process numbers."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
            boot = stream.read().strip()
        return f"{socket.gethostname()} {boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return f"{socket.gethostname()} {psutil.boot_time():.0f}"


def _process_runs(owner: dict[str, Any]) -> bool:
    """Return True if the process that owns a lease of this machine is at work."""
    try:
        process = psutil.Process(int(owner["pid"]))
        return (
            process.is_running() and process.status() != psutil.STATUS_ZOMBIE and process.create_time() == owner["born"]
        )
    except (psutil.NoSuchProcess, KeyError, ValueError, TypeError):
        return False
