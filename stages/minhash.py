"""Near-duplicate documents by MinHash LSH: every cluster keeps one document.

Two documents match if all rows of any band agree; clusters are the transitive closure. Matches are not verified, as in
RefinedWeb, where recall matters more. Nothing here looks at URLs, or at other datasets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from refinery import ID, Asset, Docs, Edited, Global, Mapped, MappedPart, Metric, Rule
from refinery.kernels import (
    UNICODE,
    band_keys,
    flat,
    forest_of,
    normalise,
    shingles,
    string_hashes,
    token_ids,
    word_ids,
)
from stages._clusters import DUPLICATE, INDEX, VERDICT, Addresses, Policy, address, clusters_of

KEYS = pa.schema([("key", pa.uint64()), ("row", pa.uint32())])
EDGES = pa.schema([("a", pa.uint64()), ("b", pa.uint64())])


def match_probability(similarity: float, bands: int, rows: int) -> float:
    """The chance that documents match whose n-gram sets have this Jaccard similarity: 1 - (1 - s**rows)**bands."""
    return float(1 - (1 - similarity**rows) ** bands)


class MinHash(Global):
    """Keep one document of each cluster of near-duplicates.

    Texts are normalised and cut into tokens; the set of token n-grams is hashed ``bands`` times ``rows`` times.
    Clusters and survivors depend on the set of documents, not on their order or on how they are spread over parts.

    ``cluster`` is the smallest id of the cluster, ``survivor`` the id of the document that stays; both null if unique.

    ``resolve`` needs about 200 bytes of memory for each document that matches another one.
    """

    name: ClassVar = "minhash"
    version: ClassVar = 1
    source: ClassVar = "RefinedWeb §3.3, G.3.1"
    metrics: ClassVar = (
        Metric("role", pa.string(), "label", help="unique, survivor of a cluster, or duplicate"),
        Metric("size", pa.uint32(), "count", "documents", "documents in the cluster, 1 if unique"),
    )
    evidence: ClassVar = (pa.field("cluster", ID.type), pa.field("survivor", ID.type))
    depends: ClassVar = ("tiktoken",)
    map_fields: ClassVar = ("bands", "rows", "ngram", "unit", "seed", "merges")

    bands: int = Field(450, ge=1, le=65_536, description="groups of hashes; one that agrees makes a match")
    rows: int = Field(20, ge=1, le=1_024, description="hashes in a band, all of which must agree")
    ngram: int = Field(5, ge=1, description="tokens in a shingle")
    unit: Literal["gpt2", "words"] = Field("gpt2", description="what a token is; words lie between white space")
    seed: int = Field(1, ge=0, lt=2**32, description="of the hash functions and of the random survivor")
    survivor: Policy = Field(
        "random", description="which document of a cluster stays: any, the first crawled, or the longest"
    )
    merges: Asset = Field(Asset("gpt2.bpe"), description="merge list of the tokenizer")

    @model_validator(mode="after")
    def _must_find_near_duplicates(self) -> MinHash:
        """RefinedWeb's §3.3 says 20 bands of 450 where its appendix, rightly, says 450 bands of 20."""
        chance = match_probability(0.95, self.bands, self.rows)
        if chance < 0.5:
            raise ValueError(
                f"{self.bands} bands of {self.rows} rows match documents of similarity 0.95 with a chance of "
                f"{chance:.2g}; take more bands or fewer rows (RefinedWeb: 450 bands of 20 rows)"
            )
        return self

    def versions(self) -> dict[str, str]:
        """The Unicode tables that decide what is punctuation or an accent."""
        return {"unicode": UNICODE}

    def rules(self) -> tuple[Rule, ...]:
        """A duplicate goes; its survivor stays."""
        return (Rule("duplicate", "role", "A near-duplicate of it is kept.", not_in=(DUPLICATE,)),)

    def map(self, docs: Docs, row: int) -> Mapped:
        """One key for each band of each document; documents without a token have none."""
        texts = normalise(docs.column("text"))
        tokens = word_ids(texts) if self.unit == "words" else token_ids(texts, self.merges.path())
        keys, offsets = flat(band_keys(shingles(tokens, self.ngram), self.bands, self.rows, self.seed))
        rows = np.repeat(np.arange(row, row + len(docs), dtype=np.uint32), np.diff(offsets))
        return Mapped(pa.record_batch([pa.array(keys), pa.array(rows)], schema=KEYS), _index(docs))

    def reduce(self, groups: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Edges between documents with equal keys, thinned to a spanning forest of the key range."""
        a, b = forest_of(_stars(batch) for batch in groups)
        yield pa.record_batch([pa.array(a), pa.array(b)], schema=EDGES)

    def resolve(self, reduced: Iterator[pa.RecordBatch], parts: Sequence[MappedPart]) -> Iterator[pa.Table]:
        """Role, cluster size, cluster and survivor of each document."""
        a, b = forest_of((batch.column("a").to_numpy(), batch.column("b").to_numpy()) for batch in reduced)
        clusters = clusters_of(a, b, parts, self.survivor, self.seed)
        for part in parts:
            yield clusters.verdict(part.number, part.index().num_rows)

    def apply(self, docs: Docs, row: int, verdict: pa.Table) -> Edited:
        """The facts of the batch; the rule removes the duplicates."""
        rows = verdict.slice(row, len(docs))
        return Edited({}, {name: rows.column(name).combine_chunks() for name in VERDICT.names})


def _index(docs: Docs) -> pa.RecordBatch:
    """What the choice of a survivor needs of each document: id, date, length, and a hash of where its record lies."""
    offsets = docs.column("offset").cast(pa.string())
    pointers = pc.binary_join_element_wise(
        docs.column("warc").cast(pa.string()), offsets, "\n", null_handling="replace"
    )
    characters = pc.fill_null(pc.utf8_length(docs.column("text")), 0).cast(pa.uint32())
    columns = [docs.column("id"), docs.column("date"), characters, string_hashes(pointers)]
    return pa.record_batch(columns, schema=INDEX)


def _stars(batch: pa.RecordBatch) -> tuple[Addresses, Addresses]:
    """Edges from the first document with a key to each other one that has it."""
    keys = batch.column("key").to_numpy()
    addresses = address(batch.column("part").to_numpy(), batch.column("row").to_numpy())
    first = np.ones(len(keys), np.bool_)
    first[1:] = keys[1:] != keys[:-1]
    centres = addresses[first][np.cumsum(first) - 1]
    return centres[~first], addresses[~first]
