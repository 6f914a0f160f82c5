"""A shuffled export in the formats of trainers: each decodes to the texts in the permuted order, split by split."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import zstandard

from refinery import Asset, Size
from refinery.inspect.verification import verify
from refinery.runner.run import run
from refinery.stages._formats.tokenizing import DocumentTokenizer
from tests.engine.roots import RootContents, quick
from tests.engine.test_ordered import naive, recipe
from tests.stages.formats import vocabularies
from tests.stages.formats.readers import read_mds, read_megatron, read_npy

TOKENIZED = ("megatron", "npy", "mds")
FORMATS = ("parquet", "jsonl", *TOKENIZED)


def options(folder: Path, form: str) -> dict[str, Any]:
    """An export of a format with a layout, and with a tokenizer where it has ids."""
    chosen: dict[str, Any] = {"format": form, "layout": "files", "validation": 0.3, "shard": Size(1500)}
    if form in TOKENIZED:
        chosen |= {"tokenizer": Asset(vocabularies.bytes_bpe(folder / "tokenizer.json", "<|endoftext|>"))}
    return chosen | {"columns": None if form in ("megatron", "npy") else ("id", "text")}


def texts(form: str, files: list[Path], tokenizer: Path) -> list[str]:
    """The texts of a shard, by a reader that is not the project's."""
    data = [path.read_bytes() for path in files]
    if form == "parquet":
        return list(pq.read_table(files[0], partitioning=None)["text"].to_pylist())
    if form == "jsonl":
        lines = zstandard.ZstdDecompressor().decompressobj().decompress(data[0]).splitlines()
        return [json.loads(line)["text"] for line in lines]
    read = {
        "megatron": lambda: read_megatron(data[0], data[1]),
        "npy": lambda: read_npy(data[1], data[0], "uint16")[0],
        "mds": lambda: [sample["input_ids"] for sample in read_mds(data[0])],
    }
    opened = DocumentTokenizer(str(tokenizer))
    return [opened.decode(np.array(ids)) for ids in read[form]()]


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_has_the_texts_in_the_permuted_order(tmp_path: Path, form: str) -> None:
    """The numbered shards of each split, one after another; equal numbers of documents in each; nothing is lost."""
    quick(recipe(tmp_path, **options(tmp_path, form)))
    rows = {row["id"]: row for row in RootContents(tmp_path / "root").rows("01-words")}
    order = [rows[id_]["text"] for id_ in naive(list(rows), 1)]
    manifest = json.loads((tmp_path / "root" / "dataset" / "manifest.json").read_bytes())
    found: dict[str, list[str]] = {"train": [], "validation": []}
    shards: dict[tuple[str, str], list[Path]] = {}
    for file in manifest["files"]:
        path = tmp_path / "root" / "dataset" / file["path"]
        shards.setdefault((file["split"], path.name.partition(".")[0]), []).append(path)
    sizes: dict[str, list[int]] = {"train": [], "validation": []}
    for (split, _), files in sorted(shards.items()):
        some = texts(form, sorted(files), tmp_path / "tokenizer.json")
        found[split] += some
        sizes[split].append(len(some))
    assert len(sizes["train"]) > 2
    assert all(max(counts) - min(counts) <= 1 for counts in sizes.values())
    apart = set(found["validation"])
    assert 0 < len(apart) < len(order) / 2
    assert found["train"] == [text for text in order if text not in apart]
    assert found["validation"] == [text for text in order if text in apart]
    assert manifest["documents"] == len(order)
    assert verify(str(tmp_path / "root"), rerun=0.0 if form in TOKENIZED else 0.3).findings == ()


def dataset(root: Path) -> dict[str, bytes]:
    """The files of a layout by name."""
    found = sorted((root / "dataset").rglob("*"))
    return {str(path.relative_to(root)): path.read_bytes() for path in found if path.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize(("form", "workers"), [("jsonl", 2), ("mds", 3)])
def test_workers_have_no_effect_in_other_formats(tmp_path: Path, form: str, workers: int) -> None:
    """Two and three workers write the bytes that one writes, manifest included."""
    quick(recipe(tmp_path, **options(tmp_path, form)))
    run(recipe(tmp_path, "other", workers=workers, **options(tmp_path, form)))
    assert dataset(tmp_path / "other") == dataset(tmp_path / "root")
