"""``refinery clusters``: the largest clusters of duplicates, and what is left of each domain and language."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import click

from refinery.cli._options import Session, output_options, pass_session
from refinery.cli._output import columns, percent, print_json
from refinery.cli._reading import SHORT, named_hosts, place_options, root_of
from refinery.formatting import plural, safe, shortened
from refinery.inspect import Cluster, Clusters, Retained, clusters


@click.command("clusters")
@place_options
@click.option("--stage", metavar="STAGE", help="Of this stage: all that remove duplicates unless given.")
@click.option(
    "-n", "count", metavar="N", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many of each."
)
@output_options
@pass_session
def command(session: Session, config: str | None, root: str | None, stage: str | None, count: int) -> int:
    """Show the largest clusters of duplicates, and what is left of each domain and language.

    For each cluster: its documents, the one that stays, and their hosts; -v names some of the others. Domains of which
    less than 5 % of 100 or more documents are left come first. All rows of the stage are looked at.
    """
    found = clusters(root_of(config, root), stage, count)
    if session.json:
        print_json([_json(one, count) for one in found])
    else:
        session.say("\n\n".join(_text(one, count, every=session.verbose) for one in found))
    return 0


def _json(one: Clusters, count: int) -> dict[str, Any]:
    rows = {name: getattr(one, name)[:count] for name in ("domains", "languages", "vanishing")}
    return {
        **{name: getattr(one, name) for name in ("stage", "documents", "kept", "clusters", "within", "sizes")},
        "largest": [{**vars(cluster), "hosts": dict(cluster.hosts)} for cluster in one.largest],
        **{name: [dataclasses.asdict(row) for row in found] for name, found in rows.items()},
    }


def _text(one: Clusters, count: int, *, every: bool) -> str:
    heading = (
        f"{one.stage}: {plural(one.clusters, 'cluster')}, {one.within:,} of them within one host; "
        f"{one.kept:,} of {plural(one.documents, 'document')} left ({percent(one.kept, one.documents)})"
    )
    parts = [click.style(heading, bold=True), *(_cluster(cluster, every=every) for cluster in one.largest)]
    for name, rows in (("nearly vanished", one.vanishing), ("domain", one.domains), ("language", one.languages)):
        parts += [_table(name, rows, count)] if rows else []
    return "\n".join(parts)


def _cluster(one: Cluster, *, every: bool) -> str:
    hosts = named_hosts(one.hosts)
    lines = [f"  {one.size:,} × {safe(one.url or one.survivor)}  {hosts}"]
    lines += [f"    │ {shortened(safe(url), SHORT)}" for url in one.members] if every else []
    return "\n".join(lines)


def _table(name: str, rows: Sequence[Retained], count: int) -> str:
    shown = [
        (safe(row.name or "(none)"), f"{row.documents:,}", f"{row.kept:,}", percent(row.kept, row.documents))
        for row in rows[:count]
    ]
    more = [(f"{len(rows) - count:,} more", "", "", "")] if len(rows) > count else []
    return columns([(name, "documents", "left", ""), *shown, *more], right=(1, 2, 3))
