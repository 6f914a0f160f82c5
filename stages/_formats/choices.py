"""Settings of an export that exclude each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set as AbstractSet
from dataclasses import dataclass

from refinery import ID, OFFSET, TEXT, WARC

OF_TOKENS: Mapping[str, tuple[str, ...]] = {
    "megatron": (TEXT.name,),
    "npy": (ID.name, WARC.name, OFFSET.name, TEXT.name),
}
"""The columns of formats that have token ids alone, and of their index; the ids take the place of the text."""

HUB = ("parquet", "jsonl")
"""The formats that ``datasets.load_dataset`` reads."""

_SET_TOKENIZER = "set tokenizer to the path of a tokenizer.json"


@dataclass(frozen=True)
class Choices:
    """Settings of an export. ``chosen`` are the names of those that the recipe has."""

    chosen: AbstractSet[str]
    format: str
    preset: str | None
    tokenizer: str | None
    end_of_text: str | None
    layout: str | None
    partition_by: str | None
    validation: float
    pack: int | None

    def contradictions(self) -> Iterator[str]:
        """Yield a message for each pair of settings of which one must go."""
        form = self.format
        if self.preset and {"columns", "ids", "tokenizer"} & self.chosen:
            yield f"preset: {self.preset} has columns of its own; leave out columns, ids and tokenizer"
        if form in OF_TOKENS and ("columns" in self.chosen or self.preset):
            yield f"format: {form} has columns of its own; leave out columns and preset"
        if form in OF_TOKENS and self.tokenizer is None:
            yield f"format: {form} has token ids; {_SET_TOKENIZER}"
        if self.end_of_text is not None and self.tokenizer is None:
            yield f"end_of_text is a token of a tokenizer; {_SET_TOKENIZER}"
        if self.layout == "huggingface" and form not in HUB:
            yield f"the hub reads {' and '.join(HUB)}, and format is {form}; set layout: files"
        if self.partition_by and self.layout:
            yield "layout numbers the shards of one folder; leave out partition_by"
        if self.partition_by and form != "parquet":
            yield f"partition_by writes Parquet, and format is {form}; leave out one of them"
        if self.partition_by and self.validation:
            yield "partition_by and validation both divide the files into folders; leave one out"
        if self.pack:
            yield from self._of_packing()

    def _of_packing(self) -> Iterator[str]:
        if self.tokenizer is None:
            yield f"pack cuts token ids; {_SET_TOKENIZER}"
        if "columns" in self.chosen or self.partition_by:
            yield "pack has columns of its own; leave out columns and partition_by"
        if self.format == "webdataset":
            yield "webdataset has a file a document; leave out pack, or choose parquet, jsonl or mds"
        if self.format in OF_TOKENS:
            yield f"format: {self.format} has ids end to end, which its trainer cuts; leave out pack"
