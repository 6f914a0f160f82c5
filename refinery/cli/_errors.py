"""How a command line ends: exit codes, and errors as people read them. The only place that catches everything.

Tracebacks are for -v and for the file that an internal error is saved in.
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
from refinery.store import LocalStore, Store, store_for
from refinery.store.local import FREE_SPACE

INTERNAL, INTERRUPTED, PIPE_CLOSED = 70, 130, 141


def finish(invoke: Callable[[], int], session: Session) -> int:
    """The exit code of ``invoke``, whatever happens in it."""
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
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        code = INTERRUPTED
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - a defect, the panic of a kernel included, ends in one line and 70
        code = _unwritten(error, session) or INTERNAL
        if code == INTERNAL:
            _show_internal(error, session)
    return code


def _show(error: RefineryError, session: Session) -> None:
    """Print an error that its user can mend."""
    if session.verbose:
        click.echo(traceback.format_exc(), err=True)
    if error.placed:
        # Places and carets need the left edge.
        click.echo(safe_lines(error.message), err=True)
    else:
        _lines(error.message, error.hint, session)


def _show_usage(error: click.ClickException, session: Session) -> None:
    context = getattr(error, "ctx", None)
    _lines(error.format_message(), f"{context.command_path if context else 'refinery'} --help", session)


def _lines(message: str, hint: str, session: Session) -> None:
    # Both may name a file from a list that came with the crawl.
    click.echo(click.style("error: ", fg="red", bold=True) + safe_lines(message), err=True, color=session.color)
    if hint:
        click.echo(click.style("hint: ", bold=True) + safe_lines(hint), err=True, color=session.color)


def _show_internal(error: BaseException, session: Session) -> None:
    details = "".join(traceback.format_exception(error))
    if session.verbose:
        click.echo(details, err=True)
    said = safe_lines(" ".join(str(error).split())[:300])
    line = f"internal error: {type(error).__name__}: {said}; details: {_save(details, session)}"
    click.echo(click.style(line, fg="red"), err=True, color=session.color)


def _save(details: str, session: Session) -> str:
    """Write a traceback under the root's ``runs/``, else to a temporary folder, and return its path."""
    name = f"error-{hashlib.blake2b(details.encode(errors='replace'), digest_size=4).hexdigest()}.txt"
    for folder, store in _folders(session):
        path = os.path.join(folder, name)
        try:
            store.put(path, details.encode(errors="replace"))
        except StorageError:
            continue  # the next folder will do
        return path
    return "not saved, see -v"


def _folders(session: Session) -> Iterator[tuple[str, Store]]:
    try:
        if session.root and store_for(session.root).exists(os.path.join(session.root, "HEAD.json")):
            yield os.path.join(session.root, "runs"), store_for(session.root)
        yield tempfile.mkdtemp(prefix="refinery-"), LocalStore()
    except (OSError, UsageError):
        return  # no room for a folder, or a root of no known kind, which was the error to report


def _unwritten(error: BaseException, session: Session) -> int:
    """The exit code where what is printed cannot be, since its reader has gone or its disk is full; 0 for others."""
    if isinstance(error, BrokenPipeError) and _nobody_reads():
        code = PIPE_CLOSED
    elif isinstance(error, OSError) and error.filename is None and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        with contextlib.suppress(OSError):  # the same disk may take what goes to standard error
            _lines(f"what is printed cannot be written: {error.strerror}", FREE_SPACE, session)
        code = StorageError.exit_code
    else:
        return 0
    # Python flushes once more as it ends, and would complain.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _nobody_reads() -> bool:
    """Whether the reader of standard output has gone."""
    # The pipe may be another one, to a worker: then the error is to be shown.
    poll = select.poll()
    poll.register(sys.stdout, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))
