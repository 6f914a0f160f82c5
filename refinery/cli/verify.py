"""``refinery verify``: check that counts reconcile and that files match their receipts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import click

from refinery.cli._options import Session, output_options, pass_session
from refinery.cli._output import print_json
from refinery.cli._reading import WARNINGS, place_options, root_of, same_root, warning_lines
from refinery.cli._selection import parse_share
from refinery.formatting import plural, safe
from refinery.inspect import FileCounts, Finding, Verification, verify

SHOWN = 50
"""Findings that are shown without -v."""


@click.command("verify")
@place_options
@click.option(
    "--rerun-sample",
    "share",
    metavar="N%",
    callback=parse_share,
    help="Make a fixed share of the parts again, in memory, and compare.",
)
@output_options
@pass_session
def command(session: Session, config: str | None, root: str | None, share: float | None) -> int:
    """Check that every record has one outcome and files hold what receipts say.

    Reads every file of the root, and names the first part that does not hold; -v with the records of each input file.
    Exit code 1 where something is found; nothing is changed. Warnings
    about the data, such as broken inputs, are shown and are no findings: the root says of them what is true.
    """
    place = root_of(config, root)
    found = verify(place, share or 0.0)
    if session.json:
        print_json({"ok": found.ok, **dataclasses.asdict(found)})
    else:
        more = f"`refinery logs{same_root(place)}`"
        session.say("\n".join([*warning_lines(found.warnings, WARNINGS, more), _text(found, every=session.verbose)]))
    return 0 if found.ok else 1


def _text(found: Verification, *, every: bool) -> str:
    lines = [f"  {safe(str(finding))}" for finding in found.findings[: None if every else SHOWN]]
    more = len(found.findings) - len(lines)
    if more:
        lines.append(f"  and {more:,} more; -v shows all")
    looked = (
        f"{plural(found.stages, 'stage')}, {plural(found.receipts, 'receipt')}, {plural(found.files, 'file')}, "
        f"{plural(found.rows, 'row')}"
    )
    remade = f", {plural(found.remade, 'part')} made again" if found.remade else ""
    verdict = (
        click.style("ok", fg="green") if found.ok else click.style(plural(len(found.findings), "finding"), fg="red")
    )
    first = next((finding for finding in found.findings if finding.part is not None), None)
    records = _records(found.files_read, every=every) if found.files_read else []
    mend = f"hint: `refinery run --from {found.damaged}` makes that stage and what follows again"
    told = [*([_place(first)] if first else []), *([mend] if found.damaged else [])]
    return "\n".join([*lines, *records, f"{looked}{remade}: {verdict}", *told])


def _place(first: Finding) -> str:
    return f"first part that does not hold: {first.stage}, part {first.part}"


def _records(files: Sequence[FileCounts], *, every: bool) -> list[str]:
    """What became of all records, and with ``every`` of those of each file."""
    lines = [f"  {safe(one.file or f'part {one.part}')}: {_sum([one])}" for one in files] if every else []
    return [*lines, f"{plural(len(files), 'input file')}, as far as {files[-1].stage}: {_sum(files)}"]


def _sum(files: Sequence[FileCounts]) -> str:
    read, skipped, kept = (
        sum(counts) for counts in zip(*((f.read, f.no_documents, f.kept) for f in files), strict=True)
    )
    removed = sum(sum(one.removed.values()) for one in files)
    equal = "=" if all(one.reconciled for one in files) else "≠"
    return f"{plural(read, 'record')} {equal} {skipped:,} no documents + {removed:,} removed + {kept:,} kept"
