"""Exact substring deduplication: every copy of a repeated run of tokens is cut out.

Every token that lies in some run of ``min_tokens`` tokens that occurs at least twice in the dataset, inside a document
or across documents, is cut. One pass: repeats that arise where a cut joins two pieces stay. No copy is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from refinery import TEXT, Asset, Docs, Edited, Global, Mapped, MappedPart, Metric, Rule, bound
from refinery.kernels import (
    SPANS,
    UNICODE,
    alignment,
    characters,
    contains,
    counted,
    flat,
    mark_repeated,
    normalise,
    order_of,
    original_spans,
    token_ids,
    token_lengths,
    window_hashes,
)

REASON = "repeated"

KEYS = pa.schema([("key", pa.uint64()), ("count", pa.uint32())])
INDEX = pa.schema([("tokens", pa.uint32())])
REPEATED = pa.schema([("key", pa.uint64())])

Hashes = npt.NDArray[np.uint64]


class Substring(Global):
    """Cut out every run of tokens that occurs more than once in the dataset.

    Tokens are GPT-2's, of the normalised text; spans are mapped back to the original, and fall on character boundaries.
    ``removed`` holds what was cut, by UTF-8 byte offset in the text before, so that the cut can be undone.

    ``resolve`` needs 8 bytes of memory for each distinct run that is repeated.
    """

    name: ClassVar = "substring"
    version: ClassVar = 1
    source: ClassVar = "RefinedWeb §3.3, G.3"
    adds: ClassVar = (TEXT,)
    metrics: ClassVar = (
        Metric("spans", pa.uint32(), "count", "spans", "spans cut out"),
        Metric("cut", pa.uint64(), "log", "bytes", "bytes cut out"),
        Metric("share", pa.float64(), "ratio", help="share of the bytes that was cut out"),
        Metric("chars_left", pa.uint32(), "log", "characters", "characters left, without white space at the ends"),
    )
    evidence: ClassVar = (pa.field("removed", SPANS),)
    depends: ClassVar = ("tiktoken",)
    map_fields: ClassVar = ("min_tokens", "normalise", "merges")

    min_tokens: int = Field(50, ge=1, description="shorter repeats stay")
    min_chars: int = bound(20, ge=0, description="a document of which fewer characters are left is removed")
    action: Literal["cut"] = Field("cut", description="what happens to the repeats")
    normalise: bool = Field(default=True, description="compare texts without case, accents and punctuation")
    merges: Asset = Field(Asset("gpt2.bpe"), description="merge list of the tokenizer")

    def versions(self) -> dict[str, str]:
        """The Unicode tables that decide what is punctuation or an accent."""
        return {"unicode": UNICODE}

    def rules(self) -> tuple[Rule, ...]:
        """What is left must be worth keeping, whether something was cut or not."""
        return (Rule("too_short", "chars_left", "Too little is left that is not repeated.", at_least=self.min_chars),)

    def map(self, docs: Docs, row: int) -> Mapped:
        """The distinct windows of the batch, with their number."""
        del row
        tokens = self._tokens(docs.column("text"))
        hashes, _ = flat(window_hashes(tokens, self.min_tokens))
        keyed = pa.record_batch([pa.array(column) for column in counted(hashes)], schema=KEYS)
        index = pa.record_batch([pc.list_value_length(tokens).cast(pa.uint32())], schema=INDEX)
        return Mapped(keyed, index)

    def combine(self, keys: pa.Table) -> pa.Table:
        """The distinct windows of the part, with their number."""
        values = keys.column("key").to_numpy()
        order = order_of(values)
        distinct, counts = _summed(values[order], keys.column("count").to_numpy()[order])
        return pa.table([pa.array(distinct), pa.array(counts.astype(np.uint32))], schema=KEYS)

    def reduce(self, groups: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The windows that occur at least twice, whether in one part or in several."""
        for batch in groups:
            distinct, counts = _summed(batch.column("key").to_numpy(), batch.column("count").to_numpy())
            yield pa.record_batch([pa.array(distinct[counts > 1])], schema=REPEATED)

    def resolve(self, reduced: Iterator[pa.RecordBatch], parts: Sequence[MappedPart]) -> Iterator[pa.Table]:
        """For each part the repeated windows that occur in it, sorted."""
        keys = _column("key", reduced)
        repeated = keys[order_of(keys)]
        for part in parts:
            windows = part.keys()
            mine = (batch.filter(pa.array(contains(repeated, batch["key"].to_numpy()))) for batch in windows)
            yield pa.table([pa.array(_column("key", mine))], schema=REPEATED)

    def apply(self, docs: Docs, row: int, verdict: pa.Table) -> Edited:
        """Cut the repeated windows out of the texts of a batch."""
        del row
        texts = pc.fill_null(docs.column("text"), "")
        repeated = verdict.column("key").combine_chunks().to_numpy()
        cuts = [_cut(*each) for each in zip(texts.to_pylist(), self._spans(texts, repeated), strict=True)]
        facts = {
            "spans": pa.array([len(cut.removed) for cut in cuts], pa.uint32()),
            "cut": pa.array([cut.bytes for cut in cuts], pa.uint64()),
            "share": pa.array([cut.share for cut in cuts], pa.float64()),
            "chars_left": pa.array([len(cut.text.strip()) for cut in cuts], pa.uint32()),
            "removed": pa.array([cut.removed for cut in cuts], SPANS),
        }
        return Edited({"text": pa.array([cut.text for cut in cuts], pa.string())}, facts)

    def _tokens(self, texts: pa.StringArray) -> pa.ListArray:
        return token_ids(normalise(texts) if self.normalise else texts, self.merges.path())

    def _spans(self, texts: pa.StringArray, repeated: Hashes) -> list[list[tuple[int, int]]]:
        """The byte ranges to cut from each text. Only texts with a repeat are aligned, which is what costs."""
        tokens = self._tokens(texts)
        runs = mark_repeated(window_hashes(tokens, self.min_tokens), repeated, self.min_tokens)
        rows = np.flatnonzero(pc.list_value_length(runs).to_numpy())
        touched = pa.array(rows)
        units = (alignment if self.normalise else characters)(texts.take(touched))
        found = original_spans(runs.take(touched), tokens.take(touched), token_lengths(self.merges.path()), units)
        spans: list[list[tuple[int, int]]] = [[] for _ in range(len(texts))]
        for number, each in zip(rows.tolist(), found.to_pylist(), strict=True):
            spans[number] = [(span["start"], span["end"]) for span in each]
        return spans


class _Cut(NamedTuple):
    text: str
    removed: list[dict[str, int | str]]
    bytes: int
    share: float


def _cut(text: str, spans: list[tuple[int, int]]) -> _Cut:
    """The text without the byte ranges, which are sorted and do not overlap."""
    data = text.encode()
    ends = [0, *(end for _, end in spans)]
    starts = [*(start for start, _ in spans), len(data)]
    kept = b"".join(data[end:start] for end, start in zip(ends, starts, strict=True))
    removed: list[dict[str, int | str]] = [
        {"offset": start, "length": end - start, "reason": REASON, "text": data[start:end].decode()}
        for start, end in spans
    ]
    gone = len(data) - len(kept)
    return _Cut(kept.decode(), removed, gone, gone / len(data) if data else 0.0)


def _summed(keys: Hashes, counts: npt.NDArray[np.uint32]) -> tuple[Hashes, npt.NDArray[np.uint64]]:
    """Distinct keys of sorted ones, and the sum of their counts."""
    if not len(keys):
        return keys, np.empty(0, np.uint64)
    starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    return keys[starts], np.add.reduceat(counts.astype(np.uint64), starts)


def _column(name: str, batches: Iterator[pa.RecordBatch]) -> Hashes:
    return np.concatenate([np.empty(0, np.uint64), *(batch.column(name).to_numpy() for batch in batches)])
