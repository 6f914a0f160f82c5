"""Documents for the pages, read from Parquet: the samples that statistics drew, clusters of duplicates, cut spans.

Only the parts that hold a sample are opened; clusters and spans are looked for in the first parts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from refinery.inspect.clusters import SURVIVOR, Clusters, clusters_of
from refinery.inspect.evidence import Mark, evidence
from refinery.inspect.find import WHO, Document, document, pieces
from refinery.inspect.outcomes import StageOutcome, cut_fields, id_fields, stored_outcome
from refinery.inspect.reader import RootReader, StageEntry
from refinery.root.receipts import Receipt
from refinery.root.statistics import Statistics
from refinery.stage.documents import TEXT
from refinery.stage.global_stage import Global

EACH = 4
"""Documents shown of each reason."""

PARTS = 20
"""Parts that are looked through for clusters and spans."""

LARGEST = 10


@dataclass(frozen=True)
class Shown:
    """A sampled document at a stage: its text as it came, or None where none is stored."""

    reason: str
    document: Document
    judgement: StageOutcome
    text: str | None
    marks: tuple[Mark, ...] = ()
    """What was cut out of this text, else what it was removed for; nothing where the text is the one that is left."""


def samples(holdings: RootReader, held: StageEntry, counts: Statistics) -> list[Shown]:
    """The sampled documents of a stage: those of each reason, commonest first, then kept ones."""
    order = sorted(counts.reasons, key=lambda reason: (-counts.reasons[reason], reason))
    wanted = [(reason, drawn) for reason in (*order, "kept") for drawn in counts.samples.get(reason, ())[:EACH]]
    by_part: dict[int, list[str]] = {}
    for _, (identity, part) in wanted:
        by_part.setdefault(part, []).append(identity)
    rows: dict[str, tuple[str, dict[str, Any], Document]] = {}
    texts: dict[str, str] = {}
    receipts = holdings.receipts(held)
    for place, ids in by_part.items():
        if place < len(receipts):
            rows |= dict(_rows(holdings, held, receipts[place], ids))
            texts |= _texts(holdings, held, receipts[place], ids)
    step = holdings.pipeline.steps[held.position]
    found = []
    for reason, (identity, _) in wanted:
        if identity in rows:
            side, values, who = rows[identity]
            judged = stored_outcome(step, side, values)
            text = texts.get(identity, values.get(TEXT.name))
            as_it_came = identity in texts or side == "removed"
            marks = evidence(step.stage, judged, text) if text is not None and as_it_came else ()
            found.append(Shown(reason, who, judged, text, marks))
    return found


def _rows(
    holdings: RootReader, held: StageEntry, receipt: Receipt, ids: Sequence[str]
) -> Iterator[tuple[str, tuple[str, dict[str, Any], Document]]]:
    step = holdings.pipeline.steps[held.position]
    names = (*WHO, TEXT.name, step.column, "why", "failed")
    for side in ("kept", "removed"):
        for batch in _chosen(holdings, held, receipt, side, names, ids):
            for row in range(len(batch)):
                values = batch.slice(row, 1).to_pylist()[0]
                yield values["id"].hex(), (side, values, document(batch.slice(row, 1)))


def _texts(holdings: RootReader, held: StageEntry, receipt: Receipt, ids: Sequence[str]) -> dict[str, str]:
    """The texts as they came to the stage, from the rows of the stage before."""
    before = holdings.before(held)
    found: dict[str, str] = {}
    for source in holdings.sources(held, receipt) if before else ():
        assert before is not None
        for batch in _chosen(holdings, before, source, "kept", ("id", TEXT.name), ids):
            if TEXT.name in batch.schema.names:
                pairs = zip(batch.column("id").to_pylist(), batch.column(TEXT.name).to_pylist(), strict=True)
                found |= {identity.hex(): text for identity, text in pairs if text is not None}
    return found


def _chosen(
    holdings: RootReader, held: StageEntry, receipt: Receipt, side: str, names: Sequence[str], ids: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    wanted = pa.array([bytes.fromhex(one) for one in ids], pa.binary(16))
    for piece in pieces(holdings, held, (side,), names, [receipt]):
        if "id" in piece.batch.schema.names:
            batch = piece.batch.filter(pc.is_in(piece.batch.column("id"), value_set=wanted))
            if len(batch):
                yield batch


# ---------------------------------------------------------------------------------------------------------- duplicates


@dataclass(frozen=True)
class Span:
    """A text that was cut out, how often, and its bytes."""

    text: str
    times: int
    length: int


@dataclass(frozen=True)
class Duplicates:
    """What a stage that looks at all documents found, in ``parts`` of its ``of`` parts."""

    stage: str
    settings: Mapping[str, Any]
    parts: int
    of: int
    clusters: Clusters | None
    """None where the stage names no document that stays, or has stored no row."""
    spans: tuple[Span, ...]
    lengths: tuple[tuple[int, int], ...]
    """Bytes of a span (a power of two that it reaches) and how many there are."""


def duplicates(holdings: RootReader) -> list[Duplicates]:
    """Clusters and cut spans of all global stages that are made."""
    steps = holdings.pipeline.steps
    return [_duplicates(holdings, h) for h in holdings.stages if isinstance(steps[h.position].stage, Global)]


def _duplicates(holdings: RootReader, held: StageEntry) -> Duplicates:
    step = holdings.pipeline.steps[held.position]
    made = holdings.receipts(held)
    chosen = [receipt for receipt in made if receipt.files][:PARTS]
    cut: Counter[str] = Counter()
    spans = cut_fields(step.stage)
    columns = [f"{step.column}.{name}" for name in spans]
    for piece in pieces(holdings, held, ("removed", "kept"), columns, chosen) if spans else ():
        for name in spans:
            values = pc.struct_field(piece.batch.column(step.column), name).flatten()
            cut.update(text for text in pc.struct_field(values, "text").to_pylist() if text)
    repeated = sorted(cut.items(), key=lambda item: (-item[1], -len(item[0]), item[0]))[:LARGEST]
    lengths: Counter[int] = Counter()
    for text, times in cut.items():
        lengths[1 << (len(text.encode(errors="replace")).bit_length() - 1)] += times
    counted = SURVIVOR in id_fields(step.stage) and chosen
    return Duplicates(
        stage=held.name,
        settings=held.manifest.configuration,
        parts=len(chosen),
        of=len(made),
        clusters=clusters_of(holdings, held, chosen, LARGEST) if counted else None,
        spans=tuple(Span(text, times, len(text.encode(errors="replace"))) for text, times in repeated),
        lengths=tuple(sorted(lengths.items())),
    )
