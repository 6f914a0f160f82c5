"""A takedown of a root at s3://, on a real server: no object has a byte of the document."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pyarrow.parquet as pq

from refinery.inspect.find import find
from refinery.inspect.verification import verify
from refinery.runner.takedown import takedown
from refinery.store import S3Store
from tests.engine.looked import LINES, recipe
from tests.engine.roots import quick, write_inputs

STORE = S3Store()


def contents(root: str) -> dict[str, bytes]:
    """Every object of a root, decompressed."""
    found = {}
    for path in STORE.list(root):
        data = STORE.read(path)
        rows = repr(pq.read_table(io.BytesIO(data)).to_pydict()) if path.endswith(".parquet") else ""
        found[path] = data + rows.encode() + (gzip.decompress(data) if path.endswith(".gz") else b"")
    return found


def test_no_object_has_a_byte_of_the_document(bucket: str, tmp_path: Path) -> None:
    """Only objects that had it are new ones; counts reconcile, and another run does nothing."""
    write_inputs(tmp_path / "in", LINES)
    root = f"{bucket}/root"
    given = recipe(tmp_path).model_copy(update={"root": root})
    quick(given)
    before = contents(root)
    ids = find(root, text="same again").documents
    done = takedown(root, ids)
    after = contents(root)
    assert not [path for path, data in after.items() if b"same again" in data.lower()]
    gone = {path for path, data in before.items() if b"same again" in data.lower()}
    assert {f"{root}/{file.path}" for file in done.files} == gone == set(before) - set(after)
    assert verify(root).findings == ()
    assert quick(given).tasks == 0
