"""Content hashes by the native kernel."""

from __future__ import annotations

import pyarrow as pa

from refinery.kernels import _native
from refinery.kernels.reference import content as reference


class ContentHashes(reference.ContentHashes):
    """The twin hashes the tables that the native kernel does not support.

    Those are tables with dictionaries inside other columns, and with structs as fields of structs: arrow-rs 56 applies
    the offset of a slice twice to the inner fields.
    """

    def __init__(self, schema: pa.Schema) -> None:
        super().__init__(schema)
        self._native = None if any(map(_is_unsupported, schema.types)) else _native.ContentHashes()

    def update(self, batch: pa.RecordBatch) -> None:
        if self._native is None:
            super().update(batch)
        elif batch.num_rows:
            self._native.update([_decoded(column) for column in batch.columns])

    def digests(self) -> dict[str, str]:
        return super().digests() if self._native is None else self._native.digests()


def _decoded(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _is_unsupported(kind: pa.DataType) -> bool:
    for inner in (kind.field(place).type for place in range(kind.num_fields)):
        both_structs = pa.types.is_struct(kind) and pa.types.is_struct(inner)
        if both_structs or pa.types.is_dictionary(inner) or _is_unsupported(inner):
            return True
    return False
