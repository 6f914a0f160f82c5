"""Stage ``sentences``: cuts all but the first copy of any three sentences in a row.

A span of sentences that occurred before, in another document or in the same, is cut as a whole, also where it overlaps
one that is not. So the first copy of a span can lose sentences to an overlapping copy of another, as in datatrove.
Documents are in the order of the seconds in which they were crawled, those of one second in a fixed random order.

What implementations differ in: the original code (TFDS) compares single lines, of which it keeps those of one page,
chosen by a hash; datatrove takes documents in the order of its files, compares without punctuation, case and accents
as this stage does, and reads any number as 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

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
    rows_of,
    threshold,
)
from refinery.kernels import SPANS, key_groups, normalise, starts_group, string_hashes, window_hashes, word_ids
from refinery.stages._against import AgainstRoots
from refinery.stages._cuts import cut_out, range_lists
from refinery.stages._lines import pieces
from refinery.stages._marks import RANGES
from refinery.stages._ranks import crawl_ranks
from refinery.stages._sentences import count_sentences, ends_of
from refinery.stages._words import ABOUT_WORDS, Words, cuts, versions

KEYS = pa.schema([("key", pa.uint64()), ("rank", pa.uint64()), ("row", pa.uint32()), ("sentence", pa.uint32())])
"""A span by its hash: the order of its document, and where it begins."""
COPIES = pa.schema([("key", pa.uint64()), ("sentence", pa.uint32())])
"""A span that is not the first: the address of its document, and where it begins."""
VERDICT = pa.schema([("gone", RANGES), ("sentences", pa.uint32())])
"""Ranges of a text that go, in bytes, and the number of sentences in them."""

REASON = "repeated"
SENTENCE = 100
"""Bytes of text for a sentence; there are fewer sentences in most texts."""
KEY_BYTES = 24

Places = npt.NDArray[Any]


class Sentences(AgainstRoots):
    """Keep the first copy of any three sentences in a row.

    ``removed`` lists what was cut, by UTF-8 byte offset in the text before, so that the cut can be undone.

    With ``against`` all spans of the documents of those roots, kept or not, count as first copies.

    Memory does not grow with the number of documents: tasks see a range of spans, or one part.
    """

    name: ClassVar = "sentences"
    version: ClassVar = 1
    source: ClassVar = "Raffel et al. 2020, §2.2; https://jmlr.org/papers/v21/20-074.html"
    uses: ClassVar = (STRUCTURE.name,)
    adds: ClassVar = (TEXT,)
    metrics: ClassVar = (
        Metric("removed_sentences", pa.uint32(), "count", "sentences", "sentences that were cut"),
        Metric("words_left", pa.uint32(), "log", "words", "words outside of cuts; null without a cut"),
        Metric("sentences_left", pa.uint32(), "count", "sentences", "sentences outside of cuts; null without a cut"),
    )
    evidence: ClassVar = (pa.field("removed", SPANS),)
    map_fields: ClassVar = ("words", "span", "normalise")

    span: int = Field(3, ge=1, description="sentences that are compared together")
    normalise: bool = Field(default=True, description="compare sentences without case, accents and punctuation")
    words: Words = Field("segmented", description=ABOUT_WORDS)
    min_words: int = threshold(50, ge=0, description="fewest words that may be left of a document with cuts")
    min_sentences: int = threshold(3, ge=0, description="fewest sentences that may be left of a document with cuts")

    def versions(self) -> dict[str, str]:
        """Return the versions of what defines words and sentences."""
        return versions(self.words)

    def rules(self) -> tuple[Rule, ...]:
        """Enough must be left of a document with cuts."""
        because = "Little is left that is not repeated."
        return (
            Rule("too_few_words", "words_left", because, at_least=self.min_words),
            Rule("too_few_sentences", "sentences_left", because, at_least=self.min_sentences),
        )

    def rounds(self) -> tuple[Round, ...]:
        """Return the choice of the first copy, and the ranges of each part's texts that go."""
        return (Reduce("reduce", self.reduce), Conclude("mark", self.mark))

    def shuffles(self, documents: int, text: int) -> int:
        """Return the bytes of a span for each sentence."""
        del documents
        return KEY_BYTES * (text // SENTENCE)

    def stores(self, documents: int, text: int) -> int:
        """Return these bytes with the ends of sentences, and what is sent if all are repeated."""
        return self.shuffles(documents, text) + (4 + 16) * (text // SENTENCE)

    def map(self, docs: Docs, row: int) -> Mapped:
        """Return the spans of the batch, and where the sentences of each text end."""
        ends = ends_of(docs, self.words)
        keys = window_hashes(self._compared(docs, ends), self.span)
        counts = pc.list_value_length(keys).to_numpy()
        first = np.append(0, np.cumsum(counts))[:-1]
        columns = [
            keys.flatten(),
            np.repeat(crawl_ranks(docs), counts),
            np.repeat(np.arange(row, row + len(docs), dtype=np.uint32), counts),
            (np.arange(counts.sum()) - np.repeat(first, counts)).astype(np.uint32),
        ]
        rows = pa.record_batch([pa.array(column) for column in columns], schema=KEYS)
        return Mapped(rows.filter(pc.not_equal(rows.column("key"), self._nothing())), pa.record_batch({"ends": ends}))

    def reduce(self, groups: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the spans that are not the first of their hash, with the address of their document as key."""
        for batch in groups:
            rows = batch.take(pa.array(_in_order(batch)))
            key, part, row = (rows.column(name).to_numpy() for name in ("key", "part", "row"))
            starts, group = key_groups(key)
            new = ~is_reference(part)
            gone = new & (~starts_group(key) if self.within else ~new[starts[group]])
            columns = [pa.array(address(part[gone], row[gone])), rows.column("sentence").filter(pa.array(gone))]
            yield pa.record_batch(columns, schema=COPIES)

    def mark(self, sent: pa.RecordBatchReader, part: MappedPart) -> pa.Table:
        """Return the ranges of the part's texts that some repeated span covers."""
        copies = sent.read_all()
        copies = copies if copies.num_columns else COPIES.empty_table()
        here, inverse = np.unique(rows_of(copies.column("key").to_numpy()), return_inverse=True)
        ends = part.index(["ends"], here.astype(np.uint32)).column("ends").combine_chunks()
        counts = pc.list_value_length(ends).to_numpy()
        firsts = np.append(0, np.cumsum(counts))
        covered = _covered(firsts[inverse.reshape(-1)] + copies.column("sentence").to_numpy(), self.span, firsts[-1])
        text = np.repeat(np.arange(len(here)), counts)
        places = ends.flatten().to_numpy()
        before = np.where(starts_group(text), 0, np.append(0, places)[:-1]) if len(places) else places
        opens = covered & (starts_group(text) | ~np.append(False, covered)[:-1])
        closes = covered & (np.append(starts_group(text)[1:], True) | ~np.append(covered, False)[1:])
        gone = range_lists(before[opens], places[closes], here[text[opens]], part.documents)
        removed = np.zeros(part.documents, np.uint32)
        removed[here] = np.bincount(text[covered], minlength=len(here))
        return pa.table([gone, pa.array(removed)], schema=VERDICT)

    def apply(self, docs: Docs, row: int, verdict: pa.Table) -> Edited:
        """Cut the ranges out of the texts of a batch, and white space that is then the beginning of one."""
        rows = verdict.slice(row, len(docs)).combine_chunks()
        texts = pc.fill_null(docs.column("text"), "")
        ranges = rows.column("gone").combine_chunks()
        ranges = _without_space(texts, ranges)
        after, removed = cut_out(texts, ranges, pa.array([REASON] * len(ranges.flatten()), pa.string()))
        cut = pc.greater(pc.list_value_length(ranges), 0)
        some = docs.with_columns({"text": after}).filter(cut)
        words = pc.list_value_length(word_ids(some.column("text"), cuts(some, self.words))).cast(pa.uint32())
        none = pa.nulls(len(docs), pa.uint32())
        metrics = {
            "removed_sentences": rows.column("sentences").combine_chunks(),
            "words_left": pc.replace_with_mask(none, cut, words),
            "sentences_left": pc.replace_with_mask(none, cut, count_sentences(some, self.words)),
            "removed": removed,
        }
        return Edited({"text": after}, metrics)

    def _compared(self, docs: Docs, ends: pa.ListArray) -> pa.ListArray:
        """Return the sentences of each text as hashes."""
        texts = pc.fill_null(docs.column("text"), "")
        found = self._hashes(pieces(texts, ends))
        return pa.ListArray.from_arrays(ends.offsets, found) if len(ends) else pa.array([], pa.list_(pa.uint64()))

    def _hashes(self, sentences: pa.StringArray) -> pa.UInt64Array:
        return string_hashes(normalise(sentences) if self.normalise else pc.utf8_trim_whitespace(sentences))

    def _nothing(self) -> pa.Scalar:
        """Return the hash of a span of sentences of which nothing is compared, such as marks of a menu."""
        empty = self._hashes(pa.array([""] * self.span))
        return window_hashes(pa.array([empty.to_pylist()], pa.list_(pa.uint64())), self.span).flatten()[0]


def _in_order(rows: pa.RecordBatch) -> Places:
    """Return the order by hash, and of one hash so that the first copy comes first; reference documents are first."""
    part, *others = (rows.column(name).to_numpy() for name in ("part", "sentence", "row", "rank", "key"))
    sentence, row, rank, key = others
    order: Places = np.lexsort((sentence, row, part, rank, ~is_reference(part), key))
    return order


def _covered(starts: Places, span: int, sentences: int) -> npt.NDArray[np.bool_]:
    """Return True for each sentence in a span that begins at one of ``starts``."""
    edges = np.bincount(starts, minlength=sentences + 1) - np.bincount(starts + span, minlength=sentences + 1)
    covered: npt.NDArray[np.bool_] = np.cumsum(edges)[:sentences] > 0
    return covered


def _without_space(texts: pa.StringArray, ranges: pa.ListArray) -> pa.ListArray:
    """Return the ranges, those at the beginning of a text with the white space after them."""
    starts, ends = (ranges.flatten().field(name).to_numpy().copy() for name in ("start", "end"))
    row = pc.list_parent_indices(ranges).to_numpy()
    for place in np.flatnonzero(starts == 0):
        rest = texts[int(row[place])].as_py().encode()[ends[place] :].decode()
        ends[place] += len(rest.encode()) - len(rest.lstrip().encode())
    return range_lists(starts, ends, row, len(texts))
