"""Deleting what nothing refers to: all of that, nothing else, and never while a run is at work."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from refinery.errors import Refused, StorageError, UsageError
from refinery.inspect.counts import read_counts
from refinery.inspect.garbage import collect_garbage
from refinery.inspect.verification import verify
from refinery.planner.selection import Selection
from refinery.root.outputs import current_path
from refinery.store import LocalStore
from tests.engine.looked import make, recipe
from tests.engine.roots import RootContents, all_files, quick

UNFINISHED = "0123456789abcdef0123456789abcdef"
"""A name that a store gives to a temporary file."""


def test_a_fresh_root_has_nothing_to_delete(copy: Path) -> None:
    """Every file that a run wrote is referred to, and stays."""
    before = all_files(copy)
    found = collect_garbage(str(copy), delete=True)
    assert (found.files, found.bytes, found.unfinished) == ((), 0, False)
    assert {k: v for k, v in all_files(copy).items() if k != ".lock"} == {
        k: v for k, v in before.items() if k != ".lock"
    }


def test_what_an_earlier_recipe_made_goes_and_the_rest_stands(tmp_path: Path) -> None:
    """After a changed threshold the old results go; the root verifies, and running again makes nothing."""
    root = make(tmp_path)
    old = set(all_files(root))
    quick(recipe(tmp_path, min_words=3))
    contents = RootContents(root).contents()
    shown = collect_garbage(str(root))
    assert not shown.deleted
    assert {stray.kind for stray in shown.files} == {"rows", "receipt", "statistics", "manifest"}
    assert {current_path(stray.path) for stray in shown.files} < old
    assert shown.bytes == sum((root / stray.path).stat().st_size for stray in shown.files)
    assert collect_garbage(str(root), delete=True).files == shown.files
    assert not any((root / stray.path).exists() for stray in shown.files)
    assert collect_garbage(str(root)).files == ()
    assert verify(str(root)).ok
    assert quick(recipe(tmp_path, min_words=3)).tasks == 0
    assert RootContents(root).contents() == contents


def test_a_swept_root_can_go_back_to_the_earlier_recipe(tmp_path: Path) -> None:
    """What was deleted is made again, the same."""
    root = make(tmp_path)
    before = RootContents(root).contents()
    quick(recipe(tmp_path, min_words=3))
    collect_garbage(str(root), delete=True)
    quick(recipe(tmp_path))
    assert RootContents(root).contents() == before


def test_a_sweep_that_is_killed_leaves_no_receipt_without_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever a sweep ends, going back to the earlier recipe gives what it gave before."""
    root = make(tmp_path)
    before = RootContents(root).contents()
    quick(recipe(tmp_path, min_words=3))
    count = len(collect_garbage(str(root)).files)
    delete = LocalStore.delete
    for allowed in (1, count // 3, count // 2, count - 1):
        left = iter(range(allowed))

        def killed(store: LocalStore, path: str, left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise StorageError("killed here")
            delete(store, path)

        with monkeypatch.context() as patched:
            patched.setattr(LocalStore, "delete", killed)
            with pytest.raises(StorageError):
                collect_garbage(str(root), delete=True)
        quick(recipe(tmp_path))
        assert RootContents(root).contents() == before
        assert verify(str(root)).ok
        quick(recipe(tmp_path, min_words=3))


def test_what_killed_runs_leave_goes(copy: Path) -> None:
    """Temporary files, wherever they are written, and files without a receipt."""
    left = [f"tmp/{UNFINISHED}", ".HEAD.json.0a1b2c3d", "runs/.x.json.0a1b2c3d", "01-words/receipts/.k.json.0a1b2c3d"]
    left += ["01-words/kept/part-00000-0a1b2c3d.parquet", "07-gone/stats/part-00000-0a1b2c3d.json.gz"]
    left += ["03-same/map/keys/part-00009-0a1b2c3d.parquet", "03-same/resolve/part-00009-0a1b2c3d.parquet"]
    for name in left:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text("left behind")
    assert sorted(stray.path for stray in collect_garbage(str(copy), delete=True).files) == sorted(left)


def test_what_is_not_the_runs_stays(copy: Path) -> None:
    """A note, a report, the records of runs, and files in stage folders that no run would write."""
    names = [
        "notes.txt",
        "report/index.html",
        "runs/error-0a1b2c3d.txt",
        "01-words/README",
        "01-words/kept/mine.parquet",
    ]
    names += [
        "tmp/notes.txt",
        "tmp/deep/" + UNFINISHED,
        ".gitignore",
        "other/kept/part-00000-0a1b2c3d.parquet",
        "01-words/kept/deep/part-00000-0a1b2c3d.parquet",
    ]
    for name in names:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text("not yours")
    assert collect_garbage(str(copy), delete=True).files == ()
    assert all((copy / name).exists() for name in names)


def test_links_are_removed_and_not_followed(copy: Path, tmp_path: Path) -> None:
    """What they lead to is not the root's, whether they lead to a file, a folder, or nowhere."""
    outside = tmp_path / "outside"
    (outside / "kept").mkdir(parents=True)
    for name in ("kept/part-00000-0a1b2c3d.parquet", "file"):
        (outside / name).write_text("precious")
    (copy / "08-linked").symlink_to(outside)
    (copy / "01-words" / "reduce").symlink_to(outside / "kept")
    (copy / "01-words" / "kept" / "part-00008-0a1b2c3d.parquet").symlink_to(outside / "file")
    (copy / "01-words" / "kept" / "part-00009-0a1b2c3d.parquet").symlink_to(outside / "nowhere")
    found = collect_garbage(str(copy), delete=True)
    assert [os.path.basename(stray.path) for stray in found.files] == [
        "part-00008-0a1b2c3d.parquet",
        "part-00009-0a1b2c3d.parquet",
    ]
    assert sorted(path.name for path in outside.rglob("*")) == ["file", "kept", "part-00000-0a1b2c3d.parquet"]
    assert (copy / "08-linked").is_symlink()


def test_a_root_that_is_a_link_or_has_an_odd_name_is_swept(copy: Path, tmp_path: Path) -> None:
    """The path that the user gave is followed; characters of patterns in it are only characters."""
    odd = tmp_path / "a [b]*"
    copy.rename(odd)
    (tmp_path / "link").symlink_to(odd)
    for path in (odd, tmp_path / "link", f"{odd}/"):
        (odd / "tmp").mkdir(exist_ok=True)
        (odd / "tmp" / UNFINISHED).write_text("left behind")
        assert [stray.path for stray in collect_garbage(str(path), delete=True).files] == [f"tmp/{UNFINISHED}"]


def test_what_a_stopped_run_made_goes_and_is_announced(tmp_path: Path) -> None:
    """Receipts that the head does not lead to yet, after a run that did not end well."""
    root = make(tmp_path)
    quick(recipe(tmp_path, root="half"), Selection(until="snip"))
    half = tmp_path / "half"
    for folder in ("03-same", "04-upper", "05-gather"):
        (half / folder).mkdir(exist_ok=True)
        for path in (root / folder).rglob("*"):
            target = half / path.relative_to(root)
            target.mkdir(exist_ok=True) if path.is_dir() else target.write_bytes(path.read_bytes())
    newest = max((half / "runs").glob("*.json"))
    newest.write_text(json.dumps({**json.loads(newest.read_bytes()), "state": "interrupted"}))
    found = collect_garbage(str(half), delete=True)
    assert found.unfinished
    assert {stray.path.partition("/")[0] for stray in found.files} == {"03-same", "04-upper", "05-gather"}
    assert read_counts(str(half)).reconciled


def test_nothing_is_swept_while_a_run_is_at_work(copy: Path) -> None:
    """Not even looked for: half of what is there is not referred to yet."""
    with LocalStore().lock(str(copy)), pytest.raises(Refused, match="another run is at work"):
        collect_garbage(str(copy))


def test_nothing_is_deleted_where_a_record_cannot_be_read(copy: Path) -> None:
    """What it refers to is not known."""
    (copy / "tmp").mkdir(exist_ok=True)
    (copy / "tmp" / UNFINISHED).write_text("left behind")
    next(iter(copy.glob("01-words/receipts/*"))).write_text("{}")
    with pytest.raises(StorageError, match="receipts"):
        collect_garbage(str(copy), delete=True)
    assert (copy / "tmp" / UNFINISHED).exists()


def test_a_folder_that_is_no_root_is_not_touched(tmp_path: Path) -> None:
    """No lock, no folder, nothing deleted."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp" / "x").write_text("precious")
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(UsageError, match="is no root"):
            collect_garbage(str(path), delete=True)
    assert sorted(all_files(tmp_path)) == ["tmp/x"]
