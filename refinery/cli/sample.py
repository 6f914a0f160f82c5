"""``refinery sample``: documents that a stage kept or removed, with their figures and their text."""

from __future__ import annotations

import dataclasses

import click

from refinery.cli._options import Session, output_options, pass_session
from refinery.cli._output import print_json
from refinery.cli._quotation import quoted
from refinery.cli._reading import (
    cut_lines,
    fact_words,
    further_reasons,
    heading,
    place_options,
    root_of,
    wrapped,
)
from refinery.formatting import safe
from refinery.inspect import Filters, Sample, SampleQuery, Samples, sample


@click.command("sample")
@place_options
@click.option("--stage", metavar="STAGE", help="Of this stage: the last one for kept, all for removed unless given.")
@click.option("--kept", is_flag=True, help="Documents that were kept, as is the default.")
@click.option("--removed", is_flag=True, help="Documents that were removed.")
@click.option("--rule", metavar="RULE", help="Removed for this reason.")
@click.option("--metric", metavar="NAME", help="With a value of this metric; stage.metric names one of another stage.")
@click.option("--min", "low", metavar="X", type=float, help="The least value of --metric.")
@click.option("--max", "high", metavar="Y", type=float, help="The greatest value of --metric.")
@click.option("--language", metavar="CODE", help="In this language, from the stage on that identifies it.")
@click.option("--domain", metavar="DOMAIN", help="Of this registered domain, such as example.org.")
@click.option("--url", metavar="PATTERN", help="With this in the URL; '*/forum/*' is all of one, * any characters.")
@click.option("-n", "count", metavar="N", type=click.IntRange(1, 1_000), default=5, show_default=True, help="How many.")
@output_options
@pass_session
def command(
    session: Session,
    *,
    config: str | None,
    root: str | None,
    stage: str | None,
    kept: bool,
    removed: bool,
    rule: str | None,
    metric: str | None,
    low: float | None,
    high: float | None,
    language: str | None,
    domain: str | None,
    url: str | None,
    count: int,
) -> int:
    """Show documents kept or removed, by stage, rule, metric range, language, domain or URL.

    They are the same ones every time. Texts of removed documents are taken from the stage before, or made again from
    the archive, and what they were removed for is marked, where it is a part of the text. -v shows all of a text.
    """
    if kept and removed:
        raise click.UsageError("--kept excludes --removed")
    side = "kept" if kept else "removed" if removed else None
    filters = Filters(language, domain, url)
    found = sample(root_of(config, root), SampleQuery(stage, side, rule, metric, low, high, count, filters))
    if session.json:
        print_json(dataclasses.asdict(found))
    else:
        session.say(_text(found, every=session.verbose))
    return 0


def _text(found: Samples, *, every: bool) -> str:
    blocks = [_block(one, every=every) for one in found.documents]
    unstored = f"; the rows of {', '.join(found.unstored)} are not stored" if found.unstored else ""
    return "\n\n".join([*blocks, f"{len(found.documents):,} of {found.matching:,} that match{unstored}"])


def _block(one: Sample, *, every: bool) -> str:
    judged = one.judgement
    verdict = f"{one.stage} {judged.verdict.upper() if judged.rule else judged.verdict}"
    reasons = f": {judged.rule}{further_reasons(judged)}" if judged.rule else ""
    lines = [click.style(heading(one.document), bold=True), f"  {verdict}{reasons}"]
    metrics = wrapped(fact_words(judged), "    ")
    lines += [metrics] if metrics else []
    lines += [f"    {line}" for line in cut_lines(judged.cut)]
    lines.append(_quoted(one, every=every))
    return "\n".join(lines)


def _quoted(one: Sample, *, every: bool) -> str:
    if one.text is None:
        return f"  (no text: {safe(one.text_note)})"
    return quoted(one.text, one.marks, every=every)
