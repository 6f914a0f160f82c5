"""The last stage: the columns that training wants, in files of one size. It measures and removes nothing.

It can render the text with its structure. Tokens stay those of the plain text, of which all stages before it decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import pyarrow as pa
from pydantic import Field, field_validator

from refinery import STRUCTURE, TEXT, Docs, Edit, Edited, Size, UsageError
from refinery.kernels import render
from stages._labels import check_label


class Export(Edit):
    """Write the final columns, gathering small parts into files of about one size."""

    name: ClassVar = "export"
    version: ClassVar = 4
    reads: ClassVar = ()
    last: ClassVar = True

    columns: tuple[str, ...] = Field(
        ("id", "url", "date", "warc", "offset", "length", "lang", "text", "tokens"),
        min_length=1,
        description="columns to write, in this order; the metrics of a stage are one column with the stage's name",
    )
    text: Literal["plain", "markdown", "html"] = Field(
        "plain", description="form of the text: as it is, or rendered with its structure"
    )
    shard: Size = Field(Size(512 * 1024 * 1024), gt=0, description="bytes of text in one file")
    partition_by: str | None = Field(
        None,
        description="column of labels, such as lang, or STAGE.METRIC: rows go to the folder of a label, as by_lang=de",
    )

    @field_validator("columns")
    @classmethod
    def _once(cls, columns: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({name for name in columns if columns.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} is listed twice; keep one")
        return columns

    def selects(self, names: Sequence[str]) -> list[str]:
        """The wanted columns, in the wanted order. Raises UsageError for one that was asked for and is not there."""
        if self.text != "plain":
            self._check_structure(names)
        missing = [name for name in self.columns if name not in names]
        if missing and self.columns != type(self).model_fields["columns"].default:
            raise UsageError(f"export has no column {', '.join(missing)}", hint=f"there are {', '.join(names)}")
        return [name for name in self.columns if name in names]

    def _check_structure(self, names: Sequence[str]) -> None:
        if STRUCTURE.name not in names:
            raise UsageError(f"text: {self.text} needs the column structure", hint="set extract: {structure: true}")
        if STRUCTURE.name in self.columns:
            raise UsageError(
                f"text: {self.text}: the marks in structure are places in the plain text, which is not written",
                hint="leave structure out of columns, or set text: plain",
            )

    def added(self) -> tuple[pa.Field, ...]:
        """Return the text where it is rendered."""
        return () if self.text == "plain" else (TEXT,)

    def outdates(self) -> frozenset[str]:
        """Return no column: those of positions in the text are not selected beside a rendered one."""
        return frozenset()

    def wants(self) -> tuple[str, ...]:
        """Return the column of the labels."""
        return (*self.reads, *([self.partition_by] if self.partition_by else []))

    def check_columns(self, given: pa.Schema) -> None:
        """Raise UsageError for a ``partition_by`` without labels."""
        if self.partition_by:
            check_label(given, "partition_by", self.partition_by)

    def partition_column(self) -> str:
        """Return the column of the labels that have folders of their own."""
        return self.partition_by or ""

    def shard_bytes(self) -> int:
        """Bytes of text in one file."""
        return int(self.shard)

    def edit(self, docs: Docs) -> Edited:
        """Render the text; nothing else changes but the selection of columns."""
        if self.text == "plain":
            return Edited({})
        return Edited({TEXT.name: render(docs.column(TEXT.name), docs.column(STRUCTURE.name), self.text)})
