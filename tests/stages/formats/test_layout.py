"""The Hugging Face layout: what ``datasets`` and polars open without options, and a manifest whose counts add up."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from refinery import ShardFile, WrittenDataset
from refinery.errors import UsageError
from refinery.stages._formats.layout import card, manifest, public_names
from refinery.stages.export import Export
from tests.stages.formats.batches import page

WITHOUT_OPTIONS = ["refinedweb", "dolma", "dclm"]


def shard(number: int, *suffixes: str, split: str = "train") -> list[ShardFile]:
    return [ShardFile(f"{number}{s}", s, 10, "", 2 if s == suffixes[0] else 0, split=split) for s in suffixes]


def names(shards: Iterable[list[ShardFile]]) -> dict[str, str]:
    return {name: file.path for name, file in public_names(shards).items()}


def test_shards_are_numbered_by_split_and_files_of_one_shard_share_a_number() -> None:
    shards = [shard(0, ".bin", ".idx"), shard(1, ".bin", ".idx", split="validation"), shard(2, ".bin", ".idx")]
    assert names(shards) == {
        "data/train-00000-of-00002.bin": "0.bin",
        "data/train-00000-of-00002.idx": "0.idx",
        "data/train-00001-of-00002.bin": "2.bin",
        "data/train-00001-of-00002.idx": "2.idx",
        "data/validation-00000-of-00001.bin": "1.bin",
        "data/validation-00000-of-00001.idx": "1.idx",
    }


def test_names_sort_as_the_shards_do_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    assert next(iter(names([shard(0, ".parquet")]))) == "data/train-00000-of-00001.parquet"
    monkeypatch.setattr("refinery.stages._formats.layout.LEAST_DIGITS", 2)
    found = list(names(shard(number, ".parquet") for number in range(101)))
    assert found == sorted(found)
    assert found[0] == "data/train-000-of-101.parquet"


def test_totals_of_the_manifest_are_the_sums_of_its_files() -> None:
    shards = [[ShardFile("a", ".bin", 5, "x", 2, 7), ShardFile("b", ".idx", 3, "y", 0)]]
    record = json.loads(
        manifest(WrittenDataset("d", pa.schema([]), [], shards), public_names(shards), {"tokenizer": "t"})
    )
    assert {name: record[name] for name in ("documents", "tokens", "bytes", "tokenizer")} == {
        "documents": 2,
        "tokens": 7,
        "bytes": 8,
        "tokenizer": "t",
    }
    assert [file["sha256"] for file in record["files"]] == ["x", "y"]


def test_a_type_that_a_card_cannot_state_is_refused() -> None:
    with pytest.raises(UsageError, match="which a card cannot state"):
        card(WrittenDataset("d", pa.schema([("m", pa.map_(pa.string(), pa.string()))]), [], []), {})


def laid_out(folder: Path, preset: str) -> pa.Table:
    """Write two shards of a preset into a folder, and return their rows."""
    export = Export.model_validate({"preset": preset})
    schema, files, tables = pa.schema(list(export.added())), [], []
    for number, text in enumerate(["one\ntwo", "drei"]):
        columns = export.edit(page(text)).columns
        tables.append(pa.table([columns[name] for name in schema.names], schema=schema))
        path = folder / f"{number}.tmp"
        pq.write_table(tables[-1], path)
        data = path.read_bytes()
        files.append([ShardFile(str(path), ".parquet", len(data), hashlib.sha256(data).hexdigest(), 1)])
    public = public_names(files)
    (folder / "data").mkdir()
    for name, file in public.items():
        Path(file.path).rename(folder / name)
    dataset = WrittenDataset("Two pages", schema, ["en"], files)
    (folder / "README.md").write_text(card(dataset, public, "odc-by"))
    (folder / "manifest.json").write_bytes(manifest(dataset, public))
    return pa.concat_tables(tables)


@pytest.mark.parametrize("preset", WITHOUT_OPTIONS)
def test_datasets_and_polars_read_a_folder_without_options(tmp_path: Path, preset: str) -> None:
    from datasets import load_dataset

    folder = tmp_path / "dataset"
    folder.mkdir()
    table = laid_out(folder, preset)
    text = table.column_names[0] if preset == "refinedweb" else "text"
    loaded = load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded.column_names == table.column_names
    assert loaded[text] == ["one\ntwo", "drei"]
    assert pl.read_parquet(folder / "data" / "*.parquet")[text].to_list() == ["one\ntwo", "drei"]
    front = yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])
    assert front["language"] == ["en"]
    assert front["dataset_info"]["splits"] == [
        {"name": "train", "num_bytes": front["dataset_info"]["download_size"], "num_examples": 2}
    ]


def test_checksums_of_the_manifest_are_those_of_the_files(tmp_path: Path) -> None:
    laid_out(tmp_path, "dclm")
    for file in json.loads((tmp_path / "manifest.json").read_bytes())["files"]:
        data = (tmp_path / file["path"]).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file["bytes"], file["sha256"])
