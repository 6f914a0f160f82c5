"""``refinery spans``: the spans that edits cut or marked most often, such as text repeated across the dataset."""

from __future__ import annotations

import click

from refinery.cli._options import Session, count_option, output_options, pass_session
from refinery.cli._output import print_json
from refinery.cli._reading import SHORT, named_hosts, root_of, root_options
from refinery.formatting import plural, safe, shortened
from refinery.inspect.repeats import Repeat, Repeats, spans


@click.command("spans")
@root_options
@click.option("--stage", metavar="STAGE", help="Show this stage only. Default: all stages that find spans.")
@count_option("Spans to show.", 20, most=10_000)
@output_options
@pass_session
def command(session: Session, config: str | None, root: str | None, stage: str | None, count: int) -> int:
    """Show the text spans that repeat most often, cut or only marked.

    Each span has its number of copies, their total bytes, their hosts and its text. -v shows the whole text.
    """
    repeats = spans(root_of(config, root), stage, count)
    if session.json:
        print_json({**vars(repeats), "most": [{**vars(one), "hosts": dict(one.hosts)} for one in repeats.most]})
    else:
        session.print_text(_text(repeats, every=session.verbose))
    return 0


def _text(repeats: Repeats, *, every: bool) -> str:
    lines = [line for one in repeats.most for line in _lines(one, every=every)]
    return "\n".join([*lines, f"{plural(repeats.spans, 'span')}, {repeats.distinct:,} distinct"])


def _lines(one: Repeat, *, every: bool) -> list[str]:
    hosts = named_hosts(one.hosts)
    head = f"{one.copies:,} × {one.group:016x}  {one.stage}  {plural(one.bytes, 'byte')}  {hosts}"
    text = f"{safe(one.reason or '')} (the text is not stored)" if one.text is None else safe(one.text)
    return [click.style(head, bold=True), f"  │ {text if every else shortened(text, SHORT)}"]
