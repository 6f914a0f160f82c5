"""Exports in formats other than Parquet: the rows of the Parquet, whatever the workers, resumable and verified."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import refinery
from refinery import Size, UsageError
from refinery.inspect.garbage import collect_garbage
from refinery.inspect.verification import verify
from refinery.recipe import Pipeline, RecipeError, parse
from refinery.stages.export import Export
from tests.engine.roots import RootContents, pipeline, quick, steps, write_inputs
from tests.engine.toy import Length, LineSource

FOLDER = "01-export"


def recipe(folder: Path, *, root: str = "root", batch: int = 1000, **fields: Any) -> Pipeline:
    """Texts, and an export of small files."""
    export = Export(**{"columns": ("id", "text", "tokens"), "shard": Size(120), **fields})
    return pipeline(folder, steps(LineSource(), export), root=root, batch=batch)


@pytest.fixture(autouse=True)
def inputs(tmp_path: Path) -> None:
    write_inputs(tmp_path / "in", [[f"text {part} {row} {'ä ' * row}" for row in range(part * 3)] for part in range(5)])


def shards(root: Path) -> dict[str, bytes]:
    """The bytes of each shard, in order."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted((root / FOLDER / "shards").iterdir())}


def jsonl(folder: Path, **options: Any) -> Path:
    quick(recipe(folder, format="jsonl", compression="gz", **options))
    return folder / options.get("root", "root")


def test_shards_have_the_rows_that_parquet_has_cut_at_the_same_rows(tmp_path: Path) -> None:
    quick(recipe(tmp_path, root="parquet"))
    paths = sorted((tmp_path / "parquet" / FOLDER / "kept").iterdir())
    expected = [pq.ParquetFile(path).read().to_pylist() for path in paths]
    found = [
        [json.loads(line) for line in gzip.decompress(data).splitlines()] for data in shards(jsonl(tmp_path)).values()
    ]
    assert len(found) > 3
    assert found == [[{**row, "id": row["id"].hex()} for row in rows] for rows in expected]


def test_batches_and_roots_leave_no_trace(tmp_path: Path) -> None:
    assert shards(jsonl(tmp_path)) == shards(jsonl(tmp_path, root="other", batch=2))


def test_receipts_have_size_checksum_and_rows_of_each_shard(tmp_path: Path) -> None:
    root = jsonl(tmp_path)
    files = [file for receipt in RootContents(root).receipts(FOLDER) for file in receipt.files["shards"]]
    assert {file.path: (file.bytes, file.sha256) for file in files} == {
        path: (len(data), hashlib.sha256(data).hexdigest()) for path, data in shards(root).items()
    }
    assert sum(file.rows for file in files) == 30


def test_verify_passes_and_finds_a_changed_shard(tmp_path: Path) -> None:
    root = jsonl(tmp_path)
    assert verify(str(root), rerun=1.0).findings == ()
    path = min((root / FOLDER / "shards").iterdir())
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert [finding.file for finding in verify(str(root)).findings] == [str(path.relative_to(root))]


def test_another_format_supersedes_the_shards_and_they_come_back(tmp_path: Path) -> None:
    before = shards(jsonl(tmp_path))
    quick(recipe(tmp_path))
    root = tmp_path / "root"
    assert not (root / FOLDER / "shards").exists() or not shards(root)
    assert collect_garbage(str(root), delete=False).files
    assert shards(jsonl(tmp_path)) == before
    assert verify(str(root)).findings == ()


def test_a_notebook_gets_the_paths_of_shards_and_no_dataset(tmp_path: Path) -> None:
    root = jsonl(tmp_path)
    opened = refinery.open(str(root)).stage("export")
    assert opened.files() == []
    assert opened.files("shards") == [str(root / path) for path in shards(root)]
    with pytest.raises(UsageError, match="in another format than Parquet"):
        opened.dataset()


def test_hexadecimal_ids_are_the_ids_that_came_in(tmp_path: Path) -> None:
    quick(recipe(tmp_path, ids="hex"))
    assert verify(str(tmp_path / "root"), rerun=1.0).findings == ()


def test_folders_of_labels_are_of_parquet() -> None:
    head = "dataset: d\ninputs: a/*.gz\nroot: r\npipeline: [warc: {}, url: {}, extract: {}, language: {}, "
    with pytest.raises(RecipeError, match="partition_by writes Parquet"):
        parse(f"{head}export: {{format: jsonl, partition_by: lang}}]", "r")


def test_a_metric_is_a_column_of_its_own(tmp_path: Path) -> None:
    """Its values are those inside of the stage's column, and the label of partitions may be among them."""
    fields = {"columns": ("id", "words.letters", "text"), "shard": Size(120)}
    chosen = steps(LineSource(), Length(), Export(**fields))
    quick(pipeline(tmp_path, chosen))
    root = tmp_path / "root"
    rows = pq.read_table(root / "02-export" / "kept").to_pylist()
    assert [list(row) for row in rows] == [["id", "letters", "text"]] * len(rows)
    within = pq.read_table(root / "01-words" / "kept", columns=["id", "words"]).to_pylist()
    assert {row["id"]: row["letters"] for row in rows} == {row["id"]: row["words"]["letters"] for row in within}
    assert verify(str(root), rerun=1.0).findings == ()


@pytest.mark.parametrize(
    ("columns", "message"),
    [("id, extract.titel", r"reads '?extract\.titel"), ("url, url.url", "url is listed twice")],
)
def test_a_metric_must_be_there_and_its_name_free(columns: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        parse(
            f"dataset: d\ninputs: a/*.gz\nroot: r\npipeline: [warc: {{}}, extract: {{}}, export: {{columns: [{columns}]}}]",
            "r",
        )
