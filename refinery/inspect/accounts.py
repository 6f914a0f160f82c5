"""One document: every stage, every value and threshold, the outcome, and the text with its cuts marked.

Outcomes are read from stored rows. Row stages are replayed from the archive as well, which shows if they still have the
same outcome, and the outcomes of stages after a removal, had the document reached them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from refinery.errors import RefineryError
from refinery.html import paragraph, table
from refinery.inspect.contributions import MetricContributions
from refinery.inspect.display import of_document, of_text
from refinery.inspect.lookup import Query, lookup
from refinery.inspect.outcomes import StageOutcome, id_fields, stored_outcome
from refinery.inspect.reader import RootReader, StageEntry, open_root
from refinery.inspect.rendered import NO_PAGE, rendered
from refinery.inspect.replay import Replayed, replay
from refinery.inspect.rows import Document, Spot, document, pieces, row_at, trail, values_at
from refinery.inspect.texts import MarkedText, Passed, marked_texts
from refinery.recipe import Pipeline
from refinery.root.receipts import SIDES
from refinery.stage.base import changes_text
from refinery.stage.documents import STRUCTURE, TEXT
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
    contributions: tuple[MetricContributions, ...] = ()
    """The features of the text that contribute most to the metrics, by the replay."""

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
        texts = (
            f"{paragraph(f'text as {one.stage} returned it')}{of_text(one.text, one.marks)}{one.rendered.html}"
            for one in self.texts
        )
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
    similar_urls: tuple[str, ...]
    candidates: tuple[Document, ...] = ()
    matching: int = 0

    def _repr_html_(self) -> str:
        near = "".join(paragraph(url) for url in self.similar_urls) + "".join(map(of_document, self.candidates))
        return "<hr>".join(one._repr_html_() for one in self.documents) or f"{paragraph('no such document')}{near}"


def why(path: str, query: str, pipeline: Pipeline | None = None) -> Accounts:
    """Return the way of the document with a URL, an id, its first digits, or at ``warc:offset``, in a root.

    Stages are replayed as in ``pipeline``, else as in the root's own recipe. Records that are no documents are counted,
    not stored, so they are not found. Raises UsageError, StorageError.
    """
    reader = open_root(path)
    found = lookup(reader, Query.parse(query))
    ways = (_Way(reader, pipeline or reader.pipeline, who, spot) for who, spot in found.documents)
    return Accounts(tuple(way.account() for way in ways), found.similar_urls, found.candidates, found.matching)


class _Way:
    """The way of one document through the stages of a root, and of the recipe with which it is replayed."""

    def __init__(self, reader: RootReader, pipeline: Pipeline, who: Document, spot: Spot) -> None:
        self._reader, self._who = reader, who
        self._entries = {entry.name: entry for entry in reader.stages}
        self._recipe = {step.name: step for step in pipeline.steps}
        self._steps = self._recipe | {step.name: step for step in reader.pipeline.steps}
        self._spots = {one.entry.name: one for one in trail(reader, who, spot).values()}
        rows = {name: self._row(one) for name, one in self._spots.items()}
        self._stored = {name: stored_outcome(self._steps[name], self._spots[name].side, rows[name]) for name in rows}
        self._texts = {name: row.get(TEXT.name) for name, row in rows.items()}
        self._pages = {name: rendered(row.get(TEXT.name), row.get(STRUCTURE.name)) for name, row in rows.items()}
        self._replayed: dict[str, Replayed] = {}
        self._problem = ""
        try:
            self._replayed = {one.step.name: one for one in self._replay(pipeline)}
        except RefineryError as error:
            self._problem = error.message

    def account(self) -> Account:
        """Return the stages on the way, and the document's texts."""
        stations = self._with_assumptions([self._station(name) for name in self._names()])
        return Account(self._who, stations, self._problem, marked_texts(map(self._passed, stations)))

    def _row(self, spot: Spot) -> dict[str, Any]:
        """Read a row, with the text only where the stage changed it."""
        changed = spot.side == "kept" and changes_text(self._steps[spot.entry.name].stage)
        return values_at(self._reader, spot, without=() if changed else (TEXT.name,))

    def _replay(self, pipeline: Pipeline) -> list[Replayed]:
        names = list(self._recipe)

        def kept(position: int) -> pa.RecordBatch | None:
            spot = self._spots.get(names[position])
            return row_at(self._reader, spot) if spot and spot.side == "kept" else None

        outcomes = {position: self._stored.get(name) for position, name in enumerate(names)}
        deadly = {position: one.note for position, one in outcomes.items() if one and one.rule == QUARANTINED}
        return replay(pipeline, self._who, kept, deadly)

    def _names(self) -> list[str]:
        """Return the stages of the recipe in order, those that only the root has after their predecessors there."""
        names = list(self._recipe)
        for before, name in zip(["", *self._reader.names], self._reader.names, strict=False):
            if name not in names:
                names.insert(names.index(before) + 1 if before in names else 0, name)
        return names

    def _station(self, name: str) -> Station:
        outcome, again = self._stored.get(name), self._replayed.get(name)
        note = "" if outcome else self._note(name)
        if outcome and name not in self._recipe:
            note = "not a stage of the recipe given"
        related = self._related(name, outcome) if outcome else ()
        contributions = again.contributions if again else ()
        return Station(name, outcome, again.outcome if again else None, note, related, (), contributions)

    def _note(self, name: str) -> str:
        """Return the reason why a stage has no stored outcome."""
        entry, again = self._entries.get(name), self._replayed.get(name)
        removed = [self._entries[one].position for one, outcome in self._stored.items() if outcome.verdict == "removed"]
        if removed and (entry is None or entry.position > min(removed)):
            return "not reached" if again is None or not again.note else f"not reached; {again.note}"
        if again is not None and again.note:
            return again.note
        if entry is None:
            return "has not run yet"
        written = any(receipt.files for receipt in self._reader.receipts(entry))
        return "its part has not run yet" if written else "its rows are not written"

    def _related(self, name: str, outcome: StageOutcome) -> tuple[Document, ...]:
        """Return documents that the stage's evidence names; its own id means the same record in a reference root."""
        stage = self._steps[name].stage
        if not isinstance(stage, Global):
            return ()
        values = {metric.name: metric.value for metric in outcome.metrics}
        wanted = dict.fromkeys(values[field] for field in id_fields(stage) if values.get(field))
        if outcome.verdict == "removed":
            wanted.pop(self._who.id, None)
        found = (_by_id(self._reader, self._entries[name], identity) for identity in wanted)
        return tuple(one for one in found if one is not None)

    def _with_assumptions(self, stations: Sequence[Station]) -> tuple[Station, ...]:
        """Add to each stage the ones before it that, by the replay, do not let the document come to it."""
        reached = max((place for place, station in enumerate(stations) if station.stored), default=-1)
        assuming: list[str] = []
        completed = []
        for place, station in enumerate(stations):
            completed.append(replace(station, assuming=tuple(assuming)))
            step = self._recipe.get(station.stage)
            if station.replayed is not None:
                stopped = bool(station.replayed.rule)
            else:
                kept = station.stored.verdict == "kept" if station.stored else place < reached
                stopped = step is not None and isinstance(step.stage, Global) and not kept
            assuming += [station.stage] if stopped else []
        return tuple(completed)

    def _passed(self, station: Station) -> Passed:
        """Return a stage with the stored text, else that of the replay."""
        name = station.stage
        text, again = self._texts.get(name), self._replayed.get(name)
        page = self._pages.get(name, NO_PAGE)
        if text is None and again is not None:
            text, page = again.text, again.rendered
        assuming = () if station.stored else station.assuming
        return Passed(name, self._steps[name].stage, station.stored or station.replayed, text, assuming, page)


def _by_id(reader: RootReader, entry: StageEntry, identity: str) -> Document | None:
    query = Query(identity, bytes.fromhex(identity), None)
    for piece in pieces(reader, entry, SIDES, ("id",)):
        mask = query.matches(piece.batch)
        if mask.true_count:
            return document(row_at(reader, piece.spot(mask.index(True).as_py()), without=(TEXT.name,)))
    return None
