"""The sandboxed process: reads a page, runs the engine, and writes the text, one page at a time.

Run as ``python -m refinery.stages._extract.child MODULE:FUNCTION OPTIONS``, with requests on standard input and
replies on standard output, both in the framing of ``multiprocessing.connection``. It sets no limits: the parent
enforces them (``refinery.stages._extract.sandbox``). It never outlives its parent, even if that is killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import json
import os
import re
import sys
from collections.abc import Iterator
from functools import partial
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

READY, TEXT, MARKED, EXCEPTION = b"R", b"T", b"M", b"E"
"""First byte of a reply: its kind."""

Extracted = str | tuple[str, list[dict[str, Any]] | None]
"""The result of an engine: a text, or a text and its marks."""

LONGEST_NOTE = 300
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")


def main(engine: str, options: str) -> None:
    """Serve until standard input ends. An exception in the engine is reported and ends the process."""
    requests = Connection(0, writable=False)
    replies = Connection(os.dup(1), readable=False)
    os.dup2(2, 1)  # output of libraries must not mix with the replies
    sys.excepthook = partial(_report, replies)
    module, _, function = engine.partition(":")
    extract = getattr(importlib.import_module(module), function)(**json.loads(options))
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    replies.send_bytes(READY)
    while True:
        try:
            page = requests.recv_bytes().decode()
        except EOFError:
            return
        with _ending_with_parent(requests):
            extracted = extract(page)
        replies.send_bytes(_reply(extracted))


def _reply(extracted: Extracted) -> bytes:
    if isinstance(extracted, str):
        return TEXT + extracted.encode("utf-8", "replace")
    text, marks = extracted
    return MARKED + json.dumps({"text": text.encode("utf-8", "replace").decode(), "marks": marks}).encode()


@contextlib.contextmanager
def _ending_with_parent(requests: Connection) -> Iterator[None]:
    """Let the kernel end this process at once if the parent dies while the engine runs.

    The parent sends nothing before it has its reply, so any event on the pipe is its end, and the default action of
    SIGIO is to terminate. A thread would not suffice: native code may keep the interpreter lock for minutes.
    """
    flags = fcntl.fcntl(0, fcntl.F_GETFL)
    fcntl.fcntl(0, fcntl.F_SETFL, flags | fcntl.FASYNC)
    if requests.poll():
        sys.exit()  # the parent died before that
    try:
        yield
    finally:
        fcntl.fcntl(0, fcntl.F_SETFL, flags)


def _report(replies: Connection, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Report an exception, as the exception hook; without addresses, because notes must be equal in every run."""
    del trace
    note = _ADDRESS.sub("0x…", f"{kind.__name__}: {error}"[:LONGEST_NOTE])
    replies.send_bytes(EXCEPTION + note.encode("utf-8", "replace"))


if __name__ == "__main__":
    main(*sys.argv[1:])
