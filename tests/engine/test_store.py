"""The local store: listing, atomic writes, and errors that name the path and the fix."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from refinery.errors import StorageError, UsageError
from refinery.store import LocalStore, store_for

STORE = LocalStore()
NOBODY = 65534


def failing(number: int) -> Callable[..., NoReturn]:
    """A system call that fails with an error number."""

    def call(*arguments: Any, **named: Any) -> NoReturn:
        del arguments, named
        raise OSError(number, os.strerror(number))

    return call


# ------------------------------------------------------------------------------------------------------------- listing


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("b.gz", "a.gz", "notes.txt", "deep/c.gz", "deep/er/d.gz", "odd[1].gz"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "folder.gz").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.gz", ["a.gz", "b.gz", "odd[1].gz"]),
        ("**/*.gz", ["a.gz", "b.gz", "deep/c.gz", "deep/er/d.gz", "odd[1].gz"]),
        ("a.gz", ["a.gz"]),
        ("deep", ["deep/c.gz", "deep/er/d.gz"]),
        ("odd[1].gz", ["odd[1].gz"]),
        ("none.gz", []),
        ("*.none", []),
        ("none/*", []),
    ],
)
def test_list(tree: Path, pattern: str, expected: list[str]) -> None:
    """Files that match, sorted; a name is that file, even one with brackets; a folder is all in it; else nothing."""
    assert STORE.list(str(tree / pattern)) == [str(tree / name) for name in expected]


def test_a_folder_that_cannot_be_read_is_no_empty_folder(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files under a folder that refuses to be listed are not silently left out."""
    scan = os.scandir

    def refuse(path: str) -> Any:
        if path.endswith("er"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(StorageError, match="Permission denied") as caught:
        STORE.list(str(tree / "deep"))
    assert "grant this user access" in caught.value.hint


def test_reading(tree: Path) -> None:
    """Whole files, ranges, ranges beyond the end, and seekable streams."""
    path = str(tree / "notes.txt")
    assert (STORE.read(path), STORE.read(path, 2), STORE.read(path, 2, 3)) == (b"notes.txt", b"tes.txt", b"tes")
    assert (STORE.read(path, 6, 100), STORE.read(path, 100)) == (b"txt", b"")
    with STORE.open(path) as stream:
        assert stream.seekable()
        assert stream.read() == b"notes.txt"


def test_the_tag_of_a_file_follows_its_content(tmp_path: Path) -> None:
    """Another size or another time of change is another ``Stat``."""
    path = tmp_path / "x"
    path.write_text("one")
    os.utime(path, ns=(10, 10))
    before = STORE.stat(str(path))
    assert before == STORE.stat(str(path))
    os.utime(path, ns=(20, 20))
    assert STORE.stat(str(path)).etag != before.etag
    assert before.size == 3


# ------------------------------------------------------------------------------------------------------ atomic writing


def names(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_put_replaces_whole(tmp_path: Path) -> None:
    """A reader at any moment sees the old bytes or the new ones, never a part of them or nothing."""
    path = str(tmp_path / "deep" / "file")
    versions = [bytes([i]) * 200_000 for i in range(2)]
    STORE.put(path, versions[0])
    stop = threading.Event()

    def write() -> None:
        for i in range(60):
            STORE.put(path, versions[i % 2])
        stop.set()

    thread = threading.Thread(target=write)
    thread.start()
    seen = set()
    while not stop.is_set():
        seen.add(STORE.read(path))
    thread.join()
    assert seen <= set(versions)
    assert names(tmp_path) == ["deep/file"]


def test_temporary_files_are_apart_until_published(tmp_path: Path) -> None:
    """A temporary file lies in ``tmp``, has a name of its own, and is moved when it is published."""
    first, second = STORE.temporary(str(tmp_path)), STORE.temporary(str(tmp_path))
    assert first != second
    Path(first).write_text("done")
    STORE.publish(first, str(tmp_path / "stage" / "kept" / "part.parquet"))
    assert names(tmp_path) == ["stage/kept/part.parquet"]


def test_only_temporary_files_of_the_store_are_cleaned(tmp_path: Path) -> None:
    """A root may be made of a folder with a ``tmp`` of its user's, whatever characters of patterns its name has."""
    root = tmp_path / "a [b]*"
    Path(STORE.temporary(str(root))).write_text("left behind")
    theirs = [root / "tmp" / "thesis.txt", root / "tmp" / "deep" / ("0" * 32), root / "tmp" / ("0" * 31)]
    theirs += [tmp_path / "a b" / "tmp" / ("0" * 32)]
    for path in theirs:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("precious")
    STORE.clean(str(root))
    assert sorted(tmp_path / name for name in names(tmp_path)) == sorted(theirs)


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_failed_put_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    """Where writing fails at any step, the old file stays as it was and nothing else is left."""
    path = str(tmp_path / "file")
    STORE.put(path, b"old")
    monkeypatch.setattr(os, call, failing(number))
    with pytest.raises(StorageError, match=os.strerror(number)) as caught:
        STORE.put(path, b"new")
    monkeypatch.undo()
    assert path in caught.value.message
    assert ("free some space" in caught.value.hint) == (number in {errno.ENOSPC, errno.EDQUOT})
    assert (STORE.read(path), names(tmp_path)) == (b"old", ["file"])


def test_an_interrupted_put_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the middle of a write leaves no half-written file."""
    path = str(tmp_path / "file")
    STORE.put(path, b"old")

    def interrupt(*arguments: Any) -> NoReturn:
        raise KeyboardInterrupt(arguments)

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        STORE.put(path, b"new")
    assert (Path(path).read_bytes(), names(tmp_path)) == (b"old", ["file"])


def test_delete(tmp_path: Path) -> None:
    """A file that is not there is deleted already; a folder is an error."""
    STORE.put(str(tmp_path / "x"), b"")
    STORE.delete(str(tmp_path / "x"))
    STORE.delete(str(tmp_path / "x"))
    assert names(tmp_path) == []
    with pytest.raises(StorageError, match=str(tmp_path)):
        STORE.delete(str(tmp_path))


# -------------------------------------------------------------------------------------------------------------- errors


@pytest.fixture
def below_a_file(tmp_path: Path) -> str:
    """A path that cannot be: it goes on below a file."""
    (tmp_path / "file").write_text("x")
    return str(tmp_path / "file" / "below")


ACTIONS: dict[str, Callable[[str], Any]] = {
    "stat": STORE.stat,
    "open": STORE.open,
    "read": STORE.read,
    "put": lambda path: STORE.put(path, b""),
    "temporary": STORE.temporary,
    "publish": lambda path: STORE.publish(os.devnull, path),
}


@pytest.mark.parametrize("action", ACTIONS)
def test_a_path_that_cannot_be_is_a_storage_error(below_a_file: str, action: str) -> None:
    """Every method names the path and what is wrong with it."""
    with pytest.raises(StorageError, match="file/below") as caught:
        ACTIONS[action](below_a_file)
    assert caught.value.exit_code == 3
    assert "a file exists in place of a folder" in caught.value.hint or action == "stat"


@pytest.mark.parametrize("action", ["stat", "open", "read"])
def test_a_missing_file_is_a_storage_error(tmp_path: Path, action: str) -> None:
    """A file that is not there is named, with the advice to check the path."""
    with pytest.raises(StorageError, match=r"none: No such file") as caught:
        ACTIONS[action](str(tmp_path / "none"))
    assert caught.value.hint == "check the path"
    assert not STORE.exists(str(tmp_path / "none"))


@pytest.fixture
def unwritable(tmp_path: Path) -> Iterator[Path]:
    """A folder that this process may not write to, though it be root's."""
    os.chmod(tmp_path, 0o555)
    user = os.geteuid()
    os.seteuid(user or NOBODY)
    yield tmp_path
    os.seteuid(user)
    os.chmod(tmp_path, 0o755)


def test_no_permission_is_a_storage_error(unwritable: Path) -> None:
    """A folder that this user may not write to is named, with the advice to choose another."""
    with pytest.raises(StorageError, match=f"{unwritable}/x: Permission denied") as caught:
        STORE.put(str(unwritable / "x"), b"")
    assert "another path" in caught.value.hint


@pytest.mark.parametrize("path", ["gs://bucket/key", "ftp://host/x", "file:///x"])
def test_other_kinds_of_paths_are_refused(path: str) -> None:
    """A scheme that no store knows is a usage error that names it."""
    with pytest.raises(UsageError, match=path.partition(":")[0]) as caught:
        store_for(path)
    assert caught.value.exit_code == 2
