"""Near-duplicate documents by MinHash LSH: every cluster keeps one document.

Two documents match if all rows of any band agree; clusters are the transitive closure. Nothing here looks at URLs.
Settings that have a name are in ``_profiles``, what becomes of a cluster in ``_clusters``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from refinery import ID, Asset, Docs, Edited, Explanation, Global, Mapped, MappedPart, Metric, Rule
from refinery.kernels import (
    UNICODE,
    band_keys,
    components,
    flat,
    forest_of,
    normalise,
    shingles,
    sketches,
    string_hashes,
    token_ids,
    word_ids,
)
from stages._clusters import (
    DUPLICATE,
    EXACT,
    INDEX,
    VERDICT,
    Numbers,
    Policy,
    address,
    choose,
    members,
    part_of,
    rows_of,
    verdict,
)
from stages._profiles import PROFILES, SKETCH, Name, Profile, Unit, explanation, match_probability

KEYS = pa.schema([("key", pa.uint64()), ("row", pa.uint32())])
EDGES = pa.schema([("a", pa.uint64()), ("b", pa.uint64())])


class MinHash(Global):
    """Keep one document of each cluster of near-duplicates.

    Texts are normalised and cut into tokens; the set of token n-grams is hashed ``bands`` times ``rows`` times.
    Clusters and survivors depend on the set of documents, not on their order or on how they are spread over parts.

    ``cluster`` is the smallest id of the cluster, ``survivor`` the id of the document that stays; both null if unique.
    Documents whose text is another's, byte for byte, are removed as ``exact``, all other removed ones as ``duplicate``.
    ``similarity`` to the survivor is estimated from sketches of both: for each byte the chance that two agree is
    (255 s + 1) / 256.

    Profiles: ``refinedweb``, 450 bands of 20 rows of GPT-2 5-grams (arXiv 2306.01116, G.3.1); ``dclm``, 93 of 15 (arXiv
    2406.11794, L.1); ``fineweb``, 14 of 8 of word 5-grams (arXiv 2406.17557, 3.4). Without a profile, all is free.

    ``resolve`` needs about 200 bytes of memory for each document that matches another one.
    """

    name: ClassVar = "minhash"
    version: ClassVar = 2
    source: ClassVar = "RefinedWeb §3.3, G.3.1"
    metrics: ClassVar = (
        Metric("role", pa.string(), "label", help="unique, survivor of a cluster, exact copy, or duplicate"),
        Metric("size", pa.uint32(), "count", "documents", "documents in the cluster, 1 if unique"),
        Metric(
            "similarity", pa.float32(), help="Jaccard similarity to the survivor, estimated; null if none or itself"
        ),
    )
    evidence: ClassVar = (pa.field("cluster", ID.type), pa.field("survivor", ID.type))
    depends: ClassVar = ("tiktoken",)
    map_fields: ClassVar = ("bands", "rows", "ngram", "unit", "seed", "sketch", "best", "merges")

    profile: Name | None = Field(None, description="sets bands, rows, ngram and unit as one who is known for it does")
    bands: int = Field(450, ge=1, le=65_536, description="groups of hashes; one that agrees makes a match")
    rows: int = Field(20, ge=1, le=1_024, description="hashes in a band, all of which must agree")
    ngram: int = Field(5, ge=1, description="tokens in a shingle")
    unit: Unit = Field("gpt2", description="what a token is; words lie between white space")
    seed: int = Field(1, ge=0, lt=2**32, description="of the hash functions and of the random survivor")
    survivor: Policy = Field(
        "random",
        description="which document of a cluster stays: any, the first or the newest crawled, the longest, or the best",
    )
    best: str | None = Field(
        None, description="fact of an earlier stage, such as language.score, the highest of which is the best"
    )
    sketch: int = Field(
        SKETCH, ge=16, le=1_024, description="bytes stored of each document to estimate similarities from"
    )
    merges: Asset = Field(Asset("gpt2.bpe"), description="merge list of the tokenizer")

    @model_validator(mode="before")
    @classmethod
    def _as_the_profile_says(cls, given: Any) -> Any:
        """Fill in what the profile sets. What it does not set, and nothing else, may be set besides."""
        profile = PROFILES.get(given.get("profile", "")) if isinstance(given, dict) else None
        if profile is None:
            return given
        wanted = profile.fields()
        for name in wanted.keys() & given.keys():
            if given[name] != wanted[name]:
                raise ValueError(
                    f"profile {given['profile']} has {name} {wanted[name]}, not {given[name]}; "
                    "leave the profile out to choose freely"
                )
        return {**given, **wanted}

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

    @model_validator(mode="after")
    def _best_of_what(self) -> MinHash:
        if (self.survivor == "best") != (self.best is not None):
            raise ValueError("survivor: best and best: STAGE.FACT go together")
        return self

    def versions(self) -> dict[str, str]:
        """The Unicode tables that decide what is punctuation or an accent."""
        return {"unicode": UNICODE}

    def wants(self) -> tuple[str, ...]:
        """The text, and the fact that tells the best."""
        return (*self.reads, *([self.best] if self.best else []))

    def rules(self) -> tuple[Rule, ...]:
        """Copies and duplicates go; their survivor stays."""
        return (
            Rule(
                "exact",
                "role",
                "A document with the same text is kept, or is itself a near-duplicate.",
                not_in=(EXACT,),
            ),
            Rule("duplicate", "role", "A near-duplicate of it is kept.", not_in=(DUPLICATE,)),
        )

    def explain(self) -> Explanation:
        """The chance that a pair of documents of each similarity is found, and what is stored of a document."""
        return explanation(self.shape(), self.profile)

    def shape(self) -> Profile:
        """The settings on which that depends."""
        return Profile(self.bands, self.rows, self.unit, self.ngram, None, self.sketch)

    def map(self, docs: Docs, row: int) -> Mapped:
        """One key for each band of each document; where there is no token one of the text, unless that is empty."""
        texts = normalise(docs.column("text"))
        tokens = word_ids(texts) if self.unit == "words" else token_ids(texts, self.merges.path())
        sets = shingles(tokens, self.ngram)
        keys, offsets = flat(band_keys(sets, self.bands, self.rows, self.seed))
        index = self._index(docs, sets)
        places = np.arange(row, row + len(docs), dtype=np.uint32)
        counts = np.diff(offsets)
        alone = (counts == 0) & (index.column("characters").to_numpy() > 0)
        columns = [
            np.concatenate([keys, index.column("content").to_numpy()[alone]]),
            np.concatenate([np.repeat(places, counts), places[alone]]),
        ]
        return Mapped(pa.record_batch([pa.array(column) for column in columns], schema=KEYS), index)

    def _index(self, docs: Docs, sets: pa.ListArray) -> pa.RecordBatch:
        """What the choice of a survivor needs of each document."""
        offsets = docs.column("offset").cast(pa.string())
        pointers = pc.binary_join_element_wise(
            docs.column("warc").cast(pa.string()), offsets, "\n", null_handling="replace"
        )
        text = docs.column("text")
        characters = pc.fill_null(pc.utf8_length(text), 0).cast(pa.uint32())
        columns = [docs.column("id"), docs.column("date"), characters, string_hashes(pointers), string_hashes(text)]
        names = list(INDEX)
        if self.best:
            columns.append(docs.column(self.best).cast(pa.float64()))
            names.append(pa.field("value", pa.float64()))
        columns.append(sketches(sets, self.sketch, self.seed))
        return pa.record_batch(columns, schema=pa.schema([*names, pa.field("sketch", pa.binary(self.sketch))]))

    def reduce(self, groups: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Edges between documents with equal keys, thinned to a spanning forest of the key range."""
        a, b = forest_of(_stars(batch) for batch in groups)
        yield pa.record_batch([pa.array(a), pa.array(b)], schema=EDGES)

    def resolve(self, reduced: Iterator[pa.RecordBatch], parts: Sequence[MappedPart]) -> Iterator[pa.Table]:
        """Role, cluster size, likeness, cluster and survivor of each document."""
        a, b = forest_of((batch.column("a").to_numpy(), batch.column("b").to_numpy()) for batch in reduced)
        nodes, labels = components(a, b)
        chosen = choose(self._members(nodes, labels, parts))
        owners = part_of(chosen.column("key").to_numpy())
        for part in parts:
            mine = chosen.filter(pa.array(owners == part.number))
            yield verdict(mine, part.index().num_rows)

    def _members(self, nodes: Numbers, labels: Numbers, parts: Sequence[MappedPart]) -> pa.Table:
        found = []
        owners = part_of(nodes)
        for part in parts:
            mine = owners == part.number
            rows = pa.table({"row": pa.array(rows_of(nodes[mine])), "key": pa.array(labels[mine])})
            table = members(rows, part.index(), self.survivor, self.seed)
            found.append(table.append_column("part", pa.array(np.full(len(rows), part.number, np.uint32))))
        return pa.concat_tables(found)

    def apply(self, docs: Docs, row: int, verdict: pa.Table) -> Edited:
        """The facts of the batch; the rules remove copies and duplicates."""
        rows = verdict.slice(row, len(docs))
        return Edited({}, {name: rows.column(name).combine_chunks() for name in VERDICT.names})


def _stars(batch: pa.RecordBatch) -> tuple[Numbers, Numbers]:
    """Edges from the first document with a key to each other one that has it."""
    keys = batch.column("key").to_numpy()
    addresses = address(batch.column("part").to_numpy(), batch.column("row").to_numpy())
    first = np.ones(len(keys), np.bool_)
    first[1:] = keys[1:] != keys[:-1]
    centres = addresses[first][np.cumsum(first) - 1]
    return centres[~first], addresses[~first]
