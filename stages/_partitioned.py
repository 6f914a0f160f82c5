"""Copies and clusters of minhash in rounds over ranges of keys, for more documents than one task should see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from refinery import ExcludePerPart, MappedPart, PerPart, Reduce, Regroup, Rounds, UntilStable
from refinery.stages._components import (
    SentEdges,
    both_graphs,
    contract,
    edge_rows,
    label,
    label_both,
    pair_labels,
    split_clusters,
    spread,
)
from refinery.stages._copies import equal_texts, excluded, texts
from refinery.stages._references import linked, with_survivors


@dataclass(frozen=True)
class InRanges:
    """The rounds that find copies, and those that find clusters from edges, by the fields of the stage."""

    within: bool
    max_cluster: int | None
    against: bool

    def copies(self) -> Rounds:
        """Return the rounds that exclude the documents that ``exclude`` does."""
        found = Reduce("copies", equal_texts, every_reference=True)
        return PerPart("texts", self.texts), found, ExcludePerPart("exclude", excluded)

    def clusters(self) -> Rounds:
        """Return the rounds that find the clusters that ``resolve`` does, by address."""
        links: Rounds = (Regroup("link", self.link, every_reference=True),) if self.against else ()
        joined = Regroup("contract", contract, every_reference=True)
        labels: Rounds = (Reduce("label", label),)
        if self.max_cluster is not None:
            labels = (Regroup("label", label_both), Regroup("pair", pair_labels), Reduce("split", self.split))
        repeated = UntilStable((Regroup("spread", spread), joined))
        return (PerPart("edges", self.edges), *links, joined, repeated, *labels)

    def texts(self, sent: pa.RecordBatchReader, part: MappedPart) -> pa.RecordBatchReader:
        """Return the hashes of the part's texts."""
        del sent
        return texts(part, new=self.within, reference=self.max_cluster is None)

    def edges(self, sent: pa.RecordBatchReader, part: MappedPart) -> pa.RecordBatchReader:
        """Return the edges of the part's documents; with ``against`` also what ``link`` looks survivors up by."""
        edges = SentEdges(sent, part, split=self.max_cluster is not None)
        rows = edge_rows(*edges.forest())
        if self.against:
            return with_survivors(rows, edges.met, part)
        return pa.Table.from_batches([rows.select(["key", "node", "other"])]).to_reader()

    def link(self, groups: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield edges, and those from removed reference documents to their survivors."""
        for batch in groups:
            known, a, b = linked(batch)
            yield known
            yield edge_rows(*both_graphs(a, b, None if self.max_cluster is None else np.ones(len(a), np.bool_)))

    def split(self, groups: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the cluster of each document; those of more than ``max_cluster`` are split."""
        assert self.max_cluster is not None
        return split_clusters(groups, self.max_cluster)
