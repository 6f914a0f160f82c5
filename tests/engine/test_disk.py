"""Disks that are full or fail: one error that says so, nothing half-written, and the next run goes on."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from refinery.errors import StorageError
from refinery.runner.run import run
from refinery.store import local as store
from tests.engine.roots import TEXTS, RootContents, all_files, pipeline, quick, steps, visible, write_inputs
from tests.engine.toy import Gather, Length, LineSource, Same

KINDS = steps(LineSource(), Length(), Same(), Gather())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_inputs(tmp_path / "in", TEXTS[::2])
    quick(pipeline(tmp_path, KINDS, root="whole"))
    return tmp_path


def fail_from(patch: pytest.MonkeyPatch, owner: Any, name: str, first: int) -> None:
    """Let a call fail for want of space, from the ``first`` one on."""
    original = getattr(owner, name)
    calls = iter(range(10**9))

    def call(*arguments: Any, **named: Any) -> Any:
        if next(calls) >= first:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(*arguments, **named)

    patch.setattr(owner, name, call)


@pytest.mark.parametrize("first", range(0, 110, 10))
@pytest.mark.parametrize(("owner", "name"), [(store, "_sync"), (pq.ParquetWriter, "write_table")])
def test_a_full_disk(folder: Path, owner: Any, name: str, first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever space ends, the run ends with a storage error and the advice to free some, and leaves no scraps."""
    given = pipeline(folder, KINDS)
    with monkeypatch.context() as patch:
        fail_from(patch, owner, name, first if owner is store else first // 10)
        with pytest.raises(StorageError, match="No space left on device") as caught:
            quick(given)
    assert caught.value.exit_code == 3
    assert "free some space" in caught.value.hint
    left, whole = all_files(folder / "root"), all_files(folder / "whole")
    assert not [path for path in left if path.startswith("tmp/") or "/." in path]
    assert all(left[path][1] == whole[path][1] for path in visible(folder / "root") if path.endswith(".parquet"))
    assert quick(given).complete
    assert RootContents(folder / "root").everything() == RootContents(folder / "whole").everything()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 400 KiB."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=400k", "none", str(place)]
    if not shutil.which("mount") or os.geteuid() or subprocess.run(command, check=False).returncode:
        pytest.skip("needs the right to mount a file system")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.mark.slow
def test_a_disk_that_is_really_full(folder: Path, small_disk: Path) -> None:
    """Worker processes that meet a full disk tell it; with more space, the run goes on."""
    given = pipeline(folder, KINDS, workers=2).model_copy(update={"root": str(small_disk / "root")})
    ballast = small_disk / "ballast"
    for free in (0, 60):
        space = os.statvfs(small_disk)
        ballast.write_bytes(bytes(space.f_bavail * space.f_frsize - free * 1024))
        with pytest.raises(StorageError, match="No space left on device") as caught:
            run(given)
        assert "free some space" in caught.value.hint
        ballast.unlink()
    assert run(given).complete
    held = RootContents(small_disk / "root")
    assert held.everything() == RootContents(folder / "whole").everything()
    held.check_files()


def test_a_record_that_is_lost(folder: Path) -> None:
    """Statistics that a receipt names and that are gone are made again with their part."""
    given = pipeline(folder, KINDS)
    quick(given)
    held = RootContents(folder / "root")
    path = folder / "root" / held.receipts("01-words")[0].statistics
    path.unlink()
    (folder / "root" / "HEAD.json").unlink()
    assert quick(given).complete
    assert path.exists()
    assert RootContents(folder / "root").everything() == RootContents(folder / "whole").everything()


@pytest.mark.parametrize(
    ("damaged", "made_again", "folders"),
    [
        ("02-same/kept", None, ("03-gather",)),
        ("02-same/map/keys", "reduce", ("02-same/reduce", "03-gather")),
        ("02-same/reduce", "resolve", ("02-same/resolve", "03-gather")),
        ("02-same/resolve", "stage", ("02-same/kept", "03-gather")),
    ],
)
def test_a_damaged_file_is_named(folder: Path, damaged: str, made_again: str | None, folders: tuple[str, ...]) -> None:
    """Rows that are overwritten, in a file of the same size, fail the run that needs them, with the file's name."""
    given = pipeline(folder, KINDS)
    quick(given)
    for path in (folder / "root" / damaged).glob("*.parquet"):
        path.write_bytes(path.read_bytes()[:-5] + bytes(5))
    for gone in folders:
        shutil.rmtree(folder / "root" / gone)
    for receipt in (folder / "root" / "02-same" / "receipts").glob("*.json"):
        if f'"kind": "{made_again}"' in receipt.read_text():
            receipt.unlink()
    with pytest.raises(StorageError, match=rf"{damaged}/part-\d+-\w+\.parquet"):
        quick(given)
