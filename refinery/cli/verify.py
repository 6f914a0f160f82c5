"""``refinery verify``: check that counts reconcile and that files match their receipts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import click

from refinery.cli._options import Session, output_options, pass_session
from refinery.cli._output import print_json
from refinery.cli._reading import WARNINGS, root_of, root_options, same_root, warning_lines
from refinery.cli._selection import parse_share
from refinery.formatting import plural, safe
from refinery.inspect.file_counts import FileCounts
from refinery.inspect.verification import Verification, verify

FINDINGS = 50
"""Findings that are printed without -v."""


@click.command("verify")
@root_options
@click.option(
    "--rerun-sample",
    "share",
    metavar="N%",
    callback=parse_share,
    help="Also recompute a fixed share of the parts in memory, and compare.",
)
@output_options
@pass_session
def command(session: Session, config: str | None, root: str | None, share: float | None) -> int:
    """Check that counts reconcile and files match their receipts.

    Reads every file of the root and changes nothing. Every input record must have exactly one outcome. Reports all
    findings and the first part that is affected; -v adds the records of each input file. Exit code 1 if there are
    findings. Warnings about the data, such as broken inputs, are printed but are not findings.
    """
    path = root_of(config, root)
    result = verify(path, share or 0.0)
    if session.json:
        print_json({"ok": result.ok, **dataclasses.asdict(result)})
    else:
        more = f"`refinery logs{same_root(path)}`"
        session.print_text(
            "\n".join([*warning_lines(result.warnings, WARNINGS, more), _text(result, every=session.verbose)])
        )
    return 0 if result.ok else 1


def _text(result: Verification, *, every: bool) -> str:
    lines = [f"  {safe(str(finding))}" for finding in result.findings[: None if every else FINDINGS]]
    more = len(result.findings) - len(lines)
    if more:
        lines.append(f"  and {more:,} more; -v shows all")
    checked = (
        f"{plural(result.stages, 'stage')}, {plural(result.receipts, 'receipt')}, {plural(result.files, 'file')}, "
        f"{plural(result.rows, 'row')}"
    )
    recomputed = f", {plural(result.recomputed, 'part')} recomputed" if result.recomputed else ""
    verdict = (
        click.style("ok", fg="green") if result.ok else click.style(plural(len(result.findings), "finding"), fg="red")
    )
    first = next((finding for finding in result.findings if finding.part is not None), None)
    records = _records(result.files_read, every=every) if result.files_read else []
    fix = f"hint: `refinery run --from {result.damaged}` recomputes that stage and all later ones"
    advice = [
        *([f"first affected part: {first.stage}, part {first.part}"] if first else []),
        *([fix] if result.damaged else []),
    ]
    return "\n".join([*lines, *records, f"{checked}{recomputed}: {verdict}", *advice])


def _records(files: Sequence[FileCounts], *, every: bool) -> list[str]:
    """Return the outcome of all records and, with ``every``, of those of each file."""
    lines = [f"  {safe(one.file or f'part {one.part}')}: {_sum([one])}" for one in files] if every else []
    return [*lines, f"{plural(sum(one.files for one in files), 'input file')}, up to {files[-1].stage}: {_sum(files)}"]


def _sum(files: Sequence[FileCounts]) -> str:
    read, skipped, kept = (
        sum(counts) for counts in zip(*((f.read, f.no_documents, f.kept) for f in files), strict=True)
    )
    removed = sum(sum(one.removed.values()) for one in files)
    equal = "=" if all(one.reconciled for one in files) else "≠"
    taken = sum(one.taken_down for one in files)
    down = f" + {taken:,} taken down" if taken else ""
    return f"{plural(read, 'record')} {equal} {skipped:,} skipped + {removed:,} removed{down} + {kept:,} kept"
