"""``refinery why``: the outcome of one document, stage by stage, and its text."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import click

from refinery.cli._options import Session, output_options, pass_session
from refinery.cli._output import print_json
from refinery.cli._quotation import quoted
from refinery.cli._reading import (
    SHORT,
    cut_lines,
    further_reasons,
    heading,
    metric_texts,
    root_of,
    root_options,
    wrapped,
)
from refinery.formatting import plural, safe, shortened
from refinery.inspect.accounts import Account, Accounts, Station, why
from refinery.inspect.outcomes import StageOutcome
from refinery.inspect.texts import MarkedText
from refinery.kernels import Contribution
from refinery.recipe import load

CONTRIBUTIONS = 8
"""Contributions to a metric that are printed without -v."""

NOT_FOUND = (
    "requests, metadata and other records without a document are counted but not stored; "
    "with keep_removed: counts, removed documents are not stored either"
)


@click.command("why")
@click.argument("query")
@root_options
@output_options
@pass_session
def command(session: Session, query: str, config: str | None, root: str | None) -> int:
    """Show what each stage did with one document, and what was cut from its text.

    QUERY is a URL, a document id or at least 4 of its first digits, or file.warc.gz:OFFSET. Prints the outcome of each
    stage with all values and thresholds, and the extracted text with cuts in [-…-]. -v prints the whole text and all
    cuts.

    Row stages are replayed from the archive. This checks the stored result, and shows what the stages after a removal
    would have done. With -c, the replay uses that recipe; values that differ from the stored ones are printed below
    them. Exit code 1 if no document matches, or if several ids match.
    """
    path = root_of(config, root)
    pipeline = load(config, root=path) if config else None
    accounts = why(path, query, pipeline)
    if session.json:
        print_json(_json(accounts))
    elif accounts.documents:
        again = f"with {config}" if config else "now"
        blocks = [_text(account, again, every=session.verbose) for account in accounts.documents]
        session.print_text("\n\n".join(blocks))
    if not accounts.documents:
        click.echo(_ambiguous(query, accounts) if accounts.candidates else _missing(query, accounts, path), err=True)
    return 0 if accounts.documents else 1


def _json(accounts: Accounts) -> dict[str, Any]:
    documents = []
    for account in accounts.documents:
        stages = [
            {**dataclasses.asdict(station), "same": station.same, "differs": station.differs}
            for station in account.stations
        ]
        documents.append(
            {
                "document": dataclasses.asdict(account.document),
                "stages": stages,
                "same": account.same,
                "problem": account.problem,
                "texts": [dataclasses.asdict(text) for text in account.texts],
            }
        )
    candidates = [dataclasses.asdict(one) for one in accounts.candidates]
    return {
        "documents": documents,
        "similar_urls": list(accounts.similar_urls),
        "candidates": candidates,
        "matching": accounts.matching,
    }


def _missing(query: str, accounts: Accounts, path: str) -> str:
    lines = [f"no document {safe(query[:200])} in {path}"]
    lines += [f"hint: did you mean {safe(url)}?" for url in accounts.similar_urls]
    if re.fullmatch("[0-9a-f]{1,3}", query):
        lines.append("hint: pass at least 4 digits of a document id")
    return "\n".join([*lines, f"hint: {NOT_FOUND}"])


def _ambiguous(query: str, accounts: Accounts) -> str:
    lines = [f"{accounts.matching:,} document ids start with {safe(query)}"]
    lines += [f"  {one.id}  {safe(one.url or '(no URL stored)')}" for one in accounts.candidates]
    more = accounts.matching - len(accounts.candidates)
    return "\n".join([*lines, *([f"  and {more:,} more"] if more else []), "hint: pass more digits"])


def _text(account: Account, again: str, *, every: bool) -> str:
    width = max((len(station.stage) for station in account.stations), default=0)
    lines = [click.style(heading(account.document), bold=True)]
    for station in account.stations:
        lines += _station(station, width, again, every=every)
    agreement = {
        True: "replay agrees with the stored result",
        False: click.style("replay disagrees with the stored result", fg="red"),
        None: "replay could not be compared with the stored result",
    }[account.same]
    problem = f" ({safe(account.problem)})" if account.problem else ""
    texts = [line for text in account.texts for line in _quoted(text, every=every)]
    texts = texts or ["", "  no text: no stage extracted one"]
    return "\n".join([*lines, f"  {agreement}{problem}", *texts])


def _quoted(text: MarkedText, *, every: bool) -> list[str]:
    origin = f"after {text.stage}, had it been reached" if text.assuming else f"after {text.stage}"
    cuts = f", {plural(text.cuts, 'cut')} in [-…-]" if text.cuts else ""
    title = f"  text {origin}, {plural(len(text.text), 'character')}{cuts}:"
    page = ["", "  with its structure:", quoted(text.rendered.markdown, (), every=every)] if text.rendered else []
    return ["", title, quoted(text.text, text.marks, every=every), *page]


def _station(station: Station, width: int, again: str, *, every: bool) -> list[str]:
    """Return the outcome and values of a stage; if the replay differs, its values follow the stored ones."""
    indent = " " * (width + 6)
    first = f"  {station.stage.ljust(width)}  "
    result = station.stored or station.replayed
    if result is None:
        return [f"{first}{safe(station.note)}"]
    related = [f"{indent}{one.id} is {safe(one.url or '(no URL stored)')}" for one in station.related]
    values = [*_values(result, indent, every=every), *_contributions(station, indent, every=every), *related]
    if station.differs and station.replayed:
        second = click.style(f"{again}: {_hypothesis(station)}{_outcome(station.replayed)}", fg="red")
        under = " " * (width + 4)
        return [
            f"{first}stored: {_outcome(result)}",
            *values,
            f"{under}{second}",
            *_values(station.replayed, indent, every=every),
        ]
    note = f"   ({safe(station.note)})" if station.note and not station.assuming else ""
    return [f"{first}{_hypothesis(station)}{_outcome(result)}{note}", *values]


def _hypothesis(station: Station) -> str:
    if not station.assuming:
        return ""
    names = station.assuming
    before = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
    return f"not reached; had {before} kept it: "


def _values(result: StageOutcome, indent: str, *, every: bool) -> list[str]:
    metrics = wrapped(metric_texts(result), indent)
    cuts = cut_lines(result.cut)
    kept = cuts if every else cuts[:5]
    more = [f"{indent}and {plural(len(cuts) - len(kept), 'more cut')}"] if len(kept) < len(cuts) else []
    return [*([metrics] if metrics else []), *(f"{indent}{line}" for line in kept), *more]


def _contributions(station: Station, indent: str, *, every: bool) -> list[str]:
    lines = []
    for one in station.contributions:
        found = one.contributions[: None if every else CONTRIBUTIONS]
        pieces = [f"{safe(shortened(part.feature, SHORT))} {part.weight:+.3g}{_times(part)}" for part in found]
        lines.append(wrapped([f"moves {one.metric} most:", *pieces], indent))
    return lines


def _times(one: Contribution) -> str:
    return "" if one.occurrences == 1 else f" (×{one.occurrences:,})"


def _outcome(result: StageOutcome) -> str:
    return f"REMOVED {result.rule}{further_reasons(result)}" if result.rule else "kept"
