"""``refinery why``: one document, stage by stage, and its text."""

from __future__ import annotations

import dataclasses
from typing import Any

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
from refinery.formatting import plural, safe
from refinery.inspect import Account, Accounts, Document, Judgement, MarkedText, Station, why
from refinery.recipe import load

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
    """Show what each stage did with one document, and its text with what was cut.

    QUERY is a URL, a document's id or its first 4 or more digits, or file.warc.gz:OFFSET. Shown are every value and
    threshold, the verdict, and the text as it was extracted, with cuts in [-…-]; -v shows all of the text and all cuts.
    Row stages are run on the document again, from its archive: that shows whether they still agree, and what those
    after a removal would have done if it had been kept. With -c they are those of another recipe, whose values are
    shown beside the stored ones where they differ. Exit code 1 where there is no such document, or more than one id
    begins so.
    """
    place = root_of(config, root)
    pipeline = load(config, root=place) if config else None
    found = why(place, query, pipeline)
    if session.json:
        print_json(_json(found))
    elif found.documents:
        again = f"with {config}" if config else "now"
        accounts = [_text(account, again, every=session.verbose) for account in found.documents]
        session.say("\n\n".join(accounts))
    if not found.documents:
        click.echo(_ambiguous(query, found) if found.candidates else _missing(query, found, place), err=True)
    return 0 if found.documents else 1


def _json(found: Accounts) -> dict[str, Any]:
    documents = []
    for account in found.documents:
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
    candidates = [dataclasses.asdict(one) for one in found.candidates]
    return {"documents": documents, "near": list(found.near), "candidates": candidates, "matching": found.matching}


def _missing(query: str, found: Accounts, place: str) -> str:
    lines = [f"{place} has no document {safe(query[:200])}"]
    lines += [f"hint: did you mean {safe(url)}" for url in found.near]
    return "\n".join([*lines, f"hint: {NOT_FOUND}"])


def _ambiguous(query: str, found: Accounts) -> str:
    lines = [f"the ids of {found.matching:,} documents begin with {safe(query)}"]
    lines += [f"  {one.id}  {safe(one.url or '(no URL stored)')}" for one in found.candidates]
    more = found.matching - len(found.candidates)
    return "\n".join([*lines, *([f"  and {more:,} more"] if more else []), "hint: give more digits"])


def _text(account: Account, again: str, *, every: bool) -> str:
    width = max((len(station.stage) for station in account.stations), default=0)
    lines = [click.style(heading(account.document), bold=True)]
    for station in account.stations:
        lines += _station(station, width, again, every=every)
    same = {True: "yes", False: click.style("no", fg="red"), None: "unknown"}[account.same]
    problem = f" ({safe(account.problem)})" if account.problem else ""
    texts = [line for text in account.texts for line in _quoted(text, every=every)]
    texts = texts or ["", "  no text: no stage made one"]
    return "\n".join([*lines, f"  same verdict as stored: {same}{problem}", *texts])


def _quoted(shown: MarkedText, *, every: bool) -> list[str]:
    whose = f"as {shown.stage} would have made it" if shown.assuming else f"as {shown.stage} made it"
    cuts = f", {plural(shown.cuts, 'cut')} in [-…-]" if shown.cuts else ""
    title = f"  text {whose}, {plural(len(shown.text), 'character')}{cuts}:"
    return ["", title, quoted(shown.text, shown.marks, every=every)]


def _station(station: Station, width: int, again: str, *, every: bool) -> list[str]:
    """The verdict and values of a stage; those stored and those of the replay under each other where they differ."""
    indent = " " * (width + 6)
    first = f"  {station.stage.ljust(width)}  "
    judged = station.stored or station.replayed
    if judged is None:
        return [f"{first}{safe(station.note)}"]
    values = [*_values(judged, indent, every=every), *(f"{indent}{_named(one)}" for one in station.related)]
    if station.differs and station.replayed:
        second = click.style(f"{again}: {_hypothesis(station)}{_said(station.replayed)}", fg="red")
        under = " " * (width + 4)
        return [
            f"{first}stored: {_said(judged)}",
            *values,
            f"{under}{second}",
            *_values(station.replayed, indent, every=every),
        ]
    note = f"   ({safe(station.note)})" if station.note and not station.assuming else ""
    return [f"{first}{_hypothesis(station)}{_said(judged)}{note}", *values]


def _hypothesis(station: Station) -> str:
    if not station.assuming:
        return ""
    names = station.assuming
    before = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
    return f"not reached; if {before} had kept it: "


def _named(one: Document) -> str:
    return f"{one.id} is {safe(one.url or '(no URL stored)')}"


def _values(judged: Judgement, indent: str, *, every: bool) -> list[str]:
    metrics = wrapped(fact_words(judged), indent)
    cuts = cut_lines(judged.cut)
    kept = cuts if every else cuts[:5]
    more = [f"{indent}and {plural(len(cuts) - len(kept), 'more cut')}"] if len(kept) < len(cuts) else []
    return [*([metrics] if metrics else []), *(f"{indent}{line}" for line in kept), *more]


def _said(judged: Judgement) -> str:
    return f"REMOVED {judged.rule}{further_reasons(judged)}" if judged.rule else "kept"
