"""Texts of the same pages in two roots, such as those of two extraction engines.

Pages are matched by URL; of several captures, the one that both roots have, else the newest of each. The pages that are
drawn have the smallest hashes of their URLs, so two roots draw the same ones; at most ``PARTS`` parts of each are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import groupby
from typing import Any

import xxhash

from refinery.errors import UsageError
from refinery.inspect.find import WHO, Document, Query, Spot, document, find, pieces, trail
from refinery.inspect.reader import RootReader, StageEntry
from refinery.report.documents import PARTS
from refinery.report.wordwise import Difference, compare
from refinery.root.parquet import open_parquet
from refinery.stage.documents import TEXT, URL

CANDIDATES = 5_000
"""URLs of each root among which pages that both have are looked for."""

DRAWN = 50
"""Pages of which both texts are read."""

EACH = 10
"""Pages whose texts are shown, of those that differ."""

Two = tuple[str, str]
Capture = tuple[Document, Spot]


@dataclass(frozen=True)
class Pair:
    """A page's text in each of two roots."""

    documents: tuple[Document, Document]
    difference: Difference


@dataclass(frozen=True)
class Texts:
    """Pages that both roots have: ``drawn`` of them, ``same`` with equal texts, and some whose texts differ.

    ``stages`` are those whose texts are compared, ``settings`` what differs in their configurations. ``note`` says why
    nothing could be compared.
    """

    stages: Two = ("", "")
    settings: tuple[tuple[str, Any, Any], ...] = ()
    parts: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))
    drawn: int = 0
    same: int = 0
    characters: tuple[int, int] = (0, 0)
    pairs: tuple[Pair, ...] = ()
    note: str = ""


def texts(left: RootReader, right: RootReader) -> Texts:
    """Compare texts of pages that both roots have, as the first stage that stores texts left them."""
    roots = left, right
    try:
        stages = [text_stage(root) for root in roots]
    except UsageError as error:
        return Texts(note=error.message)
    found = [_lowest(root, held) for root, held in zip(roots, stages, strict=True)]
    urls = sorted(found[0].keys() & found[1].keys(), key=lambda url: (_hash(url), url))[:DRAWN]
    captures = [_matched(found[0][url], found[1][url]) for url in urls]
    read = [_texts(root, [pair[side][1] for pair in captures]) for side, root in enumerate(roots)]
    both = list(zip(captures, *read, strict=True))
    other = [(pair, mine, its) for pair, mine, its in both if mine != its]
    return Texts(
        stages=(stages[0].name, stages[1].name),
        settings=tuple(_settings(*stages)),
        parts=(_parts(left, stages[0]), _parts(right, stages[1])),
        drawn=len(both),
        same=len(both) - len(other),
        characters=(sum(map(len, read[0])), sum(map(len, read[1]))),
        pairs=tuple(Pair((pair[0][0], pair[1][0]), compare(mine, its)) for pair, mine, its in other[:EACH]),
    )


def page_texts(left: RootReader, right: RootReader, query: str, stage: str = "") -> Pair:
    """The texts of one page by its URL, id or pointer, as ``stage`` left them, or the first stage that stores texts.

    Raises UsageError where a root does not have the page, or no text of it.
    """
    mine = find(left, Query.parse(query)).documents
    if not mine:
        raise UsageError(f"{left.root.path} has no page {query[:200]!r}", hint="give its whole URL, or its id")
    its = find(right, Query.parse(query)).documents or find(right, Query.parse(mine[0][0].url or query)).documents
    if not its:
        wanted = (mine[0][0].url or query)[:200]
        raise UsageError(f"{right.root.path} has no page {wanted!r}", hint="choose a page that both roots have")
    pair = _matched(mine, its)
    read = [_text_behind(root, *one, stage) for root, one in zip((left, right), pair, strict=True)]
    return Pair((pair[0][0], pair[1][0]), compare(*read))


def text_stage(holdings: RootReader, name: str = "") -> StageEntry:
    """The stage ``name``, else the first one, whose stored rows have texts. Raises UsageError where there is none."""
    for held in [holdings.stage(name)] if name else holdings.stages:
        path = next((file.path for receipt in holdings.receipts(held) for file in receipt.files.get("kept", ())), None)
        if path is not None:
            with open_parquet(holdings.root, path) as file:
                if TEXT.name in file.schema_arrow.names:
                    return held
    whose = f"{name} of {holdings.root.path}" if name else holdings.root.path
    raise UsageError(f"{whose} stores no texts", hint="`write` of its recipe says which stages are stored")


def _parts(holdings: RootReader, held: StageEntry) -> tuple[int, int]:
    """Parts that are read, of how many."""
    made = len(holdings.receipts(held))
    return min(PARTS, made), made


def _settings(left: StageEntry, right: StageEntry) -> Iterator[tuple[str, Any, Any]]:
    mine, its = left.manifest.configuration, right.manifest.configuration
    for name in sorted({*mine, *its}):
        if mine.get(name) != its.get(name):
            yield name, mine.get(name), its.get(name)


# ------------------------------------------------------------------------------------------------------------- drawing


def _hash(url: str) -> int:
    return xxhash.xxh3_64_intdigest(url.encode(errors="surrogatepass"))


def _lowest(holdings: RootReader, held: StageEntry) -> Mapping[str, list[Capture]]:
    """Captures by URL, of those with the smallest hashes."""
    best: list[tuple[int, str, Document, Spot]] = []
    limit = 1 << 64
    for piece in pieces(holdings, held, ("kept",), WHO, holdings.receipts(held)[:PARTS]):
        urls = piece.batch.column(URL.name).to_pylist() if URL.name in piece.batch.schema.names else ()
        for row, url in enumerate(urls):
            if url and (place := _hash(url)) < limit:
                best.append((place, url, document(piece.batch.slice(row, 1)), piece.spot(row)))
        if len(best) > 2 * CANDIDATES:
            best = nsmallest(CANDIDATES, best, key=lambda one: one[:2])
            limit = best[-1][0]
    found: dict[str, list[Capture]] = {}
    for _, url, who, spot in nsmallest(CANDIDATES, best, key=lambda one: one[:2]):
        found.setdefault(url, []).append((who, spot))
    return found


def _matched(left: Sequence[Capture], right: Sequence[Capture]) -> tuple[Capture, Capture]:
    """The capture that both have, the newest of several; else the newest of each."""
    theirs = {who.id: (who, spot) for who, spot in right}
    newest = sorted(left, key=lambda one: (one[0].date or "", one[0].id), reverse=True)
    shared = next((one for one in newest if one[0].id in theirs), None)
    if shared is not None:
        return shared, theirs[shared[0].id]
    return newest[0], max(right, key=lambda one: (one[0].date or "", one[0].id))


# ------------------------------------------------------------------------------------------------------------- reading


def _texts(holdings: RootReader, spots: Sequence[Spot]) -> list[str]:
    """The texts of some rows; a row group is read once."""
    found: dict[int, str] = {}
    ordered = sorted(range(len(spots)), key=lambda n: (spots[n].path, spots[n].group))
    for (path, group), places in groupby(ordered, key=lambda n: (spots[n].path, spots[n].group)):
        with open_parquet(holdings.root, path) as file:
            column = file.read_row_group(group, columns=[TEXT.name]).column(TEXT.name)
        found |= {place: column[spots[place].row].as_py() or "" for place in places}
    return [found[place] for place in range(len(spots))]


def _text_behind(holdings: RootReader, who: Document, start: Spot, stage: str) -> str:
    held = text_stage(holdings, stage)
    spots = trail(holdings, who, start)
    spot = spots.get(held.position)
    if spot is None or spot.side == "removed":
        last = spots[max(spots)]
        how = f"removed by {last.entry.name}" if last.side == "removed" else f"not found behind {last.entry.name}"
        raise UsageError(
            f"{holdings.root.path} has no text of the page at {held.name}: {how}", hint="choose an earlier stage"
        )
    return _texts(holdings, [spot])[0]
