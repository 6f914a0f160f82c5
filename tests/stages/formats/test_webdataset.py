"""WebDataset: tars that `tarfile` and the format's own package read, with the files of a document side by side."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from refinery import UsageError
from refinery.stages._formats.webdataset import WebDataset
from tests.stages.formats.batches import page, written

TEXTS = ["One text.", "", "ä" * 600, None]


def rows(*texts: str | None) -> pa.RecordBatch:
    return pa.Table.from_batches([page(text).batch for text in texts]).combine_chunks().to_batches()[0]


def files(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


def test_a_document_is_a_text_and_its_columns() -> None:
    batch = rows(*TEXTS).drop_columns(["structure"])
    (data,), tokens = written(WebDataset(), [batch])
    assert tokens is None
    expected: dict[str, str] = {}
    for row in batch.to_pylist():
        expected |= {f"{row['id'].hex()}.txt": row["text"]} if row["text"] is not None else {}
        expected |= {f"{row['id'].hex()}.json": row["url"]}
    found = {
        name: json.loads(file)["url"] if name.endswith("json") else file.decode() for name, file in files(data).items()
    }
    assert list(found.items()) == list(expected.items())
    assert written(WebDataset(), [batch.slice(0, 1), batch.slice(1)])[0] == [data]


def test_token_ids_are_arrays() -> None:
    ids = pa.array([[1, 2, 65_535], [7]], pa.list_(pa.uint16()))
    batch = pa.record_batch({"id": pa.array([b"a" * 16, b"b" * 16], pa.binary(16)), "input_ids": ids})
    (data,), tokens = written(WebDataset(), [batch])
    arrays = [np.load(io.BytesIO(file)) for name, file in files(data).items() if name.endswith("npy")]
    assert ([one.tolist() for one in arrays], arrays[0].dtype, tokens) == (ids.to_pylist(), np.uint16, 4)


def test_ids_name_the_files() -> None:
    with pytest.raises(UsageError, match="names files by id"):
        WebDataset().check(pa.schema([("text", pa.string())]))


def test_its_own_package_reads_it(tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset", reason="webdataset is not installed")
    (data,), _ = written(WebDataset(), [rows(*TEXTS[:3]).drop_columns(["structure"])])
    (tmp_path / "a.tar").write_bytes(data)
    samples = list(webdataset.WebDataset(str(tmp_path / "a.tar"), shardshuffle=False).decode())
    assert [sample["txt"] for sample in samples] == TEXTS[:3]
    assert [sample["__key__"] for sample in samples] == [sample["json"]["id"] for sample in samples]
