"""The folder ``dataset`` of a root: numbered shards, a manifest whose counts add up, and readers that need no options."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from refinery import Asset, Size
from refinery.cli._outcome import outcome, outcome_text
from refinery.inspect.garbage import collect_garbage
from refinery.inspect.verification import verify
from refinery.recipe import Pipeline, RecipeError, parse
from refinery.stages._formats.tokenizing import DocumentTokenizer
from refinery.stages.export import Export
from tests.engine.roots import RootContents, pipeline, quick, steps, write_inputs
from tests.engine.toy import LineSource
from tests.stages.formats import vocabularies
from tests.stages.formats.readers import read_mds, read_megatron, read_npy

TEXTS = [[f"text {part} {row} {'ä ' * row}<|endoftext|>" for row in range(part * 3)] for part in range(5)]


def recipe(folder: Path, **fields: Any) -> Pipeline:
    """Texts, and an export of small files with a layout."""
    export = Export(**{"layout": "files", "shard": Size(120), **fields})
    return pipeline(folder, steps(LineSource(), export))


@pytest.fixture(autouse=True)
def inputs(tmp_path: Path) -> None:
    write_inputs(tmp_path / "in", TEXTS)


@pytest.fixture
def tokenizer(tmp_path: Path) -> str:
    return vocabularies.bytes_bpe(tmp_path / "tokenizer.json", "<|endoftext|>")


def laid_out(folder: Path, **fields: Any) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The manifest of a run, and the files that it names."""
    quick(recipe(folder, **fields))
    found = folder / "root" / "dataset"
    manifest = json.loads((found / "manifest.json").read_bytes())
    files = {file["path"]: (found / file["path"]).read_bytes() for file in manifest["files"]}
    assert sorted(files) == sorted(f"data/{p.name}" for p in (found / "data").iterdir() if p.name != "index.json")
    for file in manifest["files"]:
        data = files[file["path"]]
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file["bytes"], file["sha256"])
    return manifest, files


def of(files: dict[str, bytes], suffix: str) -> list[bytes]:
    return [data for path, data in files.items() if path.endswith(suffix)]


def texts() -> list[str]:
    return [text for part in TEXTS for text in part]


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_datasets_reads_the_folder_without_options(tmp_path: Path, form: str) -> None:
    from datasets import load_dataset

    manifest, files = laid_out(tmp_path, format=form, layout="huggingface", columns=("id", "url", "text"))
    assert len(files) > 3
    assert manifest["documents"] == len(texts())
    cache = str(tmp_path / "cache")
    loaded = load_dataset(str(tmp_path / "root" / "dataset"), split="train", cache_dir=cache)
    assert loaded["text"] == texts()


@pytest.mark.parametrize("form", ["megatron", "npy", "mds"])
def test_every_format_decodes_to_the_texts(tmp_path: Path, tokenizer: str, form: str) -> None:
    columns = {"columns": ("id", "text")} if form == "mds" else {}
    manifest, files = laid_out(tmp_path, format=form, tokenizer=Asset(tokenizer), **columns)
    documents: list[list[int]] = []
    if form == "megatron":
        for data, index in zip(of(files, ".bin"), of(files, ".idx"), strict=True):
            documents += read_megatron(data, index)
    elif form == "npy":
        for data, index in zip(of(files, ".npy"), of(files, ".csv.gz"), strict=True):
            documents += read_npy(data, index, "uint16")[0]
    else:
        documents = [sample["input_ids"] for data in of(files, ".mds") for sample in read_mds(data)]
        shards = json.loads((tmp_path / "root" / "dataset" / "data" / "index.json").read_bytes())["shards"]
        assert [f"data/{shard['raw_data']['basename']}" for shard in shards] == list(files)
        assert sum(shard["samples"] for shard in shards) == len(documents)
    opened = DocumentTokenizer(tokenizer)
    assert [opened.decode(np.array(ids)) for ids in documents] == texts()
    assert (manifest["documents"], manifest["tokens"]) == (len(documents), sum(map(len, documents)))
    assert manifest["tokenizer"]["end_of_text"] == {"token": "<|endoftext|>", "id": opened.end}
    assert verify(str(tmp_path / "root")).findings == ()


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_packed_sequences_are_the_documents(tmp_path: Path, tokenizer: str, form: str) -> None:
    from datasets import load_dataset

    manifest, _ = laid_out(tmp_path, format=form, tokenizer=Asset(tokenizer), pack=50, layout="huggingface")
    cache = str(tmp_path / "cache")
    rows = load_dataset(str(tmp_path / "root" / "dataset"), split="train", cache_dir=cache)
    assert (manifest["documents"], manifest["sequences"]) == (len(texts()), len(rows))
    assert manifest["tokens"] == sum(map(len, rows["input_ids"]))
    opened = DocumentTokenizer(tokenizer)
    ids = [one for row in rows["input_ids"] for one in row]
    ends = [number for number, one in enumerate(ids, 1) if one == opened.end]
    pieces = [ids[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    assert [opened.decode(np.array(piece)) for piece in pieces] == texts()


def test_the_first_documents_are_shown_decoded(tmp_path: Path, tokenizer: str) -> None:
    """In the manifest, on the card, and where a run ends: a wrong end of text is seen without asking."""
    manifest, _ = laid_out(tmp_path, format="jsonl", tokenizer=Asset(tokenizer), layout="huggingface")
    expected = [f"{text}<|endoftext|>" for text in texts()[:3]]
    assert manifest["previews"] == expected
    assert f"    {expected[0]}\n" in (tmp_path / "root" / "dataset" / "README.md").read_text()
    given = recipe(tmp_path, format="jsonl", tokenizer=Asset(tokenizer), layout="huggingface")
    printed = outcome_text(outcome(quick(given), given.root), "")
    assert f"document 1  {expected[0]}" in printed
    assert f"output      {given.root}/01-export/shards (" in printed


def test_token_ids_are_a_column_of_parquet(tmp_path: Path, tokenizer: str) -> None:
    import pyarrow.parquet as pq

    laid_out(tmp_path, tokenizer=Asset(tokenizer), columns=("id", "text"))
    table = pq.read_table(tmp_path / "root" / "dataset" / "data")
    assert table.schema.names == ["id", "input_ids"]
    assert table.schema.field("input_ids").type == pa.list_(pa.uint16())


def test_an_interrupted_layout_is_completed_by_the_next_run(tmp_path: Path) -> None:
    """Without a manifest the folder is made again, and files of before go."""
    _, files = laid_out(tmp_path, format="jsonl")
    folder = tmp_path / "root" / "dataset"
    (folder / "manifest.json").unlink()
    (folder / "data" / "train-00000-of-99999.jsonl.zst").write_bytes(b"old")
    (folder / next(iter(files))).unlink()
    assert laid_out(tmp_path, format="jsonl")[1] == files


def test_garbage_collection_leaves_the_layout(tmp_path: Path) -> None:
    _, files = laid_out(tmp_path, format="jsonl")
    collect_garbage(str(tmp_path / "root"), delete=True)
    assert laid_out(tmp_path, format="jsonl")[1] == files


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("format: megatron", "set tokenizer"),
        ("end_of_text: </s>", "set tokenizer"),
        ("format: mds, layout: huggingface", "set layout: files"),
        ("layout: files, partition_by: lang", "leave out partition_by"),
        ("format: npy, tokenizer: x, columns: [text]", "has columns of its own"),
        ("pack: 8", "set tokenizer"),
        ("pack: 8, tokenizer: x, format: megatron", "leave out pack"),
        ("pack: 8, tokenizer: x, columns: [text]", "leave out columns"),
    ],
)
def test_options_that_exclude_each_other_are_refused(options: str, message: str) -> None:
    head = "dataset: d\ninputs: a/*.gz\nroot: r\npipeline: [warc: {}, url: {}, extract: {}, language: {}, "
    with pytest.raises(RecipeError, match=message):
        parse(f"{head}export: {{{options}}}]", "r")


def test_a_folder_has_nothing_of_the_layout_before(tmp_path: Path) -> None:
    """Neither shards nor the card of another layout stay, and without a layout no folder; files of users do."""
    laid_out(tmp_path, layout="huggingface", format="jsonl")
    folder = tmp_path / "root" / "dataset"
    (folder / "notes.txt").write_text("mine")
    assert (folder / "README.md").exists()
    laid_out(tmp_path)
    assert not (folder / "README.md").exists()
    assert not list(folder.rglob("*.jsonl*"))
    quick(recipe(tmp_path, layout=None))
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["notes.txt"]


def test_columns_that_an_export_leaves_out_are_counted_all_the_same(tmp_path: Path) -> None:
    """Tokens and text of the kept documents are those before, whatever columns are written."""
    counted = []
    for columns in (("id", "text", "tokens"), ("id",)):
        given = recipe(tmp_path, columns=columns)
        quick(given)
        found = RootContents(given.root).manifests["01-export"].statistics
        counted.append((found.tokens, found.characters, found.bytes))
    assert counted[0] == counted[1]
    assert counted[0][0]["kept"] > 0
