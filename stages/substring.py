"""Exact substring deduplication: repeated runs of tokens, words or bytes are cut out, masked, or remove the document.

A run goes if all of it lies in windows of ``min_tokens`` units that occur at least twice in the dataset, inside a
document or across documents. One pass: repeats that arise where a cut joins two pieces stay; a second pass is a second
stage. What is done to a text is the business of ``refinery.stages._repeats``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from refinery import (
    STRUCTURE,
    TEXT,
    Conclude,
    Docs,
    Edited,
    Mapped,
    MappedPart,
    Metric,
    Reduce,
    Round,
    Rule,
    address,
    is_reference,
    threshold,
)
from refinery.kernels import (
    ELSEWHERE,
    Whole,
    aligned,
    at_most_twice,
    byte_ranges,
    contains,
    duplicated,
    flat,
    key_groups,
    mark_copies,
    mark_repeated,
    normalise,
    objects,
    order_of,
    original_spans,
    spared,
    starts_group,
    string_hashes,
    text_bytes,
    token_ids,
    token_lengths,
    token_sizes,
    window_hashes,
    word_ids,
    word_sizes,
)
from refinery.stages._marks import RANGES, none_of, united
from refinery.stages._ranks import crawl_ranks
from refinery.stages._repeats import REPEATS, Action, edited_texts
from refinery.stages._tokens import ComparesTokens
from refinery.stages._words import cuts as word_cuts

KEYS = pa.schema([pa.field("key", pa.uint64(), nullable=False)])
"""A window of a part; twice where it occurs there more than once."""
RANKED = pa.schema([*KEYS, ("rank", pa.uint64()), ("row", pa.uint32())])
"""A window with the first document of the part that has it."""
REPEATED = pa.schema([("key", pa.uint64()), ("low", pa.uint32())])
"""A window that is repeated and a part that has it: the part and the upper half of the hash, and the lower half."""
ROW = pa.field("row", pa.uint32())
"""The row of the document that keeps a window."""
VERDICT = pa.schema([("gone", RANGES), ("kept", RANGES)])
"""Ranges of each text, as it is compared, that are repeated; and those of them that stay as the first copy."""

HALF, LOW = np.uint64(32), np.uint64(0xFFFF_FFFF)

SHARE = 8
"""The repeated windows that are looked for at once take this part of the memory of a task, and thrice that to find."""

TOKEN_BYTES = {"gpt2": 4, "words": 5, "bytes": 1}
"""Of text, for a token; there are fewer tokens in most texts."""

WORKER = 208 * 2**20
"""Bytes of its own that a worker has before it does anything, with the tokenizer, and those of one batch of 16 MB on
its way: 165 to 205 MB in repeated runs, by when allocators return their pages. Libraries are not in it: workers share
their pages, and ``peak_memory`` leaves them out as well."""

Hashes = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]


class Substring(ComparesTokens):
    """Find every run of tokens that occurs more than once in the dataset, and cut it out.

    Units are GPT-2 tokens of the normalised text, or its words or bytes; spans are mapped back to the original, and
    fall between characters. ``align`` moves their ends outwards to those of words, lines or sentences, or inwards where
    that would reach a copy that stays.

    With ``keep: first`` each repeated window stays in the document that was crawled first, there where it is first; of
    documents of one second a fixed random one counts as first. Other copies stay where they overlap one that stays.

    ``repeats`` lists the spans: position and length in the text before, in UTF-8 bytes and in characters; the hash of
    its normalised text, which copies share; and what was cut out, so that the cut can be undone.

    With ``against`` all runs of tokens in the documents of those roots, kept or not, count as first copies. Only their
    stored hashes are read, and nothing in them changes.

    Tables, code blocks and formulas of which only a part is repeated stay whole where an earlier stage marks them in
    ``structure``, unless ``cut_objects``.

    Texts are tokenized once. Windows that do not fit ``memory`` are processed in several passes: any budget is enough.
    """

    name: ClassVar = "substring"
    version: ClassVar = 8
    source: ClassVar = "RefinedWeb §3.3, G.3"
    uses: ClassVar = (STRUCTURE.name,)
    adds: ClassVar = (TEXT,)
    metrics: ClassVar = (
        Metric("spans", pa.uint32(), "count", "spans", "repeated spans"),
        Metric("repeated", pa.uint64(), "log", "bytes", "bytes in them"),
        Metric("share", pa.float64(), "ratio", help="share of the bytes that is in them"),
        Metric("chars_left", pa.uint32(), "log", "characters", "characters outside, without white space at the ends"),
    )
    evidence: ClassVar = (pa.field("repeats", REPEATS),)
    matches: ClassVar = "repeats"
    map_fields: ClassVar = ("unit", "words", "min_tokens", "keep", "normalise", "merges")

    unit: Literal["gpt2", "words", "bytes"] = Field("gpt2", description="what a token is")
    min_tokens: int = Field(50, ge=1, description="shorter repeats stay")
    keep: Literal["none", "first"] = Field("none", description="whether one copy of what is repeated stays")
    action: Action = Field(
        "cut",
        description="cut repeats out; only record them; or remove documents with more than max_share, or any",
    )
    align: Whole = Field("char", description="what is never cut in two")
    cut_objects: bool = Field(default=False, description="cut parts out of tables, code blocks and formulas as well")
    min_chars: int = threshold(
        20, ge=0, description="of cut and mask: a document with fewer characters left is removed"
    )
    max_share: float = threshold(
        0.2, ge=0, le=1, description="of drop_partial: a document with more repeated is removed"
    )
    normalise: bool = Field(default=True, description="compare texts without case, accents and punctuation")

    def rules(self) -> tuple[Rule, ...]:
        """Return the rule of the action: enough must be left, or little must be repeated."""
        if self.action == "drop_any":
            return (Rule("repeated", "spans", "Some of it is repeated.", at_most=0),)
        if self.action == "drop_partial":
            return (Rule("repeated", "share", "Too much of it is repeated.", at_most=self.max_share),)
        return (Rule("too_short", "chars_left", "Too little is left that is not repeated.", at_least=self.min_chars),)

    def counts_words(self) -> bool:
        """Return True if words are the unit, or are never cut in two."""
        return super().counts_words() or self.align == "word"

    def rounds(self) -> tuple[Round, ...]:
        """Return the rounds: repeated windows of each range, and their ranges in the texts of each part."""
        return (Reduce("reduce", self.reduce, merged=False), Conclude("mark", self.mark))

    def needs(self, documents: int, rows: int) -> int:
        """Return the budget: windows that do not fit are processed in several passes."""
        del documents, rows
        return WORKER + self.memory

    def shuffles(self, documents: int, text: int) -> int:
        """Return the bytes of a hash for each token, with ``keep: first`` of its first document as well."""
        del documents
        return (8 if self.keep == "none" else 20) * (text // TOKEN_BYTES[self.unit])

    def stores(self, documents: int, text: int) -> int:
        """Return these bytes with the tokens or texts, and the repeated windows if all are repeated."""
        tokens = text // TOKEN_BYTES[self.unit]
        answers = (12 if self.keep == "none" else 16) * tokens
        return self.shuffles(documents, text) + answers + (2 * tokens if self.unit == "gpt2" else text)

    def map(self, docs: Docs, row: int) -> Mapped:
        """Return the windows of the batch, for ``keep: first`` with rank and document, and the tokens as index."""
        compared = self._compared(docs.column("text"))
        stored = token_ids(compared, self.merges.path()) if self.unit == "gpt2" else compared
        cuts = self.cuts(docs, normalised=self.normalise)
        tokens = stored if self.unit == "gpt2" else self._split(stored, cuts)
        keys, offsets = flat(window_hashes(tokens, self.min_tokens))
        columns = [keys]
        if self.keep == "first":
            rows = np.arange(row, row + len(docs), dtype=np.uint32)
            columns += [np.repeat(each, np.diff(offsets)) for each in (crawl_ranks(docs), rows)]
        index = {"text": _packed(stored) if self.unit == "gpt2" else stored, **({} if cuts is None else {"cuts": cuts})}
        return Mapped(
            pa.record_batch([pa.array(column) for column in columns], schema=self._schema()), pa.record_batch(index)
        )

    def combine_keys(self, keys: pa.Table) -> pa.Table:
        """Return the distinct windows of the part, twice if they occur more than once, with the first document."""
        if self.keep == "none":
            return pa.table(
                [pa.array(at_most_twice([_numbers(rows, "key") for rows in keys.to_batches()]))], schema=KEYS
            )
        keys = keys.combine_chunks()
        keys = keys.take(pa.array(order_of(_numbers(keys, "key"))))
        starts, _ = key_groups(_numbers(keys, "key"))
        times = np.minimum(np.diff(starts, append=len(keys)), 2)
        return keys.take(pa.array(np.repeat(_firsts(keys, starts), times)))

    def reduce(self, groups: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the repeated windows for each part that has them, with the row that keeps each."""
        batches = list(groups)
        keys = [_numbers(rows, "key") for rows in batches]
        parts = [rows.column("part")[0].as_py() for rows in batches]
        flags = self._repeated(keys, sum(not is_reference(part) for part in parts))
        found = [
            np.flatnonzero(flag & _differs(each, before if part == last else None))
            for flag, each, part, before, last in zip(flags, keys, parts, [None, *keys], [None, *parts], strict=False)
        ]
        keepers = _keepers(batches, parts, found) if self.keep == "first" else [None] * len(found)
        for part, each, places, rows in zip(parts, keys, found, keepers, strict=True):
            if not is_reference(part):
                some = each[places]
                columns = [address(part, some >> HALF), (some & LOW).astype(np.uint32), rows]
                arrays = [pa.array(column) for column in columns if column is not None]
                yield pa.record_batch(arrays, schema=self._with_row(REPEATED))

    def mark(self, sent: pa.RecordBatchReader, part: MappedPart) -> pa.Table:
        """Return the repeated ranges of the part's texts, and those that stay, in bytes of the texts as compared."""
        goes = [self._marked(part, some) for some in _portions(sent, self.memory // SHARE)]
        if not goes:
            goes = [(none_of(part.documents), none_of(part.documents))]
        return pa.table(united(*zip(*goes, strict=True)), schema=VERDICT)

    def _marked(self, part: MappedPart, sent: pa.Table) -> tuple[pa.ListArray, pa.ListArray]:
        """Return these ranges for some of the repeated windows."""
        repeated = _numbers(sent, "key") << HALF | _numbers(sent, "low")
        found, row = [(none_of(0), none_of(0))], 0
        for batch in part.stream():
            stored = batch.column("text")
            cuts = batch.column("cuts") if "cuts" in batch.schema.names else None
            tokens = _unpacked(stored) if self.unit == "gpt2" else self._split(stored, cuts)
            runs = self._runs(tokens, row, repeated, sent)
            found.append(self._ranges(runs, stored, tokens, cuts))
            row += len(batch)
        gone, kept = (pa.concat_arrays(each) for each in zip(*found, strict=True))
        return gone, kept

    def _runs(
        self, tokens: pa.ListArray, row: int, repeated: Hashes, sent: pa.Table
    ) -> tuple[pa.ListArray, pa.ListArray]:
        """Return the runs of tokens of each text that go, and those that must stay."""
        if self.keep == "first":
            return mark_copies(tokens, repeated, _numbers(sent, "row"), row, self.min_tokens)
        gone = mark_repeated(tokens, repeated, self.min_tokens)
        return gone, none_of(len(gone))

    def _ranges(
        self,
        runs: tuple[pa.ListArray, pa.ListArray],
        stored: pa.Array,
        tokens: pa.ListArray,
        cuts: pa.ListArray | None,
    ) -> tuple[pa.ListArray, pa.ListArray]:
        """Return runs of tokens as ranges of the texts."""
        if self.unit == "bytes":
            return runs
        touched = np.flatnonzero(np.maximum(*(pc.list_value_length(each).to_numpy() for each in runs)))
        some = pa.array(touched)
        if self.unit == "words":
            sizes = word_sizes(stored.take(some), None if cuts is None else cuts.take(some))
        else:
            sizes = token_sizes(tokens.take(some), token_lengths(self.merges.path()))
        gone, kept = (_put(byte_ranges(each.take(some), sizes), touched, len(stored)) for each in runs)
        return gone, kept

    def apply(self, docs: Docs, row: int, verdict: pa.Table) -> Edited:
        """Find the repeated ranges in the texts of a batch, and apply the action to them."""
        texts = pc.fill_null(docs.column("text"), "")
        words = word_cuts(docs, self.words) if self.align == "word" else None
        spans = self._spans(texts, verdict.slice(row, len(docs)).combine_chunks(), words)
        if STRUCTURE.name in docs.schema.names and not self.cut_objects:
            spans = spared(spans, objects(docs.column(STRUCTURE.name)))
        after, found = edited_texts(texts, spans, self._groups, cut=self.action == "cut")
        return Edited({"text": after}, found)

    def _groups(self, repeated: pa.StringArray) -> pa.UInt64Array:
        """Return a number for each text; texts that compare as equal share it."""
        return string_hashes(self._compared(repeated))

    def _schema(self) -> pa.Schema:
        return RANKED if self.keep == "first" else KEYS

    def _with_row(self, schema: pa.Schema) -> pa.Schema:
        return schema.append(ROW) if self.keep == "first" else schema

    def _compared(self, texts: pa.StringArray) -> pa.StringArray:
        return normalise(texts) if self.normalise else pc.fill_null(texts, "")

    def _split(self, compared: pa.StringArray, cuts: pa.ListArray | None) -> pa.ListArray:
        """Words or bytes of texts."""
        return text_bytes(compared) if self.unit == "bytes" else word_ids(compared, cuts)

    def _repeated(self, keys: Sequence[Hashes], new: int) -> Sequence[Flags]:
        """Return flags of the repeated windows of batches, of which the first ``new`` are not of reference parts."""
        if self.within:
            return duplicated(keys)
        old = at_most_twice(keys[new:])
        return [contains(_between(old, each), each) for each in keys]

    def _spans(self, texts: pa.StringArray, verdict: pa.Table, words: pa.ListArray | None) -> pa.ListArray:
        """Return the byte ranges of each text that go, given the cuts of words."""
        cut, stay = (
            original_spans(texts, verdict.column(name).combine_chunks(), normalised=self.normalise)
            for name in VERDICT.names
        )
        return aligned(texts, cut, stay, self.align, words)


def _packed(tokens: pa.ListArray) -> pa.BinaryArray:
    """Return tokens as two bytes each: Parquet has no numbers of two bytes."""
    ids, offsets = flat(tokens)
    ends = (2 * offsets).astype(np.int32)
    return pa.BinaryArray.from_buffers(
        pa.binary(), len(tokens), [None, pa.py_buffer(ends), pa.py_buffer(ids.astype("<u2"))]
    )


def _unpacked(packed: pa.BinaryArray) -> pa.ListArray:
    """Return the inverse of ``_packed``."""
    if not len(packed):
        return pa.array([], pa.list_(pa.uint16()))
    _, offsets, data = packed.buffers()
    ends = np.frombuffer(offsets, np.int32)[packed.offset : packed.offset + len(packed) + 1]
    ids = np.frombuffer(data or b"", "<u2")[ends[0] // 2 : ends[-1] // 2]
    return pa.ListArray.from_arrays(pa.array((ends - ends[0]) // 2), pa.array(ids))


def _put(ranges: pa.ListArray, places: npt.NDArray[np.int64], texts: int) -> pa.ListArray:
    """Return the ranges of the texts at some places, and none for the others."""
    taken = np.full(texts, len(places))
    taken[places] = np.arange(len(places))
    return pa.concat_arrays([ranges, none_of(1)]).take(pa.array(taken))


def _portions(sent: pa.RecordBatchReader, size: int) -> Iterator[pa.Table]:
    """Yield the rows in tables of about ``size`` bytes."""
    pending: list[pa.RecordBatch] = []
    held = 0
    for batch in sent:
        pending.append(batch)
        held += batch.nbytes
        if held >= size:
            yield pa.Table.from_batches(pending)
            pending, held = [], 0
    if pending:
        yield pa.Table.from_batches(pending)


def _between(old: Hashes, keys: Hashes) -> Hashes:
    """Return the sorted windows from the first to the last of ``keys``."""
    return old[np.searchsorted(old, keys[0]) : np.searchsorted(old, keys[-1], side="right")]


def _differs(keys: Hashes, before: Hashes | None) -> Flags:
    """Return flags of windows that differ from the one before; the first is compared with the last of ``before``."""
    differs = starts_group(keys)
    if before is not None:
        differs[0] = keys[0] != before[-1]
    return differs


def _keepers(
    batches: Sequence[pa.RecordBatch], parts: Sequence[int], windows: Sequence[npt.NDArray[np.int64]]
) -> list[npt.NDArray[np.uint32]]:
    """Return for each repeated window of each batch the row that keeps it, if that is in the same part."""
    taken = [batch.take(pa.array(places)) for batch, places in zip(batches, windows, strict=True)]
    rows = pa.Table.from_batches(taken, schema=batches[0].schema if batches else RANKED).combine_chunks()
    new = np.repeat(~is_reference(np.array(parts, np.uint32)), list(map(len, taken)))
    order = order_of(_numbers(rows, "key"))
    ordered = rows.take(pa.array(order))
    firsts = order[_firsts(ordered, key_groups(_numbers(ordered, "key"))[0], new[order])]
    keepers = np.full(len(rows), ELSEWHERE, np.uint32)
    keepers[firsts] = _numbers(rows, "row")[firsts]
    return np.split(keepers, np.cumsum(list(map(len, taken))))[:-1]


def _numbers(rows: pa.Table | pa.RecordBatch, name: str) -> npt.NDArray[Any]:
    column = rows.column(name)
    column = column.chunk(0) if isinstance(column, pa.ChunkedArray) and column.num_chunks == 1 else column
    numbers: npt.NDArray[Any] = column.to_numpy()
    return numbers


def _firsts(rows: pa.Table, starts: npt.NDArray[np.int64], new: Flags | None = None) -> npt.NDArray[np.int64]:
    """Return of each group the row of a reference part, or the first one with the smallest rank."""
    ranks, sizes = _numbers(rows, "rank"), np.diff(starts, append=len(rows))
    if not len(starts):
        return starts
    if new is not None:
        ranks = np.where(new, np.maximum(ranks, 1), 0)
    smallest = ranks == np.repeat(np.minimum.reduceat(ranks, starts), sizes)
    firsts: npt.NDArray[np.int64] = np.minimum.reduceat(np.where(smallest, np.arange(len(ranks)), len(ranks)), starts)
    return firsts
