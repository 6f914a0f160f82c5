"""Spans of texts that a stage replaced, or sorted into categories, such as masks and items of benchmarks, by domain."""

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

REASON, CATEGORY, REPLACEMENT = "reason", "category", "replacement"


@dataclass(frozen=True)
class SpanCounts:
    """Spans in ``parts`` of the ``of`` parts of a stage, by category, and those of the domains with most.

    Where spans have no category, their reason is it. ``reasons`` are the most frequent ones of spans with a category.
    """

    parts: int
    of: int
    categories: tuple[tuple[str, int], ...]
    domains: tuple[tuple[str, tuple[int, ...]], ...]
    """Spans of each domain, in the order of ``categories``."""
    reasons: tuple[tuple[str, int], ...]


def span_counts(reader: RootReader, entry: StageEntry) -> SpanCounts | None:
    """Return the spans that a stage replaced, or sorted into categories; None if it has none."""
    step = reader.pipeline.steps[entry.position]
    types = {field.name: field.type.value_type for field in step.stage.evidence if field.name in cut_fields(step.stage)}
    receipts = [receipt for receipt in reader.receipts(entry) if receipt.files]
    chosen = receipts[: limits.PARTS_READ]
    by_category: Counter[tuple[str, str]] = Counter()
    by_reason: Counter[str] = Counter()
    for name, kind in types.items():
        has_category = kind.get_field_index(CATEGORY) >= 0
        if not has_category and kind.get_field_index(REPLACEMENT) < 0:
            continue
        for piece in pieces(reader, entry, SIDES, [URL.name, f"{step.column}.{name}"], chosen):
            spans = pc.struct_field(piece.batch.column(step.column), name)
            category = spans.flatten().field(CATEGORY if has_category else REASON).to_pylist()
            by_category.update(zip(_domains(piece.batch, spans), category, strict=True))
            by_reason.update(spans.flatten().field(REASON).to_pylist() if has_category else ())
    return _sorted(by_category, by_reason, len(chosen), len(receipts)) if by_category else None


def _domains(batch: pa.RecordBatch, spans: pa.ListArray) -> list[str]:
    """Return the domain of each span."""
    urls = batch.column(URL.name) if URL.name in batch.schema.names else pa.nulls(len(batch), pa.string())
    found: list[str] = domains(urls.take(pc.list_parent_indices(spans))).to_pylist()
    return found


def _sorted(by_category: Counter[tuple[str, str]], by_reason: Counter[str], parts: int, of: int) -> SpanCounts:
    categories: Counter[str] = Counter()
    by_domain: Counter[str] = Counter()
    for (domain, category), number in by_category.items():
        categories[category] += number
        by_domain[domain] += number
    columns = _largest(categories, limits.CATEGORIES)
    rows = [
        (domain, tuple(by_category[domain, category] for category, _ in columns))
        for domain, _ in _largest(by_domain, limits.LARGEST)
    ]
    return SpanCounts(parts, of, columns, tuple(rows), _largest(by_reason, limits.LARGEST))


def _largest(counts: Counter[str], most: int) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most])
