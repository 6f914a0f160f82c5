"""Receipts: as records in files and between processes, and as the planner remembers them."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path

from msgspec import structs

from refinery.identity import digest
from refinery.root.receipt_cache import ReceiptCache
from refinery.root.receipts import FileRef, Receipt, TakenDown, TakenRows
from refinery.root.root import Root
from refinery.store import LocalStore

FOLDER = "01-words"


def receipt(part: int) -> Receipt:
    """A receipt with a value in every kind of field. Its file is not there."""
    key = digest(["part", part])
    file = FileRef(path=f"{FOLDER}/kept/part-{part:05d}-{key[:8]}.parquet", rows=2, bytes=9, sha256="", tokens=5)
    return Receipt(
        kind="stage",
        stage="words",
        part=part,
        key=key,
        inputs=(digest(["file", part]),),
        contents={"kept": digest(["kept", part])},
        rows={"in": 3, "kept": 2, "removed": 1, "skipped": 0, "text": 40},
        files={"kept": (file,)},
        groups=structs.replace(file, path=f"{FOLDER}/stats/groups/part-{part:05d}-{key[:8]}.parquet", tokens=None),
        libraries={"ftfy": "6.3.1"},
        previews=("first",),
        poison=((1, "killed its worker"),),
        taken_down={"kept": TakenDown(content="c", taken=(TakenRows(takedown=1, rows=(0,)),))},
    )


class CountingStore(LocalStore):
    """Counts the files that are read."""

    reads = 0

    def find(self, path: str) -> bytes | None:
        self.reads += 1
        return super().find(path)


def committed(folder: Path, receipts: Sequence[Receipt]) -> Root:
    """A root with some receipts."""
    root = Root(str(folder), CountingStore())
    for one in receipts:
        root.commit(FOLDER, one)
    return root


def test_a_receipt_is_read_as_it_was_written(tmp_path: Path) -> None:
    """From its file, and by the process that gets it from a worker."""
    one = receipt(0)
    root = committed(tmp_path, [one])
    assert root.receipt(FOLDER, one.key) == one
    assert pickle.loads(pickle.dumps(one)) == one


def test_receipts_that_are_read_have_one_dictionary_of_libraries(tmp_path: Path) -> None:
    """Those of all parts are equal, and all parts are in memory."""
    every = [receipt(part) for part in range(3)]
    read = committed(tmp_path, every).receipts(FOLDER, [one.key for one in every])
    assert read == every
    assert len({id(one.libraries) for one in read}) == 1


def test_the_receipts_of_a_manifest_are_read_once(tmp_path: Path) -> None:
    """Also those that do not count, because their files are gone; those that do not exist are left out."""
    every = [receipt(part) for part in range(3)]
    root = committed(tmp_path, every)
    cache = ReceiptCache(root, [FOLDER])
    assert [cache.find(FOLDER, one.key) for one in every[:2]] == [None, None]
    for path in (every[1].files["kept"][0].path, every[1].written["groups"][0].path):
        root.store.put(root.full(path), bytes(9))
    assert cache.named(FOLDER, [every[2].key, "absent", every[0].key, every[1].key]) == [every[2], every[0], every[1]]
    assert root.store.reads == 4  # type: ignore[attr-defined]
