"""JSON Lines: every reader gets the rows that were written, and the bytes depend on nothing else."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, strategies as st

from refinery.errors import UsageError
from refinery.stages._formats.jsonl import Compression, JsonLines
from tests.stages.formats.batches import page, written

TEXTS = st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"])), max_size=12)


def rows(texts: list[str | None]) -> pa.RecordBatch:
    return pa.record_batch({"text": pa.array(texts, pa.string()), "place": pa.array(range(len(texts)), pa.uint64())})


def plain(data: bytes, compression: Compression) -> bytes:
    if compression == "zst":
        return zstandard.ZstdDecompressor().decompressobj().decompress(data)
    return gzip.decompress(data) if compression == "gz" else data


def lines(data: bytes, compression: Compression = "none") -> list[dict[str, object]]:
    return [json.loads(line) for line in plain(data, compression).decode().split("\n")[:-1]]


@pytest.mark.parametrize("compression", ["zst", "gz", "none"])
@given(texts=TEXTS, cut=st.integers(0, 12))
def test_every_line_is_a_row_and_batches_leave_no_trace(
    compression: Compression, texts: list[str | None], cut: int
) -> None:
    whole = rows(texts)
    (data,), tokens = written(JsonLines(compression), [whole])
    assert lines(data, compression) == whole.to_pylist()
    assert tokens is None
    assert written(JsonLines(compression), [whole.slice(0, cut), whole.slice(cut)])[0] == [data]


@pytest.mark.parametrize("compression", ["zst", "gz"])
def test_batches_leave_no_trace_in_files_of_several_blocks(compression: Compression) -> None:
    """Compressors see blocks of one size."""
    whole = rows([f"{number**7} {number} " * 30 for number in range(6_000)])
    assert whole.nbytes > 2**21
    (data,), _ = written(JsonLines(compression), [whole])
    assert written(JsonLines(compression), [whole.slice(start, 7) for start in range(0, 6_000, 7)])[0] == [data]
    assert len(lines(data, compression)) == 6_000


def test_values_that_json_has_not_have_one_form() -> None:
    given_rows = pa.record_batch(
        {
            "id": pa.array([b"\x00\xff"], pa.binary(2)),
            "at": pa.array([datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)], pa.timestamp("ms", "UTC")),
            "score": pa.array([float("nan")]),
            "quality": pa.array([{"share": float("inf"), "ids": [b"\x01", None], "words": 3}]),
        }
    )
    (data,), _ = written(JsonLines("none"), [given_rows])
    assert lines(data) == [
        {
            "id": "00ff",
            "at": "2020-01-02T03:04:05Z",
            "score": None,
            "quality": {"share": None, "ids": ["01", None], "words": 3},
        }
    ]


def test_a_type_without_a_form_is_refused_before_anything_is_written() -> None:
    with pytest.raises(UsageError, match="no form for map"):
        JsonLines().check(pa.schema([("map", pa.map_(pa.string(), pa.string()))]))


@pytest.mark.parametrize("compression", ["zst", "gz"])
def test_polars_and_datasets_read_the_files_without_options(tmp_path: Path, compression: Compression) -> None:
    from datasets import load_dataset

    names = ["url", "date", "text", "tokens"]
    batches = [page(text).batch.select(names) for text in ("a\u2028b\n\x85", "two")]
    (data,), _ = written(JsonLines(compression), batches)
    path = tmp_path / f"train{JsonLines(compression).suffixes[0]}"
    path.write_bytes(data)
    assert pl.read_ndjson(plain(data, compression))["text"].to_list() == ["a\u2028b\n\x85", "two"]
    loaded = load_dataset("json", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded["text"] == ["a\u2028b\n\x85", "two"]
    assert set(loaded.column_names) == set(names)
