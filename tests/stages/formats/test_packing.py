"""Packing: sequences of one length, whose pieces are the documents, whole and in order."""

from __future__ import annotations

import json
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, strategies as st

from refinery import ID, ShardFormat
from refinery.stages._formats import packing
from refinery.stages._formats.jsonl import JsonLines
from refinery.stages._formats.mds import Mds
from refinery.stages._formats.packing import Packed
from refinery.stages._formats.parquet import ParquetRows
from tests.stages.formats.readers import read_mds

SCHEMA = pa.schema([ID, pa.field("input_ids", pa.list_(pa.uint16()))])


def documents(lengths: list[int]) -> pa.RecordBatch:
    """Documents whose ids count on, so that no two are alike."""
    ends = [sum(lengths[: number + 1]) for number in range(len(lengths))]
    ids = [list(range(end - length, end)) for length, end in zip(lengths, ends, strict=True)]
    names = [number.to_bytes(16, "big") for number in range(len(lengths))]
    return pa.RecordBatch.from_pydict({"id": names, "input_ids": ids}, schema=SCHEMA)


def packed(form: ShardFormat, batches: list[pa.RecordBatch]) -> tuple[bytes, int | None, int | None]:
    """The file of a shard, its ids and its sequences."""
    form.check(SCHEMA)
    output = BytesIO()
    writer = form.open([output], SCHEMA)
    for batch in batches:
        writer.add(batch)
    counts = writer.close()
    return output.getvalue(), counts.tokens, counts.sequences


@given(st.lists(st.integers(1, 9), max_size=30), st.integers(2, 12), st.integers(0, 30))
def test_pieces_are_the_documents(lengths: list[int], length: int, cut: int) -> None:
    """Sequences are full but for the last; their pieces, end to end, are the documents, found again by id and offset."""
    whole = documents(lengths)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "WAITING", 1)
        batches = [batch for batch in (whole.slice(0, cut), whole.slice(cut)) if len(batch)]
        data, tokens, sequences = packed(Packed(JsonLines("none"), length), batches)
    rows = [json.loads(line) for line in data.splitlines()]
    assert [len(row["input_ids"]) for row in rows[:-1]] == [length] * (len(rows) - 1)
    assert all(0 < len(row["input_ids"]) <= length for row in rows)
    assert (tokens, sequences) == (sum(lengths), len(rows))
    found: dict[str, list[int]] = {}
    for row in rows:
        assert sum(row["seq_lengths"]) == len(row["input_ids"])
        ids = iter(row["input_ids"])
        for name, size, offset in zip(row["ids"], row["seq_lengths"], row["offsets"], strict=True):
            assert size > 0
            assert offset == len(found.setdefault(name, []))
            found[name] += [next(ids) for _ in range(size)]
    assert list(found.items()) == [(row["id"].hex(), row["input_ids"]) for row in whole.to_pylist()]


def test_batches_leave_no_trace() -> None:
    whole = documents([7, 1, 600, 2, 2] * 100)
    for form in (ParquetRows(), JsonLines(), Mds()):
        pieces = [whole.slice(start, 3) for start in range(0, len(whole), 3)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(packing, "WAITING", 5_000)
            assert packed(Packed(form, 16), pieces)[0] == packed(Packed(form, 16), [whole])[0]


def test_other_formats_have_the_same_sequences() -> None:
    """MDS has the ids of documents end to end, 16 bytes each."""
    whole = documents([7, 1, 30, 2])
    expected = [json.loads(line) for line in packed(Packed(JsonLines("none"), 8), [whole])[0].splitlines()]
    table = pq.read_table(BytesIO(packed(Packed(ParquetRows(), 8), [whole])[0]))
    assert [row | {"ids": [name.hex() for name in row["ids"]]} for row in table.to_pylist()] == expected
    samples = read_mds(packed(Packed(Mds(), 8), [whole])[0])
    assert [row | {"ids": row["ids"].hex()} for row in samples] == [
        row | {"ids": "".join(row["ids"])} for row in expected
    ]
