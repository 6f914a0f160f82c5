"""Presets: the columns of other datasets, under their names and with their types, computed from those of a document.

A preset has the fields that can be computed here. Fields of the original that cannot are left out, never filled.

- ``refinedweb``: the columns that TII released, https://huggingface.co/datasets/tiiuae/falcon-refinedweb.
- ``dolma``: https://github.com/allenai/dolma/blob/main/docs/data-format.md. ``added``, the time of the download, is
  left out: outputs do not depend on the clock.
- ``dclm``: https://huggingface.co/datasets/mlfoundations/dclm-baseline-1.0, without the results of its models and the
  headers that are not columns here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from refinery import DATE, ID, LANG, LENGTH, OFFSET, STRUCTURE, TEXT, URL, WARC, Docs

Preset = Literal["refinedweb", "dolma", "dclm"]

SOURCE = "common-crawl"
"""Dolma's name for the source of web pages."""

_CRAWL = re.compile(r"(?:^|/)(CC-MAIN-\d{4}(?:-\d{2,4})?)/segments/([^/]+)/")
"""Crawl and segment in the path of an archive of Common Crawl."""

_TIME = pa.timestamp("ms")
"""The released column has seconds and no zone; Parquet has no seconds."""


@dataclass(frozen=True)
class PresetColumn:
    """A column of a preset: its field, the columns of a document that it needs, and how it is computed from a batch."""

    field: pa.Field
    needs: tuple[str, ...]
    of: Callable[[Docs], pa.Array]


def column_of(name: str, source: pa.Field) -> PresetColumn:
    """Return a column that is one of the document's under another name."""
    return PresetColumn(pa.field(name, source.type), (source.name,), lambda docs: docs.column(source.name))


def hex_ids(docs: Docs) -> pa.StringArray:
    """Return the ids of documents in 32 hexadecimal digits."""
    return pa.array([value.hex() for value in docs.column(ID.name).to_pylist()], pa.string())


def crawls(docs: Docs) -> pa.StringArray:
    """Return the crawl of each document, such as CC-MAIN-2022-21; null if the path of its archive has none."""
    return _of_paths(docs, 1)


def segments(docs: Docs) -> pa.StringArray:
    """Return the segment of each document in its crawl; null if the path of its archive has none."""
    return _of_paths(docs, 2)


def _of_paths(docs: Docs, group: int) -> pa.StringArray:
    paths = docs.column(WARC.name).dictionary_encode()
    found = [_CRAWL.search(path) for path in paths.dictionary.to_pylist()]
    return pa.array([match and match[group] for match in found], pa.string()).take(paths.indices)


def image_urls(docs: Docs) -> pa.ListArray:
    """Return the addresses and alternative texts of a document's images, in order; null if structure is unknown."""
    kind = pa.list_(pa.list_(pa.string()))
    if STRUCTURE.name not in docs.schema.names:
        return pa.nulls(len(docs), kind)
    return pa.array([_images(marks or ()) for marks in docs.column(STRUCTURE.name).to_pylist()], kind)


def _images(marks: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    return [[mark["value"] or "", mark["label"] or ""] for mark in marks if mark["kind"] == "image"]


def struct_of(name: str, *parts: PresetColumn) -> PresetColumn:
    """Return a column that is a struct of other columns."""
    fields = [part.field for part in parts]

    def struct(docs: Docs) -> pa.StructArray:
        return pa.StructArray.from_arrays([part.of(docs) for part in parts], fields=fields)

    return PresetColumn(pa.field(name, pa.struct(fields)), tuple(need for part in parts for need in part.needs), struct)


def _times(docs: Docs) -> pa.Array:
    return docs.column(DATE.name).cast(_TIME)


def _date_text(name: str, form: str) -> PresetColumn:
    """Return a column with the date as text."""

    def text(docs: Docs) -> pa.StringArray:
        return pc.strftime(docs.column(DATE.name).cast(pa.timestamp("s", "UTC")), form)

    return PresetColumn(pa.field(name, pa.string()), (DATE.name,), text)


def _source(docs: Docs) -> pa.StringArray:
    return pa.array([SOURCE] * len(docs), pa.string())


PRESETS: Mapping[Preset, tuple[PresetColumn, ...]] = {
    "refinedweb": (
        column_of("content", TEXT),
        column_of("url", URL),
        PresetColumn(pa.field("timestamp", _TIME), (DATE.name,), _times),
        PresetColumn(pa.field("dump", pa.string()), (WARC.name,), crawls),
        PresetColumn(pa.field("segment", pa.string()), (WARC.name,), segments),
        PresetColumn(pa.field("image_urls", pa.list_(pa.list_(pa.string()))), (), image_urls),
    ),
    "dolma": (
        PresetColumn(pa.field("id", pa.string()), (ID.name,), hex_ids),
        column_of("text", TEXT),
        PresetColumn(pa.field("source", pa.string()), (), _source),
        _date_text("created", "%Y-%m-%dT%H:%M:%S.000Z"),
        struct_of(
            "metadata",
            *(column_of(field.name, field) for field in (URL, WARC, OFFSET, LENGTH)),
            PresetColumn(LANG, (), Docs.languages),
        ),
    ),
    "dclm": (
        column_of("text", TEXT),
        column_of("url", URL),
        struct_of("metadata", column_of("WARC-Target-URI", URL), _date_text("WARC-Date", "%Y-%m-%dT%H:%M:%SZ")),
    ),
}
"""The columns of each preset, in order."""
