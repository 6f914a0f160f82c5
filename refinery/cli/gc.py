"""``refinery gc``: delete files that the current results do not use."""

from __future__ import annotations

import dataclasses
from collections import Counter

import click

from refinery.cli._options import Session, output_options, pass_session
from refinery.cli._output import columns, print_json
from refinery.cli._reading import root_of, root_options
from refinery.formatting import plural, safe, size
from refinery.inspect.garbage import Garbage, collect_garbage


@click.command("gc")
@root_options
@click.option("--yes", is_flag=True, help="Delete the files instead of listing them.")
@output_options
@pass_session
def command(session: Session, *, config: str | None, root: str | None, yes: bool) -> int:
    """Delete files that the current results do not use; list them without --yes.

    These are outputs of previous recipes, which a run could still reuse, and leftovers of killed runs. To keep the
    results of an interrupted run, finish that run first. Refuses while a run is active. Never touches files outside the
    layout of the root. -v lists every file.
    """
    result = collect_garbage(root_of(config, root), delete=yes)
    if session.json:
        print_json({**dataclasses.asdict(result), "bytes": result.bytes})
    else:
        session.print_text(_text(result, every=session.verbose))
    return 0


def _text(result: Garbage, *, every: bool) -> str:
    if not result.files:
        return "nothing to delete"
    lines = [columns([(safe(file.path), size(file.bytes)) for file in result.files])] if every else []
    count: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for file in result.files:
        count[file.kind] += 1
        total[file.kind] += file.bytes
    lines.append(columns([(kind, plural(count[kind], "file"), size(total[kind])) for kind in sorted(count)]))
    if result.unfinished and not result.deleted:
        lines.append("the last run did not finish: some of these files may be its results, and would be recomputed")
    summary = f"{plural(len(result.files), 'file')}, {size(result.bytes)}"
    lines.append(f"deleted {summary}" if result.deleted else f"{summary} can be deleted: add --yes")
    return "\n".join(lines)
