"""Exact substring deduplication: repeated runs of tokens, words or bytes are cut out, masked, or remove the document.

A run goes if all of it lies in windows of ``min_tokens`` units that occur at least twice in the dataset, inside a
document or across documents. One pass: repeats that arise where a cut joins two pieces stay; a second pass is a second
stage. What is done to a text is the business of ``stages._repeats``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from refinery import TEXT, Asset, Docs, Edited, Global, Mapped, MappedPart, Metric, Rule, bound
from refinery.kernels import (
    ELSEWHERE,
    UNICODE,
    Whole,
    aligned,
    alignment,
    characters,
    counted,
    flat,
    mark_copies,
    mark_repeated,
    mix64,
    normalise,
    order_of,
    original_spans,
    string_hashes,
    text_bytes,
    token_ids,
    token_lengths,
    token_sizes,
    window_hashes,
    word_ids,
    word_sizes,
)
from stages._by_part import PART, ByPart
from stages._repeats import REPEATS, Action, facts, found

KEYS = pa.schema([("key", pa.uint64()), ("count", pa.uint32())])
RANKED = pa.schema([*KEYS, ("rank", pa.uint64()), ("row", pa.uint32())])
INDEX = pa.schema([("tokens", pa.uint32())])
REPEATED = pa.schema([("key", pa.uint64()), ("low", pa.uint32())])
"""A window that is repeated and a part that has it: the part and the upper half of the hash, and the lower half."""
VERDICT = pa.schema([("window", pa.uint64())])
ROW = pa.field("row", pa.uint32())
"""The row of the document that keeps a window."""

NOTHING = pa.array([[]], pa.list_(pa.struct([("start", pa.uint64()), ("end", pa.uint64())])))
"""No range, for one text."""

LATEST = 2**32 - 1
"""Seconds since 1970 that fit 32 bits; documents without a date count as this late."""

HALF, LOW = np.uint64(32), np.uint64(0xFFFF_FFFF)

Hashes = npt.NDArray[np.uint64]


class Substring(Global):
    """Find every run of tokens that occurs more than once in the dataset, and cut it out.

    Units are GPT-2 tokens of the normalised text, or its words or bytes; spans are mapped back to the original, and
    fall between characters. ``align`` moves their ends outwards to those of words, lines or sentences, or inwards where
    that would reach a copy that stays.

    With ``keep: first`` each repeated window stays in the document that was crawled first, there where it is first; of
    documents of one second a fixed random one counts as first. Other copies stay where they overlap one that stays.

    ``repeats`` holds what was found: place and length in the text before, in UTF-8 bytes and in characters; the hash of
    its normalised text, which copies share; and what was cut out, so that the cut can be undone.

    ``apply`` needs 8 bytes of memory for each distinct run of the part that is repeated, 12 with ``keep: first``.
    """

    name: ClassVar = "substring"
    version: ClassVar = 2
    source: ClassVar = "RefinedWeb §3.3, G.3"
    adds: ClassVar = (TEXT,)
    metrics: ClassVar = (
        Metric("spans", pa.uint32(), "count", "spans", "repeated spans"),
        Metric("repeated", pa.uint64(), "log", "bytes", "bytes in them"),
        Metric("share", pa.float64(), "ratio", help="share of the bytes that is in them"),
        Metric("chars_left", pa.uint32(), "log", "characters", "characters outside, without white space at the ends"),
    )
    evidence: ClassVar = (pa.field("repeats", REPEATS),)
    depends: ClassVar = ("tiktoken",)
    map_fields: ClassVar = ("unit", "min_tokens", "keep", "normalise", "merges")

    unit: Literal["gpt2", "words", "bytes"] = Field(
        "gpt2", description="what a token is; words lie between white space"
    )
    min_tokens: int = Field(50, ge=1, description="shorter repeats stay")
    keep: Literal["none", "first"] = Field("none", description="whether one copy of what is repeated stays")
    action: Action = Field(
        "cut",
        description="cut repeats out; only tell where they are; or remove documents with more than max_share, or any",
    )
    align: Whole = Field("char", description="what is never cut in two")
    min_chars: int = bound(20, ge=0, description="of cut and mask: a document with fewer characters left is removed")
    max_share: float = bound(0.2, ge=0, le=1, description="of drop_partial: a document with more repeated is removed")
    normalise: bool = Field(default=True, description="compare texts without case, accents and punctuation")
    merges: Asset = Field(Asset("gpt2.bpe"), description="merge list of the tokenizer")

    def versions(self) -> dict[str, str]:
        """The Unicode tables that decide what is punctuation or an accent."""
        return {"unicode": UNICODE}

    def rules(self) -> tuple[Rule, ...]:
        """What is left must be worth keeping, whether something was cut or not; or little must be repeated."""
        if self.action == "drop_any":
            return (Rule("repeated", "spans", "Some of it is repeated.", at_most=0),)
        if self.action == "drop_partial":
            return (Rule("repeated", "share", "Too much of it is repeated.", at_most=self.max_share),)
        return (Rule("too_short", "chars_left", "Too little is left that is not repeated.", at_least=self.min_chars),)

    def map(self, docs: Docs, row: int) -> Mapped:
        """The windows of the batch, and for ``keep: first`` which document is first."""
        tokens = self._tokens(self._compared(docs.column("text")))
        keys, offsets = flat(window_hashes(tokens, self.min_tokens))
        columns = [keys, np.ones(len(keys), np.uint32)]
        if self.keep == "first":
            rows = np.arange(row, row + len(docs), dtype=np.uint32)
            columns += [np.repeat(each, np.diff(offsets)) for each in (_ranks(docs), rows)]
        index = pa.record_batch([pc.list_value_length(tokens).cast(pa.uint32())], schema=INDEX)
        return Mapped(pa.record_batch([pa.array(column) for column in columns], schema=self._schema()), index)

    def combine(self, keys: pa.Table) -> pa.Table:
        """The distinct windows of the part, how often each occurs, and the document in which it is first."""
        keys = keys.combine_chunks()
        values = _numbers(keys, "key")
        if self.keep == "none" and bool((_numbers(keys, "count") == 1).all()):
            return pa.table([pa.array(column) for column in counted(values)], schema=KEYS)
        keys = keys.take(pa.array(order_of(values)))
        starts = _starts(_numbers(keys, "key"))
        found = keys.take(pa.array(_firsts(keys, starts) if self.keep == "first" else starts))
        counts = pa.array(_sums(keys, starts).astype(np.uint32))
        return found.set_column(1, KEYS.field("count"), counts)

    def reduce(self, groups: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The windows that occur at least twice, for each part that has them, with the row that keeps each."""
        for batch in groups:
            keys, starts = _numbers(batch, "key"), _starts(_numbers(batch, "key"))
            again = np.repeat(_sums(batch, starts) > 1, np.diff(starts, append=len(batch)))
            parts = _numbers(batch, "part").astype(np.uint64)
            columns = [parts << PART | keys >> HALF, (keys & LOW).astype(np.uint32)]
            if self.keep == "first":
                keepers = np.full(len(batch), ELSEWHERE, np.uint32)
                firsts = _firsts(batch, starts)
                keepers[firsts] = _numbers(batch, "row")[firsts]
                columns.append(keepers)
            yield pa.record_batch([pa.array(column[again]) for column in columns], schema=self._with_row(REPEATED))

    def resolve(self, reduced: Iterable[pa.RecordBatch], parts: Sequence[MappedPart]) -> Iterator[pa.Table]:
        """For each part the repeated windows that occur in it, sorted, with the row that keeps each."""
        answers = ByPart(reduced, self._with_row(REPEATED))
        for part in parts:
            mine = answers.of(part.number)
            windows = _numbers(mine, "key") << HALF | _numbers(mine, "low")
            columns = [pa.array(windows), *(mine.column("row") for _ in [ROW] if self.keep == "first")]
            yield pa.table(columns, schema=self._with_row(VERDICT))

    def apply(self, docs: Docs, row: int, verdict: pa.Table) -> Edited:
        """Find the repeated windows in the texts of a batch, and do with them what is to be done."""
        texts = pc.fill_null(docs.column("text"), "")
        ranges = self._spans(texts, row, verdict).to_pylist()
        each = [
            found(text, [(span["start"], span["end"]) for span in spans])
            for text, spans in zip(texts.to_pylist(), ranges, strict=True)
        ]
        repeated = pa.array([span.text for one in each for span in one.spans], pa.string())
        groups = string_hashes(self._compared(repeated)).to_pylist()
        cut = self.action == "cut"
        after = pa.array([one.rest for one in each], pa.string()) if cut else texts
        return Edited({"text": after}, facts(each, groups, cut=cut))

    def _schema(self) -> pa.Schema:
        return RANKED if self.keep == "first" else KEYS

    def _with_row(self, schema: pa.Schema) -> pa.Schema:
        return schema.append(ROW) if self.keep == "first" else schema

    def _compared(self, texts: pa.StringArray) -> pa.StringArray:
        return normalise(texts) if self.normalise else pc.fill_null(texts, "")

    def _tokens(self, compared: pa.StringArray) -> pa.ListArray:
        if self.unit == "bytes":
            return text_bytes(compared)
        return word_ids(compared) if self.unit == "words" else token_ids(compared, self.merges.path())

    def _sizes(self, compared: pa.StringArray, tokens: pa.ListArray) -> pa.ListArray:
        if self.unit == "bytes":
            return token_sizes(tokens, np.ones(256, np.uint16))
        return word_sizes(compared) if self.unit == "words" else token_sizes(tokens, token_lengths(self.merges.path()))

    def _spans(self, texts: pa.StringArray, row: int, verdict: pa.Table) -> pa.ListArray:
        """The byte ranges of each text that go."""
        compared = self._compared(texts)
        tokens = self._tokens(compared)
        gone, kept = self._runs(window_hashes(tokens, self.min_tokens), row, verdict)
        touched = pa.array(np.flatnonzero(pc.list_value_length(gone).to_numpy()))  # only these are aligned: it costs
        some, texts_of = texts.take(touched), compared.take(touched)
        sizes = self._sizes(texts_of, tokens.take(touched))
        units = (alignment if self.normalise else characters)(some)
        cut, stay = (original_spans(runs.take(touched), sizes, units) for runs in (gone, kept))
        moved = pa.concat_arrays([aligned(some, cut, stay, self.align), NOTHING])
        places = np.full(len(texts), len(touched))
        places[touched.to_numpy()] = np.arange(len(touched))
        return moved.take(pa.array(places))

    def _runs(self, hashes: pa.ListArray, row: int, verdict: pa.Table) -> tuple[pa.ListArray, pa.ListArray]:
        """The runs of tokens of each text that go, and those that must stay."""
        repeated = _numbers(verdict, "window")
        if self.keep == "first":
            return mark_copies(hashes, repeated, _numbers(verdict, "row"), row, self.min_tokens)
        gone = mark_repeated(hashes, repeated, self.min_tokens)
        return gone, NOTHING.take(pa.array(np.zeros(len(gone), np.int64)))


def _ranks(docs: Docs) -> Hashes:
    """The order of documents: by the second of their crawl, then at random; those without a date come last."""
    seconds = pc.fill_null(pc.divide(docs.column("date").cast(pa.int64()), 1000), LATEST).to_numpy()
    ids = docs.column("id")
    halves = np.frombuffer(ids.buffers()[1] or b"", "<u8", 2 * len(ids), 16 * ids.offset).reshape(-1, 2)
    chance = mix64(mix64(halves[:, 0]) ^ halves[:, 1].astype(np.uint64))
    ranks: Hashes = np.clip(seconds, 0, LATEST).astype(np.uint64) << np.uint64(32) | chance >> np.uint64(32)
    return ranks


def _numbers(rows: pa.Table | pa.RecordBatch, name: str) -> npt.NDArray[Any]:
    column = rows.column(name)
    numbers: npt.NDArray[Any] = (column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column).to_numpy()
    return numbers


def _starts(keys: Hashes) -> npt.NDArray[np.int64]:
    """Where each group of equal keys begins, of sorted ones."""
    return np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: len(keys)])


def _sums(rows: pa.Table | pa.RecordBatch, starts: npt.NDArray[np.int64]) -> Hashes:
    """How often each key occurs."""
    counts = _numbers(rows, "count").astype(np.uint64)
    return np.add.reduceat(counts, starts) if len(starts) else counts


def _firsts(rows: pa.Table | pa.RecordBatch, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Of each group the row of the smallest rank, and of those the first."""
    ranks, sizes = _numbers(rows, "rank"), np.diff(starts, append=len(rows))
    if not len(starts):
        return starts
    smallest = ranks == np.repeat(np.minimum.reduceat(ranks, starts), sizes)
    firsts: npt.NDArray[np.int64] = np.minimum.reduceat(np.where(smallest, np.arange(len(ranks)), len(ranks)), starts)
    return firsts
