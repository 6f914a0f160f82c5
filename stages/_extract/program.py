"""Runs a program of the user that extracts pages: a command that reads pages and writes their texts as JSON lines.

A line of its input is a page, ``{"id": 7, "url": "https://…", "html": "<html>…"}``; a line of its output the answer,
``{"id": 7, "text": "…"}``, or ``{"id": 7, "error": "…"}``. Answers may be in any order, and the program may read many
pages before it answers, as models do that work on batches. It should end when its input ends.

A page costs no other page its text. If the program dies, is silent for too long or writes something else, the pages
without an answer are asked again from a new one, the first of them alone: only what happens then is its outcome.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import threading
import time
from collections.abc import Container, Iterator, Sequence
from contextlib import ExitStack, suppress
from itertools import count
from typing import NamedTuple

from refinery import PartFailed
from refinery.stages._extract.child import LONGEST_NOTE
from refinery.stages._extract.sandbox import Reply, cause_of_death

AT_ONCE = 1 << 16
"""Bytes that are read or written at once."""

QUOTED = 100
"""Characters of a wrong answer that are in its note."""


_NONE = Reply("exception", note="no answer")


class SentPage(NamedTuple):
    """A page as a program gets it."""

    url: str
    html: str


class UserProgram:
    """A command; ``timeout`` is in seconds between two answers, ``longest`` in bytes of one.

    The process starts with the first page and stays for all that follow. Threads may share a program; they take turns.
    """

    def __init__(self, command: Sequence[str], timeout: float, longest: int) -> None:
        self._command, self._timeout, self._longest = command, timeout, longest
        self._running: _Running | None = None
        self._lock = threading.Lock()
        self._ids = count()  # of all pages that were ever asked: a late answer must meet no other page

    def extract(self, pages: Sequence[SentPage]) -> list[Reply]:
        """Return a reply for each page. Raises PartFailed if the command cannot be started."""
        replies: dict[int, Reply] = {}
        with self._lock:
            while left := [number for number in range(len(pages)) if number not in replies]:
                self._ask(pages, left, replies)
                first = next((number for number in left if number not in replies), None)
                if first is not None:
                    replies.setdefault(first, self._ask(pages, [first], replies) or _NONE)
        return [replies[number] for number in range(len(pages))]

    def _ask(self, pages: Sequence[SentPage], numbers: Sequence[int], replies: dict[int, Reply]) -> Reply | None:
        """Add replies to these pages. Return the failure that ended the program, if any."""
        self._running = self._running or _Running(self._command)
        asked = {next(self._ids): number for number in numbers}
        lines = (_line(asked_id, pages[number]) for asked_id, number in tuple(asked.items()))
        with ExitStack() as cleanup:
            cleanup.callback(self._end)  # also after an interrupt
            try:
                for answer in self._running.answers(lines, len(numbers), self._timeout, self._longest):
                    asked_id, reply = _parsed(answer, asked)
                    replies[asked.pop(asked_id)] = reply
            except _Failure as failure:
                return failure.reply
            cleanup.pop_all()
        return None

    def _end(self) -> None:
        if self._running:
            self._running.kill()
        self._running = None

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()


class _Failure(Exception):
    """The process is of no more use; ``reply`` is that to a page which was asked alone."""

    def __init__(self, outcome: str, note: str | None = None) -> None:
        super().__init__(outcome, note)
        self.reply = Reply(outcome, note=note)


class _Running:
    """The process of a command."""

    def __init__(self, command: Sequence[str]) -> None:
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, process_group=0
            )
        except OSError as error:
            raise PartFailed(f"{command[0]} cannot be started: {error}", hint="correct extract.command") from error
        assert self._process.stdin
        assert self._process.stdout
        self._input, self._output = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._input, False)
        self._begun = bytearray()

    def answers(self, lines: Iterator[bytes], wanted: int, timeout: float, longest: int) -> Iterator[bytes]:
        """Write lines, and yield as many in return. Raises _Failure."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._output, selectors.EVENT_READ)
            selector.register(self._input, selectors.EVENT_WRITE)
            line, deadline = b"", time.monotonic() + timeout
            while wanted > 0:
                ready = [key.fd for key, _ in selector.select(max(0.0, deadline - time.monotonic()))]
                if self._output in ready:
                    for answer in self._complete_lines(longest):
                        yield answer
                        wanted, deadline = wanted - 1, time.monotonic() + timeout
                elif self._input in ready:
                    line = line or next(lines, b"")
                    if line:
                        line = line[self._write(line) :]
                    else:
                        selector.unregister(self._input)
                if time.monotonic() >= deadline:
                    raise _Failure("timeout")

    def _complete_lines(self, longest: int) -> list[bytes]:
        chunk = os.read(self._output, AT_ONCE)
        if not chunk:
            raise _Failure("crash", cause_of_death(self._process))
        self._begun += chunk
        *complete, self._begun = self._begun.split(b"\n") if b"\n" in chunk else [self._begun]
        if len(self._begun) > longest:
            raise _Failure("exception", f"an answer has more than {longest} bytes")
        return [bytes(line) for line in complete]

    def _write(self, left: bytes) -> int:
        try:
            return os.write(self._input, left[:AT_ONCE])
        except BlockingIOError:
            return 0
        except BrokenPipeError:
            return len(left)  # the end of its output reports that

    def kill(self) -> None:
        """End the process and what it started, and wait for its end."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, 9)
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()


def _line(number: int, page: SentPage) -> bytes:
    return json.dumps({"id": number, "url": page.url, "html": page.html}).encode() + b"\n"


def _parsed(answer: bytes, asked: Container[int]) -> tuple[int, Reply]:
    """Return the id in an answer, and the reply. Raises _Failure unless it is of a page that was asked."""
    try:
        found = json.loads(answer)
        asked_id, text = found["id"], found.get("text")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        asked_id = None
    if type(asked_id) is not int or asked_id not in asked:
        raise _Failure("exception", f"answers no page: {answer[:QUOTED]!r}")
    if isinstance(text, str):
        return asked_id, Reply("ok", text.encode("utf-8", "replace").decode())
    return asked_id, Reply("exception", note=str(found.get("error", "has no text"))[:LONGEST_NOTE])
