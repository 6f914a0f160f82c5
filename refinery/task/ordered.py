"""Documents in an order of the whole dataset: ranges of ranks are read from the sorted runs of all parts.

The order is by key, a number that is uniform in each range of a split, then by id. At most ``BUDGET`` bytes of
documents are sorted at once, and one run is open at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from refinery.root.parquet import open_parquet
from refinery.root.root import Root
from refinery.root.takedowns import taken_down
from refinery.stage.documents import Docs, id_bytes
from refinery.stage.keyed import KEY
from refinery.task.document_pass import Batch
from refinery.task.order_counts import PARTS, OrderCounter
from refinery.task.ranks import RankRange, Ranks
from refinery.task.shuffle import copied, keys_between, rows_below, rows_between

BUDGET = 128 * 2**20
"""Bytes of documents that are sorted at once; with their sorted copy they are twice as much."""

PIECE = 1024
"""Documents of a batch."""

DEVIATIONS = 8
"""Half the window, in standard deviations, in which the key of a rank is looked for first."""

PART = pa.field("part of run", pa.uint64())
"""The number of the part that a document is from, which stands in merged runs only."""

Keys = tuple[int, int]
"""A half-open range of keys."""

Read = Callable[[Sequence[Keys]], Iterator[pa.RecordBatch]]
"""Yields the rows of a run in several ranges of keys."""


@dataclass(frozen=True)
class KeySpan:
    """Keys from ``low`` to ``high``, half-open, of a range that begins with ``base``: rows are sorted by key - base."""

    base: int
    low: int
    high: int


def ranked_batches(
    root: Root, paths: Sequence[str], ranks: Ranks, schema: pa.Schema, counter: OrderCounter | None = None
) -> Iterator[Batch]:
    """Read documents of ranges of ranks; columns that did not move are null.

    Those taken down have ranks still, and are in the counts.
    """
    listed = taken_down(root)
    for every in read_ranks(root, paths, ranks, counter):
        rows = every.filter(pc.invert(listed.mask(every))) if listed.entries else every
        yield with_columns_of(schema, rows), None


def with_columns_of(schema: pa.Schema, rows: pa.RecordBatch) -> Docs:
    """Return documents of a run with the columns of a schema; those that did not move are null."""
    columns = [
        rows.column(f.name).cast(f.type) if f.name in rows.schema.names else pa.nulls(len(rows), f.type) for f in schema
    ]
    return Docs(pa.RecordBatch.from_arrays(columns, schema=schema))


def read_ranks(
    root: Root, paths: Sequence[str], ranks: Ranks, counter: OrderCounter | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield documents of ranges of ranks out of the runs of all parts, in their order, without keys. Count them."""
    wanted = [(one, rank) for one in ranks.ranges for rank in (one.first, one.last)]
    keys = keys_of(root, paths, wanted)
    spans = [KeySpan(one.low, low, high) for one, low, high in zip(ranks.ranges, keys[::2], keys[1::2], strict=True)]
    width = ranks.ranges[0].high - ranks.ranges[0].low
    runs = [stored_run(root, path, place << PARTS) for place, path in enumerate(paths)]
    for batch in merged(runs, spans, width, 1 + ranks.bytes // BUDGET):
        if counter is not None:
            counter.add(batch.column(KEY), batch.column(PART.name))
        yield batch.drop_columns([KEY, PART.name])


def stored_run(root: Root, path: str, first: int) -> Read:
    """Return the reader of a run below the root, which is open while it is read. Its parts are numbered from one on."""

    def read(wanted: Sequence[Keys]) -> Iterator[pa.RecordBatch]:
        with open_parquet(root, path) as file:
            for low, high in wanted:
                yield from (_numbered(copied(rows), first) for rows in rows_between(file, low, high))

    return read


def _numbered(rows: pa.RecordBatch, first: int) -> pa.RecordBatch:
    """Return rows with the numbers of their parts, of which a run that was not merged has one."""
    number = pa.scalar(first, PART.type)
    if PART.name not in rows.schema.names:
        return rows.append_column(PART, pa.repeat(number, len(rows)))
    place = rows.schema.names.index(PART.name)
    return rows.set_column(place, PART, pc.add(rows.column(place), number))


def keys_of(root: Root, paths: Sequence[str], wanted: Sequence[tuple[RankRange, int]]) -> list[int]:
    """Return the keys of the documents with a rank in a range of keys; the end of the range behind the last one."""
    found = {place: one.high if rank else one.low for place, (one, rank) in enumerate(wanted) if rank in (0, one.of)}
    factor = 1
    while len(found) < len(wanted):
        windows = {place: _window(*pair, factor) for place, pair in enumerate(wanted) if place not in found}
        below = dict.fromkeys(windows, 0)
        among: dict[int, list[npt.NDArray[np.uint64]]] = {place: [] for place in windows}
        for path in paths:
            with open_parquet(root, path) as file:
                for place, (start, end) in windows.items():
                    below[place] += rows_below(file, start) - rows_below(file, wanted[place][0].low)
                    among[place].append(keys_between(file, start, end))
        for place, pieces in among.items():
            keys, rank = np.sort(np.concatenate(pieces)), wanted[place][1] - below[place]
            if 0 <= rank < len(keys):
                found[place] = int(keys[rank])
        factor *= 4
    return [found[place] for place in range(len(wanted))]


def _window(one: RankRange, rank: int, factor: int) -> Keys:
    """Return the range of keys in which that of a rank is found if they are uniform."""
    width = one.high - one.low
    middle = one.low + width * rank // one.of
    margin = factor * (1 + int(width * DEVIATIONS / 2 / math.sqrt(one.of)))
    return max(one.low, middle - margin), min(one.high, middle + margin)


def merged(runs: Sequence[Read], spans: Sequence[KeySpan], width: int, pieces: int) -> Iterator[pa.RecordBatch]:
    """Yield the rows of all runs in some spans of ranges of a ``width``, sorted by what their key is above the base.

    One of ``pieces`` is in memory.
    """
    low, high = min(span.low - span.base for span in spans), max(span.high - span.base for span in spans)
    for start, end in pairwise(low + (high - low) * i // pieces for i in range(pieces + 1)):
        keys = [(max(span.low, span.base + start), min(span.high, span.base + end)) for span in spans]
        wanted = [(first, last) for first, last in keys if first < last]
        if wanted:
            yield from in_order([rows for run in runs for rows in run(wanted)], width)


def in_order(rows: list[pa.RecordBatch], width: int) -> Iterator[pa.RecordBatch]:
    """Yield rows sorted by key modulo ``width``, a power of two, then by id. The list is emptied: rows are copied."""
    if not rows:
        return
    table = pa.Table.from_batches(rows).combine_chunks()
    rows.clear()
    (whole,) = table.to_batches() or [None]
    if whole is None:
        return
    ids = id_bytes(whole.column("id")).view(">u8").T
    order = np.lexsort((ids[1], ids[0], whole.column(KEY).to_numpy() & np.uint64(width - 1)))
    for start in range(0, len(order), PIECE):
        yield whole.take(pa.array(order[start : start + PIECE]))
