"""What became of one document: every stage, every value and bound, the verdict, and what was cut.

Stored rows tell what happened. Row stages are replayed from the archive as well: that says whether they still come to
the same verdict, and what the stages after a removal would have said.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from refinery.config import Pipeline, Step
from refinery.docs import TEXT
from refinery.errors import RefineryError
from refinery.inspect.find import Document, Query, Spot, document, find, pieces, row_at, trail, values_at
from refinery.inspect.holdings import Held, Holdings, open_root
from refinery.inspect.judgement import Judgement, id_fields, stored_judgement
from refinery.inspect.replay import Replayed, replay
from refinery.judge import QUARANTINED
from refinery.stage import Global
from refinery.stats import SIDES


@dataclass(frozen=True)
class Station:
    """One stage on the document's way: what is ``stored``, what ``replayed`` says, or why neither is there."""

    stage: str
    stored: Judgement | None
    replayed: Judgement | None
    note: str
    related: tuple[Document, ...] = ()
    """Other documents that the stage's facts name, such as the survivor of a cluster."""

    @property
    def same(self) -> bool | None:
        """Whether replaying gives the stored verdict and reason; None where either is not known."""
        if self.stored is None or self.replayed is None:
            return None
        return (self.stored.verdict, self.stored.rule) == (self.replayed.verdict, self.replayed.rule)


@dataclass(frozen=True)
class Account:
    """One document. ``problem`` says why it could not be replayed."""

    document: Document
    stations: tuple[Station, ...]
    problem: str

    @property
    def same(self) -> bool | None:
        """Whether every replayed stage gives the stored verdict; None where nothing can be compared."""
        known = [station.same for station in self.stations if station.same is not None]
        return all(known) if known else None


@dataclass(frozen=True)
class Accounts:
    """The documents that were asked for, newest first; where there is none, URLs ``near`` what was asked for."""

    documents: tuple[Account, ...]
    near: tuple[str, ...]


def why(path: str, query: str, pipeline: Pipeline | None = None) -> Accounts:
    """What became of the document with a URL, an id, or at ``warc:offset``, in the root at ``path``.

    Stages are replayed as in ``pipeline``, else as in the root's own recipe. Records that are no documents are counted,
    not stored, so they are not found. Raises UsageError, StorageError.
    """
    holdings = open_root(path)
    found = find(holdings, Query.parse(query))
    accounts = [_account(holdings, pipeline or holdings.pipeline, who, spot) for who, spot in found.documents]
    return Accounts(tuple(accounts), found.near)


def _account(holdings: Holdings, pipeline: Pipeline, who: Document, spot: Spot) -> Account:
    spots = trail(holdings, who, spot)
    stored = {position: _stored(holdings, place) for position, place in spots.items()}
    try:
        replayed, problem = _replayed(holdings, pipeline, who, spots, stored), ""
    except RefineryError as error:
        replayed, problem = [], error.message
    removed = [position for position, found in stored.items() if found.verdict == "removed"]
    stations = []
    for position, step in enumerate(pipeline.steps):
        held = _held(holdings, step.name)
        judged = stored.get(held.position) if held else None
        again = replayed[position] if replayed else None
        note = "" if judged else _note(holdings, held, again, gone=bool(removed) and position > min(removed))
        related = _related(holdings, step, held, judged, who)
        stations.append(Station(step.name, judged, again.judgement if again else None, note, related))
    return Account(who, tuple(stations), problem)


def _held(holdings: Holdings, name: str) -> Held | None:
    return next((held for held in holdings.stages if held.name == name), None)


def _stored(holdings: Holdings, spot: Spot) -> Judgement:
    step = holdings.pipeline.steps[spot.held.position]
    return stored_judgement(step, spot.side, values_at(holdings, spot, without=(TEXT.name,)))


def _note(holdings: Holdings, held: Held | None, again: Replayed | None, *, gone: bool) -> str:
    """Why a stage has no stored verdict."""
    if again is not None and again.note:
        return again.note
    if gone:
        return "not reached"
    if held is None:
        return "not made yet"
    written = any(receipt.files for receipt in holdings.receipts(held))
    return "its part is not made yet" if written else "its rows are not written"


def _replayed(
    holdings: Holdings,
    pipeline: Pipeline,
    who: Document,
    spots: dict[int, Spot],
    stored: dict[int, Judgement],
) -> list[Replayed]:
    """The document through the row stages of ``pipeline``; its places are those of the root's stages."""
    places = {step.name: position for position, step in enumerate(pipeline.steps)}
    names = holdings.names
    deadly = {
        places[names[position]]: found.note
        for position, found in stored.items()
        if found.rule == QUARANTINED and names[position] in places
    }
    by_place = {places[names[p]]: spot for p, spot in spots.items() if spot.side == "kept" and names[p] in places}

    def kept(position: int) -> pa.RecordBatch | None:
        spot = by_place.get(position)
        return row_at(holdings, spot) if spot else None

    return replay(pipeline, who, kept, deadly)


def _related(
    holdings: Holdings, step: Step, held: Held | None, judged: Judgement | None, who: Document
) -> tuple[Document, ...]:
    """Documents that the stage's facts name; a removed one's own id is that of the same record in a reference root."""
    if judged is None or held is None or not isinstance(step.stage, Global):
        return ()
    values = {fact.name: fact.value for fact in judged.facts}
    wanted = dict.fromkeys(values[name] for name in id_fields(step.stage) if values.get(name))
    if judged.verdict == "removed":
        wanted.pop(who.id, None)
    found = (_by_id(holdings, held, identity) for identity in wanted)
    return tuple(one for one in found if one is not None)


def _by_id(holdings: Holdings, held: Held, identity: str) -> Document | None:
    query = Query(identity, bytes.fromhex(identity), None)
    for piece in pieces(holdings, held, SIDES, ("id",)):
        mask = query.matches(piece.batch)
        if mask.true_count:
            return document(row_at(holdings, piece.spot(mask.index(True).as_py()), without=(TEXT.name,)))
    return None
