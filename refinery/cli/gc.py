"""``refinery gc``: delete files that nothing refers to."""

from __future__ import annotations

import dataclasses
from collections import Counter

import click

from refinery.cli._options import Session, output_options, pass_session
from refinery.cli._output import columns, print_json
from refinery.cli._reading import place_options, root_of
from refinery.formatting import plural, safe, size
from refinery.inspect import Garbage, collect_garbage


@click.command("gc")
@place_options
@click.option("--yes", is_flag=True, help="Delete them; without it they are only shown.")
@output_options
@pass_session
def command(session: Session, *, config: str | None, root: str | None, yes: bool) -> int:
    """Delete files that nothing refers to; only shown without --yes.

    These are outputs of earlier recipes, which a run would reuse if it needed them again, and leftovers of killed runs.
    Results of an interrupted run that are not in the head yet go as well: let it end first if you want to keep them.
    Refused while a run is at work. Nothing outside the root's own layout is touched. -v lists every file.
    """
    found = collect_garbage(root_of(config, root), delete=yes)
    if session.json:
        print_json({**dataclasses.asdict(found), "bytes": found.bytes})
    else:
        session.say(_text(found, every=session.verbose))
    return 0


def _text(found: Garbage, *, every: bool) -> str:
    if not found.files:
        return "nothing to delete"
    lines = [columns([(safe(file.path), size(file.bytes)) for file in found.files])] if every else []
    count: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for file in found.files:
        count[file.kind] += 1
        total[file.kind] += file.bytes
    lines.append(columns([(kind, plural(count[kind], "file"), size(total[kind])) for kind in sorted(count)]))
    if found.unfinished and not found.deleted:
        lines.append("the last run did not end well: some of this may be what it made, and would be made again")
    summary = f"{plural(len(found.files), 'file')}, {size(found.bytes)}"
    lines.append(f"deleted {summary}" if found.deleted else f"{summary} to delete: --yes deletes them")
    return "\n".join(lines)
