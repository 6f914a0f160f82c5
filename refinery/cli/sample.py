"""``refinery sample``: documents that a stage kept or removed, with their metrics and text."""

from __future__ import annotations

import dataclasses

import click

from refinery.cli._options import Session, count_option, output_options, pass_session
from refinery.cli._output import print_json
from refinery.cli._quotation import quoted
from refinery.cli._reading import (
    cut_lines,
    further_reasons,
    heading,
    metric_texts,
    root_of,
    root_options,
    wrapped,
)
from refinery.formatting import plural, safe
from refinery.inspect.filters import Filters
from refinery.inspect.sample_query import SampleQuery
from refinery.inspect.samples import Sample, Samples, sample


@click.command("sample")
@root_options
@click.option(
    "--stage", metavar="STAGE", help="Select this stage. Default: the last one for --kept, all for --removed."
)
@click.option("--kept", is_flag=True, help="Show documents that were kept (the default).")
@click.option("--removed", is_flag=True, help="Show documents that were removed.")
@click.option("--rule", metavar="RULE", help="Select documents that this rule removed.")
@click.option(
    "--metric",
    metavar="NAME",
    help="Select documents with a value of this metric; write STAGE.METRIC for another stage's.",
)
@click.option("--min", "low", metavar="X", type=float, help="Minimum of --metric.")
@click.option("--max", "high", metavar="Y", type=float, help="Maximum of --metric.")
@click.option(
    "--language", metavar="CODE", help="Select this language; needs the stage that identifies it, or a later one."
)
@click.option("--domain", metavar="DOMAIN", help="Select this registered domain, such as example.org.")
@click.option(
    "--url",
    metavar="PATTERN",
    help="Select URLs that contain PATTERN; with *, such as '*/forum/*', match the whole URL.",
)
@count_option("Documents to show.", 5, most=1_000)
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
    """Show kept or removed documents by stage, rule, metric, language, domain or URL.

    The sample is the same every time. The text of a removed document comes from the previous stage, or is extracted
    again from the archive. Passages that caused the removal are highlighted. -v shows the whole text.
    """
    if kept and removed:
        raise click.UsageError("--kept and --removed exclude each other")
    side = "kept" if kept else "removed" if removed else None
    filters = Filters(language, domain, url)
    samples = sample(root_of(config, root), SampleQuery(stage, side, rule, metric, low, high, count, filters))
    if session.json:
        print_json(dataclasses.asdict(samples))
    else:
        session.print_text(_text(samples, every=session.verbose))
    return 0


def _text(samples: Samples, *, every: bool) -> str:
    blocks = [_block(one, every=every) for one in samples.documents]
    without = (
        f"; rows of {', '.join(samples.stages_without_rows)} are not stored" if samples.stages_without_rows else ""
    )
    others = f"; there are documents in {', '.join(map(safe, samples.languages))}" if samples.languages else ""
    return "\n\n".join(
        [*blocks, f"{len(samples.documents):,} of {plural(samples.matching, 'matching document')}{without}{others}"]
    )


def _block(one: Sample, *, every: bool) -> str:
    result = one.outcome
    verdict = f"{one.stage} {result.verdict.upper() if result.rule else result.verdict}"
    reasons = f": {result.rule}{further_reasons(result)}" if result.rule else ""
    lines = [click.style(heading(one.document), bold=True), f"  {verdict}{reasons}"]
    metrics = wrapped(metric_texts(result), "    ")
    lines += [metrics] if metrics else []
    lines += [f"    {line}" for line in cut_lines(result.cut)]
    lines.append(_quoted(one, every=every))
    return "\n".join(lines)


def _quoted(one: Sample, *, every: bool) -> str:
    if one.text is None:
        return f"  (no text: {safe(one.text_note)})"
    page = f"\n  with its structure:\n{quoted(one.rendered.markdown, (), every=every)}" if one.rendered else ""
    return f"{quoted(one.text, one.marks, every=every)}{page}"
