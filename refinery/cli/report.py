"""``refinery report``: write or serve an HTML report."""

from __future__ import annotations

import click
from click.core import ParameterSource

from refinery.cli._options import Session, output_options, pass_session
from refinery.cli._output import print_json
from refinery.cli._reading import root_of, root_options
from refinery.errors import UsageError
from refinery.formatting import plural, safe, size


@click.command("report")
@click.argument("roots", nargs=-1, metavar="[ROOT]...", type=click.Path())
@root_options
@click.option(
    "--out", metavar="DIR", default="", help="Folder for the pages.  [default: ROOT/report]", type=click.Path()
)
@click.option("--against", metavar="ROOT", multiple=True, help="Compare with another root. Repeatable.")
@click.option("--serve", "served", is_flag=True, help="Serve the report, with search over all rows; stop with Ctrl-C.")
@click.option("--host", metavar="HOST", default="127.0.0.1", show_default=True, help="Address to bind with --serve.")
@click.option(
    "--port",
    metavar="N",
    type=click.IntRange(1, 65535),
    default=8080,
    show_default=True,
    help="Port to bind with --serve.",
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
    """Write an HTML report as static pages, or serve it.

    Static pages open from disk and contain statistics and examples of every outcome. With --serve, the report follows
    the root as it changes, and adds search, documents by metric range, and thresholds to try. With several roots, it
    compares the first with the others, including the texts of common pages. Needs the extra `dashboard`.
    """
    if roots and root is not None:
        raise UsageError("two roots: --root and an argument", hint="pass the root once")
    _refuse_what_has_no_effect(served=served)
    path = root_of(config, roots[0] if roots else root)
    against = (*roots[1:], *against)
    if served:
        from refinery.report.serve import serve

        serve(path, host, port, against, ready=lambda: session.print_text(f"http://{host}:{port}/   Ctrl-C stops"))
        return 0
    from refinery.report import build

    pages = build(path, out, against)
    if session.json:
        print_json({"folder": pages.folder, "files": dict(pages.files)})
    total = sum(pages.files.values())
    session.print_text(f"{plural(len(pages.files), 'file')}, {size(total)} → {safe(pages.folder)}/index.html")
    return 0


def _refuse_what_has_no_effect(*, served: bool) -> None:
    """Raise UsageError for --out with --serve, and for --host or --port without it."""
    context = click.get_current_context()
    given = [
        name for name in ("out", "host", "port") if context.get_parameter_source(name) is not ParameterSource.DEFAULT
    ]
    if served and "out" in given:
        raise UsageError(
            "--out has no effect with --serve, which writes no pages", hint="remove one of the two options"
        )
    for name in () if served else given:
        if name != "out":
            raise UsageError(f"--{name} has no effect without --serve", hint=f"add --serve, or remove --{name}")
