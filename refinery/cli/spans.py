"""``refinery spans``: what edits found most often, such as runs that repeat all over the dataset."""

from __future__ import annotations

import click

from refinery.cli._options import Session, output_options, pass_session
from refinery.cli._output import print_json
from refinery.cli._reading import SHORT, named_hosts, place_options, root_of
from refinery.formatting import plural, safe, shortened
from refinery.inspect import Repeat, Repeats, spans


@click.command("spans")
@place_options
@click.option("--stage", metavar="STAGE", help="Of this stage: all that find spans unless given.")
@click.option(
    "-n", "count", metavar="N", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many."
)
@output_options
@pass_session
def command(session: Session, config: str | None, root: str | None, stage: str | None, count: int) -> int:
    """Show the spans that were cut out, or only found, most often.

    For each: how many copies, the bytes of all of them, hosts, and what it says. -v shows all of the text.
    """
    found = spans(root_of(config, root), stage, count)
    if session.json:
        print_json({**vars(found), "most": [{**vars(one), "hosts": dict(one.hosts)} for one in found.most]})
    else:
        session.say(_text(found, every=session.verbose))
    return 0


def _text(found: Repeats, *, every: bool) -> str:
    lines = [line for one in found.most for line in _lines(one, every=every)]
    return "\n".join([*lines, f"{plural(found.spans, 'span')}, {found.distinct:,} different"])


def _lines(one: Repeat, *, every: bool) -> list[str]:
    hosts = named_hosts(one.hosts)
    head = f"{one.copies:,} × {one.group:016x}  {one.stage}  {plural(one.bytes, 'byte')}  {hosts}"
    text = "(left in the texts)" if one.text is None else safe(one.text)
    return [click.style(head, bold=True), f"  │ {text if every else shortened(text, SHORT)}"]
