"""Formats of trainers: an independent reader, and the vendor's where it is installed, get the documents back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from refinery import ShardFile, ShardFormat
from refinery.errors import UsageError
from refinery.stages._formats import mds
from refinery.stages._formats.mds import Mds
from refinery.stages._formats.token_files import Megatron, NumpyMap
from tests.stages.formats.batches import written
from tests.stages.formats.readers import read_mds, read_megatron, read_npy

DOCUMENTS = st.lists(st.lists(st.integers(0, 2**16 - 1), min_size=1, max_size=300), max_size=8)
UINT16 = pa.uint16()
TYPES = st.sampled_from([pa.uint16(), pa.uint32()])


def rows(documents: list[list[int]], kind: pa.DataType = UINT16) -> pa.RecordBatch:
    ids = pa.array([bytes([number]) * 16 for number in range(len(documents))], pa.binary(16))
    paths = pa.array([f'a,"{number}".gz' for number in range(len(documents))], pa.string())
    columns = {"id": ids, "warc": paths, "input_ids": pa.array(documents, pa.list_(kind))}
    return pa.record_batch(columns)


@given(documents=DOCUMENTS, kind=TYPES)
def test_megatron_has_the_documents(documents: list[list[int]], kind: pa.DataType) -> None:
    (data, index), tokens = written(Megatron(), [rows(documents, kind)])
    assert read_megatron(data, index) == documents
    assert tokens == sum(map(len, documents))


@given(documents=DOCUMENTS, kind=TYPES)
def test_npy_has_the_documents_and_where_they_are_from(documents: list[list[int]], kind: pa.DataType) -> None:
    batch = rows(documents, kind)
    (data, index), tokens = written(NumpyMap(), [batch])
    found, fields = read_npy(data, index, str(kind))
    assert found == documents
    assert fields == [[row["id"].hex(), row["warc"]] for row in batch.select(["id", "warc"]).to_pylist()]
    assert tokens == sum(map(len, documents))


@given(documents=DOCUMENTS, kind=TYPES)
def test_mds_has_the_samples(documents: list[list[int]], kind: pa.DataType) -> None:
    batch = rows(documents, kind)
    (data,), tokens = written(Mds(), [batch])
    assert read_mds(data) == batch.to_pylist()
    assert tokens == sum(map(len, documents))


@pytest.mark.parametrize("form", [Megatron(), NumpyMap(), Mds()], ids=["megatron", "npy", "mds"])
@given(documents=DOCUMENTS, cut=st.integers(0, 8))
def test_batches_leave_no_trace(form: ShardFormat, documents: list[list[int]], cut: int) -> None:
    whole = rows(documents)
    assert written(form, [whole.slice(0, cut), whole.slice(cut)]) == written(form, [whole])


def test_large_ids_are_the_same_bytes_for_megatron_and_too_large_ones_are_refused() -> None:
    (data, index), _ = written(Megatron(), [rows([[70_000, 2**31 - 1]], pa.uint32())])
    assert read_megatron(data, index) == [[70_000, 2**31 - 1]]
    with pytest.raises(ValueError, match="is above those of Megatron's types"):
        written(Megatron(), [rows([[2**31]], pa.uint32())])


@pytest.mark.parametrize("length", [1, 255, 256, 65_535, 65_536])
def test_the_size_of_an_array_has_the_smallest_type_for_it(length: int) -> None:
    (data,), _ = written(Mds(), [rows([[1] * length])])
    assert [len(sample["input_ids"]) for sample in read_mds(data)] == [length]


def test_mds_cannot_hold_an_empty_array() -> None:
    with pytest.raises(ValueError, match="a document without token ids"):
        written(Mds(), [rows([[]])])


@pytest.mark.parametrize("form", [Megatron(), NumpyMap()], ids=["megatron", "npy"])
def test_formats_of_token_ids_need_them(form: ShardFormat) -> None:
    with pytest.raises(UsageError, match="writes token ids"):
        form.check(pa.schema([("text", pa.string())]))


def test_mds_refuses_a_type_that_it_has_not() -> None:
    with pytest.raises(UsageError, match="no encoding for at"):
        Mds().check(pa.schema([("at", pa.timestamp("ms"))]))


def test_the_reader_of_mosaicml_reads_a_folder(tmp_path: Path) -> None:
    reader = pytest.importorskip("streaming.base.format.mds.reader", reason="mosaicml-streaming is not installed")
    batch = rows([[1, 2], [3]])
    (data,), _ = written(Mds(), [batch])
    (tmp_path / "shard.00000.mds").write_bytes(data)
    file = ShardFile("", ".mds", len(data), "", 2)
    shards = json.loads(mds.indexes(batch.schema, {"data/shard.00000.mds": file})["data/index.json"])["shards"]
    found = reader.MDSReader.from_json(str(tmp_path), None, shards[0])
    assert [np.asarray(found[number]["input_ids"]).tolist() for number in range(2)] == [[1, 2], [3]]
