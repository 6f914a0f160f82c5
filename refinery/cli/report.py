"""``refinery report``: the dashboard, as a folder of static pages or served."""

from __future__ import annotations

import click
from click.core import ParameterSource

from refinery.cli._options import Session, output_options, pass_session
from refinery.cli._output import print_json
from refinery.cli._reading import place_options, root_of
from refinery.errors import UsageError
from refinery.formatting import plural, safe, size


@click.command("report")
@click.argument("roots", nargs=-1, metavar="[ROOT]...", type=click.Path())
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
    roots: tuple[str, ...],
    config: str | None,
    root: str | None,
    out: str,
    against: tuple[str, ...],
    served: bool,
    host: str,
    port: int,
) -> int:
    """Make the dashboard: static pages that open from disk.

    They are made from the statistics that runs store, and contain examples of every outcome. Served, they show the root
    as it is now, with search, documents by metric range, and thresholds to move. Of several roots it is the report of
    the first, with all of them side by side and the texts of the same pages compared. Needs the extra dashboard.
    """
    if roots and root is not None:
        raise UsageError("the root is given twice", hint="either as --root, or first of the arguments")
    _refuse_what_has_no_effect(served=served)
    path = root_of(config, roots[0] if roots else root)
    against = (*roots[1:], *against)
    if served:
        from refinery.report.serve import serve

        serve(path, host, port, against, ready=lambda: session.say(f"http://{host}:{port}/   Ctrl-C ends"))
        return 0
    from refinery.report import build

    made = build(path, out, against)
    if session.json:
        print_json({"folder": made.folder, "files": dict(made.files)})
    total = sum(made.files.values())
    session.say(f"{plural(len(made.files), 'file')}, {size(total)} → {safe(made.folder)}/index.html")
    return 0


def _refuse_what_has_no_effect(*, served: bool) -> None:
    """Raise UsageError for an option of pages on disk with --serve, or of serving without."""
    context = click.get_current_context()
    given = [
        name for name in ("out", "host", "port") if context.get_parameter_source(name) is not ParameterSource.DEFAULT
    ]
    if served and "out" in given:
        raise UsageError("--out has no effect with --serve, which writes no pages", hint="leave one of them out")
    for name in () if served else given:
        if name != "out":
            raise UsageError(f"--{name} has no effect without --serve", hint="add --serve, or leave it out")
