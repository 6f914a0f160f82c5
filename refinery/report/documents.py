"""Documents for the pages, read from Parquet: samples, duplicate clusters and cut spans.

Samples are read only from the parts that contain them; clusters and spans from the first parts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from refinery.inspect.clusters import Clusters, clusters_of
from refinery.inspect.evidence import Mark, evidence
from refinery.inspect.outcomes import StageOutcome, cut_fields, stored_outcome
from refinery.inspect.reader import RootReader, StageEntry
from refinery.inspect.rendered import NO_PAGE, RenderedText, rendered
from refinery.inspect.rows import WHO, Document, document, pieces
from refinery.report import limits
from refinery.root.receipts import Receipt
from refinery.root.statistics import Statistics
from refinery.stage.documents import LANG, STRUCTURE, TEXT
from refinery.stage.global_stage import Global

Structured = tuple[str, list[dict[str, Any]] | None]
"""A text and its marks."""


@dataclass(frozen=True)
class SampledDocument:
    """A sampled document at a stage. ``text`` is the stage's input, or None if it is not stored."""

    reason: str
    document: Document
    outcome: StageOutcome
    text: str | None
    marks: tuple[Mark, ...] = ()
    """Cuts in this text, or the passages that a violated rule counts; empty if the text is the output of a cut."""
    rendered: RenderedText = NO_PAGE
    """The page of this text, where it has a structure."""


def samples(reader: RootReader, entry: StageEntry, counts: Statistics) -> list[SampledDocument]:
    """Return the sampled documents of a stage: those of each reason, most frequent first, then kept ones."""
    order = sorted(counts.reasons, key=lambda reason: (-counts.reasons[reason], reason))
    wanted = [
        (reason, drawn)
        for reason in (*order, "kept")
        for drawn in counts.samples.get(reason, ())[: limits.SAMPLES_PER_REASON]
    ]
    by_part: dict[int, list[str]] = {}
    for _, (identity, part) in wanted:
        by_part.setdefault(part, []).append(identity)
    rows: dict[str, tuple[str, dict[str, Any], Document]] = {}
    texts: dict[str, Structured] = {}
    receipts = reader.receipts(entry)
    for place, ids in by_part.items():
        if place < len(receipts):
            rows |= dict(_rows(reader, entry, receipts[place], ids))
            texts |= _texts(reader, entry, receipts[place], ids)
    step = reader.pipeline.steps[entry.position]
    found = []
    for reason, (identity, _) in wanted:
        if identity in rows:
            side, values, who = rows[identity]
            result = stored_outcome(step, side, values)
            text, page = texts.get(identity) or (values.get(TEXT.name), values.get(STRUCTURE.name))
            as_it_came = identity in texts or side == "removed"
            marks = evidence(step.stage, result, text) if text is not None and as_it_came else ()
            found.append(SampledDocument(reason, who, result, text, marks, rendered(text, page)))
    return found


def _rows(
    reader: RootReader, entry: StageEntry, receipt: Receipt, ids: Sequence[str]
) -> Iterator[tuple[str, tuple[str, dict[str, Any], Document]]]:
    step = reader.pipeline.steps[entry.position]
    names = (*WHO, LANG.name, TEXT.name, STRUCTURE.name, step.column, "why", "failed")
    for side in ("kept", "removed"):
        for batch in _chosen(reader, entry, receipt, side, names, ids):
            for row in range(len(batch)):
                values = batch.slice(row, 1).to_pylist()[0]
                yield values["id"].hex(), (side, values, document(batch.slice(row, 1)))


def _texts(reader: RootReader, entry: StageEntry, receipt: Receipt, ids: Sequence[str]) -> dict[str, Structured]:
    """Return the input texts of the stage with their structures, from the rows of the previous stage.

    None for a shard that was gathered from more parts than a report reads.
    """
    before = reader.before(entry)
    found: dict[str, Structured] = {}
    gathered = len(receipt.inputs) > limits.PARTS_READ
    for source in reader.sources(entry, receipt) if before and not gathered else ():
        assert before is not None
        for batch in _chosen(reader, before, source, "kept", ("id", TEXT.name, STRUCTURE.name), ids):
            if TEXT.name in batch.schema.names:
                rows = (row for row in batch.to_pylist() if row[TEXT.name] is not None)
                found |= {row["id"].hex(): (row[TEXT.name], row.get(STRUCTURE.name)) for row in rows}
    return found


def _chosen(
    reader: RootReader, entry: StageEntry, receipt: Receipt, side: str, names: Sequence[str], ids: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    wanted = pa.array([bytes.fromhex(one) for one in ids], pa.binary(16))
    for piece in pieces(reader, entry, (side,), names, [receipt]):
        if "id" in piece.batch.schema.names:
            batch = piece.batch.filter(pc.is_in(piece.batch.column("id"), value_set=wanted))
            if len(batch):
                yield batch


# ---------------------------------------------------------------------------------------------------------- duplicates


@dataclass(frozen=True)
class Span:
    """A text that was cut, the number of cuts, and its bytes."""

    text: str
    times: int
    length: int


@dataclass(frozen=True)
class Duplicates:
    """Duplicates that a global stage found in ``parts`` of its ``of`` parts."""

    stage: str
    settings: Mapping[str, Any]
    parts: int
    of: int
    clusters: Clusters | None
    """None if the stage records no survivor, or stored no row."""
    spans: tuple[Span, ...]
    lengths: tuple[tuple[int, int], ...]
    """Bytes of a span (rounded down to a power of two) and the number of such spans."""


def duplicates(reader: RootReader) -> list[Duplicates]:
    """Return clusters and cut spans of all global stages that have run."""
    steps = reader.pipeline.steps
    return [_duplicates(reader, h) for h in reader.stages if isinstance(steps[h.position].stage, Global)]


def _duplicates(reader: RootReader, entry: StageEntry) -> Duplicates:
    step = reader.pipeline.steps[entry.position]
    made = reader.receipts(entry)
    chosen = [receipt for receipt in made if receipt.files][: limits.PARTS_READ]
    cut: Counter[str] = Counter()
    spans = cut_fields(step.stage)
    columns = [f"{step.column}.{name}" for name in spans]
    for piece in pieces(reader, entry, ("removed", "kept"), columns, chosen) if spans else ():
        for name in spans:
            values = pc.struct_field(piece.batch.column(step.column), name).flatten()
            cut.update(text for text in pc.struct_field(values, "text").to_pylist() if text)
    repeated = sorted(cut.items(), key=lambda item: (-item[1], -len(item[0]), item[0]))[: limits.LARGEST]
    lengths: Counter[int] = Counter()
    for text, times in cut.items():
        lengths[1 << (len(text.encode(errors="replace")).bit_length() - 1)] += times
    counted = step.stage.survivor_field and chosen
    return Duplicates(
        stage=entry.name,
        settings=entry.manifest.configuration,
        parts=len(chosen),
        of=len(made),
        clusters=clusters_of(reader, entry, chosen, limits.LARGEST) if counted else None,
        spans=tuple(Span(text, times, len(text.encode(errors="replace"))) for text, times in repeated),
        lengths=tuple(sorted(lengths.items())),
    )
