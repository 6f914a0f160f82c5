"""Clusters of duplicates: the largest ones, how much is left of each domain and language, and sources that vanish.

Clusters are counted from a stage's rows.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from refinery.errors import UsageError
from refinery.inspect.group_counts import Count, Counted, KindCounts
from refinery.inspect.reader import RootReader, StageEntry, open_root
from refinery.inspect.rows import pieces
from refinery.kernels import parse_url
from refinery.root.receipts import Receipt
from refinery.stage import registry
from refinery.stage.documents import ID, LANG, id_bytes
from refinery.statistics.groups import KEPT
from refinery.statistics.origins import split_host

VANISHING_FROM, VANISHING_BELOW = 100, 0.05
"""A source nearly vanishes that has so many documents, and of them less than this share left."""

MEMBERS = 6
"""Removed documents of a cluster that are named."""

Ids = npt.NDArray[np.bytes_]
Codes = npt.NDArray[np.int64]


@dataclass
class Cluster:
    """Documents that were removed for one that stays: how many in all, from which hosts, and the URLs of some.

    ``url`` is that of the document that stays, None where it is not among the rows, as one of a reference root is.
    """

    survivor: str
    size: int
    hosts: Counter[str]
    url: str | None = None
    members: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Retained:
    """Documents of a domain or language that came to the stage, and those that it kept."""

    name: str
    documents: int
    kept: int

    @property
    def share(self) -> float:
        """Share of the documents that was kept."""
        return self.kept / self.documents

    @property
    def vanishes(self) -> bool:
        """True if almost nothing was kept of many documents."""
        return self.documents >= VANISHING_FROM and self.share < VANISHING_BELOW


@dataclass(frozen=True)
class Clusters:
    """The clusters of a stage: their number, those within one host, the largest; domains and languages by size."""

    stage: str
    documents: int
    kept: int
    clusters: int
    within: int
    sizes: tuple[tuple[int, int], ...]
    """Documents of a cluster (the power of two that they reach) and how many clusters have so many."""
    largest: tuple[Cluster, ...]
    domains: tuple[Retained, ...]
    languages: tuple[Retained, ...]

    @property
    def vanishing(self) -> tuple[Retained, ...]:
        """Domains of which almost nothing is left."""
        return tuple(domain for domain in self.domains if domain.vanishes)


def clusters(path: str, stage: str | None = None, count: int = 20) -> tuple[Clusters, ...]:
    """Return the clusters of the stages of a root that remove duplicates, or of one stage: the ``count`` largest.

    Memory is 24 bytes for each document of a cluster, and the names of all domains. Raises UsageError where no such
    stage has results or the rows that it has removed are not stored, StorageError for a damaged file.
    """
    reader = open_root(path)
    able = clustering(reader)
    chosen = [entry for entry in able if stage in (None, entry.name)]
    if not chosen:
        if stage is not None:
            reader.stage(stage)  # raises where there is none of this name
        which = f"stage {stage!r} has" if stage else "the finished stages have"
        names = ", ".join(entry.name for entry in able) or "none"
        raise UsageError(f"{which} no duplicate clusters", hint=f"stages of this root with clusters: {names}")
    results = []
    for entry in chosen:
        receipts = reader.receipts(entry)
        one = clusters_of(reader, entry, receipts, count)
        if one.documents < sum(receipt.rows["in"] - receipt.rows.get("skipped", 0) for receipt in receipts):
            raise UsageError(
                f"not all rows of {entry.name!r} are stored",
                hint="`write: every` and `keep_removed: metrics` in the recipe keep them",
            )
        results.append(one)
    return tuple(results)


def vanishing_domains(path: str, parts: Sequence[int] | None = None) -> dict[str, tuple[Retained, ...]]:
    """Return ``vanishing_domains_of`` the root at ``path``. Raises UsageError, StorageError."""
    return vanishing_domains_of(Counted(open_root(path), parts=parts))


def vanishing_domains_of(counted: Counted) -> dict[str, tuple[Retained, ...]]:
    """Return for each stage that removes duplicates the domains of which it leaves almost nothing.

    From what parts have counted; where a count is an estimate, what is kept is taken as high as it can be.
    """
    return {entry.name: _vanishing(counted.summary(entry, "domain")) for entry in counted.stages if _removes(entry)}


def _removes(entry: StageEntry) -> bool:
    kind = entry.manifest.kind
    return kind in registry.names() and bool(registry.stage_class(kind).survivor_field)


def _vanishing(domains: KindCounts) -> tuple[Retained, ...]:
    names = domains.names.filter(pc.greater_equal(domains.names["documents"], VANISHING_FROM))["name"].combine_chunks()
    domains_kept = []
    for name, outcomes in domains.counts(names).items():
        kept = outcomes.get(KEPT, Count()).upper[0]
        removed = sum(count.documents for outcome, count in outcomes.items() if outcome != KEPT)
        domains_kept.append(Retained(name, kept + removed, kept))
    vanishing = [one for one in domains_kept if one.name and one.vanishes]
    return tuple(sorted(vanishing, key=lambda one: (-one.documents, one.name)))


def clustering(reader: RootReader) -> list[StageEntry]:
    """Return the stages that have run and record survivors."""
    steps = reader.pipeline.steps
    return [entry for entry in reader.stages if steps[entry.position].stage.survivor_field]


def clusters_of(reader: RootReader, entry: StageEntry, receipts: Sequence[Receipt], count: int) -> Clusters:
    """Return the clusters of a stage, from the rows of some of its parts."""
    counting = _Counting(reader, entry, receipts)
    counting.read()
    return counting.result(count)


class _Counting:
    """One pass over the rows of a stage, removed ones first: those that stay for them are known then."""

    def __init__(self, reader: RootReader, entry: StageEntry, receipts: Sequence[Receipt]) -> None:
        self._reader, self._entry, self._receipts = reader, entry, receipts
        step = reader.pipeline.steps[entry.position]
        self._column, self._survivor = step.column, step.stage.survivor_field
        self._hosts: dict[str, int] = {}
        self._domains = {side: Counter[str]() for side in ("kept", "removed")}
        self._languages = {side: Counter[str]() for side in ("kept", "removed")}
        self._ids: list[Ids] = [np.empty(0, "S16")]
        self._codes: list[Codes] = [np.empty(0, np.int64)]

    def read(self) -> None:
        """Read all rows."""
        for side in ("removed", "kept"):
            survivors = np.unique(np.concatenate(self._ids))
            for batch in self._batches(side, ["id", "url", LANG.name, f"{self._column}.{self._survivor}"]):
                hosts = self._codes_of(batch)
                self._count(batch, side, hosts)
                if side == "removed":
                    named = _metrics(batch, self._column, self._survivor)
                    rows = np.flatnonzero(pc.is_valid(named).to_numpy(zero_copy_only=False))
                    ids = _bytes(named.take(pa.array(rows)))
                else:
                    ids = _bytes(batch.column("id"))
                    rows = np.flatnonzero(np.isin(ids, survivors))
                    ids = ids[rows]
                self._ids.append(ids)
                self._codes.append(hosts[rows])

    def _batches(self, side: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        for piece in pieces(self._reader, self._entry, (side,), columns, self._receipts):
            if {"id", self._column} <= set(piece.batch.schema.names):
                yield piece.batch

    def _codes_of(self, batch: pa.RecordBatch) -> Codes:
        """A number for the host of each row."""
        urls = batch.column("url").to_pylist() if "url" in batch.schema.names else [None] * len(batch)
        codes = [self._hosts.setdefault(parse_url(url or "").host, len(self._hosts)) for url in urls]
        return np.array(codes, np.int64)

    def _count(self, batch: pa.RecordBatch, side: str, hosts: Codes) -> None:
        names = list(self._hosts)
        for code, times in zip(*(column.tolist() for column in np.unique(hosts, return_counts=True)), strict=True):
            self._domains[side][split_host(names[code])[0]] += times
        if LANG.name in batch.schema.names:
            for value in pc.value_counts(batch.column(LANG.name)).to_pylist():
                self._languages[side][value["values"] or ""] += value["counts"]

    def result(self, count: int) -> Clusters:
        """Return the clusters, after a second pass for the largest ones."""
        ids, codes = np.concatenate(self._ids), np.concatenate(self._codes)
        order = np.argsort(ids, kind="stable")
        ids, codes = ids[order], codes[order]
        starts = np.flatnonzero(np.append(True, ids[1:] != ids[:-1])[: len(ids)])
        sizes = np.diff(np.append(starts, len(ids)))
        within = np.maximum.reduceat(codes, starts) == np.minimum.reduceat(codes, starts) if len(ids) else sizes
        chosen = np.lexsort((ids[starts], -sizes))[:count].tolist()
        names = list(self._hosts)
        largest = {}
        for cluster in chosen:
            start, size = int(starts[cluster]), int(sizes[cluster])
            hosts = Counter(names[code] for code in codes[start : start + size].tolist())
            identity = bytes(ids[start]).ljust(16, b"\0")  # NumPy leaves out zeros at the end
            largest[identity] = Cluster(identity.hex(), size, hosts)
        self._look_up(largest)
        kept, removed = (self._domains[side].total() for side in ("kept", "removed"))
        return Clusters(
            stage=self._entry.name,
            documents=kept + removed,
            kept=kept,
            clusters=len(starts),
            within=int(within.sum()),
            sizes=_sizes(sizes),
            largest=tuple(largest.values()),
            domains=_retained(self._domains),
            languages=_retained(self._languages),
        )

    def _look_up(self, largest: dict[bytes, Cluster]) -> None:
        """The URLs of the largest clusters."""
        wanted = pa.array(list(largest), ID.type)
        for side in ("removed", "kept") if largest else ():
            for batch in self._batches(side, ["id", "url", f"{self._column}.{self._survivor}"]):
                who = batch.column("id") if side == "kept" else _metrics(batch, self._column, self._survivor)
                rows = pc.indices_nonzero(pc.is_in(who, value_set=wanted))
                urls = batch.column("url").take(rows).to_pylist() if "url" in batch.schema.names else []
                for identity, url in zip(who.take(rows).to_pylist(), urls, strict=False):
                    cluster = largest[identity]
                    if side == "kept":
                        cluster.url = url
                    else:
                        cluster.members = heapq.nsmallest(MEMBERS, [*cluster.members, url or ""])


def _sizes(sizes: npt.NDArray[np.int64]) -> tuple[tuple[int, int], ...]:
    reached = Counter(1 << (size.bit_length() - 1) for size in sizes.tolist())
    return tuple(sorted(reached.items()))


def _metrics(batch: pa.RecordBatch, column: str, name: str) -> pa.Array:
    return pc.struct_field(batch.column(column), name)


def _retained(sides: Mapping[str, Counter[str]]) -> tuple[Retained, ...]:
    """Names by documents, those that have most first."""
    total = sides["kept"] + sides["removed"]
    ordered = sorted(total.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Retained(name, documents, sides["kept"][name]) for name, documents in ordered)


def _bytes(ids: pa.FixedSizeBinaryArray) -> Ids:
    return id_bytes(ids).view("S16").ravel()
