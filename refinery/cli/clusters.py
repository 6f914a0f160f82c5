"""``refinery clusters``: the largest duplicate clusters, and the share kept by domain and language."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import click

from refinery.cli._options import Session, count_option, output_options, pass_session
from refinery.cli._output import columns, percent, print_json
from refinery.cli._reading import SHORT, named_hosts, root_of, root_options
from refinery.formatting import plural, safe, shortened
from refinery.inspect.clusters import Cluster, Clusters, Retained, clusters


@click.command("clusters")
@root_options
@click.option("--stage", metavar="STAGE", help="Show this stage only. Default: all stages that remove duplicates.")
@count_option("Rows of each table.", 20, most=10_000)
@output_options
@pass_session
def command(session: Session, config: str | None, root: str | None, stage: str | None, count: int) -> int:
    """Show the largest duplicate clusters, and the share kept by domain and language.

    Each cluster has its size, its survivor and its hosts; -v adds some of the removed URLs. Domains that keep less than
    5 % of at least 100 documents are listed first. Reads all rows of the stage.
    """
    results = clusters(root_of(config, root), stage, count)
    if session.json:
        print_json([_json(one, count) for one in results])
    else:
        session.print_text("\n\n".join(_text(one, count, every=session.verbose) for one in results))
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
        f"{one.kept:,} of {plural(one.documents, 'document')} kept ({percent(one.kept, one.documents)})"
    )
    parts = [click.style(heading, bold=True), *(_cluster(cluster, every=every) for cluster in one.largest)]
    for name, rows in (("almost removed", one.vanishing), ("domain", one.domains), ("language", one.languages)):
        parts += [_table(name, rows, count)] if rows else []
    return "\n".join(parts)


def _cluster(one: Cluster, *, every: bool) -> str:
    hosts = named_hosts(one.hosts)
    lines = [f"  {one.size:,} × {safe(one.url or one.survivor)}  {hosts}"]
    lines += [f"    │ {shortened(safe(url), SHORT)}" for url in one.members] if every else []
    return "\n".join(lines)


def _table(name: str, rows: Sequence[Retained], count: int) -> str:
    cells = [
        (safe(row.name or "(none)"), f"{row.documents:,}", f"{row.kept:,}", percent(row.kept, row.documents))
        for row in rows[:count]
    ]
    more = [(f"{len(rows) - count:,} more", "", "", "")] if len(rows) > count else []
    return columns([(name, "documents", "kept", ""), *cells, *more], right=(1, 2, 3))
