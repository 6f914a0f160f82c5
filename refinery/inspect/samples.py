"""Documents that a stage kept or removed, by rule or by a metric's range: the same ones in every run.

Chosen are those with the smallest hashes of their ids, so a sample changes only with the documents it is drawn from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from refinery.errors import RefineryError
from refinery.html import paragraph
from refinery.inspect.display import of_document, of_metrics, of_text
from refinery.inspect.evidence import Mark, evidence
from refinery.inspect.outcomes import StageOutcome, stored_outcome
from refinery.inspect.reader import RootReader, open_root
from refinery.inspect.rendered import NO_PAGE, RenderedText, rendered
from refinery.inspect.replay import replay
from refinery.inspect.rows import Document, Piece, Spot, document, pieces, row_at, row_of
from refinery.inspect.sample_query import (
    SampleQuery,
    check_columns,
    matching_rows,
    metric_column,
    selected_outputs,
    sides_of,
    stages_without_rows,
)
from refinery.root.statistics import id_hashes
from refinery.stage.base import changes_text
from refinery.stage.documents import LANG, STRUCTURE, TEXT
from refinery.stage.rules import QUARANTINED, WHY


@dataclass(frozen=True)
class Sample:
    """One document. ``text`` is as it came to the stage, where it had one; else as the stage returned it."""

    document: Document
    stage: str
    outcome: StageOutcome
    text: str | None
    text_note: str
    """Reason for which there is no text."""
    marks: tuple[Mark, ...] = ()
    """Spans that were cut out of the text, else those that a violated rule counts."""
    rendered: RenderedText = NO_PAGE
    """The page of this text, where it has a structure."""

    def _repr_html_(self) -> str:
        outcome = self.outcome
        verdict = paragraph(
            f"{self.stage}: {outcome.verdict} {', '.join(outcome.failed) or outcome.rule} {outcome.note}"
        )
        text = paragraph(f"no text: {self.text_note}") if self.text is None else of_text(self.text, self.marks)
        return f"{of_document(self.document)}{verdict}{of_metrics(outcome)}{text}{self.rendered.html}"


@dataclass(frozen=True)
class Samples:
    """The number of documents that match, and some of them. ``stages_without_rows`` store no removed rows."""

    matching: int
    documents: tuple[Sample, ...]
    stages_without_rows: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    """The languages of all documents there, if none is in the one asked for."""

    def _repr_html_(self) -> str:
        shown = "<hr>".join(one._repr_html_() for one in self.documents)
        return f"{paragraph(f'{len(self.documents):,} of {self.matching:,} documents that match')}{shown}"


def sample(path: str, query: SampleQuery) -> Samples:
    """Draw documents of the root at ``path``.

    Raises UsageError for a stage, rule or metric that the root does not have, StorageError for a damaged file.
    """
    reader = open_root(path)
    sides = sides_of(query)
    query.filters.check()
    drawn, languages = _Drawn(query.count), set[str]()
    for entry, stored in selected_outputs(reader, query, sides):
        metric, filtered = metric_column(reader, entry, query), query.filters.columns(reader, entry)
        columns = ["id", f"{WHY.name}.rule", *([metric] if metric else []), *filtered]
        check_columns(reader, entry, stored, ["id", *filtered])
        for piece in pieces(reader, entry, stored, columns):
            mask = pc.and_(matching_rows(piece.batch, query, metric), query.filters.mask(piece.batch))
            drawn.add(piece, mask)
            languages |= set(piece.batch.column(LANG.name).unique().to_pylist()) if LANG.name in filtered else set()
    documents = tuple(_sample(reader, spot) for spot in drawn.spots())
    others = () if query.filters.language in languages else tuple(sorted(languages - {None}))
    return Samples(drawn.matching, documents, stages_without_rows(reader, query, sides), others)


class _Drawn:
    """The rows with the smallest hashes so far."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._best: list[tuple[int, bytes, int, Spot]] = []
        self.matching = 0

    def add(self, piece: Piece, mask: pa.BooleanArray) -> None:
        rows = pc.indices_nonzero(mask).to_numpy()
        ids = piece.batch.column("id").take(pa.array(rows))
        hashes = id_hashes(ids)
        for place in np.argsort(hashes, kind="stable")[: self._count]:
            self._best.append(
                (int(hashes[place]), ids[int(place)].as_py(), self.matching + int(place), piece.spot(int(rows[place])))
            )
        self._best = sorted(self._best, key=lambda entry: entry[:3])[: self._count]
        self.matching += len(rows)

    def spots(self) -> list[Spot]:
        return [entry[3] for entry in self._best]


def _sample(reader: RootReader, spot: Spot) -> Sample:
    row = row_at(reader, spot)
    values = row.to_pylist()[0]
    who = document(row)
    step = reader.pipeline.steps[spot.entry.position]
    outcome = stored_outcome(step, spot.side, values)
    text, note, page = values.get(TEXT.name), "", rendered(values.get(TEXT.name), values.get(STRUCTURE.name))
    as_it_came = text is None or spot.side == "removed" or not changes_text(step.stage)
    if text is None:
        text, note, page = _text_elsewhere(
            reader, spot, who, deadly=outcome.note if outcome.rule == QUARANTINED else ""
        )
    marks = evidence(step.stage, outcome, text) if text is not None and as_it_came else ()
    return Sample(who, spot.entry.name, outcome, text, note, marks, page)


def _text_elsewhere(reader: RootReader, spot: Spot, who: Document, deadly: str) -> tuple[str | None, str, RenderedText]:
    """The text of a removed row, or why there is none, and its page: from the stage before, else from its archive."""
    before = reader.before(spot.entry)
    earlier = reader.sources(spot.entry, spot.receipt)
    place = row_of(reader, before, ("kept",), earlier, who) if before else None
    if place is not None:
        row = row_at(reader, place)
        if TEXT.name in row.schema.names:
            values = row.to_pylist()[0]
            return values[TEXT.name], "", rendered(values[TEXT.name], values.get(STRUCTURE.name))
    position = spot.entry.position
    try:
        steps = replay(reader.pipeline, who, lambda _: None, {position: deadly} if deadly else {}, position)
    except RefineryError as error:
        return None, error.message, NO_PAGE
    came = steps[-2] if position and steps[-2].text is not None else steps[-1]
    return came.text, "" if came.text is not None else "it has no text at this stage", came.rendered
