"""The sandbox of foreign engines, with engines that misbehave on command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from refinery.errors import PartFailed
from refinery.stages._extract.sandbox import Sandbox

ENGINES = """
import os, re, signal, time

class Thing:
    pass

def first_time(path):
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True

def actor(said=""):
    leaks = []

    def run(page):
        verb, _, rest = page.partition(" ")
        if verb == "loop":
            while True:
                pass
        if verb == "native":  # holds the interpreter lock in native code
            re.match("(a+)+$", "a" * 50 + "b")
        if verb == "sleep":
            time.sleep(60)
        if verb == "eat":
            for _ in range(1000):
                leaks.append(b"x" * 20_000_000)
                time.sleep(0.01)
        if verb == "leak":
            leaks.append(b"x" * 100_000_000)
        if verb == "die":
            os.kill(os.getpid(), signal.SIGSEGV)
        if verb == "exit":
            os._exit(3)
        if verb == "once" and first_time(rest):
            os._exit(1)
        if verb == "nap" and first_time(rest):
            time.sleep(60)
        if verb == "raise":
            raise ValueError(f"cannot do {Thing()}")
        if verb == "print":
            print("noise on standard output", flush=True)
        if verb == "surrogate":
            return "a\\ud800b"
        if verb == "marked":
            return "a\\ud800b", [{"kind": "heading", "start": 0}]
        return said + page.upper()

    return run
"""


@pytest.fixture(autouse=True)
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module ``badengines`` that only the children can import."""
    (tmp_path / "badengines.py").write_text(ENGINES, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """An actor with a second and 400 MB."""
    with Sandbox("badengines:actor", {}, timeout=1, memory=400_000_000) as made:
        yield made


def ends(pid: int) -> bool:
    """Whether a process is gone, or only waits to be reaped, within some seconds."""
    for _ in range(100):
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


def test_a_page_goes_in_and_its_text_comes_out(sandbox: Sandbox) -> None:
    """One child serves page after page, of any size, and gets its options."""
    assert sandbox.pid is None
    assert sandbox.extract(b"a page") == ("ok", "A PAGE", None, None)
    pid = sandbox.pid
    large = "ä" * 3_000_000
    assert sandbox.extract(memoryview(large.encode())).text == large.upper()
    assert sandbox.extract(b"").text == ""
    assert sandbox.pid == pid
    with Sandbox("badengines:actor", {"said": ">"}, timeout=1, memory=1 << 30) as other:
        assert other.extract(b"x").text == ">X"


@pytest.mark.parametrize(
    ("page", "outcome", "note"),
    [
        (b"loop", "timeout", None),
        (b"native", "timeout", None),
        (b"die", "crash", "SIGSEGV"),
        (b"exit", "crash", "exit code 3"),
        (b"raise", "exception", "ValueError: cannot do <badengines.Thing object at 0x…>"),
    ],
)
def test_poison_harms_only_itself(sandbox: Sandbox, page: bytes, outcome: str, note: str | None) -> None:
    """A page that hangs, kills its process or raises gets an outcome; the process ends and the next page is served."""
    assert sandbox.extract(b"before").text == "BEFORE"
    pid = sandbox.pid
    assert sandbox.extract(page) == (outcome, "", note, None)
    assert pid is not None
    assert not psutil.pid_exists(pid)
    assert sandbox.pid is None
    assert sandbox.extract(b"after").text == "AFTER"


def test_a_page_that_swells_is_stopped() -> None:
    """Long before the machine is out of memory the page has its outcome."""
    with Sandbox("badengines:actor", {}, timeout=60, memory=300_000_000) as sandbox:
        assert sandbox.extract(b"before").text == "BEFORE"
        assert sandbox.extract(b"eat") == ("memory", "", None, None)
        assert sandbox.extract(b"after").text == "AFTER"


def test_a_child_that_waits_is_stopped_too() -> None:
    """The wall clock limits what uses no processor time."""
    with Sandbox("badengines:actor", {}, timeout=0.1, memory=1 << 30) as sandbox:
        assert sandbox.extract(b"sleep").outcome == "timeout"


def test_a_death_is_believed_the_second_time(sandbox: Sandbox, tmp_path: Path) -> None:
    """Where a child dies, the page gets a second chance in a new one, whether the first had served pages or not."""
    for name in ("first", "later"):
        page = f"once {tmp_path}/{name}"
        assert sandbox.extract(page.encode()) == ("ok", page.upper(), None, None)


def test_a_child_that_is_killed_leaves_no_trace(sandbox: Sandbox, tmp_path: Path) -> None:
    """A child killed from outside amid a page changes nothing in the result."""
    assert sandbox.extract(b"before").outcome == "ok"
    pid, mark = sandbox.pid, tmp_path / "mark"
    assert pid is not None

    def kill() -> None:
        while not mark.exists():
            time.sleep(0.01)
        os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    assert sandbox.extract(f"nap {mark}".encode()) == ("ok", f"NAP {mark}".upper(), None, None)
    killer.join()
    assert sandbox.pid != pid


def test_a_child_that_is_killed_while_idle_is_replaced(sandbox: Sandbox) -> None:
    """The death of an idle child is the next page's business only in time."""
    sandbox.extract(b"before")
    assert sandbox.pid is not None
    os.kill(sandbox.pid, signal.SIGKILL)
    assert sandbox.extract(b"x" * 1_000_000).text == "X" * 1_000_000


def test_a_child_that_grows_is_replaced(sandbox: Sandbox) -> None:
    """What a library leaks ends with its process; the texts are the same."""
    sandbox.extract(b"before")
    pid = sandbox.pid
    assert [sandbox.extract(b"leak").text for _ in range(8)] == ["LEAK"] * 8
    assert pid is not None
    assert not psutil.pid_exists(pid)


def test_output_of_a_library_is_no_reply(sandbox: Sandbox) -> None:
    """What the engine prints does not reach the pipe, and a lone surrogate does not break it."""
    assert sandbox.extract(b"print").text == "PRINT"
    assert sandbox.extract(b"surrogate").text == "a?b"


def test_marks_come_with_the_text(sandbox: Sandbox) -> None:
    """An engine may return marks beside the text."""
    assert sandbox.extract(b"marked") == ("ok", "a?b", None, [{"kind": "heading", "start": 0}])


def test_an_interrupt_does_not_shift_replies(sandbox: Sandbox) -> None:
    """After Ctrl-C amid a page the next page gets its own text."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    sandbox.extract(b"before")
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            sandbox.extract(b"sleep")
    finally:
        signal.signal(signal.SIGALRM, before)
    assert sandbox.extract(b"after").text == "AFTER"


def test_threads_take_turns(sandbox: Sandbox) -> None:
    """Every thread gets the text of its own page."""
    pages = [f"page {i}" for i in range(200)]
    with ThreadPoolExecutor(4) as pool:
        replies = pool.map(lambda page: sandbox.extract(page.encode()), pages)
    assert [reply.text for reply in replies] == [page.upper() for page in pages]


@pytest.mark.parametrize(
    ("engine", "reason"),
    [("nomodule:engine", "ModuleNotFoundError"), ("badengines:none", "AttributeError"), ("os:_exit", "TypeError")],
)
def test_an_engine_that_cannot_be_loaded_fails_the_part(engine: str, reason: str) -> None:
    """It is no page's fault."""
    with Sandbox(engine, {}, timeout=1, memory=1 << 30) as sandbox, pytest.raises(PartFailed, match=reason):
        sandbox.extract(b"x")


PARENT = """
import sys, threading
from refinery.stages._extract.sandbox import Sandbox
sandbox = Sandbox("badengines:actor", {}, timeout=100, memory=1 << 30)
sandbox.extract(b"before")
print(sandbox.pid, flush=True)
sandbox.extract(sys.argv[1].encode())
sys.stdin.read()
"""


@pytest.mark.parametrize("page", ["idle", "loop", "native", "sleep"])
def test_no_child_outlives_its_parent(page: str) -> None:
    """A parent that is killed takes its child along at once, idle or amid a page, even in native code."""
    command = [sys.executable, "-c", PARENT, page]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        time.sleep(0.3)
        assert psutil.pid_exists(pid)
        parent.kill()
        assert ends(pid)
