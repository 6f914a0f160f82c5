"""Spans that an edit replaced by other text, such as masks: their number by reason and domain."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from refinery.inspect.outcomes import cut_fields
from refinery.inspect.reader import RootReader, StageEntry
from refinery.inspect.rows import pieces
from refinery.report import limits
from refinery.root.receipts import SIDES
from refinery.stage.documents import URL
from refinery.statistics.origins import domains

REPLACEMENT = "replacement"


@dataclass(frozen=True)
class Replacements:
    """Replaced spans in ``parts`` of the ``of`` parts of a stage, by reason, and those of the domains with most."""

    parts: int
    of: int
    reasons: tuple[tuple[str, int], ...]
    domains: tuple[tuple[str, tuple[int, ...]], ...]
    """Spans of each domain, in the order of ``reasons``."""


def replacements(reader: RootReader, entry: StageEntry) -> Replacements | None:
    """Return the spans that a stage replaced; None if it replaces none."""
    step = reader.pipeline.steps[entry.position]
    types = {field.name: field.type for field in step.stage.evidence}
    fields = [name for name in cut_fields(step.stage) if types[name].value_type.get_field_index(REPLACEMENT) >= 0]
    receipts = [receipt for receipt in reader.receipts(entry) if receipt.files]
    chosen = receipts[: limits.PARTS_READ]
    counts: Counter[tuple[str, str]] = Counter()
    for name in fields:
        for piece in pieces(reader, entry, SIDES, [URL.name, f"{step.column}.{name}"], chosen):
            counts.update(_pairs(piece.batch, pc.struct_field(piece.batch.column(step.column), name)))
    return _sorted(counts, len(chosen), len(receipts)) if counts else None


def _pairs(batch: pa.RecordBatch, spans: pa.ListArray) -> list[tuple[str, str]]:
    """Return the domain and the reason of each span."""
    parents = pc.list_parent_indices(spans)
    urls = batch.column(URL.name) if URL.name in batch.schema.names else pa.nulls(len(batch), pa.string())
    return list(zip(domains(urls.take(parents)).to_pylist(), spans.flatten().field("reason").to_pylist(), strict=True))


def _sorted(counts: Counter[tuple[str, str]], parts: int, of: int) -> Replacements:
    by_reason: Counter[str] = Counter()
    by_domain: Counter[str] = Counter()
    for (domain, reason), number in counts.items():
        by_reason[reason] += number
        by_domain[domain] += number
    reasons = sorted(by_reason.items(), key=lambda item: (-item[1], item[0]))
    largest = sorted(by_domain, key=lambda domain: (-by_domain[domain], domain))[: limits.LARGEST]
    rows = tuple((domain, tuple(counts[domain, reason] for reason, _ in reasons)) for domain in largest)
    return Replacements(parts, of, tuple(reasons), rows)
