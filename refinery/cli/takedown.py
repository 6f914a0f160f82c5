"""``refinery takedown``: remove documents from all files of a root, for good."""

from __future__ import annotations

import dataclasses
import sys
from collections import Counter

import click

from refinery.cli._options import PATH, Session, output_options, pass_session
from refinery.cli._output import columns, print_json
from refinery.cli._reading import root_of, root_options
from refinery.errors import UsageError
from refinery.formatting import plural, safe
from refinery.runner.takedown import Takedown, check_list, takedown
from refinery.store import store_for


@click.command("takedown")
@click.argument("listed", metavar="[LIST]", type=PATH, required=False)
@root_options
@click.option("--reason", metavar="TEXT", default="", help="Reason for the record, such as the number of a request.")
@click.option("--dry-run", is_flag=True, help="List the files that would be rewritten or deleted; change nothing.")
@output_options
@pass_session
def command(
    session: Session,
    *,
    listed: str | None,
    config: str | None,
    root: str | None,
    reason: str,
    dry_run: bool,
) -> int:
    """Remove documents from all files of a root; no run brings them back.

    LIST is a file, or - for standard input. A line is a domain, which includes its subdomains, a URL, a URL in which *
    is any characters, or a document id. Files that contain the documents are rewritten without them, those of other
    stages and previous recipes included; other rows stay as they are. The record in ROOT/takedowns has ids and entries
    of the list, and no content. Without LIST, completes a takedown that was interrupted; runs do so too. Refuses while
    a run is active. -v lists every file.
    """
    lines = check_list(_lines(listed)).entries if listed else ()
    result = takedown(root_of(config, root), lines, reason=reason, dry_run=dry_run)
    if session.json:
        print_json(dataclasses.asdict(result))
    else:
        session.print_text(_text(result, every=session.verbose, dry_run=dry_run))
    return 0


def _lines(listed: str) -> list[str]:
    """Read the list from a file in any store, or from standard input. Raises UsageError, StorageError."""
    data: bytes = sys.stdin.buffer.read() if listed == "-" else store_for(listed).read(listed)
    try:
        return data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UsageError(f"{listed}: not UTF-8 ({error})", hint="save the list as UTF-8") from error


def _text(result: Takedown, *, every: bool, dry_run: bool) -> str:
    lines = ["completed a takedown that was interrupted"] if result.finished else []
    by_entry = Counter(one.entry for one in result.documents)
    unmatched = [(safe(entry), "no document") for entry in result.new_entries if entry not in by_entry]
    matched = [(safe(entry), plural(count, "document")) for entry, count in by_entry.most_common(None if every else 20)]
    lines += [columns([*matched, *unmatched[: None if every else 20]])] if matched or unmatched else []
    files = [(safe(one.path), "deleted" if one.rows is None else plural(one.rows, "row")) for one in result.files]
    lines += [columns(files)] if every and files else []
    count = f"{plural(len(result.documents), 'document')} in {plural(len(result.files), 'file')}"
    if dry_run:
        return "\n".join([*lines, f"would take down {count}"])
    if result.record:
        return "\n".join([*lines, f"took down {count}: {result.record}"])
    return "\n".join([*lines, *([] if result.finished else ["nothing to take down"])])
