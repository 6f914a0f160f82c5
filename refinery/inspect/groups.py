"""Survival by domain, suffix, language or month: documents and tokens read and kept, and what removed the others.

Read from the counts that parts have stored, so no rows are read. A count is exact, or it is the least and ``most`` is
the most that it can be. What a row is about:

- ``domain``, ``suffix`` and ``month`` are those of the record: known from the source on, at every stage.
- ``language`` is the one that a stage has identified. Stages before it are left out, for nothing is known there; at the
  stage itself the documents that it removes are counted under the language that it found.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from refinery.errors import StorageError, UsageError, did_you_mean
from refinery.inspect.counts import chosen_stages
from refinery.inspect.reader import RootReader, StageEntry, open_root
from refinery.statistics.group_files import merge, read_merged
from refinery.statistics.groups import KEPT, KINDS, largest_error
from refinery.statistics.origins import NONE

Pair = tuple[int, int]
"""Documents and tokens."""


@dataclass(frozen=True)
class Count:
    """Documents and tokens: exactly, or at least so many and at ``most`` as many."""

    documents: int = 0
    tokens: int = 0
    most: Pair | None = None

    def __add__(self, other: Count) -> Count:
        both = Count(self.documents + other.documents, self.tokens + other.tokens)
        return both if self.most is other.most is None else both.upto(_plus(self.upper, other.upper))

    @property
    def upper(self) -> Pair:
        """The most that it can be."""
        return self.most or (self.documents, self.tokens)

    def upto(self, most: Pair) -> Count:
        """Return the same with an upper bound, which is left out where it is the count itself."""
        exact = most == (self.documents, self.tokens)
        return Count(self.documents, self.tokens, None if exact else most)


def documents(count: Count) -> str:
    """Return how many documents, marked where that is an estimate."""
    return f"{'≈' if count.most else ''}{count.documents:,}"


def tokens(count: Count) -> str:
    """Return how many tokens, marked where that is an estimate."""
    return f"{'≈' if count.most else ''}{count.tokens:,}"


@dataclass(frozen=True)
class GroupOutcomes:
    """A group at one stage: what was kept, and what was removed by reason."""

    stage: str
    kept: Count
    removed: Mapping[str, Count]

    @property
    def given(self) -> Count:
        """Documents that came to the stage; their tokens as they are counted behind it."""
        return sum(self.removed.values(), self.kept)


@dataclass(frozen=True)
class GroupCounts:
    """A domain, suffix, language or month: what was read of it, and its outcomes at each stage."""

    name: str
    read: Count
    stages: tuple[GroupOutcomes, ...]
    since: int = 0
    """The first of the stages that removed documents of it: the one behind the source."""

    @property
    def kept(self) -> Count:
        """Documents that the last stage kept."""
        return self.stages[-1].kept

    @property
    def reasons(self) -> list[tuple[str, str, Count]]:
        """Stage, reason and count of all removals, the commonest first."""
        after = self.stages[self.since :]
        removals = [(s.stage, reason, count) for s in after for reason, count in s.removed.items()]
        order = {stage.stage: place for place, stage in enumerate(self.stages)}
        return sorted(removals, key=lambda one: (-one[2].documents, order[one[0]], one[1]))

    @property
    def share(self) -> float | None:
        """The share of the documents read that is kept; None where none were."""
        return min(1.0, self.kept.documents / self.read.documents) if self.read.documents else None

    @property
    def exact(self) -> bool:
        """True if no count is an estimate."""
        counts = [self.read, *(count for s in self.stages for count in (s.kept, *s.removed.values()))]
        return all(count.most is None for count in counts)


def survived(group: GroupCounts) -> str:
    """Return the share that was kept, marked where it is an estimate."""
    mark = "≈" if group.kept.most or group.read.most else ""
    return "–" if group.share is None else f"{mark}{group.share:.1%}"


@dataclass(frozen=True)
class Survival:
    """Groups of one kind at the stages ``stages``, those with the most documents first."""

    dataset: str
    by: str
    stages: tuple[str, ...]
    names: int
    """Number of groups that are counted each for itself."""
    groups: tuple[GroupCounts, ...]
    others: GroupCounts | None
    """Documents that no group's count includes, where there are too many groups to count each: exactly so many."""


def survival(
    path: str,
    by: str,
    *,
    first: str | None = None,
    until: str | None = None,
    parts: Sequence[int] | None = None,
    count: int | None = None,
) -> Survival:
    """Return the survival of groups in the root at ``path``: of the ``count`` largest, or of all.

    ``by`` is one of KINDS. Of the stages ``first`` to ``until`` and of some parts, as ``read_counts`` does. Raises
    UsageError for what the root does not have, StorageError for damaged counts.
    """
    if by not in KINDS:
        raise UsageError(f"documents are not counted by {by!r}", hint=did_you_mean(by, KINDS))
    reader = open_root(path)
    return survival_of(Counted(reader, chosen_stages(reader, first, until, parts), parts), by, count=count)


class Counted:
    """The counts of some stages and parts of a root; each stage's are read once."""

    def __init__(
        self, reader: RootReader, stages: Sequence[StageEntry] | None = None, parts: Sequence[int] | None = None
    ) -> None:
        self.reader = reader
        self.stages = reader.stages if stages is None else stages
        self._parts = parts
        self._tables: dict[str, pa.Table] = {}

    def summary(self, entry: StageEntry, kind: str) -> KindCounts:
        """The counts of one kind at one stage."""
        if entry.name not in self._tables:
            self._tables[entry.name] = _table(self.reader, entry, self._parts)
        table = self._tables[entry.name]
        return KindCounts(table.filter(pc.equal(table["kind"], kind)))

    def of(self, kind: str) -> list[tuple[StageEntry, KindCounts]]:
        """The stages with their counts of one kind, from the first on at which a document has a name of it."""
        counts = [(entry, self.summary(entry, kind)) for entry in self.stages]
        known = next((place for place, (_, one) in enumerate(counts) if one.is_known), len(counts))
        return counts[known:]


def _table(reader: RootReader, entry: StageEntry, parts: Sequence[int] | None) -> pa.Table:
    manifest = entry.manifest
    if parts is None:
        merged = None
        with contextlib.suppress(StorageError):  # the parts have what a damaged file had; `verify` reports it
            merged = read_merged(reader.root, entry.folder, manifest.identity, manifest.parts)
        return merge(reader.root, reader.receipts(entry)) if merged is None else merged
    wanted = set(parts)
    return merge(reader.root, [receipt for receipt in reader.receipts(entry) if receipt.part in wanted])


class KindCounts:
    """The counts of one kind at one stage."""

    def __init__(self, counts: pa.Table) -> None:
        nameless = pc.is_null(counts["name"])
        self._largest_error = largest_error(counts)
        self._named = counts.filter(pc.invert(nameless))
        rows = counts.filter(nameless).to_pylist()
        self.others = {r["outcome"]: (r["documents"], r["tokens"]) for r in rows if r["outcome"] is not None}

    @property
    def is_known(self) -> bool:
        """True if a document has a name of this kind."""
        return bool(self.others or pc.any(pc.not_equal(self._named["name"], NONE)).as_py())

    @property
    def names(self) -> pa.Table:
        """``name`` and ``documents`` that came to the stage, those left out excluded."""
        return _sums(self._named.filter(pc.is_valid(self._named["outcome"])))

    @property
    def kept(self) -> pa.Table:
        """``name``, and the ``documents`` and ``tokens`` that were kept."""
        return _sums(self._named.filter(pc.equal(self._named["outcome"], KEPT)))

    def counts(self, names: pa.Array) -> dict[str, dict[str, Count]]:
        """The counts of some names, by outcome."""
        sure: dict[str, dict[str, Pair]] = {name: {} for name in names.to_pylist()}
        lacking = dict.fromkeys(sure, self._largest_error)
        for row in self._named.filter(pc.is_in(self._named["name"], value_set=names)).to_pylist():
            pair = row["documents"], row["tokens"]
            if row["outcome"] is None:
                lacking[row["name"]] = _minus(self._largest_error, pair)
            else:
                sure[row["name"]][row["outcome"]] = pair
        return {name: self._estimated(pairs, lacking[name]) for name, pairs in sure.items()}

    def _estimated(self, pairs: Mapping[str, Pair], lacking: Pair) -> dict[str, Count]:
        counts = {}
        for outcome in sorted({*pairs, *(self.others if lacking != (0, 0) else ())}):
            pair, others = pairs.get(outcome, (0, 0)), self.others.get(outcome, (0, 0))
            most = _plus(pair, (min(lacking[0], others[0]), min(lacking[1], others[1])))
            counts[outcome] = Count(*pair).upto(most)
        return counts


def _sums(rows: pa.Table) -> pa.Table:
    sums = rows.group_by("name", use_threads=False).aggregate([("documents", "sum"), ("tokens", "sum")])
    return sums.rename_columns({"documents_sum": "documents", "tokens_sum": "tokens"})


def survival_of(counted: Counted, by: str, *, count: int | None = None, order: str = "found") -> Survival:
    """Return the survival of the ``count`` groups with the most documents ``found``, or most tokens ``kept``."""
    known = counted.of(by)
    dataset = counted.reader.head.dataset
    if not known:
        return Survival(dataset, by, (), 0, (), None)
    (start, opening), ending = known[0], known[-1][1]
    at_source = start.position == 0
    names = _ordered([summary for _, summary in known], (opening if order == "found" else ending), order, at_source)
    chosen = names if count is None else names.slice(0, count)
    by_stage = [(entry.name, summary.counts(chosen)) for entry, summary in known]
    groups = tuple(_group(name, by_stage, at_source) for name in chosen.to_pylist())
    others = [(h.name, {"": {o: Count(*pair) for o, pair in s.others.items()}}) for h, s in known]
    left_out = any(counts[""] for _, counts in others)
    return Survival(
        dataset,
        by,
        tuple(entry.name for entry, _ in known),
        len(names),
        groups,
        _group("", others, at_source) if left_out else None,
    )


def _ordered(summaries: Sequence[KindCounts], first: KindCounts, order: str, at_source: bool) -> pa.Array:
    """All names, the largest first."""
    every = pc.unique(pa.chunked_array([summary.names["name"].combine_chunks() for summary in summaries]))
    sizes = first.names if order == "found" and not at_source else first.kept
    unit = "documents" if order == "found" else "tokens"
    place = pc.index_in(every, value_set=sizes["name"].combine_chunks())
    size = pc.fill_null(sizes[unit].combine_chunks().take(place), 0)
    table = pa.table({"name": every, "size": size}).sort_by([("size", "descending"), ("name", "ascending")])
    return table["name"].combine_chunks()


def _group(
    name: str, by_stage: Sequence[tuple[str, Mapping[str, Mapping[str, Count]]]], at_source: bool
) -> GroupCounts:
    stages = tuple(_stage(stage, counts[name]) for stage, counts in by_stage)
    return GroupCounts(name, stages[0].kept if at_source else stages[0].given, stages, int(at_source))


def _stage(stage: str, outcomes: Mapping[str, Count]) -> GroupOutcomes:
    removed = {outcome: count for outcome, count in outcomes.items() if outcome != KEPT}
    return GroupOutcomes(stage, outcomes.get(KEPT, Count()), removed)


def _plus(a: Pair, b: Pair) -> Pair:
    return a[0] + b[0], a[1] + b[1]


def _minus(a: Pair, b: Pair) -> Pair:
    return a[0] - b[0], a[1] - b[1]
