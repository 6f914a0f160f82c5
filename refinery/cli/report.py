"""``refinery report``: the dashboard, as a folder of static pages or served."""

from __future__ import annotations

import click

from refinery.cli._options import Session, output_options, pass_session
from refinery.cli._output import plural, print_json, size
from refinery.cli._reading import place_options, root_of
from refinery.shown import safe


@click.command("report")
@place_options
@click.option("--out", metavar="DIR", default="", help="Where the pages go, instead of ROOT/report.", type=click.Path())
@click.option("--against", metavar="ROOT", multiple=True, help="Compare with another root as well. May be repeated.")
@click.option(
    "--serve", "served", is_flag=True, help="Serve it instead, with questions that need the rows; Ctrl-C ends."
)
@click.option("--host", metavar="HOST", default="127.0.0.1", show_default=True, help="With --serve: who may ask.")
@click.option(
    "--port", metavar="N", type=click.IntRange(1, 65535), default=8080, show_default=True, help="With --serve."
)
@output_options
@pass_session
def command(
    session: Session,
    config: str | None,
    root: str | None,
    out: str,
    against: tuple[str, ...],
    served: bool,
    host: str,
    port: int,
) -> int:
    """Make the dashboard: static pages that open from disk.

    They are made from the statistics that runs keep, and hold some documents of every fate. Served, they are those of
    the moment, and there are search, documents by metric range and other bounds as well. Needs the extra dashboard.
    """
    if served:
        from refinery.report.serve import serve

        session.say(f"http://{host}:{port}/   Ctrl-C ends")
        serve(root_of(config, root), host, port)
        return 0
    from refinery.report import build

    made = build(root_of(config, root), out, against)
    if session.json:
        print_json({"folder": made.folder, "files": dict(made.files)})
    total = sum(made.files.values())
    session.say(f"{plural(len(made.files), 'file')}, {size(total)} → {safe(made.folder)}/index.html")
    return 0
