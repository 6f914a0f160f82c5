"""Layouts of a finished dataset: names of its shards, the card, and the manifest. Pure functions of what was written.

The layout ``huggingface`` is a folder that ``datasets.load_dataset`` and the hub read without options:

    README.md       a dataset card; its YAML has the features, the splits and the files
    manifest.json   size, SHA-256, documents and tokens of each file
    data/train-00000-of-00123.parquet
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import yaml

from refinery import ShardFile, UsageError, WrittenDataset
from refinery.stages._mixture import TABLE, table

MANIFEST, CARD, DATA = "manifest.json", "README.md", "data"

LEAST_DIGITS = 5

_SIZES = (
    (1e3, "n<1K"),
    (1e4, "1K<n<10K"),
    (1e5, "10K<n<100K"),
    (1e6, "100K<n<1M"),
    (1e7, "1M<n<10M"),
    (1e8, "10M<n<100M"),
    (1e9, "100M<n<1B"),
    (1e10, "1B<n<10B"),
    (1e11, "10B<n<100B"),
    (1e12, "100B<n<1T"),
)
"""The hub's categories of sizes, with the number of documents below which each applies."""


def public_names(files: Iterable[Sequence[ShardFile]], *, apart: bool = False) -> dict[str, ShardFile]:
    """Return the public path of each file: ``data/SPLIT-NNNNN-of-NNNNN.SUFFIX``. Shards are in order, split by split.

    Files of one shard have one number. More than 99,999 shards have more digits, so that names sort as the shards do.
    With ``apart`` each split has a folder of its own.
    """
    shards = list(files)
    names: dict[str, ShardFile] = {}
    for split in sorted({shard[0].split for shard in shards}):
        own = [shard for shard in shards if shard[0].split == split]
        folder = f"{DATA}/{split}" if apart else DATA
        digits = max(LEAST_DIGITS, len(str(len(own))))
        for number, shard in enumerate(own):
            stem = f"{folder}/{split}-{number:0{digits}d}-of-{len(own):0{digits}d}"
            names |= {f"{stem}{file.suffix}": file for file in shard}
    return names


def manifest(dataset: WrittenDataset, names: Mapping[str, ShardFile], origin: Mapping[str, Any] = {}) -> bytes:
    """Return ``manifest.json``: totals, ``origin`` such as the tokenizer, every file with size, checksum and counts."""
    entries = [{"path": path, **_entry(file)} for path, file in names.items()]
    first = {"previews": list(dataset.previews)} if dataset.previews else {}
    record = {"dataset": dataset.name, **_totals(names.values()), **origin, **first, "files": entries}
    return json.dumps(record, ensure_ascii=False, indent=1).encode() + b"\n"


def _entry(file: ShardFile) -> dict[str, Any]:
    wanted = ("split", "bytes", "sha256", "documents", "sequences", "tokens")
    return {name: value for name, value in asdict(file).items() if name in wanted and value is not None}


def _totals(files: Iterable[ShardFile]) -> dict[str, int]:
    every = list(files)
    totals = {"documents": sum(file.documents for file in every), "bytes": sum(file.bytes for file in every)}
    for name in ("sequences", "tokens"):
        counts = [count for file in every if (count := getattr(file, name)) is not None]
        totals |= {name: sum(counts)} if counts else {}
    return totals


def card(dataset: WrittenDataset, names: Mapping[str, ShardFile], licence: str = "", sections: str = "") -> str:
    """Return ``README.md``: the YAML that the hub and ``datasets`` read, a table of the columns, and ``sections``."""
    front = yaml.safe_dump(_front(dataset, names, licence), sort_keys=False, allow_unicode=True, width=10_000)
    totals = _totals(names.values())
    counts = ", ".join(
        f"{totals[name]:,} {name}" for name in ("documents", "sequences", "tokens", "bytes") if name in totals
    )
    rows = "\n".join(f"| `{f.name}` | `{f.type}` |" for f in dataset.schema)
    return (
        f"---\n{front}---\n\n# {dataset.name}\n\n{counts}. `manifest.json` has the size and the SHA-256 of each "
        f"file.\n\n| column | type |\n| --- | --- |\n{rows}\n{sections}{_previews(dataset.previews)}"
    )


def mixture_table(mixture: Mapping[str, Mapping[str, int]]) -> str:
    """Return the table of what a mixture has for training of each source."""
    if not mixture:
        return ""
    rows = (f"| {' | '.join(row)} |\n" for row in (TABLE, ["---"] * len(TABLE), *table(mixture)))
    return f"\nThe split for training is a mixture:\n\n{''.join(rows)}"


def _previews(previews: Sequence[str]) -> str:
    """Return what the first documents decode to, as indented code: no text of theirs ends it."""
    shown = ("\n".join(f"    {line}" for line in text.splitlines()) for text in previews)
    return "\nThe first documents, decoded:\n\n" + "\n\n---\n\n".join(shown) + "\n" if previews else ""


def _front(dataset: WrittenDataset, names: Mapping[str, ShardFile], licence: str) -> dict[str, Any]:
    splits = sorted({file.split for file in names.values()})
    samples = sum(file.samples for file in names.values())
    first = {
        "license": licence,
        "language": list(dataset.languages),
        "pretty_name": dataset.name,
    }
    return {
        **{name: value for name, value in first.items() if value},
        "task_categories": ["text-generation"],
        "size_categories": [next((name for below, name in _SIZES if samples < below), "n>1T")],
        "dataset_info": {
            "features": [_feature(column) for column in dataset.schema],
            "splits": [_split(split, names) for split in splits],
            "download_size": sum(file.bytes for file in names.values()),
        },
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": split, "path": f"data/{split}-*"} for split in splits],
            }
        ],
    }


def _split(split: str, names: Mapping[str, ShardFile]) -> dict[str, Any]:
    own = [file for file in names.values() if file.split == split]
    return {"name": split, "num_bytes": sum(f.bytes for f in own), "num_examples": sum(f.samples for f in own)}


def _feature(column: pa.Field) -> dict[str, Any]:
    """Return a column as ``datasets`` describes it in YAML. Raises UsageError for a type that it does not know."""
    kind = column.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = _feature(pa.field("item", kind.value_type))
        return {"name": column.name, "list": inner.get("dtype") or inner.get("struct") or {"list": inner["list"]}}
    if pa.types.is_struct(kind):
        return {"name": column.name, "struct": [_feature(part) for part in kind]}
    return {"name": column.name, "dtype": _dtype(column)}


def _dtype(column: pa.Field) -> str:
    kind = column.type
    if pa.types.is_fixed_size_binary(kind):
        return "binary"
    names = {pa.float64(): "float64", pa.float32(): "float32", pa.float16(): "float16", pa.bool_(): "bool"}
    if kind in names:
        return names[kind]
    if pa.types.is_timestamp(kind):
        return f"timestamp[{kind.unit}{f', tz={kind.tz}' if kind.tz else ''}]"
    if pa.types.is_string(kind) or pa.types.is_binary(kind) or pa.types.is_integer(kind):
        return str(kind)
    raise UsageError(f"column {column.name} has type {kind}, which a card cannot state", hint="leave it out of columns")
