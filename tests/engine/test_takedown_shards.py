"""Taking documents down from exports in other formats than Parquet, or without ids."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from refinery import Asset, Size
from refinery.inspect.find import find
from refinery.inspect.verification import verify
from refinery.recipe import Pipeline, RecipeError, consent
from refinery.runner.takedown import takedown
from refinery.stages.export import Export
from tests.engine.roots import RootContents, all_files, pipeline, quick, steps, write_inputs
from tests.engine.toy import Length, LineSource
from tests.stages.formats.vocabularies import bytes_bpe

LINES = [[f"text {'abcdefgh'[part]} {'abcdefgh'[row]} {'ä ' * row}" for row in range(8)] for part in range(4)]
GONE = (["text c e", "text b b"], "text d a")


def recipe(folder: Path, **fields: Any) -> Pipeline:
    """Texts, and an export of small files."""
    export = Export(**{"columns": ("url", "text"), "shard": Size(120), **fields})
    return pipeline(folder, steps(LineSource(), Length(min_words=1), export))


def files(root: Path) -> dict[str, bytes]:
    """Every file of exported rows, by its name before a takedown."""
    paths = [path for folder in ("kept", "shards") for path in (root / "02-export" / folder).rglob("part-*")]
    return {
        f"{path.parent.name}/{path.name.replace('-t1', '').replace('-t2', '')}": path.read_bytes()
        for path in sorted(paths)
    }


def plain(root: Path) -> bytes:
    """All bytes of a root, decompressed."""
    data = [path.read_bytes() for path in root.rglob("*") if path.is_file()]
    data += [gzip.decompress(one) for one in data if one[:2] == b"\x1f\x8b"]
    return b"".join([*data, *(repr(pq.read_table(path).to_pydict()).encode() for path in root.rglob("*.parquet"))])


def stored(path: Path, row: int) -> str | None:
    """The first letters of a row's text; None where there is no reader."""
    if path.suffix == ".parquet":
        return str(pq.read_table(path)["text"][row].as_py())[:8]
    return (
        str(json.loads(gzip.decompress(path.read_bytes()).splitlines()[row])["text"])[:8]
        if path.suffix == ".gz"
        else None
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"format": "jsonl", "compression": "gz", "layout": "files"},
        {"format": "jsonl", "compression": "gz", "shuffle": 3, "layout": "huggingface"},
        {"format": "mds", "columns": ("text",)},
        {"columns": ("text",)},
        {"columns": ("text",), "shuffle": 3},
    ],
)
def test_shards_are_what_a_run_without_the_documents_writes(tmp_path: Path, fields: dict[str, Any]) -> None:
    """Only those that had one are other files, cut at the same documents; a second takedown counts from there."""
    write_inputs(tmp_path / "in", LINES)
    given = recipe(tmp_path, **fields)
    quick(given)
    root = Path(given.root)
    before = files(root)
    for snippets in ([*GONE[0]], [GONE[1]]):
        ids = [one for snippet in snippets for one in find(str(root), text=snippet).documents]
        assert len(ids) == len(snippets)
        exported = [row for row in find(str(root), ids).rows if row.stage == "export"]
        assert sorted(row.id or "" for row in exported) == sorted(ids)
        assert all(stored(root / row.file, row.row) in (None, *snippets) for row in exported)
        assert takedown(str(root), ids).record
        data = plain(root)
        assert not [snippet for snippet in snippets if snippet.encode() in data]
        assert verify(str(root), rerun=1.0).findings == ()
        assert quick(given).tasks == 0
        assert takedown(str(root), ids).record == ""
    after = files(root)
    assert list(after) == list(before)
    assert 0 < sum(after[name] != data for name, data in before.items()) <= 3
    kept = b"text a a" in plain(root)
    assert kept
    receipts = RootContents(root).receipts("02-export")
    assert sum(receipt.taken_kept for receipt in receipts) == 3
    for file in (file for receipt in receipts for refs in receipt.files.values() for file in refs if file.sha256):
        assert hashlib.sha256((root / file.path).read_bytes()).hexdigest() == file.sha256


def test_shards_of_a_previous_recipe_are_deleted(tmp_path: Path) -> None:
    """No run can make them again without the documents: one by that recipe writes new ones."""
    write_inputs(tmp_path / "in", LINES)
    first, second = recipe(tmp_path, format="mds", columns=("text",)), recipe(tmp_path)
    quick(first)
    quick(second)
    root = Path(first.root)
    takedown(str(root), find(str(root), text=GONE[1]).documents)
    assert GONE[1].encode() not in plain(root)
    assert verify(str(root)).findings == ()
    assert quick(first).complete
    assert GONE[1].encode() not in plain(root)
    assert verify(str(root), rerun=1.0).findings == ()


def test_token_ids_of_a_document_go_with_it(tmp_path: Path) -> None:
    """From the shard that has them and its index; the recipe that the root stores is that of a format with own columns."""
    write_inputs(tmp_path / "in", LINES)
    export = Export(
        format="npy", tokenizer=Asset(bytes_bpe(tmp_path / "tokenizer.json", "<|endoftext|>")), shard=Size(120)
    )
    given = pipeline(tmp_path, steps(LineSource(), export))
    quick(given)
    root = Path(given.root)
    ids = find(str(root), text=GONE[1]).documents
    before = all_files(root)
    with pytest.raises(RecipeError, match="must not open the file"):
        takedown(str(root), ids)
    assert all_files(root) == before  # a takedown that cannot be completed does not begin
    consent.trust(export)
    refs = [file for receipt in RootContents(root).receipts("01-export") for file in receipt.files["shards"]]
    takedown(str(root), ids)
    left = [file for receipt in RootContents(root).receipts("01-export") for file in receipt.files["shards"]]
    changed = [(before, after) for before, after in zip(refs, left, strict=True) if before != after]
    assert [Path(after.path).suffixes for _, after in changed] == [[".npy"], [".csv", ".gz"]]
    assert [before.rows - after.rows for before, after in changed] == [1, 0]
    assert (changed[0][0].tokens or 0) > (changed[0][1].tokens or 0)
    assert verify(str(root), rerun=1.0).findings == ()
