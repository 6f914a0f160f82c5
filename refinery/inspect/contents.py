"""The rows in a part's Parquet files, summed up for comparison: content id, ids, reasons; and what differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from refinery.formatting import plural
from refinery.kernels import mix64
from refinery.root.partitions import Contents
from refinery.root.receipts import Receipt
from refinery.root.statistics import Statistics
from refinery.stage.documents import ID, id_bytes
from refinery.stage.rules import FAILED, WHY


@dataclass
class FileRows:
    """Rows of the files of one name (``kept``, ``removed``, …) of a receipt."""

    content: Contents | None = None
    ids: list[pa.Array] = field(default_factory=list)
    has_ids: bool = False
    rules: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        """Number of rows."""
        return self.content.rows if self.content else 0

    def read(self, file: pq.ParquetFile, folder: str = "") -> None:
        """Add all rows of a file in the folder of a partition.

        Raises ValueError or ArrowException where it is damaged or of another schema.
        """
        schema = file.schema_arrow
        self.content = self.content or Contents(schema)
        self.has_ids = "id" in schema.names
        for group in range(file.metadata.num_row_groups):
            for batch in file.read_row_group(group).combine_chunks().to_batches():
                batch.validate(full=True)
                self._add(batch, folder)

    def _add(self, batch: pa.RecordBatch, folder: str) -> None:
        assert self.content is not None
        self.content.update(batch, folder)
        if self.has_ids:
            self.ids.append(_binary(batch.column("id")))
        if WHY.name in batch.schema.names:
            self.rules.update(_counts(pc.struct_field(batch.column(WHY.name), "rule")))
            self.failed.update(_counts(batch.column(FAILED.name).flatten()))


def _binary(ids: pa.Array) -> pa.Array:
    """Return ids as 16 bytes where an export has written them as hexadecimal digits."""
    return pa.array(map(bytes.fromhex, ids.to_pylist()), ID.type) if pa.types.is_string(ids.type) else ids


def _counts(values: pa.Array) -> dict[str, int]:
    return {pair["values"]: pair["counts"] for pair in pc.value_counts(values.drop_null()).to_pylist()}


def differences(receipt: Receipt, name: str, rows: FileRows) -> Iterator[str]:
    """Report how the rows of a name differ from their receipt."""
    promised = receipt.stored_content(name) or "nothing"
    content = rows.content.id() if rows.content else "nothing"
    if content != promised:
        yield f"{name}: these are not the rows that were written (content {content[:8]}, in the receipt {promised[:8]})"
    recorded = receipt.rows.get(name, rows.count + receipt.taken(name)) - receipt.taken(name)
    if recorded != rows.count:
        yield f"{name}: {plural(rows.count, 'row')}, the receipt has {recorded:,}"


def wrong_reasons(receipt: Receipt, removed: FileRows, statistics: Statistics) -> Iterator[str]:
    """Report how the reasons of removed rows differ from the statistics, which count skipped records as well."""
    skipped = receipt.rows.get("skipped", 0) + receipt.taken("removed")
    beyond = Counter(statistics.reasons)
    beyond.subtract(removed.rules)
    wrong = sorted(rule for rule, count in beyond.items() if count < 0 or (count and not skipped))
    if wrong or beyond.total() != skipped:
        yield f"removed: the reasons are not those of the statistics ({', '.join(wrong) or 'their sum differs'})"
    missing = Counter(statistics.failing)
    missing.subtract(removed.failed)
    if min(missing.values(), default=0) < 0 or (missing.total() and not receipt.taken("removed")):
        yield "removed: the failed rules are not those of the statistics"


def id_differences(came: Sequence[pa.Array], went: Sequence[pa.Array]) -> tuple[int, int]:
    """Return how many ids went out and did not come in, and came in and did not go out, with repeats."""
    left, right = _sorted(went), _sorted(came)
    if np.array_equal(left, right):
        return 0, 0
    out, into = Counter(left.tolist()), Counter(right.tolist())
    return (out - into).total(), (into - out).total()


IdSum = tuple[int, int, int]
"""The number of ids, and two sums of hashes of them: equal for equal ids with repeats, in any order and pieces."""


def id_sum(ids: Sequence[pa.Array], without: Iterable[int] = ()) -> IdSum:
    """Return the sum of ids, without those of some rows."""
    halves = id_bytes(pa.chunked_array(ids, ID.type).combine_chunks()).view(">u8").astype(np.uint64)
    high, low = np.delete(halves, list(without), axis=0).T
    first, second = mix64(high ^ mix64(low)), mix64(low ^ mix64(~high))
    return len(high), int(first.sum(dtype=np.uint64)), int(second.sum(dtype=np.uint64))


def added(sums: Iterable[IdSum]) -> IdSum:
    """Return the sum of the ids of several sums."""
    total = np.zeros(3, np.uint64)
    for one in sums:
        total += np.array(one, np.uint64)
    count, first, second = total.tolist()
    return count, first, second


def _sorted(arrays: Sequence[pa.Array]) -> npt.NDArray[Any]:
    ids = pa.chunked_array(arrays, ID.type).combine_chunks()
    halves = id_bytes(ids).view([("high", ">u8"), ("low", ">u8")]).ravel()
    return halves[np.lexsort((halves["low"], halves["high"]))]
