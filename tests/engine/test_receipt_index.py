"""Indexes of receipts: what planners and counts see through them is what the receipts' own files have."""

from __future__ import annotations

import gzip
import json
import os
import uuid
from collections.abc import Callable, Sequence
from operator import itemgetter
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from msgspec import structs

from refinery.cli import execute
from refinery.errors import StorageError
from refinery.identity import digest
from refinery.inspect.garbage import collect_garbage
from refinery.inspect.verification import verify
from refinery.root import receipt_index, root as root_module
from refinery.root.briefs import Brief, FilesBrief
from refinery.root.receipt_cache import ReceiptCache
from refinery.root.receipt_sequence import Receipts, amounts_of, briefs_of
from refinery.root.receipts import FileRef, Receipt
from refinery.root.root import Root
from refinery.root.statistics import Statistics, merged
from refinery.runner import active, indexes
from refinery.store import LocalStore
from tests.engine.looked import make, recipe
from tests.engine.roots import quick

FOLDER = "01-words"
PARTS = 9


class Undurable(LocalStore):
    """Does not wait for the disk: a test writes hundreds of files."""

    def put(self, path: str, data: bytes) -> None:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        temporary = f"{os.path.dirname(path)}/.{uuid.uuid4().hex[:8]}"
        Path(temporary).write_bytes(data)
        os.replace(temporary, path)


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Index files have three receipts, and any number of receipts is looked for in them."""
    for module in (receipt_index, indexes, active):
        monkeypatch.setattr(module, "ROWS", 3)
    monkeypatch.setattr(root_module, "MANY", 0)


def statistics(part: int, version: int) -> Statistics:
    """Statistics of some documents."""
    count = {"in": 3 + part, "kept": 2 + part, "removed": 1, "edited": version}
    units = {unit: {"in": 9, "kept": 8, "removed": 1, "cut": 0} for unit in ("tokens", "characters", "bytes")}
    empty = merged([])
    return empty.model_copy(update={"documents": count, **units, "samples": {"kept": ((f"{part:032x}", 0),)}})


def commit(root: Root, part: int, version: int) -> None:
    """Commit a part, whose key stays the same, with its files."""
    key = digest(["part", part])
    file = FileRef(path=f"{FOLDER}/kept/part-{part:05d}-{key[:8]}.parquet", rows=2, bytes=4)
    receipt = Receipt(
        kind="stage" if part % 4 else "map",
        stage="words",
        part=part,
        key=key,
        inputs=(digest(["file", part]),),
        contents={"kept": digest(["kept", part, version])},
        rows={"in": 3 + part, "kept": 2 + part, "removed": 1, "skipped": 0, "text": 8},
        files={"kept": (file,)},
        statistics=f"{FOLDER}/stats/part-{part:05d}-{key[:8]}.json.gz" if part % 4 else "",
        seconds=version,
        requests={"get": part, "put": version} if part % 3 else {},
    )
    root.store.put(root.full(file.path), b"rows")
    if receipt.statistics:
        data = gzip.compress(statistics(part, version).model_dump_json().encode(), 1)
        root.store.put(root.full(receipt.statistics), data)
    root.commit(FOLDER, receipt)


def keys(root: Root) -> list[str]:
    """Keys of all parts, there or not."""
    del root
    return [digest(["part", part]) for part in range(PARTS)]


def delete_rows(root: Root, part: int) -> None:
    """Delete the file of a part, whose receipt stays."""
    key = digest(["part", part])
    root.store.delete(root.full(f"{FOLDER}/kept/part-{part:05d}-{key[:8]}.parquet"))


def spoil(root: Root, choice: int, damage: Callable[[bytes], bytes]) -> None:
    """Damage one of the index files."""
    paths = sorted(Path(root.path, FOLDER, "index").glob("*.arrow"))
    if paths:
        path = paths[choice % len(paths)]
        path.write_bytes(damage(path.read_bytes()))


def act(root: Root, action: str, part: int, version: int, kept: dict[str, bytes]) -> None:
    """Do one of the things that runs, takedowns, people and accidents do to a folder."""
    index = Path(root.path, FOLDER, "index")

    def write() -> None:
        indexes.write_indexes(root, FOLDER)
        kept.update({path.name: path.read_bytes() for path in index.glob("*.arrow")})

    def restore() -> None:
        for name, data in kept.items():  # of an older run, or of another driver
            index.mkdir(exist_ok=True)
            (index / name).write_bytes(data)

    {
        "commit": lambda: commit(root, part, version),
        "withdraw": lambda: root.withdraw(FOLDER, digest(["part", part])),
        "lose rows": lambda: delete_rows(root, part),
        "index": write,
        "truncate": lambda: spoil(root, part, lambda data: data[: len(data) // 2]),
        "scramble": lambda: spoil(
            root, part, lambda data: data[: len(data) // 2] + bytes(8) + data[len(data) // 2 + 8 :]
        ),
        "restore": restore,
        "delete": lambda: [path.unlink() for path in index.glob("*.arrow")],
    }[action]()


ACTIONS = ["commit"] * 6 + ["index"] * 4 + ["withdraw", "lose rows", "truncate", "scramble", "restore", "delete"]
histories = st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, PARTS - 1), st.integers(0, 2)), max_size=25)


def own(root: Root) -> list[Receipt]:
    """The receipts as their own files have them."""
    return [one for one in root.own_receipts(FOLDER, keys(root)) if isinstance(one, Receipt)]


def rows_of(table: pa.Table) -> list[dict[str, object]]:
    """The rows of amounts, by part."""
    return sorted(table.to_pylist(), key=itemgetter("part"))


def check(root: Root) -> None:
    """Compare what is seen through indexes with the receipts' own files."""
    expected = own(root)
    seen, absent = root.sequence(FOLDER, keys(root))
    assert [*seen] == expected
    assert seen.keys == tuple(one.key for one in expected)
    assert [seen[place] for place in range(len(seen))] == expected
    assert [*briefs_of(seen)] == [*map(Brief.of, expected)]
    assert rows_of(amounts_of(seen)) == rows_of(amounts_of(expected))
    assert len(absent) == PARTS - len(expected)
    whole = [one for one, lost in zip(expected, root.missing(expected), strict=True) if not lost]
    cache = ReceiptCache(root, [FOLDER])
    assert [one for one in cache.briefs(FOLDER, keys(root)) if one is not None] == [*map(FilesBrief.of, whole)]
    assert [one for one in cache.find_all(FOLDER, keys(root)) if one is not None] == whole
    assert [*cache.sequence(FOLDER, [one.key for one in whole])] == whole
    assert [*cache.named(FOLDER, keys(root))] == expected
    assert {one.key for one in cache.lost.values()} == {one.key for one in expected} - {one.key for one in whole}


def check_sums(root: Root, receipts: Receipts) -> None:
    """Compare the sum of stored sums and of the other parts with the sum of all parts."""
    parts = {place: root.statistics(one, place) for place, one in enumerate(receipts) if one.statistics}
    summed = dict[int, None]()
    totals = []
    for total, places in receipts.sums():
        totals.append(total)
        assert not summed.keys() & set(places)
        summed |= dict.fromkeys(places)
    others = [one for place, one in parts.items() if place not in summed]
    assert merged([*totals, *others]) == merged(parts.values())


@given(histories)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_seen_through_indexes_is_what_receipts_have(
    tmp_path_factory: pytest.TempPathFactory, actions: Sequence[tuple[str, int, int]]
) -> None:
    """Whatever was committed, replaced, withdrawn, damaged and restored, in any order."""
    root = Root(str(tmp_path_factory.mktemp("root")), Undurable())
    kept: dict[str, bytes] = {}
    for action, part, version in actions:
        act(root, action, part, version, kept)
    check(root)
    check_sums(root, root.sequence(FOLDER, keys(root))[0])
    indexes.write_indexes(root, FOLDER)
    check(root)


def test_an_index_has_the_receipts_of_consecutive_parts_and_their_sum(tmp_path: Path) -> None:
    """Fewer than fill a file stay outside; those of replaced receipts do not count, and their file goes."""
    root = Root(str(tmp_path), Undurable())
    for part in (1, 2, 3, 5, 6, 7, 0):
        commit(root, part, 0)
    indexes.write_indexes(root, FOLDER)
    index = root.index(FOLDER)
    assert [len(index.valid(file)) for file in index.files] == [3, 3]
    assert sorted(index.rows(keys(root)).tolist())[:3] == [-1, -1, -1]
    assert [places for _, places in root.sequence(FOLDER, keys(root)[1:4])[0].sums()] == [[0, 1]]
    for part in (1, 2, 3, 5):
        commit(root, part, 1)
    indexes.write_indexes(root, FOLDER)
    assert all(len(root.index(FOLDER).valid(file)) > 1 for file in root.index(FOLDER).files)
    check(root)


def test_a_receipt_that_is_gone_when_it_is_read_is_an_error(tmp_path: Path) -> None:
    """If its index went after the folder was listed, receipts are read from their own files."""
    root = Root(str(tmp_path), Undurable())
    for part in (1, 2, 3):
        commit(root, part, 0)
    indexes.write_indexes(root, FOLDER)
    seen, again = (root.sequence(FOLDER, keys(root)[1:4])[0] for _ in range(2))
    for path in Path(root.path, FOLDER, "index").iterdir():
        path.unlink()
    assert [one.part for one in seen] == [1, 2, 3]
    root.withdraw(FOLDER, keys(root)[2])
    with pytest.raises(StorageError, match="deleted or damaged"):
        list(again)


def test_every_command_prints_the_same_with_indexes_and_without(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And a root that has them verifies, has nothing to collect, and runs on."""
    root = make(tmp_path)

    def printed() -> list[str]:
        found = []
        for command in (["stats", "--json"], ["verify", "--json"], ["gc", "--json"]):
            execute([*command, "--root", str(root)])
            found.append(capsys.readouterr().out)
        return found

    without = printed()
    quick(recipe(tmp_path))
    assert sorted(root.glob("*/index/*.arrow"))
    assert [json.loads(text) for text in printed()] == [json.loads(text) for text in without]
    assert verify(str(root)).ok
    assert not collect_garbage(str(root)).files


def test_verify_finds_a_copy_that_is_not_the_receipt(tmp_path: Path) -> None:
    """Also one with the right tag, and a sum that is another."""
    root = Root(str(make(tmp_path)), LocalStore())
    quick(recipe(tmp_path))
    (path, *_) = sorted(Path(root.path).glob(f"{FOLDER}/index/*.arrow"))
    index = root.index(FOLDER)
    (file,) = [one for one in index.files if one.path == str(path)]
    rows = index.rows(index.keys_of(file))
    tags = root.store.tags(root.full(f"{FOLDER}/receipts"))
    copies = [structs.replace(one, seconds=one.seconds + 1) for one in index.receipts(rows)]
    entries = [receipt_index.Entry(one, tags[f"{one.key}.json"]) for one in copies]
    path.write_bytes(receipt_index.index_file(entries, None))
    findings = [one for one in verify(root.path).findings if "its copy of the receipt" in one.message]
    assert [one.file for one in findings] == [f"{FOLDER}/index/{path.name}"]


def test_a_file_that_is_deleted_while_a_folder_is_listed_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other runs of the root delete their temporary files at any moment."""
    (tmp_path / "a.json").write_text("{}")
    entries = list(os.scandir(tmp_path))
    (tmp_path / "b.json").write_text("{}")
    gone = [entry for entry in os.scandir(tmp_path) if entry.name == "b.json"]
    (tmp_path / "b.json").unlink()
    monkeypatch.setattr(os, "scandir", lambda folder: [*gone, *entries])
    assert list(LocalStore().tags(str(tmp_path))) == ["a.json"]
