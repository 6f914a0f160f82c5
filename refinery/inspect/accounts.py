"""One document: every stage, every value and threshold, the verdict, and the text with what was cut.

Stored rows say what happened. Row stages are replayed from the archive as well: that shows whether they still come to
the same verdict, and what stages after a removal would have done if the document had come to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from refinery.errors import RefineryError
from refinery.html import paragraph, table
from refinery.inspect.display import of_document, of_text
from refinery.inspect.find import Document, Query, Spot, document, find, pieces, row_at, trail, values_at
from refinery.inspect.judgement import Judgement, id_fields, stored_judgement
from refinery.inspect.reader import RootReader, StageEntry, open_root
from refinery.inspect.replay import Replayed, replay
from refinery.inspect.texts import MarkedText, Passed, marked_texts
from refinery.recipe import Pipeline
from refinery.root.receipts import SIDES
from refinery.stage.base import changes_text
from refinery.stage.documents import TEXT
from refinery.stage.global_stage import Global
from refinery.stage.rules import QUARANTINED


@dataclass(frozen=True)
class Station:
    """One stage on the document's way: what is ``stored``, what a replay gives, or a ``note`` why neither is there."""

    stage: str
    stored: Judgement | None
    replayed: Judgement | None
    note: str
    related: tuple[Document, ...] = ()
    """Other documents that the stage's metrics name, such as the survivor of a cluster."""
    assuming: tuple[str, ...] = ()
    """Stages before it that do not keep the document: ``replayed`` is what would happen if they had."""

    @property
    def same(self) -> bool | None:
        """Whether replaying gives the stored verdict and reason; None where either is not known."""
        if self.stored is None or self.replayed is None:
            return None
        return (self.stored.verdict, self.stored.rule) == (self.replayed.verdict, self.replayed.rule)

    @property
    def differs(self) -> bool:
        """True where a replay gives other values, thresholds or verdicts than those stored, or does not get here."""
        if self.stored is None or self.replayed is None:
            return False
        return bool(self.assuming) or _content(self.stored) != _content(self.replayed)


def _content(judged: Judgement) -> tuple[object, ...]:
    return judged.verdict, judged.rule, judged.failed, judged.metrics


@dataclass(frozen=True)
class Account:
    """One document. ``problem`` says why it could not be replayed; ```texts`` are none where no stage made one."""

    document: Document
    stations: tuple[Station, ...]
    problem: str
    texts: tuple[MarkedText, ...] = ()

    @property
    def same(self) -> bool | None:
        """Whether every replayed stage gives the stored verdict; None where nothing can be compared."""
        known = [station.same for station in self.stations if station.same is not None]
        return all(known) if known else None

    def _repr_html_(self) -> str:
        stages = table(("stage", "stored", "replayed", "if these had kept it", "note"), map(_cells, self.stations))
        texts = (f"{paragraph(f'text as {one.stage} made it')}{of_text(one.text, one.marks)}" for one in self.texts)
        return f"{of_document(self.document)}{stages}{''.join(texts)}"


def _cells(station: Station) -> tuple[str, ...]:
    verdicts = ("" if one is None else one.rule or one.verdict for one in (station.stored, station.replayed))
    return station.stage, *verdicts, ", ".join(station.assuming), station.note


@dataclass(frozen=True)
class Accounts:
    """The documents that were asked for, newest first.

    Where there is none: URLs ``near`` what was asked for, or the first of ``matching`` documents whose ids begin so.
    """

    documents: tuple[Account, ...]
    near: tuple[str, ...]
    candidates: tuple[Document, ...] = ()
    matching: int = 0

    def _repr_html_(self) -> str:
        near = "".join(paragraph(url) for url in self.near) + "".join(map(of_document, self.candidates))
        return "<hr>".join(one._repr_html_() for one in self.documents) or f"{paragraph('no such document')}{near}"


def why(path: str, query: str, pipeline: Pipeline | None = None) -> Accounts:
    """Return the way of the document with a URL, an id, its first digits, or at ``warc:offset``, in a root.

    Stages are replayed as in ``pipeline``, else as in the root's own recipe. Records that are no documents are counted,
    not stored, so they are not found. Raises UsageError, StorageError.
    """
    holdings = open_root(path)
    found = find(holdings, Query.parse(query))
    accounts = [_account(holdings, pipeline or holdings.pipeline, who, spot) for who, spot in found.documents]
    return Accounts(tuple(accounts), found.near, found.candidates, found.matching)


def _account(holdings: RootReader, pipeline: Pipeline, who: Document, spot: Spot) -> Account:
    spots = trail(holdings, who, spot)
    stored = {position: _stored(holdings, place) for position, place in spots.items()}
    try:
        replayed, problem = _replayed(holdings, pipeline, who, spots, stored), ""
    except RefineryError as error:
        replayed, problem = [], error.message
    stations = [_station(holdings, pipeline, who, name, stored, replayed) for name in _names(holdings, pipeline)]
    stations = _with_assumptions(pipeline, stations)
    texts = {holdings.names[position]: _stored_text(holdings, place) for position, place in spots.items()}
    return Account(who, tuple(stations), problem, _texts(holdings, pipeline, stations, texts, replayed))


def _names(holdings: RootReader, pipeline: Pipeline) -> list[str]:
    """The stages of the recipe in order, and those of the root that it lacks, each after the one before it there."""
    names = [step.name for step in pipeline.steps]
    for before, name in zip(["", *holdings.names], holdings.names, strict=False):
        if name not in names:
            names.insert(names.index(before) + 1 if before in names else 0, name)
    return names


def _station(
    holdings: RootReader,
    pipeline: Pipeline,
    who: Document,
    name: str,
    stored: Mapping[int, Judgement],
    replayed: Sequence[Replayed],
) -> Station:
    held = _held(holdings, name)
    judged = stored.get(held.position) if held else None
    again = next((one for one in replayed if one.step.name == name), None)
    removed = [position for position, found in stored.items() if found.verdict == "removed"]
    gone = bool(removed) and (held is None or held.position > min(removed))
    note = "" if judged else _note(holdings, held, again, gone=gone)
    if judged and name not in [step.name for step in pipeline.steps]:
        note = "not a stage of the recipe given"
    return Station(name, judged, again.judgement if again else None, note, _related(holdings, held, judged, who))


def _with_assumptions(pipeline: Pipeline, stations: Sequence[Station]) -> list[Station]:
    """Say of each stage which ones before it, by the replay, do not let the document come to it."""
    steps = {step.name: step for step in pipeline.steps}
    reached = max((place for place, station in enumerate(stations) if station.stored), default=-1)
    found: list[Station] = []
    stopped: list[str] = []
    for place, station in enumerate(stations):
        found.append(replace(station, assuming=tuple(stopped)))
        if station.replayed is not None:
            stopped += [station.stage] if station.replayed.rule else []
        elif station.stage in steps and isinstance(steps[station.stage].stage, Global):
            kept = station.stored.verdict == "kept" if station.stored else place < reached
            stopped += [] if kept else [station.stage]
    return found


def _texts(
    holdings: RootReader,
    pipeline: Pipeline,
    stations: Sequence[Station],
    texts: Mapping[str, str | None],
    replayed: Sequence[Replayed],
) -> tuple[MarkedText, ...]:
    """The document's texts: as they are stored, else as the replay made them."""
    steps = {step.name: step for step in (*pipeline.steps, *holdings.pipeline.steps)}
    again = {one.step.name: one.text for one in replayed}
    way = []
    for station in stations:
        judged, text = station.stored or station.replayed, texts.get(station.stage)
        assuming = () if station.stored else station.assuming
        text = again.get(station.stage) if text is None else text
        way.append(Passed(station.stage, steps[station.stage].stage, judged, text, assuming))
    return marked_texts(way)


def _stored_text(holdings: RootReader, spot: Spot) -> str | None:
    step = holdings.pipeline.steps[spot.entry.position]
    if spot.side != "kept" or not changes_text(step.stage):
        return None
    found: str | None = values_at(holdings, spot).get(TEXT.name)
    return found


def _held(holdings: RootReader, name: str) -> StageEntry | None:
    return next((held for held in holdings.stages if held.name == name), None)


def _stored(holdings: RootReader, spot: Spot) -> Judgement:
    step = holdings.pipeline.steps[spot.entry.position]
    return stored_judgement(step, spot.side, values_at(holdings, spot, without=(TEXT.name,)))


def _note(holdings: RootReader, held: StageEntry | None, again: Replayed | None, *, gone: bool) -> str:
    """Why a stage has no stored verdict."""
    if gone:
        return "not reached" if again is None or not again.note else f"not reached; {again.note}"
    if again is not None and again.note:
        return again.note
    if held is None:
        return "not made yet"
    written = any(receipt.files for receipt in holdings.receipts(held))
    return "its part is not made yet" if written else "its rows are not written"


def _replayed(
    holdings: RootReader,
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
    holdings: RootReader, held: StageEntry | None, judged: Judgement | None, who: Document
) -> tuple[Document, ...]:
    """Documents that the stage's metrics name; its own id is that of the same record in a reference root."""
    step = holdings.pipeline.steps[held.position] if held else None
    if judged is None or held is None or step is None or not isinstance(step.stage, Global):
        return ()
    values = {metric.name: metric.value for metric in judged.metrics}
    wanted = dict.fromkeys(values[name] for name in id_fields(step.stage) if values.get(name))
    if judged.verdict == "removed":
        wanted.pop(who.id, None)
    found = (_by_id(holdings, held, identity) for identity in wanted)
    return tuple(one for one in found if one is not None)


def _by_id(holdings: RootReader, held: StageEntry, identity: str) -> Document | None:
    query = Query(identity, bytes.fromhex(identity), None)
    for piece in pieces(holdings, held, SIDES, ("id",)):
        mask = query.matches(piece.batch)
        if mask.true_count:
            return document(row_at(holdings, piece.spot(mask.index(True).as_py()), without=(TEXT.name,)))
    return None
