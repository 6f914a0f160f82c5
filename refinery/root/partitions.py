"""Partitions of an output: folders ``by_COLUMN=LABEL`` whose files have the rows of one label, as Hive lays them out.

DuckDB, pyarrow, polars and Spark read a column ``by_COLUMN`` from the folders' names. The files have all columns
nevertheless, so a folder must not have the name of one: pyarrow and pandas refuse a column that is in both.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import numpy as np
import pyarrow as pa

from refinery.identity import Content, digest

FOLDER = r"[^/=]+=[^/]+"
"""Matches the name of such a folder."""

NO_LABEL = "no_label"
"""In place of the label of rows that have none, or an empty one. pandas cannot read Hive's name for it."""

LONGEST = 150
"""Longer labels, as they are encoded, are cut; a hash follows."""

_BEGINNING = 12


def folder_of(column: str, label: str | None) -> str:
    """Return the name of a label's folder: ``by_lang=de``. All but ASCII letters and digits is encoded."""
    if not label:
        return f"by_{column}={NO_LABEL}"
    name = quote(label, safe="")
    if len(name) > LONGEST or name == NO_LABEL:
        name = f"{quote(label[:_BEGINNING], safe='')}~{digest(label)}"
    return f"by_{column}={name}"


def label_name(column: str) -> str:
    """Return the name of labels in their folders: of a metric ``stage.metric`` the metric's name."""
    return column.rpartition(".")[2]


def partition_of(path: str) -> str:
    """Return the name of the folder of a partition in which a file lies; empty for none."""
    folder = path.rpartition("/")[0].rpartition("/")[2]
    return folder if "=" in folder else ""


def by_folder(rows: pa.RecordBatch, labels: pa.Array, column: str) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yield the rows of each folder, in order of the folders; those of one folder stay in their order."""
    encoded = labels.cast(pa.string()).dictionary_encode(null_encoding="encode")
    folders = [folder_of(column, label) for label in encoded.dictionary.to_pylist()]
    names = sorted(set(folders))
    if len(names) < 2:
        yield from ((name, rows) for name in names)
        return
    number = {name: place for place, name in enumerate(names)}
    place = np.array([number[folder] for folder in folders], np.int64)[encoded.indices.to_numpy()]
    ordered = rows.take(pa.array(np.argsort(place, kind="stable")))
    ends = np.cumsum(np.bincount(place, minlength=len(names))).tolist()
    for name, start, end in zip(names, [0, *ends], ends, strict=False):
        yield name, ordered.slice(start, end - start)


class Contents:
    """Content id of a table whose rows may lie in folders: that of the rows if all are in one without a name.

    Rows of different folders may come in any order.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._by_folder: dict[str, Content] = {}
        self.rows = 0

    def update(self, batch: pa.RecordBatch, folder: str = "") -> None:
        """Add rows of a folder. Raises ValueError if the schema differs."""
        if folder not in self._by_folder:
            self._by_folder[folder] = Content(self._schema)
        self._by_folder[folder].update(batch)
        self.rows += batch.num_rows

    def id(self) -> str:
        """Return the id: 32 hexadecimal digits. Folders without rows have no effect."""
        ids = {folder: content.id() for folder, content in self._by_folder.items() if content.rows and folder}
        return digest(ids) if ids else self._by_folder.get("", Content(self._schema)).id()
