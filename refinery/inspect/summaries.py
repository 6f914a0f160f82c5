"""Summary of a root: documents and tokens kept of those read, and the output. Reads manifests and first receipts."""

from __future__ import annotations

import glob
from dataclasses import dataclass

from refinery.inspect.reader import open_root
from refinery.inspect.warning_list import allowed_share, too_many_broken
from refinery.root.partitions import partition_of
from refinery.root.receipts import PREVIEWS, SHARDS, first_previews
from refinery.runner.layouts import FOLDER
from refinery.stage.completing import inputs_table


@dataclass(frozen=True)
class Summary:
    """The last stage with results, what it keeps of what the source read, and the folder with its rows.

    ``tokens`` and ``tokens_read`` are 0 where no stage has counted any; ``folder`` is "" where no rows are stored.
    ``previews`` are what the first rows read back to, where the stage shows that.
    """

    stage: str
    documents: int
    read: int
    tokens: int
    tokens_read: int
    folder: str
    files: int
    pattern: str
    """A glob for Parquet files, below the folder; "" for another format."""
    too_many_broken: bool
    """True if more of the inputs are broken than the recipe allows."""
    previews: tuple[str, ...] = ()
    dataset: str = ""
    """The folder of the layout; "" without one."""
    inputs_table: tuple[tuple[str, ...], ...] = ()
    """A row for each input with what the source reads of it, if it has such a table; the first row has the columns."""


def summary(path: str) -> Summary | None:
    """Return the summary of the root at ``path``; None where no stage has results. Raises UsageError, StorageError."""
    reader = open_root(path)
    if not reader.stages:
        return None
    counts = [entry.manifest.statistics for entry in reader.stages]
    first, last = reader.stages[0], reader.stages[-1]
    folder = f"{reader.root.full(last.folder)}/kept"
    files = reader.root.store.list(f"{glob.escape(folder)}/**/*.parquet")
    pattern = "**/*.parquet" if any(map(partition_of, files)) else "*.parquet"
    if not files:
        folder, pattern = f"{reader.root.full(last.folder)}/{SHARDS}", ""
        files = reader.root.store.list(f"{glob.escape(folder)}/**/*")
    laid_out = reader.root.full(FOLDER)
    return Summary(
        stage=last.name,
        documents=counts[-1].documents["kept"],
        read=counts[0].documents["kept"],
        tokens=counts[-1].tokens["kept"],
        tokens_read=next((one.tokens["kept"] for one in counts if one.tokens["kept"]), 0),
        folder=folder if files else "",
        files=len(files),
        pattern=pattern,
        too_many_broken=too_many_broken(first.manifest.inputs, allowed_share(reader)),
        previews=first_previews(reader.root.receipts(last.folder, last.manifest.parts[:PREVIEWS])),
        dataset=laid_out if reader.root.store.list(f"{glob.escape(laid_out)}/data/**/*") else "",
        inputs_table=inputs_table(reader.source),
    )
