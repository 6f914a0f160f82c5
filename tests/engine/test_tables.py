"""Writing parts: same rows, same bytes; limits of row groups and files; nothing is left behind."""

from __future__ import annotations

import random
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings, strategies as st

from refinery.errors import StorageError
from refinery.identity import Content
from refinery.root import parquet as tables
from refinery.root.parquet import TableWriter, Written, publish, read_batches, read_rows, write_table
from refinery.root.root import Root
from refinery.stage.documents import ID, TEXT
from refinery.store import LocalStore

SPANS = pa.list_(pa.struct([("start", pa.uint64()), ("reason", pa.string())]))
SCHEMA = pa.schema([ID, TEXT, pa.field("metrics", pa.struct([("n", pa.int64()), ("spans", SPANS)]))])
ROWS = 1041
GROUP = 256


def rows(count: int, seed: int = 1) -> pa.RecordBatch:
    chance = random.Random(seed)
    table = {
        "id": [chance.randbytes(16) for _ in range(count)],
        "text": [None if chance.random() < 0.1 else "x" * chance.randrange(40) for _ in range(count)],
        "metrics": [
            None if chance.random() < 0.1 else {"n": i, "spans": [{"start": i, "reason": "r"}] * chance.randrange(3)}
            for i in range(count)
        ],
    }
    return pa.RecordBatch.from_pydict(table, schema=SCHEMA)


WHOLE = rows(ROWS)


def root_at(folder: Path) -> Root:
    return Root(str(folder), LocalStore())


def write(root: Root, cuts: list[int], *, shard: int | None = None) -> tuple[str, list[Written]]:
    writer = TableWriter(root, SCHEMA, write=True, shard=shard)
    for start, end in zip([0, *cuts], [*cuts, ROWS], strict=True):
        writer.add(WHOLE.slice(start, end - start))
    return writer.close()


def file_bytes(files: list[Written]) -> list[bytes]:
    return [Path(file.temporary).read_bytes() for file in files]


@pytest.mark.parametrize("shard", [None, 9_000])
@settings(max_examples=12)
@given(cuts=st.lists(st.integers(0, ROWS), max_size=6).map(sorted))
def test_batches_leave_no_trace(tmp_path_factory: pytest.TempPathFactory, shard: int | None, cuts: list[int]) -> None:
    """Same rows, same content id, same number of files and same bytes, however the rows were cut into batches."""
    root = root_at(tmp_path_factory.mktemp("root"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "GROUP_ROWS", 2 * GROUP)
        whole, pieces = write(root, [], shard=shard), write(root, cuts, shard=shard)
    assert whole[0] == pieces[0]
    assert file_bytes(whole[1]) == file_bytes(pieces[1])
    assert (len(whole[1]) > 1) == (shard is not None)


def test_one_row_at_a_time_leaves_no_trace(tmp_path: Path) -> None:
    """Batches of one row give the same file as one batch."""
    root = root_at(tmp_path)
    assert file_bytes(write(root, list(range(1, ROWS)))[1]) == file_bytes(write(root, [])[1])


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Reading gives all rows in order, in batches of the wanted size, over all files of a part."""
    root = root_at(tmp_path)
    content, files = write(root, [3, 300], shard=9_000)
    refs = publish(root, files, "stage/kept", 7, "0123456789abcdef")
    assert [r.path for r in refs] == [f"stage/kept/part-00007-01234567-{i:03d}.parquet" for i in range(len(refs))]
    assert [(r.rows, r.bytes) for r in refs] == [(f.rows, f.bytes) for f in files]
    batches = list(read_batches(root, [r.path for r in refs], 100))
    assert max(map(len, batches)) <= 100
    table = pa.Table.from_batches(batches)
    assert table.equals(pa.Table.from_batches([WHOLE]))
    again = Content(SCHEMA)
    for batch in batches:
        again.update(batch)
    assert again.id() == content
    assert not any((tmp_path / "tmp").iterdir())


def test_row_groups_and_files_have_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row group ends with the row that makes it GROUP_ROWS rows or GROUP_BYTES of text, a file with ``shard``."""
    monkeypatch.setattr(tables, "GROUP_ROWS", GROUP)
    [by_rows] = write(root_at(tmp_path), [])[1]
    assert _group_rows(by_rows) == [GROUP] * 4 + [ROWS % GROUP]
    monkeypatch.setattr(tables, "GROUP_ROWS", 10**9)
    monkeypatch.setattr(tables, "GROUP_BYTES", 1_000)
    [by_bytes] = write(root_at(tmp_path), [])[1]
    ends = list(accumulate(_group_rows(by_bytes)))
    for start, end in pairwise([0, *ends[:-1]]):
        assert _text_size(start, end - 1) < 1_000 <= _text_size(start, end)
    monkeypatch.setattr(tables, "GROUP_BYTES", 10**9)
    files = write(root_at(tmp_path), [], shard=9_000)[1]
    ends = list(accumulate(file.rows for file in files))
    for start, end in pairwise([0, *ends[:-1]]):
        assert _text_size(start, end - 1) < 9_000 <= _text_size(start, end)
    assert ends[-1] == ROWS


def test_memory_holds_one_row_group_of_large_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few rows they are: what waits to be written is less than GROUP_BYTES."""
    monkeypatch.setattr(tables, "GROUP_BYTES", 1_000_000)
    writer = TableWriter(root_at(tmp_path), pa.schema([TEXT]), write=True)
    for _ in range(20):
        writer.add(pa.RecordBatch.from_pydict({"text": ["x" * 400_000]}, schema=pa.schema([TEXT])))
        assert writer._pending_bytes < 1_000_000
    [file] = writer.close()[1]
    assert _group_rows(file) == [3] * 6 + [2]


def _text_size(start: int, end: int) -> int:
    return sum(len(text or "") for text in WHOLE.slice(start, end - start)["text"].to_pylist())


def _group_rows(file: Written) -> list[int]:
    metadata = pq.read_metadata(file.temporary)
    return [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]


def test_a_part_without_rows_is_a_file(tmp_path: Path) -> None:
    """No rows make one empty file of the schema, the same one every time."""
    found = []
    for _ in range(2):
        writer = TableWriter(root_at(tmp_path), SCHEMA, write=True, shard=10)
        writer.add(WHOLE.slice(0, 0))
        found.append(writer.close())
    [first], [second] = found[0][1], found[1][1]
    assert (first.rows, found[0][0]) == (0, Content(SCHEMA).id())
    assert file_bytes([first]) == file_bytes([second])
    assert pq.read_schema(first.temporary).equals(SCHEMA)
    assert list(read_batches(root_at(tmp_path), [f"tmp/{Path(first.temporary).name}"], 10)) == []


def test_without_write_there_is_only_the_content_id(tmp_path: Path) -> None:
    """A writer that does not write computes the same content id and makes no file."""
    writer = TableWriter(root_at(tmp_path / "none"), SCHEMA, write=False)
    writer.add(WHOLE)
    content, files = writer.close()
    assert (content, writer.rows, files) == (write(root_at(tmp_path), [])[0], ROWS, [])
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("given_rows", [0, 10, ROWS])
def test_abort_removes_everything(tmp_path: Path, given_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an abort no temporary file is left, whether the writer was at work, done, or never begun."""
    monkeypatch.setattr(tables, "GROUP_ROWS", GROUP)
    for finish in (False, True):
        writer = TableWriter(root_at(tmp_path), SCHEMA, write=True, shard=9_000)
        writer.add(WHOLE.slice(0, given_rows))
        if finish:
            writer.close()
        writer.abort()
        assert not list(tmp_path.glob("tmp/*"))


def test_abort_removes_a_file_that_cannot_be_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where even closing the file fails, as on a full disk, it is removed all the same."""
    monkeypatch.setattr(tables, "GROUP_ROWS", GROUP)

    class Full(pq.ParquetWriter):  # type: ignore[misc]
        """A writer whose disk is full at the end."""

        def close(self) -> None:
            super().close()
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "ParquetWriter", Full)
    writer = TableWriter(root_at(tmp_path), SCHEMA, write=True)
    writer.add(WHOLE)
    with pytest.raises(StorageError, match="No space left") as caught:
        writer.close()
    assert "free some space" in caught.value.hint
    writer.abort()
    assert not list(tmp_path.glob("tmp/*"))


def test_ascending_numbers_take_less(tmp_path: Path) -> None:
    """Sorted hashes, the extreme ones and equal ones included, are read as they were written, from under 7 bytes each."""
    root, chance = root_at(tmp_path), random.Random(1)
    hashes = [chance.randrange(2**64) for _ in range(20_000)]
    ascending = sorted([*hashes, *hashes[:50], 0, 0, 2**64 - 1])
    sizes = []
    for values in (ascending, ascending[::-1]):
        table = pa.table({"key": pa.array(values, pa.uint64())})
        _, (file,) = write_table(root, table, 4_096)
        assert pq.read_table(file.temporary).equals(table)
        sizes.append(file.bytes / len(values))
    assert sizes[0] < 7 < sizes[1]


def test_one_table_in_one_file(tmp_path: Path) -> None:
    """A table gives the same file whether it is in one chunk or in many."""
    root = root_at(tmp_path)
    one = write_table(root, pa.Table.from_batches([WHOLE]), 100)
    many = write_table(root, pa.Table.from_batches([WHOLE.slice(i, 7) for i in range(0, ROWS, 7)]), 100)
    assert one[0] == many[0]
    assert file_bytes(one[1]) == file_bytes(many[1])


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-9], lambda data: b"", lambda data: data[:40] + b"\0" * len(data)]
)
def test_a_damaged_file_is_named(tmp_path: Path, damage: object) -> None:
    """A file that is cut off or overwritten raises StorageError with its name."""
    root = root_at(tmp_path)
    [ref] = publish(root, write(root, [])[1], "stage/kept", 0, "k" * 32)
    path = tmp_path / ref.path
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(StorageError, match=r"part-00000-kkkkkkkk\.parquet"):
        list(read_batches(root, [ref.path], 10))


@given(st.lists(st.integers(0, 99), max_size=30), st.integers(1, 40), st.booleans())
@settings(max_examples=40)
def test_rows_by_number(
    tmp_path_factory: pytest.TempPathFactory, wanted: list[int], group: int, with_columns: bool
) -> None:
    """Some rows of a file are given in the order of their numbers, repeated ones too, whatever its row groups."""
    folder = tmp_path_factory.mktemp("rows")
    table = pa.table({"n": range(100), "square": [n * n for n in range(100)]})
    pq.write_table(table, folder / "rows.parquet", row_group_size=group)
    columns = ["square"] if with_columns else None
    found = read_rows(root_at(folder), "rows.parquet", columns, np.array(wanted, np.int64))
    assert found.column("square").to_pylist() == [n * n for n in wanted]
    assert found.column_names == (columns or ["n", "square"])
