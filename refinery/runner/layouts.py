"""The folder ``dataset`` of a root: the shards of the last stage under public names, for readers that know no root.

It is derived from receipts after a complete run. Shards are hard links where the store has them, else copies. The
manifest is deleted first and written last, so a folder with a manifest is complete, wherever a run was killed.
"""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Callable, Iterator, Sequence

from refinery.planner.plan import StageState
from refinery.recipe import Pipeline, from_dict
from refinery.recipe.columns import flows
from refinery.root.partitions import partition_of
from refinery.root.receipts import SHARDS, FileRef, Receipt, first_previews
from refinery.root.root import Root
from refinery.stage.shards import DatasetLayout, ShardFile, WrittenDataset

FOLDER = "dataset"

_BLOCK = 1 << 20


def lay_out(root: Root, pipeline: Pipeline, last: StageState, check: Callable[[], None], *, anew: bool) -> None:
    """Make the folder, if the ``last`` stage has a layout and all its parts. ``check`` as in `outputs.settle`.

    Unless it is made ``anew``, a folder with a manifest is left alone.
    """
    if last.complete:
        _lay_out(root, pipeline, last.receipts, check, anew=anew)


def lay_out_again(root: Root) -> None:
    """Make the folder again from changed shards of the last stage, where it is there."""
    head = root.head()
    if head is None or not root.store.list(root.full(FOLDER)):
        return
    folder = head.folders[-1]
    pipeline = from_dict(head.recipe, root.path, root.full("HEAD.json"))
    receipts = root.receipts(folder, root.manifest(head.manifests[folder]).parts) if folder in head.manifests else []
    _lay_out(root, pipeline, receipts, lambda: None, anew=True)


def _lay_out(
    root: Root, pipeline: Pipeline, receipts: Sequence[Receipt], check: Callable[[], None], *, anew: bool
) -> None:
    steps, stage = pipeline.steps, pipeline.steps[-1].stage
    empty = stage.lay_out(WrittenDataset("", flows(steps)[-1].kept, (), ()))
    there = empty is not None and root.store.find(_full(root, empty.manifest)) is not None
    if empty is None or (there and not anew and empty.files):
        return
    if not empty.files:
        if there:  # a previous recipe asked for the folder
            _remove_others(root, empty)
            root.store.delete(_full(root, empty.manifest))
        return
    languages = [kept for step in steps if (kept := step.stage.keeps_languages()) is not None]
    shards = [shard for receipt in receipts for shard in _shards(root, receipt)]
    name = pipeline.dataset
    previews = first_previews(receipts)
    spoken = languages[-1] if languages else ()
    layout = stage.lay_out(WrittenDataset(name, flows(steps)[-1].kept, spoken, shards, previews, _labels(root)))
    if layout is not None and root.store.find(_full(root, layout.manifest)) != layout.files[layout.manifest]:
        _write(root, layout, check)


def _labels(root: Root) -> dict[str, dict[str, int]]:
    """Return the documents of the last stage by label, for each of its metrics that has labels."""
    head = root.head()
    known = head is not None and head.folders[-1] in head.manifests
    metrics = root.manifest(head.manifests[head.folders[-1]]).statistics.metrics if head and known else {}
    return {
        name: {str(label): documents for label, documents, _ in counts.kept}
        for name, counts in metrics.items()
        if counts.scale == "label"
    }


def _shards(root: Root, receipt: Receipt) -> Iterator[tuple[ShardFile, ...]]:
    """Yield the shards of a part that have rows, each with its files."""
    files = receipt.files.get(SHARDS) or receipt.files.get("kept", ())
    suffixes = list(dict.fromkeys(_suffix(file) for file in files))
    for start in range(0, len(files), max(1, len(suffixes))):
        shard = files[start : start + len(suffixes)]
        if shard[0].rows:
            yield tuple(_shard_file(root, file) for file in shard)


def _shard_file(root: Root, file: FileRef) -> ShardFile:
    digest = file.sha256 or _sha256(root, file.path)
    split = partition_of(file.path).partition("=")[2] or "train"
    counts = (file.rows, file.tokens, file.sequences)
    return ShardFile(file.path, _suffix(file), file.bytes, digest, *counts, split)


def _suffix(file: FileRef) -> str:
    name = file.path.rpartition("/")[2]
    return name[name.index(".") :]


def _sha256(root: Root, path: str) -> str:
    digest = hashlib.sha256()
    with root.store.stream(root.full(path)) as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _write(root: Root, layout: DatasetLayout, check: Callable[[], None]) -> None:
    root.store.delete(_full(root, layout.manifest))
    _remove_others(root, layout)
    for path, shard in layout.shards.items():
        check()
        root.store.copy(root.full(shard.path), _full(root, path))
    for path in sorted(layout.files, key=lambda path: path == layout.manifest):
        root.store.put(_full(root, path), layout.files[path])


def _remove_others(root: Root, layout: DatasetLayout) -> None:
    """Delete shards that are not of the layout, files of other layouts, and what a killed run left unfinished."""
    wanted = {_full(root, path) for path in (*layout.shards, *layout.files)}
    folder = glob.escape(root.full(FOLDER))
    for pattern in ("data/**/*", "**/.*", *map(glob.escape, layout.absent)):
        for path in root.store.list(f"{folder}/{pattern}"):
            if path not in wanted:
                root.store.delete(path)


def _full(root: Root, path: str) -> str:
    return root.full(f"{FOLDER}/{path}")
