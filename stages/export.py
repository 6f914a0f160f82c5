"""The last stage: the columns that training wants, in files of one size. It measures and removes nothing.

It can shuffle the documents of the dataset, and put some apart for validation.

It can render the text with its structure. Tokens stay those of the plain text, of which all stages before it decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, ClassVar, Literal, Self

import pyarrow as pa
from pydantic import Field, field_validator, model_validator

from refinery import (
    ID,
    STRUCTURE,
    TEXT,
    Asset,
    AssetError,
    DatasetLayout,
    Docs,
    Edit,
    Edited,
    Metric,
    ShardFormat,
    Size,
    UsageError,
    WrittenDataset,
    field_at,
)
from refinery.kernels import render
from refinery.stages._formats.choices import OF_TOKENS, Choices
from refinery.stages._formats.jsonl import Compression, JsonLines
from refinery.stages._formats.layout import CARD, MANIFEST, card, manifest, mixture_table, public_names
from refinery.stages._formats.mds import LARGEST, Mds, indexes
from refinery.stages._formats.packing import Packed, packed_schema
from refinery.stages._formats.parquet import ParquetRows
from refinery.stages._formats.presets import PRESETS, Preset, PresetColumn, hex_ids
from refinery.stages._formats.token_files import IDS, Megatron, NumpyMap
from refinery.stages._formats.tokenizing import DocumentTokenizer, document_tokenizer
from refinery.stages._formats.webdataset import WebDataset
from refinery.stages._labels import check_label
from refinery.stages._permutation import Shuffled
from refinery.stages._rights.summary import section, summaries

RIGHTS = "rights"
"""The column of metrics from which a card has the shares of what pages state."""

Format = Literal["parquet", "jsonl", "megatron", "npy", "mds", "webdataset"]


_BYTES_OF_ID = 4


class Export(Shuffled, Edit):
    """Write the final columns, gathering small parts into files of about one size."""

    name: ClassVar = "export"
    version: ClassVar = 6
    reads: ClassVar = ()
    uses: ClassVar = (RIGHTS,)
    metrics: ClassVar = (
        Metric(RIGHTS, pa.string(), "label", help="what the page states about its use; null without the stage rights"),
    )
    last: ClassVar = True

    columns: tuple[str, ...] = Field(
        ("id", "url", "date", "warc", "offset", "length", "lang", "text", "tokens"),
        min_length=1,
        description="columns to write, in this order; the metrics of a stage are one column with the stage's name, "
        "and STAGE.METRIC is one of them, such as extract.title, with the metric's name",
    )
    text: Literal["plain", "markdown", "html"] = Field(
        "plain", description="form of the text: as it is, or rendered with its structure"
    )
    preset: Preset | None = Field(
        None, description="columns of another dataset, under its names and with its types, in place of columns"
    )
    ids: Literal["binary", "hex"] = Field("binary", description="form of the ids: 16 bytes, or 32 hexadecimal digits")
    tokenizer: Asset | None = Field(
        None, description="path of a tokenizer.json: the column input_ids takes the place of text; needs `tokenizers`"
    )
    end_of_text: str | None = Field(
        None, description="special token behind each document; by default the one that is known to end a text"
    )
    format: Format = Field("parquet", description="format of the files; megatron and npy have token ids alone")
    compression: Compression = Field("zst", description="compression of jsonl; Parquet always has zstd")
    layout: Literal["files", "huggingface"] | None = Field(
        None,
        description="folder dataset in the root: shards as data/train-00000-of-00123, a manifest, a card for the hub",
    )
    pack: int | None = Field(
        None, ge=2, description="token ids of a sequence: documents follow each other in rows of so many ids"
    )
    licence: str = Field("", description="licence on the card, as the hub names it: odc-by")
    shard: Size = Field(
        Size(512 * 1024 * 1024), gt=0, description="bytes of text, or of token ids, in one file before compression"
    )
    partition_by: str | None = Field(
        None,
        description="column of labels, such as lang, or STAGE.METRIC: rows go to the folder of a label, as by_lang=de",
    )

    @field_validator("columns")
    @classmethod
    def _once(cls, columns: tuple[str, ...]) -> tuple[str, ...]:
        names = [path.rpartition(".")[2] for path in columns]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} is listed twice; keep one")
        return columns

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        names = [field.name for field in fields(Choices) if field.name != "chosen"]
        defaults = {name: field.default for name, field in type(self).model_fields.items()}
        # A root's stored recipe has all fields.
        chosen = {name for name in self.model_fields_set if getattr(self, name) != defaults[name]}
        choices = Choices(chosen, **{name: getattr(self, name) for name in names})
        for message in choices.contradictions():
            raise ValueError(message)
        return self

    def _computed(self) -> tuple[PresetColumn, ...]:
        """Return the columns that are computed here, but for the rendered text."""
        if self.preset:
            return PRESETS[self.preset]
        hexadecimal = PresetColumn(pa.field(ID.name, pa.string()), (ID.name,), hex_ids)
        computed = [hexadecimal] if self.ids == "hex" and ID.name in self._wanted() else []
        if self.tokenizer is not None and TEXT.name in self._wanted():
            computed.append(PresetColumn(self._ids_field(self.tokenizer), (TEXT.name,), self._ids))
        return tuple(computed)

    def _ids_field(self, tokenizer: Asset) -> pa.Field:
        """Return the column of token ids: that of the tokenizer, if its file is there."""
        try:
            return self._opened(tokenizer).column
        except AssetError:  # a root stays readable without it; a run refuses it, see `check_asset`
            return pa.field(IDS, pa.list_(pa.uint32()))

    def _ids(self, docs: Docs) -> pa.ListArray:
        assert self.tokenizer is not None
        return self._opened(self.tokenizer).encode(docs.column(TEXT.name))

    def _opened(self, tokenizer: Asset) -> DocumentTokenizer:
        return document_tokenizer(tokenizer.path(), self.end_of_text)

    def _wanted(self) -> tuple[str, ...]:
        """Return the columns to write, where token ids are still the text."""
        return (ID.name, TEXT.name) if self.pack else OF_TOKENS.get(self.format, self.columns)

    def check_asset(self, name: str, asset: Asset) -> None:
        """Read the tokenizer. Raises AssetError where the file is none, or has not that end of text."""
        del name
        self._opened(asset)

    def selects(self, names: Sequence[str]) -> list[str]:
        """The wanted columns, in the wanted order. Raises UsageError for one that was asked for and is not there."""
        if self.preset:
            return [column.field.name for column in PRESETS[self.preset]]
        if self.text != "plain":
            self._check_structure(names)
        missing = [name for name in self._wanted() if name.partition(".")[0] not in names]
        if missing and self._wanted() != type(self).model_fields["columns"].default:
            raise UsageError(f"export has no column {', '.join(missing)}", hint=f"there are {', '.join(names)}")
        selected = [name for name in self._wanted() if name.partition(".")[0] in names]
        return [IDS if name == TEXT.name and self.tokenizer is not None else name for name in selected]

    def _check_structure(self, names: Sequence[str]) -> None:
        if STRUCTURE.name not in names:
            raise UsageError(f"text: {self.text} needs the column structure", hint="set extract: {structure: true}")
        if STRUCTURE.name in self.columns:
            raise UsageError(
                f"text: {self.text}: the marks in structure are places in the plain text, which is not written",
                hint="leave structure out of columns, or set text: plain",
            )

    def added(self) -> tuple[pa.Field, ...]:
        """Return the text where it is rendered, and the columns that are computed."""
        computed = {column.field.name: column.field for column in self._computed()}
        rendered = {} if self.text == "plain" else {TEXT.name: TEXT}
        return tuple((rendered | computed).values())

    def outdates(self) -> frozenset[str]:
        """Return no column: those of positions in the text are not selected beside a rendered one."""
        return frozenset()

    def wants(self) -> tuple[str, ...]:
        """Return the column of the labels, and those from which columns are computed."""
        needs = [need for column in PRESETS[self.preset] for need in column.needs] if self.preset else []
        needs += [TEXT.name] if self.tokenizer is not None and TEXT.name in self._wanted() else []
        paths = [] if self.preset else [path for path in self._wanted() if "." in path]
        return (*self.reads, *dict.fromkeys(needs), *paths, *([self.partition_by] if self.partition_by else []))

    def check_columns(self, given: pa.Schema) -> None:
        """Raise UsageError for a ``partition_by`` without labels, and for columns that the format cannot represent."""
        if self.partition_by:
            check_label(given, "partition_by", self.partition_by)
        form = self.shard_format()
        if form is not None:
            fields = {field.name: field for field in (*given, *self.added())}
            schema = pa.schema(list(fields.values()))
            form.check(pa.schema([field_at(schema, path) for path in self.selects(schema.names)]))

    def partition_column(self) -> str:
        """Return the column of the labels that have folders of their own."""
        return self.partition_by or ""

    def shard_column(self) -> str:
        """Return the column of the token ids, or else of the text."""
        if self.tokenizer is not None:
            return IDS
        return "content" if self.preset == "refinedweb" else TEXT.name

    def shard_format(self) -> ShardFormat | None:
        """Return the format of the files; None for Parquet of documents."""
        form = JsonLines(self.compression) if self.format == "jsonl" else _FORMATS[self.format]
        return Packed(form or ParquetRows(), self.pack) if self.pack else form

    def previews(self, rows: pa.RecordBatch) -> list[str]:
        """Return what the token ids of documents decode to."""
        if self.tokenizer is None or IDS not in rows.schema.names:
            return []
        tokenizer = self._opened(self.tokenizer)
        return [tokenizer.preview(ids.values.to_numpy()) for ids in rows.column(IDS)]

    def lay_out(self, dataset: WrittenDataset) -> DatasetLayout | None:
        """Return the folder with the shards under public names, the manifest, and what the layout and format add."""
        if self.layout is None:
            return DatasetLayout({}, {}, MANIFEST, (CARD,))
        if self.pack:
            dataset = replace(dataset, schema=packed_schema(dataset.schema))
        names = public_names(dataset.shards, apart=self.format == "mds" and bool(self.validation))
        files = {MANIFEST: manifest(dataset, names, self._origin())}
        if self.layout == "huggingface":
            sections = mixture_table(self.sources) + section(dataset.labels.get(RIGHTS, {}))
            files[CARD] = card(dataset, names, self.licence, sections).encode()
        if self.format == "mds":
            files |= indexes(dataset.schema, names)
        return DatasetLayout(names, files, MANIFEST, (CARD,))

    def _origin(self) -> dict[str, Any]:
        mixture = {"mixture": self.sources} if self.sources else {}
        if self.tokenizer is None:
            return {"format": self.format, **mixture}
        opened = self._opened(self.tokenizer)
        end = {"token": opened.end_of_text, "id": opened.end}
        origin = {"sha256": self.tokenizer.digest(), "end_of_text": end, "type": opened.column.type.value_type}
        return {
            "format": self.format,
            "tokenizer": {name: str(v) if name == "type" else v for name, v in origin.items()},
            **mixture,
        }

    def shard_estimate(self, documents: int, text: int, tokens: int) -> int:
        """Estimate the bytes of the text, or of the token ids, by GPT-2's tokens."""
        if self.tokenizer is None:
            return text or tokens * _BYTES_OF_ID
        return (tokens + documents) * int(self._opened(self.tokenizer).column.type.value_type.bit_width) // 8

    def shard_bytes(self) -> int:
        """Bytes of text in one file."""
        return min(int(self.shard), LARGEST) if self.format == "mds" else int(self.shard)

    def edit(self, docs: Docs) -> Edited:
        """Render the text and compute columns from it; nothing else changes but the selection of columns."""
        rendered = {}
        stated = summaries(docs.column(RIGHTS)) if RIGHTS in docs.schema.names else pa.nulls(len(docs), pa.string())
        if self.text != "plain":
            rendered[TEXT.name] = render(docs.column(TEXT.name), docs.column(STRUCTURE.name), self.text)
            docs = docs.with_columns(rendered)
        computed = {column.field.name: column.of(docs) for column in self._computed()}
        return Edited(rendered | computed, {RIGHTS: stated})


_FORMATS: Mapping[str, ShardFormat | None] = {
    "parquet": None,
    "megatron": Megatron(),
    "npy": NumpyMap(),
    "mds": Mds(),
    "webdataset": WebDataset(),
}
