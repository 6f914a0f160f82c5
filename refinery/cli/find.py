"""``refinery find``: the files and rows that contain documents."""

from __future__ import annotations

import dataclasses

import click

from refinery.cli._options import Session, count_option, output_options, pass_session
from refinery.cli._output import columns, print_json
from refinery.cli._reading import SHORT, root_of, root_options
from refinery.formatting import plural, safe, shortened
from refinery.inspect.find import FoundDocuments, FoundRow, find


@click.command("find")
@click.argument("queries", nargs=-1, metavar="[QUERY]...")
@root_options
@click.option("--text", metavar="SNIPPET", default="", help="Also find documents whose text contains this.")
@count_option("Documents that are printed; JSON has all.", 20, most=1_000_000)
@output_options
@pass_session
def command(
    session: Session, queries: tuple[str, ...], config: str | None, root: str | None, text: str, count: int
) -> int:
    """Show the files and rows that contain documents, at every stage.

    QUERY is a domain, which includes its subdomains, a URL, a URL in which * is any characters, or a document id.
    A prefix `domain:`, `url:` or `id:` decides which. Rows are counted from 0 in each file. Exit code 1 if nothing is
    found.
    """
    found = find(root_of(config, root), queries, text)
    if session.json:
        print_json({**dataclasses.asdict(found), "documents": list(found.documents)})
    elif found.rows:
        session.print_text(_text(found, count))
    if not found.rows:
        click.echo("no such document", err=True)
    for stage in found.not_searched:
        click.echo(f"note: {stage} stores no ids or URLs, so its rows were not searched", err=True)
    return 0 if found.rows else 1


def _text(result: FoundDocuments, count: int) -> str:
    by_document: dict[str, list[FoundRow]] = {}
    for row in result.rows:
        by_document.setdefault(row.id or row.url or "", []).append(row)
    lines = [f"{plural(len(by_document), 'document')} in {plural(len(result.rows), 'row')}"]
    for name, rows in list(by_document.items())[:count]:
        url = next((row.url for row in rows if row.url), "(no URL stored)")
        lines.append(click.style(f"{safe(name)}  {shortened(safe(url), SHORT)}", bold=True))
        cells = [
            (row.stage, f"removed {row.rule}" if row.rule else row.side, row.file, f"row {row.row:,}") for row in rows
        ]
        lines.append(columns([tuple(map(safe, cell)) for cell in cells]))
    more = len(by_document) - count
    return "\n".join([*lines, *([f"and {plural(more, 'more document')}: -n {len(by_document)}"] if more > 0 else [])])
