"""Sources of a mixture: the exports of other roots, their documents, and the checks that they can be mixed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import refinery
from refinery import ID, TEXT, TOKENS, URL, Docs, UsageError, store_for
from refinery.stages._formats.token_files import IDS
from refinery.stages._mixture import Counts, Draw, Hashes
from refinery.stages._permutation import Shuffled, Splitting, permuted

SIZE = "size"
"""The documents of a document's duplicate cluster, a metric of ``minhash`` that an export writes."""

PIECE = 4096
"""Documents that are read at once."""

KEPT_IN_MEMORY = 20_000_000
"""Documents of a source up to which their hashes and tokens are read once; they have 16 bytes each."""

_DRAWING = 0xD3A4
"""The seed of the hash by which documents are drawn: not that of any order or split."""

_SIZES = np.array([1, 4, 5, 100, 1000])
_REPETITIONS = np.array([1, 3, 5, 8, 1])


def repetitions(sizes: npt.NDArray[Any]) -> Counts:
    """Return how often a document is repeated by the size of its duplicate cluster.

    1 to 3: as many times; 4: 3; 5 to 99: 5; 100 to 999: 8; from 1,000 on once. Source: FineWeb-2 (arXiv 2506.20920).
    """
    by_step = _REPETITIONS[np.searchsorted(_SIZES, np.maximum(sizes, 1), side="right") - 1]
    repeated: Counts = np.where(sizes < _SIZES[1], np.maximum(sizes, 1), by_step).astype(np.int64)
    return repeated


@dataclass(frozen=True)
class MixtureSource:
    """The export of a root: the dataset's name, its files, its columns and the configuration of the export."""

    name: str
    files: tuple[str, ...]
    schema: pa.Schema
    export: dict[str, Any]

    @property
    def ids_type(self) -> str:
        """The type of the token ids of an export without text; "" of one with text."""
        return "" if TEXT.name in self.schema.names else str(self.schema.field(IDS).type.value_type)

    @property
    def tokenizer(self) -> str:
        """The tokenizer of an export without text, and its end of text, for people."""
        if not self.ids_type:
            return "text"
        digest = (self.export.get("tokenizer") or {}).get("sha256", "unknown")
        return f"tokenizer {digest[:8]} with end of text {self.export.get('end_of_text') or 'by default'}"

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield some columns of all documents. Raises StorageError."""
        for path in self.files:
            yield from batches(path, columns)


def batches(path: str, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the documents of a file, with ids as 16 bytes. Raises StorageError."""
    with store_for(path).open(path) as stream:
        for rows in pq.ParquetFile(stream).iter_batches(PIECE, columns=columns):
            place = rows.schema.get_field_index(ID.name)
            ids = rows.column(place)
            binary = pa.array(map(bytes.fromhex, ids.to_pylist()), ID.type) if pa.types.is_string(ids.type) else ids
            yield rows.set_column(place, ID, binary)


def opened(root: str) -> MixtureSource:
    """Open the export of a root. Raises UsageError for a root without one, or without the columns of a mixture."""
    found = refinery.open(root)
    if not found.stages:
        raise UsageError(f"{root}: no run of this root is complete", hint="run its recipe first")
    manifest = found.manifest(found.stages[-1])
    files = tuple(found.stage(found.stages[-1]).files())
    if not files:
        raise UsageError(f"{root}: its last stage has no Parquet files", hint="set format: parquet in its export")
    with store_for(files[0]).open(files[0]) as stream:
        schema = pq.ParquetFile(stream).schema_arrow
    names = set(schema.names)
    if ID.name not in names or not ({TEXT.name, TOKENS.name} <= names or IDS in names):
        hint = "export: {columns: [id, url, text, tokens]}, or id and text with a tokenizer"
        raise UsageError(f"{root}: a mixture needs the columns id, text and tokens, or id and {IDS}", hint=hint)
    return MixtureSource(found.name, files, schema, manifest.configuration)


def refuse_differences(sources: Sequence[MixtureSource], last: Shuffled) -> str:
    """Return the type of token ids of sources without text, else "". Raises UsageError for those that do not fit."""
    kinds = {source.ids_type for source in sources}
    tokenizers = {str((source.export.get("tokenizer"), source.export.get("end_of_text"))) for source in sources}
    if kinds != {""} and (len(tokenizers) > 1 or len(kinds) > 1):
        names = ", ".join(f"{source.name}: {source.tokenizer}" for source in sources)
        raise UsageError(
            f"the sources were made by different tokenizers ({names})",
            hint="export all as text, and set tokenizer in the export of the mixture",
        )
    for source in sources:
        share, by = source.export.get("validation") or 0.0, source.export.get("validation_by")
        if share and (last.validation < share or last.validation_by != by):
            raise UsageError(
                f"{source.name} has documents for validation, which would be in training",
                hint=f"set export: {{validation: {share}, validation_by: {by}}} or more",
            )
    if last.validation and last.validation_by == "domain":
        missing = [source.name for source in sources if URL.name not in source.schema.names]
        if missing:
            raise UsageError(f"{', '.join(missing)} has no column url", hint="set validation_by: id")
    return kinds.pop()


def counted(rows: pa.RecordBatch) -> Counts:
    """Return the tokens of documents: of their token ids where they have them."""
    lengths = pc.list_value_length(rows.column(IDS)) if IDS in rows.schema.names else rows.column(TOKENS.name)
    return np.asarray(pc.fill_null(lengths, 0).to_numpy(zero_copy_only=False)).astype(np.int64)


class Documents:
    """The documents of a source as a draw sees them. Those for validation are not drawn, and occur once at most."""

    def __init__(self, source: MixtureSource, split: Splitting, *, rehydrate: bool) -> None:
        self._source, self._split, self._rehydrate = source, split, rehydrate
        self._known: list[tuple[Hashes, Counts]] = []
        if rehydrate and SIZE not in source.schema.names:
            raise UsageError(f"{source.name} has no column size", hint="export: {columns: [.., minhash.size]}")

    def batches(self) -> Iterator[tuple[Hashes, Counts]]:
        """Yield hashes and tokens, with all repetitions; those of a large source are read anew each time."""
        if self._known:
            yield from self._known
            return
        known: list[tuple[Hashes, Counts]] = []
        documents = 0
        for rows in self._source.batches(self._columns()):
            training = ~self._split.chosen(Docs(rows))
            pair = _hashes(rows)[training], (counted(rows) * self._repeats(rows))[training]
            yield pair
            documents += len(rows)
            if documents <= KEPT_IN_MEMORY:
                known.append(pair)
        self._known = known if documents <= KEPT_IN_MEMORY else []

    @property
    def epoch(self) -> int:
        """Tokens of all of them, with all repetitions."""
        return sum(int(tokens.sum()) for _, tokens in self.batches())

    def copies(self, rows: pa.RecordBatch, taken: Draw) -> Counts:
        """Return the number of copies of documents in a mixture."""
        copies = taken.copies(_hashes(rows)) * self._repeats(rows)
        return np.where(self._split.chosen(Docs(rows)), np.minimum(copies, 1), copies)

    def summary(self, taken: Draw, target: int) -> dict[str, int]:
        """Return a draw as a recipe has it, with its documents and tokens for training, and all of the source."""
        drawn = [(tokens, taken.copies(hashes) > 0) for hashes, tokens in self.batches()]
        return {
            "epochs": taken.epochs,
            "cut": taken.cut,
            "target": target,
            "tokens": taken.tokens,
            "of_tokens": sum(int(tokens.sum()) for tokens, _ in drawn),
            "documents": sum(int(chosen.sum()) for _, chosen in drawn),
            "of_documents": sum(len(chosen) for _, chosen in drawn),
        }

    def _columns(self) -> list[str]:
        names = self._source.schema.names
        by_domain = self._split.share and self._split.by == "domain"
        wanted = (ID.name, *([URL.name] if by_domain else []), IDS if IDS in names else TOKENS.name)
        return [*wanted, *([SIZE] if self._rehydrate else [])]

    def _repeats(self, rows: pa.RecordBatch) -> Counts:
        if not self._rehydrate:
            return np.ones(len(rows), np.int64)
        return repetitions(pc.fill_null(rows.column(SIZE), 1).to_numpy(zero_copy_only=False))


def _hashes(rows: pa.RecordBatch) -> Hashes:
    return permuted(rows.column(ID.name), _DRAWING)
