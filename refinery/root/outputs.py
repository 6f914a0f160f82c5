"""The stage outputs of a root: the Parquet files in ``kept`` and ``removed`` of every stage's folder.

When a run completes, these folders contain what the head leads to and nothing else, so that a glob reads current rows.
Outputs of other recipes are moved to ``superseded/``; their receipts stay, so a run that needs them again moves them
back instead of making them again, and ``refinery gc`` deletes them. Files of users are never touched.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from msgspec import structs

from refinery.root.partitions import FOLDER
from refinery.root.receipts import SHARDS, SIDES, Receipt
from refinery.root.root import Root
from refinery.store import is_remote

SUPERSEDED = "superseded"
"""The folder below the root for outputs that are not current."""

AT_ONCE = 8
"""Receipts of a remote root whose files are moved at the same time."""

_FOLDER = r"[0-9]{2,}-[a-z][a-z0-9_-]*"
_NAME = f"(?:{FOLDER}/)?" + r"part-[0-9]{5,}-[0-9a-f]{8}(?:-[0-9]{3,})?(?:-t[0-9]+)?(?:\.[a-z]+)+"
_CURRENT = re.compile(rf"({_FOLDER})/(kept|removed|{SHARDS})/({_NAME})")
_MOVED = re.compile(rf"{SUPERSEDED}/({_FOLDER})-(kept|removed|{SHARDS})/({_NAME})")
_KEY = re.compile(r"part-[0-9]+-([0-9a-f]{8})")


def superseded_path(path: str) -> str:
    """Return the path of an output once it is superseded; other paths stay as they are."""
    parts = _CURRENT.fullmatch(path)
    return f"{SUPERSEDED}/{parts[1]}-{parts[2]}/{parts[3]}" if parts else path


def current_path(path: str) -> str:
    """Return the path of an output once it is current; other paths stay as they are."""
    parts = _MOVED.fullmatch(path)
    return f"{parts[1]}/{parts[2]}/{parts[3]}" if parts else path


def is_output(path: str) -> bool:
    """Return True if a run may have written the file, by its path below the root."""
    return _CURRENT.fullmatch(path) is not None


def extra_files(root: Root, receipts: Iterable[Receipt]) -> list[str]:
    """Return the files in ``kept`` and ``removed`` that no receipt names, by their paths below the root."""
    wanted = {file.path for receipt in receipts for files in receipt.files.values() for file in files}
    folders = [name for name in root.store.folders(root.path) if re.fullmatch(_FOLDER, name)]
    patterns = [f"{glob.escape(root.path)}/{folder}/{side}/**/*" for folder in folders for side in (*SIDES, SHARDS)]
    paths = (full.removeprefix(f"{root.path}/") for pattern in patterns for full in root.store.list(pattern))
    return [path for path in paths if path not in wanted]


def settle(root: Root, current: Mapping[str, Sequence[Receipt]], check: Callable[[], None]) -> None:
    """Make ``kept`` and ``removed`` contain the outputs of the ``current`` receipts, by folder, and no others.

    Wherever it is interrupted, every receipt names files that are there, and another call completes it. ``check`` is
    called now and then, and raises where the root is not this run's any more. Raises StorageError.
    """
    restored = {folder: _away(receipts, current_path) for folder, receipts in current.items()}
    _each(root, partial(_move, root, to=current_path), restored, check)
    known = (_moved(receipt, current_path) for receipts in current.values() for receipt in receipts)
    stale: dict[str, list[str]] = {}
    for path in filter(is_output, extra_files(root, known)):
        stale.setdefault(path.partition("/")[0], []).append(path)
    named = {folder: _naming(root, folder, paths) for folder, paths in stale.items()}
    _each(root, partial(_move, root, to=superseded_path), named, check)
    kept = {path for receipts in named.values() for receipt in receipts for path in _paths(receipt)}
    for path in (path for paths in stale.values() for path in paths if path not in kept):
        root.store.delete(root.full(path))  # no receipt names it: a killed run, or an interrupted move, left it


def _naming(root: Root, folder: str, paths: Iterable[str]) -> list[Receipt]:
    """The receipts of a folder that name some of these files."""
    wanted = set(paths)
    prefixes = {named[1] for path in wanted if (named := _KEY.match(path.rpartition("/")[2]))}
    receipts = root.examined(folder, [key for key in root.receipt_keys(folder) if key[:8] in prefixes])
    return [one for one in receipts if isinstance(one, Receipt) and wanted & _paths(one)]


def _away(receipts: Iterable[Receipt], to: Callable[[str], str]) -> list[Receipt]:
    """The receipts whose files are elsewhere, each once: parts without rows share one."""
    return list({one.key: one for one in receipts if one != _moved(one, to)}.values())


def _each(
    root: Root,
    move: Callable[[str, Receipt], None],
    receipts_by_folder: Mapping[str, Sequence[Receipt]],
    check: Callable[[], None],
) -> None:
    items = [(folder, receipt) for folder, receipts in receipts_by_folder.items() for receipt in receipts]
    with ThreadPoolExecutor(AT_ONCE if is_remote(root.path) else 1) as pool:
        for start in range(0, len(items), 8 * AT_ONCE):  # an interrupted run does not wait for all of them
            check()
            list(pool.map(lambda item: move(*item), items[start : start + 8 * AT_ONCE]))


def _move(root: Root, folder: str, receipt: Receipt, to: Callable[[str], str]) -> None:
    """Copy the files, then let the receipt name the copies, then delete the files: what it names is always there."""
    paths = [path for path in sorted(_paths(receipt)) if to(path) != path]
    if not all(root.store.exists(root.full(path)) for path in paths):
        root.withdraw(folder, receipt.key)  # somebody deleted its files, so this part has to run again
    else:
        for path in paths:
            root.store.copy(root.full(path), root.full(to(path)))
        root.commit(folder, _moved(receipt, to))
    for path in paths:
        root.store.delete(root.full(path))


def _moved(receipt: Receipt, to: Callable[[str], str]) -> Receipt:
    files = {
        name: tuple(structs.replace(file, path=to(file.path)) for file in files)
        for name, files in receipt.files.items()
    }
    return structs.replace(receipt, files=files)


def _paths(receipt: Receipt) -> set[str]:
    return {file.path for files in receipt.files.values() for file in files}
