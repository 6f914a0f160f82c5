"""One document: every stage, every value and threshold, the outcome, and the text with its cuts marked.

Outcomes are read from stored rows. Row stages are replayed from the archive as well, which shows if they still have the
same outcome, and the outcomes of stages after a removal, had the document reached them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from refinery.errors import RefineryError
from refinery.html import paragraph, table
from refinery.inspect.display import of_document, of_text
from refinery.inspect.find import Document, Query, Spot, document, find, pieces, row_at, trail, values_at
from refinery.inspect.outcomes import StageOutcome, id_fields, stored_outcome
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
    """One stage on the document's way: its ``stored`` and ``replayed`` outcome, or a ``note`` why there is neither."""

    stage: str
    stored: StageOutcome | None
    replayed: StageOutcome | None
    note: str
    related: tuple[Document, ...] = ()
    """Other documents that the stage's evidence names, such as the survivor of a cluster."""
    assuming: tuple[str, ...] = ()
    """Stages before it that do not keep the document: ``replayed`` is the outcome if they had."""

    @property
    def same(self) -> bool | None:
        """True if the replay has the stored verdict and reason; None where either is not known."""
        if self.stored is None or self.replayed is None:
            return None
        return (self.stored.verdict, self.stored.rule) == (self.replayed.verdict, self.replayed.rule)

    @property
    def differs(self) -> bool:
        """True if the replay has other values, thresholds or verdicts than those stored, or does not get here."""
        if self.stored is None or self.replayed is None:
            return False
        return bool(self.assuming) or _content(self.stored) != _content(self.replayed)


def _content(outcome: StageOutcome) -> tuple[object, ...]:
    return outcome.verdict, outcome.rule, outcome.failed, outcome.metrics


@dataclass(frozen=True)
class Account:
    """One document. ``problem`` is the reason why it could not be replayed; ``texts`` is empty where it has none."""

    document: Document
    stations: tuple[Station, ...]
    problem: str
    texts: tuple[MarkedText, ...] = ()

    @property
    def same(self) -> bool | None:
        """True if every replayed stage has the stored verdict; None where nothing can be compared."""
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
    """The documents that match a query, newest first.

    If there is none: URLs ``near`` the query, or the first of ``matching`` documents whose ids begin with it.
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
    reader = open_root(path)
    found = find(reader, Query.parse(query))
    accounts = [_account(reader, pipeline or reader.pipeline, who, spot) for who, spot in found.documents]
    return Accounts(tuple(accounts), found.near, found.candidates, found.matching)


def _account(reader: RootReader, pipeline: Pipeline, who: Document, spot: Spot) -> Account:
    spots = trail(reader, who, spot)
    stored = {position: _stored(reader, place) for position, place in spots.items()}
    try:
        replayed, problem = _replayed(reader, pipeline, who, spots, stored), ""
    except RefineryError as error:
        replayed, problem = [], error.message
    stations = [_station(reader, pipeline, who, name, stored, replayed) for name in _names(reader, pipeline)]
    stations = _with_assumptions(pipeline, stations)
    texts = {reader.names[position]: _stored_text(reader, place) for position, place in spots.items()}
    return Account(who, tuple(stations), problem, _texts(reader, pipeline, stations, texts, replayed))


def _names(reader: RootReader, pipeline: Pipeline) -> list[str]:
    """Return the stages of the recipe in order, with those that only the root has after their predecessors there."""
    names = [step.name for step in pipeline.steps]
    for before, name in zip(["", *reader.names], reader.names, strict=False):
        if name not in names:
            names.insert(names.index(before) + 1 if before in names else 0, name)
    return names


def _station(
    reader: RootReader,
    pipeline: Pipeline,
    who: Document,
    name: str,
    stored: Mapping[int, StageOutcome],
    replayed: Sequence[Replayed],
) -> Station:
    entry = _entry(reader, name)
    outcome = stored.get(entry.position) if entry else None
    again = next((one for one in replayed if one.step.name == name), None)
    removed = [position for position, found in stored.items() if found.verdict == "removed"]
    gone = bool(removed) and (entry is None or entry.position > min(removed))
    note = "" if outcome else _note(reader, entry, again, gone=gone)
    if outcome and name not in [step.name for step in pipeline.steps]:
        note = "not a stage of the recipe given"
    return Station(name, outcome, again.outcome if again else None, note, _related(reader, entry, outcome, who))


def _with_assumptions(pipeline: Pipeline, stations: Sequence[Station]) -> list[Station]:
    """Add to each stage the ones before it that, by the replay, do not let the document come to it."""
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
    reader: RootReader,
    pipeline: Pipeline,
    stations: Sequence[Station],
    texts: Mapping[str, str | None],
    replayed: Sequence[Replayed],
) -> tuple[MarkedText, ...]:
    """Return the document's texts, the stored ones before those of the replay."""
    steps = {step.name: step for step in (*pipeline.steps, *reader.pipeline.steps)}
    again = {one.step.name: one.text for one in replayed}
    way = []
    for station in stations:
        outcome, text = station.stored or station.replayed, texts.get(station.stage)
        assuming = () if station.stored else station.assuming
        text = again.get(station.stage) if text is None else text
        way.append(Passed(station.stage, steps[station.stage].stage, outcome, text, assuming))
    return marked_texts(way)


def _stored_text(reader: RootReader, spot: Spot) -> str | None:
    step = reader.pipeline.steps[spot.entry.position]
    if spot.side != "kept" or not changes_text(step.stage):
        return None
    found: str | None = values_at(reader, spot).get(TEXT.name)
    return found


def _entry(reader: RootReader, name: str) -> StageEntry | None:
    return next((entry for entry in reader.stages if entry.name == name), None)


def _stored(reader: RootReader, spot: Spot) -> StageOutcome:
    step = reader.pipeline.steps[spot.entry.position]
    return stored_outcome(step, spot.side, values_at(reader, spot, without=(TEXT.name,)))


def _note(reader: RootReader, entry: StageEntry | None, again: Replayed | None, *, gone: bool) -> str:
    """Return the reason why a stage has no stored outcome."""
    if gone:
        return "not reached" if again is None or not again.note else f"not reached; {again.note}"
    if again is not None and again.note:
        return again.note
    if entry is None:
        return "not made yet"
    written = any(receipt.files for receipt in reader.receipts(entry))
    return "its part is not made yet" if written else "its rows are not written"


def _replayed(
    reader: RootReader,
    pipeline: Pipeline,
    who: Document,
    spots: dict[int, Spot],
    stored: dict[int, StageOutcome],
) -> list[Replayed]:
    """Replay the document; ``spots`` and ``stored`` are by position in the root, whose stages may be others."""
    places = {step.name: position for position, step in enumerate(pipeline.steps)}
    names = reader.names
    deadly = {
        places[names[position]]: found.note
        for position, found in stored.items()
        if found.rule == QUARANTINED and names[position] in places
    }
    by_place = {places[names[p]]: spot for p, spot in spots.items() if spot.side == "kept" and names[p] in places}

    def kept(position: int) -> pa.RecordBatch | None:
        spot = by_place.get(position)
        return row_at(reader, spot) if spot else None

    return replay(pipeline, who, kept, deadly)


def _related(
    reader: RootReader, entry: StageEntry | None, outcome: StageOutcome | None, who: Document
) -> tuple[Document, ...]:
    """Return documents that the stage's evidence names; its own id is that of the same record in a reference root."""
    step = reader.pipeline.steps[entry.position] if entry else None
    if outcome is None or entry is None or step is None or not isinstance(step.stage, Global):
        return ()
    values = {metric.name: metric.value for metric in outcome.metrics}
    wanted = dict.fromkeys(values[name] for name in id_fields(step.stage) if values.get(name))
    if outcome.verdict == "removed":
        wanted.pop(who.id, None)
    found = (_by_id(reader, entry, identity) for identity in wanted)
    return tuple(one for one in found if one is not None)


def _by_id(reader: RootReader, entry: StageEntry, identity: str) -> Document | None:
    query = Query(identity, bytes.fromhex(identity), None)
    for piece in pieces(reader, entry, SIDES, ("id",)):
        mask = query.matches(piece.batch)
        if mask.true_count:
            return document(row_at(reader, piece.spot(mask.index(True).as_py()), without=(TEXT.name,)))
    return None
