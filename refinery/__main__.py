"""The command ``refinery``, which ``python -m refinery`` is as well."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys


def main() -> None:
    """The console script. Loading takes a moment, in which Ctrl-C ends as it does later: with 130, and quietly.

    The process ends after the last function of ``atexit``, before the interpreter is taken down: a library's thread
    that needs the interpreter while that happens aborts the process (134), although all its work is done.
    """
    status = [1]
    atexit.register(_end, status)  # the first registered is the last called
    try:
        try:
            from refinery.cli import main as run
        except KeyboardInterrupt:
            sys.exit(130)
        run()
        status[0] = 0
    except SystemExit as leaving:
        if leaving.code is None or isinstance(leaving.code, int):
            status[0] = leaving.code or 0
        raise


def _end(status: list[int]) -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed or gone: nobody is left to tell
            stream.flush()
    os._exit(status[0])


if __name__ == "__main__":
    main()
