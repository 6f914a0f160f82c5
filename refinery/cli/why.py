"""``refinery why``: what became of one document, stage by stage."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from refinery.cli._options import Session, output_options, pass_session
from refinery.cli._output import print_json
from refinery.cli._reading import (
    cut_lines,
    fact_words,
    further_reasons,
    heading,
    place_options,
    root_of,
    wrapped,
)
from refinery.config import load
from refinery.inspect import Account, Accounts, Judgement, Station, why
from refinery.shown import plural, safe

NOT_FOUND = (
    "records that are no documents (requests, metadata) are counted and not stored, "
    "and with keep_removed: counts neither are removed documents"
)


@click.command("why")
@click.argument("query")
@place_options
@output_options
@pass_session
def command(session: Session, query: str, config: str | None, root: str | None) -> int:
    """Tell what became of one document, stage by stage.

    QUERY is a URL, a document's id, or file.warc.gz:OFFSET. Shown are every value and bound, the verdict, and what was
    cut. Row stages are run on the document again, from its archive:
    that shows whether they still agree, and what those after a removal would have said. With -c it is run through
    another recipe's stages. Exit code 1 where there is no such document.
    """
    place = root_of(config, root)
    pipeline = load(config, root=place) if config else None
    found = why(place, query, pipeline)
    if session.json:
        print_json(_json(found))
    elif found.documents:
        session.say("\n\n".join(_text(account, every=session.verbose) for account in found.documents))
    if not found.documents:
        click.echo(_missing(query, found, place), err=True)
    return 0 if found.documents else 1


def _json(found: Accounts) -> dict[str, Any]:
    documents = []
    for account in found.documents:
        stages = [{**dataclasses.asdict(station), "same": station.same} for station in account.stations]
        documents.append(
            {
                "document": dataclasses.asdict(account.document),
                "stages": stages,
                "same": account.same,
                "problem": account.problem,
            }
        )
    return {"documents": documents, "near": list(found.near)}


def _missing(query: str, found: Accounts, place: str) -> str:
    lines = [f"{place} has no document {safe(query[:200])}"]
    lines += [f"hint: did you mean {safe(url)}" for url in found.near]
    return "\n".join([*lines, f"hint: {NOT_FOUND}"])


def _text(account: Account, *, every: bool) -> str:
    width = max((len(station.stage) for station in account.stations), default=0)
    lines = [click.style(heading(account.document), bold=True)]
    for station in account.stations:
        lines += _station(station, width, every=every)
    same = {True: "yes", False: click.style("no", fg="red"), None: "cannot be told"}[account.same]
    problem = f" ({safe(account.problem)})" if account.problem else ""
    return "\n".join([*lines, f"  same verdict as stored: {same}{problem}"])


def _station(station: Station, width: int, *, every: bool) -> list[str]:
    shown = station.stored or station.replayed
    lines = [f"  {station.stage.ljust(width)}  {_verdict(station)}"]
    if shown is None:
        return lines
    indent = " " * (width + 6)
    facts = wrapped(fact_words(shown), indent)
    lines += [facts] if facts else []
    cuts = cut_lines(shown.cut)
    kept = cuts if every else cuts[:5]
    lines += [f"{indent}{line}" for line in kept]
    lines += [f"{indent}and {plural(len(cuts) - len(kept), 'more cut')}"] if len(kept) < len(cuts) else []
    lines += [f"{indent}{one.id} is {safe(one.url or '(no URL stored)')}" for one in station.related]
    return lines


def _verdict(station: Station) -> str:
    if station.stored is None:
        if station.replayed is None:
            return f"– {safe(station.note)}"
        return f"would be {_said(station.replayed)}"
    if station.same is False and station.replayed is not None:
        now = click.style(f"now {_said(station.replayed)}", fg="red")
        return f"{_said(station.stored)}   {now}"
    return _said(station.stored)


def _said(judged: Judgement) -> str:
    return f"REMOVED {judged.rule}{further_reasons(judged)}" if judged.rule else "kept"
