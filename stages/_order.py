"""Rows of documents in a total order, by bucket: what a ranking shuffles.

The order of a group is by value, then by id. A bucket is a range of it, and a part sends to each bucket its rows there
and the number of those below, so that the ranks of a bucket need no other one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from refinery.kernels import key_groups, mix64

Numbers = npt.NDArray[Any]
Rows = dict[str, Numbers]
"""Columns of documents by name."""

ORDER = ("group", "value", "high", "low")
"""The columns of the order: a hash of language and score, the score as a whole number, and the halves of the id."""
KEYS = pa.schema([("key", pa.uint64()), *((name, pa.uint64()) for name in ORDER)])
SPREAD = pa.schema([*KEYS, ("row", pa.uint32()), ("score", pa.uint8()), ("below", pa.uint32()), ("of", pa.uint32())])
"""Rows of documents, with their score's number, and counts, which have ``of``."""


def ordered(scores: pa.DoubleArray) -> Numbers:
    """Return whole numbers in the order of the scores; 0 and -0 are equal."""
    bits = (pc.fill_null(scores, 0.0).to_numpy() + 0.0).view(np.uint64)
    sign = np.uint64(1 << 63)
    ordered: Numbers = np.where(bits & sign, ~bits, bits | sign)
    return ordered


def numbers_of(rows: pa.Table | pa.RecordBatch) -> Rows:
    """Return the columns without copies."""
    return {name: rows.column(name).to_numpy() for name in rows.schema.names}


def by_score(index: pa.Table | pa.RecordBatch, scores: int) -> Rows:
    """Return a row for each ranked document and score."""
    ranked = np.flatnonzero(np.asarray(index.column("0").is_valid()))
    language, high, low, *values = (column.take(pa.array(ranked)).to_numpy() for column in index.itercolumns())
    score = np.repeat(np.arange(scores, dtype=np.uint64), len(ranked))
    rows = {"high": high, "low": low, "row": ranked}
    return {
        "group": mix64(np.tile(language, scores) ^ mix64(score)),
        "value": np.concatenate(values),
        **{name: np.tile(column, scores) for name, column in rows.items()},
        "score": score,
    }


def passed_cuts(cuts: Rows, rows: Rows) -> Numbers:
    """Return how many of the sorted ``cuts`` are not above each row."""
    order = np.lexsort([np.concatenate([cuts[name], rows[name]]) for name in reversed(ORDER)])
    count = len(cuts["group"])
    passed = np.empty(len(order), np.int64)
    passed[order] = np.cumsum(order < count)  # a cut comes before the row that equals it
    return passed[count:]


def keyed(rows: Rows, bucket: Numbers, buckets: Numbers) -> pa.RecordBatchReader:
    """Return the rows with a key for each bucket of a group, and beside them counts for each bucket.

    Counts are ``below``, the rows of the group in lower buckets, and ``of``, all its rows. ``buckets`` is the number of
    buckets of the group of each row.
    """
    order = np.lexsort((bucket, rows["group"]))
    starts, group = key_groups(rows["group"][order])
    widths = buckets[order[starts]].astype(np.int64)
    offsets = np.cumsum(widths) - widths
    inside = np.bincount(offsets[group] + bucket[order].astype(np.int64), minlength=int(widths.sum()))
    counts = {
        "group": np.repeat(rows["group"][order[starts]], widths),
        "below": np.cumsum(inside) - inside - np.repeat(starts, widths),
        "of": np.repeat(np.diff(starts, append=len(order)), widths),
    }
    number = np.arange(len(inside)) - np.repeat(offsets, widths)
    keys = [
        mix64(groups ^ mix64(numbers.astype(np.uint64)))
        for groups, numbers in ((rows["group"], bucket), (counts["group"], number))
    ]
    columns = {"key": np.concatenate(keys)}
    for field in list(SPREAD)[1:]:
        pair = (one.get(field.name, np.zeros(len(key))) for one, key in zip((rows, counts), keys, strict=True))
        columns[field.name] = np.concatenate([column.astype(field.type.to_pandas_dtype()) for column in pair])
    table = pa.table(columns, schema=SPREAD)
    return table.take(pa.array(np.lexsort([columns[name] for name in reversed(SPREAD.names)]))).to_reader()


def lower_rows(rows: Rows) -> tuple[Rows, Numbers, Numbers]:
    """Return the documents of whole buckets in order, and of each the number of lower ones and of all of its group."""
    counts = rows["of"] > 0
    keys = [rows["row"], rows["part"], *(rows[name] for name in ORDER[:0:-1]), ~counts, rows["group"], rows["key"]]
    order = np.lexsort(keys)
    rows, counts = {name: column[order] for name, column in rows.items()}, counts[order]
    starts, bucket = key_groups(rows["key"], rows["group"])
    below, of = (np.add.reduceat(rows[name].astype(np.uint64), starts)[bucket] for name in ("below", "of"))
    before: Numbers = np.cumsum(~counts) - ~counts  # a bucket begins with counts
    lower = below + (before - before[starts][bucket]).astype(np.uint64)
    return {name: column[~counts] for name, column in rows.items()}, lower[~counts], of[~counts]
