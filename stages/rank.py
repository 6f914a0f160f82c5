"""Stage ``rank``: the place of each document among those of its language, by one score or by several.

A threshold on a score keeps another share of each language and of each crawl, and of documents with equal scores it
keeps all or none. A threshold on the rank keeps the share that it states: ranks are exact and distinct.

Documents are sorted in buckets of the order of their language. A sample of the documents, which is chosen by their ids,
divides the order into buckets of about ``SAMPLED * BUCKET`` documents, equal scores among them. To each bucket every
part sends its documents there and the number of those below, whose sum is the rank of the bucket's first document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from refinery import (
    Conclude,
    Docs,
    Edited,
    Global,
    Mapped,
    MappedPart,
    Metric,
    PerPart,
    Proportion,
    Reduce,
    Round,
    Rule,
    Scatter,
    UsageError,
    address,
    id_bytes,
    rows_of,
    threshold,
)
from refinery.kernels import key_groups, mix64, string_hashes
from refinery.stages._order import (
    KEYS,
    ORDER,
    Numbers,
    Rows,
    by_score,
    keyed,
    lower_rows,
    numbers_of,
    ordered,
    passed_cuts,
)
from refinery.stages._thresholds import LanguageTables

SAMPLED = 4096
"""One of so many documents is in the sample, which a single task sorts."""
BUCKET = 256
"""Documents of the sample in a bucket."""
TIERS = 20
SAMPLE_BYTES = 256
"""Memory for a score of a document in the sample, as it is sorted."""

Combine = Literal["min", "max", "mean_of_ranks"]

RANKS = pa.schema(
    [("key", pa.uint64()), ("score", pa.uint8()), *((name, pa.uint64()) for name in ("lower", "of", "value"))]
)
VERDICT = pa.schema([("rank", pa.float64()), ("tier", pa.uint8()), ("combined", pa.float64())])


class Rank(LanguageTables, Global):
    """Rank the documents of each language, and keep the share with the highest ranks.

    ``rank`` is the share of the language's documents that are lower. Among equal scores the id decides, which is a
    hash. ``tier`` is the twentieth in which a document is: 20 are the highest, as the vigintiles of Dolma 3.

    Of several scores the ranks by each are combined, for scores of two models are not on one scale: ``max`` keeps what
    any of them places high, as Nemotron-CC does with the buckets of its classifiers; ``min`` what all do. ``combined``
    is the result, by which documents are ranked; of a single score it is the score.

    Documents in which one of the scores is null are not ranked and stay. Ranks depend on all documents that reach the
    stage: further inputs move them. In a recipe with ``urls: {parts: N}`` the documents of each partition are ranked.

    Memory does not grow with the number of documents but for the sample, of one document in 4,096.
    """

    name: ClassVar = "rank"
    version: ClassVar = 1
    source: ClassVar = "Dolma 3 (arXiv 2512.13961), Nemotron-CC (arXiv 2412.02595)"
    reads: ClassVar = ()
    uses: ClassVar = ("lang",)
    metrics: ClassVar = (
        Metric("rank", help="share of the documents of the language that are lower"),
        Metric("tier", pa.uint8(), "count", help="twentieth of the documents of the language, 20 the highest"),
        Metric("combined", help="the score, or what the ranks by several scores are combined to"),
    )
    map_fields: ClassVar = ("scores",)

    scores: tuple[str, ...] = Field(
        min_length=1, max_length=32, description="metrics of earlier stages, as STAGE.METRIC: edu.score, quality.words"
    )
    combine: Combine = Field("mean_of_ranks", description="how the ranks by several scores are combined")
    keep: Proportion = threshold(1.0, description="share of the documents of a language to keep, the highest: 30%")

    @field_validator("scores")
    @classmethod
    def _distinct(cls, scores: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(scores)) < len(scores):
            raise ValueError("a score is named twice")
        return scores

    def wants(self) -> tuple[str, ...]:
        """Return the scores."""
        return self.scores

    def check_columns(self, given: pa.Schema) -> None:
        """Raise UsageError for a score that is no number."""
        for score in self.scores:
            column, _, metric = score.partition(".")
            kind = given.field(column).type.field(metric).type if metric else given.field(column).type
            if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
                raise UsageError(f"scores: {score} is no number but {kind}", hint="choose a metric with an order")

    def rules(self) -> tuple[Rule, ...]:
        """Return the rule that keeps the highest ranks."""
        return (Rule("low", "rank", "Others of its language are higher.", at_least=round(1 - self.keep, 9)),)

    def quality_scores(self) -> tuple[str, ...]:
        """Return the scores, and the rank to which they lead."""
        return (*self.scores, "rank")

    def rounds(self) -> tuple[Round, ...]:
        """Return the rounds: the sample, its cuts, the buckets, the ranks; buckets and ranks of combined scores."""
        ranks: tuple[Round, ...] = (
            Reduce("sample", self.sample),
            Scatter("cut", self.cut),
            PerPart("spread", self.spread),
            Reduce("rank", self.rank),
        )
        if len(self.scores) > 1:
            ranks += (PerPart("combine", self.combined), Reduce("order", self.rank))
        return (*ranks, Conclude("conclude", self.conclude))

    def needs(self, documents: int, rows: int) -> int:
        """Return the memory of the task that sorts the sample."""
        del rows
        return 2**27 + documents // SAMPLED * len(self.scores) * SAMPLE_BYTES

    def shuffles(self, documents: int, text: int) -> int:
        """Return the bytes of keyed rows: one for each score of a document, and one for the combined score."""
        del text
        count = len(self.scores)
        return 32 * documents * (count if count == 1 else count + 1)

    def stores(self, documents: int, text: int) -> int:
        """Return the bytes of the index, the keyed rows and the ranks."""
        return documents * (32 + 9 * len(self.scores)) + 2 * self.shuffles(documents, text)

    def map(self, docs: Docs, row: int) -> Mapped:
        """Return language, id and scores of each document as index, and those of the sample as keys."""
        del row
        high, low = id_bytes(docs.column("id")).view(">u8").astype(np.uint64).T
        scores = [pc.cast(docs.column(score), pa.float64(), safe=False) for score in self.scores]
        ranked = np.all([score.is_valid() for score in scores], axis=0)
        columns = [
            string_hashes(pc.fill_null(docs.languages(), "")),
            pa.array(high),
            pa.array(low),
            *(pa.array(ordered(score), mask=~ranked) for score in scores),
        ]
        index = pa.record_batch(columns, names=["language", "high", "low", *map(str, range(len(scores)))])
        sample = by_score(index.filter(pa.array(mix64(high ^ mix64(low)) % np.uint64(SAMPLED) == 0)), len(scores))
        return Mapped(pa.record_batch([sample["low"], *(sample[name] for name in ORDER)], schema=KEYS), index)

    def sample(self, groups: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the sample without keys, for one task."""
        yield from (batch.select(list(ORDER)) for batch in groups)

    def cut(self, reduced: Iterable[pa.RecordBatch], parts: Sequence[MappedPart]) -> Iterator[pa.Table]:
        """Yield the cuts between buckets, the same for each part: each ``BUCKET``th of a language and score."""
        sample = pa.Table.from_batches(reduced, schema=pa.schema(list(KEYS)[1:]))
        columns = [sample.column(name).to_numpy() for name in ORDER]
        order = np.lexsort(columns[::-1])
        starts, group = key_groups(columns[0][order])
        place = np.arange(len(order)) - starts[group]
        cuts = sample.take(pa.array(order[(place > 0) & (place % BUCKET == 0)]))
        return (cuts for _ in parts)

    def spread(self, sent: pa.RecordBatchReader, part: MappedPart) -> pa.RecordBatchReader:
        """Return a row for each document and score, by bucket."""
        cuts = numbers_of(sent.read_all())
        rows = by_score(part.index().slice(0, 0 if part.is_reference else None), len(self.scores))
        first, last = (np.searchsorted(cuts["group"], rows["group"], side) for side in ("left", "right"))
        return keyed(rows, passed_cuts(cuts, rows) - first, last - first + 1)

    def rank(self, groups: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield how many documents are lower, ``of`` how many of the language, by address of each document."""
        for batch in groups:
            rows, lower, of = lower_rows(numbers_of(batch))
            columns = [address(rows["part"], rows["row"]), rows["score"], lower, of, rows["value"]]
            yield pa.record_batch(list(map(pa.array, columns)), schema=RANKS)

    def combined(self, sent: pa.RecordBatchReader, part: MappedPart) -> pa.RecordBatchReader:
        """Return a row for each document with the combination of its ranks, by bucket of equal width."""
        ranks = _ranks(sent)
        lower = np.zeros((len(self.scores), part.documents), np.uint64)
        lower[ranks["score"], ranks["row"]] = ranks["lower"]
        of = np.zeros(part.documents, np.uint64)
        of[ranks["row"]] = ranks["of"]
        ranked = np.flatnonzero(of)
        of, value = of[ranked], _COMBINED[self.combine](lower[:, ranked], axis=0)
        index = numbers_of(part.index(["language", "high", "low"], ranked))
        rows = {"group": index["language"], "value": value, "high": index["high"], "low": index["low"], "row": ranked}
        buckets = of // np.uint64(SAMPLED * BUCKET) + np.uint64(1)
        return keyed({**rows, "score": np.zeros(len(ranked))}, value * buckets // (of * self._summed), buckets)

    @property
    def _summed(self) -> np.uint64:
        """The number of ranks whose sum is the combined value."""
        return np.uint64(len(self.scores) if self.combine == "mean_of_ranks" else 1)

    def conclude(self, sent: pa.RecordBatchReader, part: MappedPart) -> pa.Table:
        """Return rank, tier and combined ranks of each document of a part."""
        ranks = _ranks(sent)
        lower, of, value = ranks["lower"], ranks["of"], ranks["value"]
        columns = {"rank": lower / of, "tier": lower * np.uint64(TIERS) // of + np.uint64(1)}
        if len(self.scores) > 1:
            columns["combined"] = value / (of * self._summed)
        place = np.zeros(part.documents, np.int64)
        place[ranks["row"]] = np.arange(len(lower))
        unranked = np.ones(part.documents, np.bool_)
        unranked[ranks["row"]] = False
        verdict = pa.table(columns, schema=pa.schema([field for field in VERDICT if field.name in columns]))
        return verdict.take(pa.array(place, mask=unranked))

    def apply(self, docs: Docs, row: int, verdict: pa.Table) -> Edited:
        """Return the metrics of a batch; the rule keeps the highest ranks."""
        rows = verdict.slice(row, len(docs)).combine_chunks()
        metrics = {name: rows.column(name).combine_chunks() for name in rows.schema.names}
        if len(self.scores) == 1:
            score = pc.cast(docs.column(self.scores[0]), pa.float64(), safe=False)
            metrics["combined"] = pc.if_else(pc.is_valid(metrics["rank"]), score, None)
        return Edited({}, metrics)


_COMBINED: Mapping[Combine, Callable[..., Numbers]] = {"min": np.min, "max": np.max, "mean_of_ranks": np.sum}


def _ranks(sent: pa.RecordBatchReader) -> Rows:
    """Return what was sent to a part, with the row of each document; a part without ranked documents gets nothing."""
    rows = sent.read_all()
    ranks = numbers_of(rows if rows.num_columns else RANKS.empty_table())
    return {**ranks, "row": rows_of(ranks["key"])}
