"""Rows of the source stage: the records of an archive, and the conversion of ordinary ones in bulk.

The stage's own reader writes a row for every record and every damaged range, one by one. A kernel may convert runs of
ordinary records, for which the reader would write the same rows. The twin here converts none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

ROWS = pa.schema(
    {
        "id": pa.binary(16),
        "url": pa.string(),
        "date": pa.timestamp("ms", tz="UTC"),
        "offset": pa.uint64(),
        "length": pa.uint64(),
        "html": pa.string(),
        "outcome": pa.string(),
        "payload": pa.uint64(),
        "status": pa.uint16(),
        "media_type": pa.string(),
        "charset": pa.string(),
        "charset_found": pa.string(),
        "charset_declared": pa.string(),
        "digest": pa.binary(16),
        "note": pa.string(),
        "rights": pa.string(),
    }
)


@dataclass(slots=True)
class Page:
    """A row. ``html`` is UTF-8, and there only for documents; ``payload`` counts its bytes, unpacked.

    ``date`` is in seconds since 1970; ``offset`` and ``length`` are those of the record in the file.
    """

    id: bytes
    url: str | None
    date: int | None
    offset: int
    length: int
    outcome: str = "ok"
    html: bytes | None = None
    payload: int | None = None
    status: int | None = None
    media_type: str | None = None
    charset: str | None = None
    charset_found: str | None = None
    charset_declared: str | None = None
    digest: bytes | None = None
    note: str | None = None
    rights: str | None = None


class PageRows:
    """Rows as they are read, and the records that become no rows, counted by kind.

    ``types`` are the kinds of records that are counted where they are ordinary, ``most`` the bytes of the largest
    payload, unpacked. The rows are full at ``rows`` of them or ``size`` bytes of pages.
    """

    def __init__(self, types: Sequence[str], most: int, rows: int, size: int) -> None:
        del types, most
        self._limits = rows, size
        self._rows: list[Page] = []
        self._skipped: Counter[str] = Counter()
        self._size = 0

    @property
    def full(self) -> bool:
        """True if no more rows may be added before ``finish``."""
        return len(self._rows) >= self._limits[0] or self._size >= self._limits[1]

    def read(self, data: bytes, at: int, base: int) -> tuple[int, int, bool]:
        """Add rows for the ordinary records from ``at`` on, where ``base`` is the place of ``data`` in the file.

        Returns where they end, their unpacked size in bytes, and whether ``data`` ended within the next one.
        """
        del data, base
        return at, 0, False

    def add(self, row: Page) -> None:
        """Add one row."""
        self._rows.append(row)
        self._size += len(row.html or b"")

    def skip(self, kind: str) -> None:
        """Count a record that becomes no row."""
        self._skipped[kind] += 1

    def finish(self) -> tuple[pa.RecordBatch, dict[str, int]]:
        """The rows so far, with the columns of ``ROWS``, and what was skipped; then begin anew."""
        columns = [_column(field, [getattr(row, field.name) for row in self._rows]) for field in ROWS]
        skipped = dict(sorted(self._skipped.items()))
        self._rows, self._skipped, self._size = [], Counter(), 0
        return pa.RecordBatch.from_arrays(columns, schema=ROWS), skipped


def _column(field: pa.Field, values: Sequence[object]) -> pa.Array:
    if field.name == "html":  # known to be UTF-8, so that it need not be copied twice
        return pa.array(values, pa.binary()).view(field.type)
    if field.name == "date":
        return pa.array(values, pa.timestamp("s", tz="UTC")).cast(field.type)
    return pa.array(values, field.type)
