"""Exit codes and error messages of a command line. The only module that catches every exception.

Tracebacks are printed with -v; those of internal errors are saved to a file.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import select
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator

import click

from refinery.cli._options import Session
from refinery.errors import RefineryError, StorageError, UsageError
from refinery.formatting import safe_lines
from refinery.runner.drain import Drained
from refinery.store import LocalStore, Store, store_for
from refinery.store.local import FREE_SPACE

INTERNAL, INTERRUPTED, PIPE_CLOSED, DRAINED = 70, 130, 141, 143


def finish(invoke: Callable[[], int], session: Session) -> int:
    """Return the exit code of ``invoke``, whatever it raises."""
    try:
        code = invoke()
        sys.stdout.flush()
    except click.exceptions.Exit as end:
        code = end.exit_code
    except click.ClickException as error:
        _show_usage(error, session)
        code = error.exit_code
    except RefineryError as error:
        _show(error, session)
        code = error.exit_code
    except Drained as end:
        click.echo(str(end), err=True)
        code = DRAINED
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        code = INTERRUPTED
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - a defect, or the panic of a kernel, ends in one line and 70
        code = _unwritten(error, session) or INTERNAL
        if code == INTERNAL:
            _show_internal(error, session)
    return code


def _show(error: RefineryError, session: Session) -> None:
    """Print an error that the user can fix."""
    if session.verbose:
        click.echo(traceback.format_exc(), err=True)
    if error.placed:
        # Positions and carets need the left edge.
        click.echo(safe_lines(error.message), err=True)
    else:
        _lines(error.message, error.hint, session)


def _show_usage(error: click.ClickException, session: Session) -> None:
    context = getattr(error, "ctx", None)
    _lines(error.format_message(), f"see `{context.command_path if context else 'refinery'} --help`", session)


def _lines(message: str, hint: str, session: Session) -> None:
    # Both may contain a file name from a list that came with the crawl.
    click.echo(click.style("error: ", fg="red", bold=True) + safe_lines(message), err=True, color=session.color)
    if hint:
        click.echo(click.style("hint: ", bold=True) + safe_lines(hint), err=True, color=session.color)


def _show_internal(error: BaseException, session: Session) -> None:
    details = "".join(traceback.format_exception(error))
    if session.verbose:
        click.echo(details, err=True)
    message = safe_lines(" ".join(str(error).split())[:300])
    line = f"internal error: {type(error).__name__}: {message}; details: {_save(details, session)}"
    click.echo(click.style(line, fg="red"), err=True, color=session.color)


def _save(details: str, session: Session) -> str:
    """Write a traceback to the root's ``runs/`` or to a temporary folder, and return its path."""
    name = f"error-{hashlib.blake2b(details.encode(errors='replace'), digest_size=4).hexdigest()}.txt"
    for folder, store in _folders(session):
        path = os.path.join(folder, name)
        try:
            store.put(path, details.encode(errors="replace"))
        except StorageError:
            continue  # the next folder may be writable
        return path
    return "not saved; -v prints them"


def _folders(session: Session) -> Iterator[tuple[str, Store]]:
    try:
        if session.root and store_for(session.root).exists(os.path.join(session.root, "HEAD.json")):
            yield os.path.join(session.root, "runs"), store_for(session.root)
        yield tempfile.mkdtemp(prefix="refinery-"), LocalStore()
    except (OSError, UsageError):
        return  # no space for a folder, or an unknown kind of root, which is the error to report


def _unwritten(error: BaseException, session: Session) -> int:
    """Return the exit code if the output cannot be written (closed pipe, full disk), else 0."""
    if isinstance(error, BrokenPipeError) and _output_closed():
        code = PIPE_CLOSED
    elif isinstance(error, OSError) and error.filename is None and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        with contextlib.suppress(OSError):  # standard error may go to the same disk
            _lines(f"cannot write the output: {error.strerror}", FREE_SPACE, session)
        code = StorageError.exit_code
    else:
        return 0
    # Python flushes again at exit, and would print an error.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _output_closed() -> bool:
    """Return True if the reader closed standard output."""
    # The broken pipe may be that of a worker: that error is printed.
    poll = select.poll()
    poll.register(sys.stdout, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))
