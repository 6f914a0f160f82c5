"""What a global stage says of documents, in whatever order, parts and batches they come."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from refinery.stage.documents import Docs
from refinery.stage.global_stage import Global
from refinery.testing import run_global

Metrics = dict[str, Any]


def rows_of(stage: Global, parts: Sequence[Sequence[Docs]]) -> list[tuple[bytes, Metrics]]:
    """Id and metrics of each document, in order."""
    found = []
    for batches, edits in zip(parts, run_global(stage, parts), strict=True):
        for docs, edited in zip(batches, edits, strict=True):
            assert edited.columns == {}
            assert pa.struct([(name, values.type) for name, values in edited.metrics.items()]) == stage.metrics_type()
            metrics = pa.RecordBatch.from_arrays(list(edited.metrics.values()), names=list(edited.metrics)).to_pylist()
            found += list(zip(docs.column("id").to_pylist(), metrics, strict=True))
    return found


def by_id(stage: Global, parts: Sequence[Sequence[Docs]]) -> dict[bytes, Metrics]:
    """The metrics of each document."""
    return dict(rows_of(stage, parts))


def spread(docs: Docs, draw: random.Random) -> list[list[Docs]]:
    """The documents in another order, in other parts and batches, some of which may have none."""
    order = draw.sample(range(len(docs)), len(docs))
    shuffled = Docs(docs.batch.take(pa.array(order, pa.int64())))
    parts: list[list[Docs]] = [[shuffled.slice(0, 0)]]
    while len(shuffled):
        size = draw.randint(1, len(shuffled))
        batch, shuffled = shuffled.slice(0, size), shuffled.slice(size)
        if draw.random() < 0.5:
            parts[-1].append(batch)
        else:
            parts.append([batch])
    return parts
