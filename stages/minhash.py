"""Near-duplicate documents by MinHash LSH: every cluster keeps one document.

Two documents match if all rows of any band agree; clusters are the transitive closure. Nothing here looks at URLs.
Settings that have a name are in ``_profiles``, the choice of survivors in ``_clusters``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator, model_validator

from refinery import (
    Conclude,
    Docs,
    Edited,
    Exclude,
    Explanation,
    Mapped,
    MappedPart,
    Metric,
    PerPart,
    Reduce,
    Round,
    Rounds,
    Rule,
    Scatter,
    UsageError,
    tuning,
)
from refinery.kernels import (
    band_keys,
    flat,
    forest_of,
    mix64,
    normalise,
    shingles,
    sketches,
    string_hashes,
    token_ids,
    word_ids,
)
from refinery.stages._candidates import groups_of, stars, verified, with_reference, with_sketches
from refinery.stages._clusters import (
    DUPLICATE,
    EXACT,
    INDEX,
    VERDICT,
    Policy,
    choose,
    members,
    verdict,
)
from refinery.stages._components import of_part
from refinery.stages._copies import PLACE_BYTES, SORTED_BYTES, Numbering, copies
from refinery.stages._labels import check_label, label_hashes, labelled
from refinery.stages._partitioned import InRanges
from refinery.stages._profiles import (
    MIN_SIMILARITY,
    PROFILES,
    SKETCH,
    Name,
    Profile,
    Unit,
    enough_shared,
    explanation,
    match_probability,
    sent_bytes,
    stored_bytes,
)
from refinery.stages._references import LINK_BYTES, decided
from refinery.stages._resolving import AllEdges, edges_between, joined, split
from refinery.stages._tokens import ComparesTokens

KEYS = pa.schema([("key", pa.uint64()), ("row", pa.uint32())])
"""A row for each band of a document. Keys depend on the text and on ``map_fields`` alone."""

UNIONS_BASE = 2**26
"""Bytes of memory besides what grows with the documents: batches of edges on their way."""


class MinHash(ComparesTokens):
    """Keep one document of each cluster of near-duplicates.

    Texts are normalised and cut into tokens; the set of token n-grams is hashed ``bands`` times ``rows`` times.
    Clusters and survivors depend on the set of documents, not on their order or on how they are spread over parts.

    ``cluster`` is the smallest id of the cluster, ``survivor`` the id of the document that stays; both null if unique.
    Documents whose text is another's, byte for byte, are removed as ``exact``, all other removed ones as ``duplicate``.
    ``similarity`` to the survivor is estimated from sketches of both: for each byte the chance that two agree is
    (255 s + 1) / 256.

    Profiles: ``refinedweb``, 450 bands of 20 rows of GPT-2 5-grams (arXiv 2306.01116, G.3.1); ``dclm``, 93 of 15 (arXiv
    2406.11794, L.1); ``fineweb``, 14 of 8 of word 5-grams (arXiv 2406.17557, 3.4); ``verified``, 28 of 8, and of the
    pairs found only those with a similarity of .725 by sketches of 256 bytes. Without a profile, all fields are free.

    With ``by: lang`` the documents of each language are deduplicated as if there were no others.

    With ``against`` a new document is removed if it matches, directly or over other new ones, any document of those
    roots, whose stored map output and verdicts are read. With ``within: false`` new documents are not compared with
    each other, and only direct matches count. Documents kept in a reference root always stay: one is the ``survivor``,
    by the policy if there are several. The best new document of such a cluster lists as ``supersedes`` the reference
    documents that a decision over all documents would remove; if its own ``survivor`` is among them, that decision
    would keep it. ``max_cluster`` counts new documents, and reference documents with keys of theirs.

    Two tasks see all documents: ``exclude`` finds equal texts, of which one takes part for all in what follows, within
    ``memory`` and 4 bytes for any document; ``resolve`` sees all edges, 4 bytes for each document that matches another
    one and a fifth of a byte for any. All others keep to ``memory``, but for a key or a cluster that has more rows. For
    more than ``one_task`` documents rounds over ranges of keys find the same, and no task sees all documents.
    """

    name: ClassVar = "minhash"
    version: ClassVar = 6
    source: ClassVar = "RefinedWeb §3.3, G.3.1"
    metrics: ClassVar = (
        Metric("role", pa.string(), "label", help="unique, survivor of a cluster, exact copy, or duplicate"),
        Metric("size", pa.uint32(), "count", "documents", "documents in the cluster, 1 if unique"),
        Metric(
            "similarity", pa.float32(), help="Jaccard similarity to the survivor, estimated; null if none or itself"
        ),
    )
    evidence: ClassVar = tuple(VERDICT.field(name) for name in ("cluster", "survivor", "supersedes"))
    survivor_field: ClassVar = "survivor"
    matches: ClassVar = "near-duplicates"
    map_fields: ClassVar = ("bands", "rows", "ngram", "unit", "words", "seed", "sketch", "best", "by", "merges")

    profile: Name | None = Field(None, description="sets bands, rows, ngram and unit as one who is known for it does")
    bands: int = Field(450, ge=1, le=65_536, description="groups of hashes; one that agrees makes a match")
    rows: int = Field(20, ge=1, le=1_024, description="hashes in a band, all of which must agree")
    ngram: int = Field(5, ge=1, description="tokens in a shingle")
    unit: Unit = Field("gpt2", description="what a token is")
    seed: int = Field(1, ge=0, lt=2**32, description="of the hash functions and of the random survivor")
    survivor: Policy = Field(
        "random",
        description="which document of a cluster stays: any, the first or the newest crawled, the longest, or the best",
    )
    best: str | None = Field(
        None, description="metric of an earlier stage, such as language.score, the highest of which is the best"
    )
    by: str | None = Field(
        None,
        description="column of labels, such as lang, or STAGE.METRIC: documents are compared with those of the same "
        "label only; null: with all",
    )
    sketch: int = Field(
        SKETCH, ge=16, le=1_024, description="bytes stored of each document to estimate similarities from"
    )
    verify: bool = Field(default=False, description="join only pairs whose sketches are similar")
    min_similarity: float = Field(
        MIN_SIMILARITY, gt=0, le=1, description="least similarity, as estimated, of pairs that are verified"
    )
    max_cluster: int | None = Field(
        None, ge=2, description="in clusters of more documents only verified pairs stay together; null: any size"
    )

    one_task: int = tuning(
        10**8,
        ge=0,
        description="most documents, reference ones included, of which copies and clusters are found in one task each; "
        "of more they are found in rounds over ranges of keys, with the same result",
    )

    @model_validator(mode="before")
    @classmethod
    def _with_profile(cls, given: Any) -> Any:
        """Fill in the fields that the profile sets. They may be set to its values only."""
        name = given.get("profile") if isinstance(given, dict) else None
        profile = PROFILES.get(name) if isinstance(name, str) else None
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

    @field_validator("against", mode="before")
    @classmethod
    def _listed(cls, given: Any) -> Any:
        """Accept a list: JSON has no tuples, and a validator before this one has lost where the value comes from."""
        return tuple(given) if isinstance(given, list) else given

    @model_validator(mode="after")
    def _must_find_near_duplicates(self) -> MinHash:
        """Refuse a shape that misses near-duplicates: RefinedWeb's §3.3 has 20 bands of 450, its appendix 450 of 20."""
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
            raise ValueError("survivor: best and best: STAGE.METRIC go together")
        return self

    @model_validator(mode="after")
    def _verified_once(self) -> MinHash:
        if self.verify and self.max_cluster is not None:
            raise ValueError(
                "max_cluster splits clusters by verification, and with verify: true all pairs are verified"
            )
        return self

    def wants(self) -> tuple[str, ...]:
        """Return the text, the metric of which the highest is the best, and the labels."""
        return (*self.reads, *filter(None, (self.best, self.by)))

    def check_columns(self, given: pa.Schema) -> None:
        """Raise UsageError for a ``best`` that is no number, or a ``by`` that has no labels."""
        if self.by:
            check_label(given, "by", self.by)
        column, _, metric = (self.best or "").partition(".")
        kind = given.field(column).type.field(metric).type if metric else pa.float64()
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
            raise UsageError(f"best: {self.best} is no number but {kind}", hint="choose a metric with an order")

    def rules(self) -> tuple[Rule, ...]:
        """Return the rules that remove copies and duplicates; their survivor stays."""
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
        """Return the chance that a pair of documents is found, by similarity, and the bytes stored of a document."""
        return explanation(self.shape(), self.profile, self.min_similarity)

    def shape(self) -> Profile:
        """Return the settings on which that depends."""
        return Profile(self.bands, self.rows, self.unit, self.ngram, self.verify, self.sketch)

    def map(self, docs: Docs, row: int) -> Mapped:
        """Return a key for each band of a document, or a key of the text if it has characters and no token."""
        texts = normalise(docs.column("text"))
        tokens = word_ids(texts, self.cuts(docs)) if self.unit == "words" else token_ids(texts, self.merges.path())
        sets = shingles(tokens, self.ngram)
        keys, offsets = flat(band_keys(sets, self.bands, self.rows, self.seed))
        index = self._index(docs, sets)
        places = np.arange(row, row + len(docs), dtype=np.uint32)
        counts = np.diff(offsets)
        if self.by:
            keys = labelled(keys, np.repeat(label_hashes(docs, self.by), counts))
        alone = (counts == 0) & (index.column("characters").to_numpy() > 0)
        columns = [
            np.concatenate([keys, index.column("content").to_numpy()[alone]]),
            np.concatenate([np.repeat(places, counts), places[alone]]),
        ]
        return Mapped(pa.record_batch([pa.array(column) for column in columns], schema=KEYS), index)

    def _index(self, docs: Docs, sets: pa.ListArray) -> pa.RecordBatch:
        """Return the index columns by which survivors are chosen."""
        offsets = docs.column("offset").cast(pa.string())
        pointers = pc.binary_join_element_wise(
            docs.column("warc").cast(pa.string()), offsets, "\n", null_handling="replace"
        )
        text = docs.column("text")
        characters = pc.fill_null(pc.utf8_length(text), 0).cast(pa.uint32())
        contents = string_hashes(text).to_numpy()
        if self.by:
            contents = np.where(characters, labelled(contents, label_hashes(docs, self.by)), contents)
        columns = [docs.column("id"), docs.column("date"), characters, string_hashes(pointers), pa.array(contents)]
        names = list(INDEX)
        if self.best:
            columns.append(docs.column(self.best).cast(pa.float64()))
            names.append(pa.field("value", pa.float64()))
        columns.append(sketches(sets, self.sketch, self.seed))
        return pa.record_batch(columns, schema=pa.schema([*names, pa.field("sketch", pa.binary(self.sketch))]))

    def rounds(self) -> tuple[Round, ...]:
        """Return the rounds: copies, edges (verified ones from candidates), clusters, survivors, verdicts."""
        copies, clusters = Exclude("exclude", self.exclude), Scatter("resolve", self.resolve)
        return (copies, *self._pairs(), clusters, PerPart("gather", self.gather), *self._verdicts())

    def forms(self, documents: int) -> tuple[Rounds, ...]:
        """Return the rounds with two tasks that see all documents, and without; the latter first for more documents."""
        ranges = InRanges(self.within, self.max_cluster, bool(self.against))
        ends = (PerPart("gather", self.gather_labelled), *self._verdicts())
        forms = (self.rounds(), (*ranges.copies(), *self._pairs(), *ranges.clusters(), *ends))
        return forms if documents <= self.one_task else forms[::-1]

    def form_of(self, documents: int) -> str:
        """Return which form is taken, and why."""
        if documents <= self.one_task:
            return f"copies and clusters in one task each: {documents:,} documents, one_task allows {self.one_task:,}"
        return f"copies and clusters over ranges of keys: {documents:,} documents, one_task allows {self.one_task:,}"

    def _pairs(self) -> tuple[Round, ...]:
        if not self.compares:
            return (Reduce("reduce", self.reduce),)
        found, attached = Reduce("candidates", self.candidates), PerPart("attach", self.attach)
        return found, attached, Reduce("compare", self.compare)

    def _verdicts(self) -> tuple[Round, ...]:
        return Reduce("choose", self.choose), Conclude("conclude", self.conclude)

    @property
    def compares(self) -> bool:
        """True if pairs are verified."""
        return self.verify or self.max_cluster is not None

    def exclude(self, parts: Sequence[MappedPart]) -> Iterator[pa.Table]:
        """Yield the documents for which another one with the same text takes part."""
        return copies(parts, self.memory, new=self.within, reference=self.max_cluster is None)

    def reduce(self, groups: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield edges between documents with equal keys, thinned to a spanning forest of the key range."""
        yield edges_between(*forest_of(stars(batch) for batch in self._comparable(groups)))

    def candidates(self, groups: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the documents that share a key of the range with others, for each set of them."""
        yield groups_of(self._comparable(groups))

    def _comparable(self, groups: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return groups if self.within else with_reference(groups)

    def attach(self, sent: pa.RecordBatchReader, part: MappedPart) -> pa.RecordBatchReader:
        """Return the sketches of the part's candidates, by the group in which they are compared."""
        return with_sketches(sent.read_all(), part, self.sketch)

    def compare(self, groups: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield edges between candidates with similar sketches, and unless ``verify`` between all of a group."""
        batches = list(groups)
        least = enough_shared(self.min_similarity, self.sketch)
        yield edges_between(*forest_of(verified(batch, least, among=self.within) for batch in batches))
        if not self.verify:
            yield edges_between(*forest_of(stars(batch) for batch in batches), verified=False)

    def resolve(self, reduced: Iterable[pa.RecordBatch], parts: Sequence[MappedPart]) -> Iterator[pa.Table]:
        """Yield the cluster of each document that has an edge, as ``row`` and ``key``."""
        numbers = Numbering(parts)
        edges = AllEdges(reduced, parts, numbers)
        unions = joined(edges, numbers.documents)
        if self.max_cluster is not None:
            unions = split(edges, numbers.documents, unions, self.max_cluster)
        for part in parts:
            rows, clusters = unions.clusters(numbers.first(part.number), part.documents)
            yield pa.table({"row": pa.array(rows), "key": pa.array(mix64(clusters))})

    def needs(self, documents: int, rows: int) -> int:
        """Return the memory of copies, or of clusters: 4 bytes a document with an edge and .2 for any, or more."""
        if documents > self.one_task:
            return UNIONS_BASE + self.memory
        nodes = 4 * min(documents, 2 * rows) + documents // 5
        linked = LINK_BYTES * min(documents, 2 * rows) if self.against else 0
        unions = nodes * (1 if self.max_cluster is None else 3) + linked
        return UNIONS_BASE + max(unions, PLACE_BYTES * documents + min(self.memory, SORTED_BYTES * documents))

    def shuffles(self, documents: int, text: int) -> int:
        """Return the bytes of the keys; later rounds send less, about documents that match others."""
        del text
        return documents * sent_bytes(self.shape())

    def stores(self, documents: int, text: int) -> int:
        """Return the bytes of the keys and the index."""
        del text
        return documents * stored_bytes(self.shape())

    def gather(self, clusters: pa.RecordBatchReader, part: MappedPart) -> pa.RecordBatchReader:
        """Return the documents of clusters, sorted by cluster, with the columns that decide which stays."""
        found = members(clusters.read_all(), part, self.survivor, self.seed)
        return (decided(found, part) if self.against else found).to_reader()

    def gather_labelled(self, clusters: pa.RecordBatchReader, part: MappedPart) -> pa.RecordBatchReader:
        """Return the same where clusters come by address."""
        return self.gather(of_part(clusters).to_reader(), part)

    def choose(self, groups: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield role, size, similarity, cluster and survivor of each document of whole clusters, by its address."""
        for batch in groups:
            yield from choose(batch).combine_chunks().to_batches()

    def conclude(self, chosen: pa.RecordBatchReader, part: MappedPart) -> pa.Table:
        """Return the verdict of a part: documents outside every cluster are ``unique``."""
        return verdict(chosen.read_all(), part.documents)

    def apply(self, docs: Docs, row: int, verdict: pa.Table) -> Edited:
        """Return the metrics of the batch; the rules remove copies and duplicates."""
        rows = verdict.slice(row, len(docs))
        return Edited({}, {name: rows.column(name).combine_chunks() for name in VERDICT.names})
