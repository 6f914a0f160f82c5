"""Texts of common pages in two roots, such as those of two extraction engines.

Pages are matched by URL. Of several captures, the one that both roots have is compared, else the newest of each. The
sample has the smallest hashes of URLs, so two roots sample the same pages. A limited number of parts is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import groupby
from typing import Any

import xxhash

from refinery.errors import UsageError
from refinery.inspect.lookup import Query, lookup
from refinery.inspect.reader import RootReader, StageEntry
from refinery.inspect.rows import WHO, Document, Spot, document, pieces, trail
from refinery.report import limits
from refinery.report.wordwise import Difference, compare
from refinery.root.parquet import open_parquet
from refinery.stage.documents import TEXT, URL

Two = tuple[str, str]
Capture = tuple[Document, Spot]


@dataclass(frozen=True)
class Pair:
    """Texts of a page in two roots."""

    documents: tuple[Document, Document]
    difference: Difference


@dataclass(frozen=True)
class Texts:
    """Pages that both roots have: a sample of ``drawn``, of which ``same`` have equal texts, and some that differ.

    ``stages`` are the stages whose texts are compared, ``settings`` the differences of their configurations. ``note``
    is the reason if nothing could be compared.
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
    """Compare texts of pages that both roots have, after the first stage of each root that stores texts."""
    roots = left, right
    try:
        stages = [text_stage(root) for root in roots]
    except UsageError as error:
        return Texts(note=error.message)
    found = [_lowest(root, entry) for root, entry in zip(roots, stages, strict=True)]
    urls = sorted(found[0].keys() & found[1].keys(), key=lambda url: (_hash(url), url))[: limits.COMPARED_PAGES]
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
        pairs=tuple(
            Pair((pair[0][0], pair[1][0]), compare(mine, its)) for pair, mine, its in other[: limits.DIFFERING_PAGES]
        ),
    )


def page_texts(left: RootReader, right: RootReader, query: str, stage: str = "") -> Pair:
    """Compare the texts of one page, found by URL, id or pointer, after ``stage`` or the first stage that stores texts.

    Raises UsageError if a root does not have the page, or no text of it.
    """
    mine = lookup(left, Query.parse(query)).documents
    if not mine:
        raise UsageError(f"{left.root.path} has no page {query[:200]!r}", hint="pass its whole URL or its id")
    its = lookup(right, Query.parse(query)).documents or lookup(right, Query.parse(mine[0][0].url or query)).documents
    if not its:
        wanted = (mine[0][0].url or query)[:200]
        raise UsageError(f"{right.root.path} has no page {wanted!r}", hint="choose a page that both roots have")
    pair = _matched(mine, its)
    read = [_text_behind(root, *one, stage) for root, one in zip((left, right), pair, strict=True)]
    return Pair((pair[0][0], pair[1][0]), compare(*read))


def text_stage(reader: RootReader, name: str = "") -> StageEntry:
    """Return the stage ``name``, or the first one, that stores texts. Raises UsageError if there is none."""
    for entry in [reader.stage(name)] if name else reader.stages:
        path = next((file.path for receipt in reader.receipts(entry) for file in receipt.files.get("kept", ())), None)
        if path is not None:
            with open_parquet(reader.root, path) as file:
                if TEXT.name in file.schema_arrow.names:
                    return entry
    whose = f"{name} of {reader.root.path}" if name else reader.root.path
    raise UsageError(f"{whose} stores no texts", hint="`write` in its recipe selects the stages that are stored")


def _parts(reader: RootReader, entry: StageEntry) -> tuple[int, int]:
    """Return the number of parts that are read, and of all parts."""
    made = len(reader.receipts(entry))
    return min(limits.PARTS_READ, made), made


def _settings(left: StageEntry, right: StageEntry) -> Iterator[tuple[str, Any, Any]]:
    mine, its = left.manifest.configuration, right.manifest.configuration
    for name in sorted({*mine, *its}):
        if mine.get(name) != its.get(name):
            yield name, mine.get(name), its.get(name)


# ------------------------------------------------------------------------------------------------------------- drawing


def _hash(url: str) -> int:
    return xxhash.xxh3_64_intdigest(url.encode(errors="surrogatepass"))


def _lowest(reader: RootReader, entry: StageEntry) -> Mapping[str, list[Capture]]:
    """Captures by URL, of those with the smallest hashes."""
    best: list[tuple[int, str, Document, Spot]] = []
    limit = 1 << 64
    for piece in pieces(reader, entry, ("kept",), WHO, reader.receipts(entry)[: limits.PARTS_READ]):
        urls = piece.batch.column(URL.name).to_pylist() if URL.name in piece.batch.schema.names else ()
        for row, url in enumerate(urls):
            if url and (place := _hash(url)) < limit:
                best.append((place, url, document(piece.batch.slice(row, 1)), piece.spot(row)))
        if len(best) > 2 * limits.CANDIDATE_URLS:
            best = nsmallest(limits.CANDIDATE_URLS, best, key=lambda one: one[:2])
            limit = best[-1][0]
    found: dict[str, list[Capture]] = {}
    for _, url, who, spot in nsmallest(limits.CANDIDATE_URLS, best, key=lambda one: one[:2]):
        found.setdefault(url, []).append((who, spot))
    return found


def _matched(left: Sequence[Capture], right: Sequence[Capture]) -> tuple[Capture, Capture]:
    """Return the newest capture that both roots have, else the newest of each."""
    theirs = {who.id: (who, spot) for who, spot in right}
    newest = sorted(left, key=lambda one: (one[0].date or "", one[0].id), reverse=True)
    shared = next((one for one in newest if one[0].id in theirs), None)
    if shared is not None:
        return shared, theirs[shared[0].id]
    return newest[0], max(right, key=lambda one: (one[0].date or "", one[0].id))


# ------------------------------------------------------------------------------------------------------------- reading


def _texts(reader: RootReader, spots: Sequence[Spot]) -> list[str]:
    """Return the texts of some rows; each row group is read once."""
    found: dict[int, str] = {}
    ordered = sorted(range(len(spots)), key=lambda n: (spots[n].path, spots[n].group))
    for (path, group), places in groupby(ordered, key=lambda n: (spots[n].path, spots[n].group)):
        with open_parquet(reader.root, path) as file:
            column = file.read_row_group(group, columns=[TEXT.name]).column(TEXT.name)
        found |= {place: column[spots[place].row].as_py() or "" for place in places}
    return [found[place] for place in range(len(spots))]


def _text_behind(reader: RootReader, who: Document, start: Spot, stage: str) -> str:
    entry = text_stage(reader, stage)
    spots = trail(reader, who, start)
    spot = spots.get(entry.position)
    if spot is None or spot.side == "removed":
        last = spots[max(spots)]
        reason = f"removed by {last.entry.name}" if last.side == "removed" else f"not found after {last.entry.name}"
        raise UsageError(
            f"{reader.root.path} has no text of the page at {entry.name}: {reason}", hint="choose a previous stage"
        )
    return _texts(reader, [spot])[0]
