"""Survival by domain, suffix, language or month: documents and tokens read and kept, and what removed the others.

Read from the counts that parts have stored, so no rows are read. A count is exact, or it is the least and ``most`` is
the most that it can be. What a row is about:

- ``domain``, ``suffix`` and ``month`` are those of the record: known from the source on, at every stage.
- ``language`` is the one that a stage has identified. Stages before it are left out, for nothing is known there; at the
  stage itself the documents that it removes are counted under the language that it found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from refinery.errors import UsageError, did_you_mean
from refinery.inspect.counts import chosen_stages
from refinery.inspect.group_counts import Count, Counted, KindCounts
from refinery.inspect.reader import open_root
from refinery.statistics.groups import KEPT, KINDS


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
    kept: Count
    """Documents and tokens of all groups that the last stage kept, those left out of ``groups`` included."""

    def share(self, group: GroupCounts) -> float | None:
        """Return the group's share of all tokens that are kept, or of all documents where no tokens are counted."""
        part, whole = (
            (group.kept.tokens, self.kept.tokens)
            if self.kept.tokens
            else (
                group.kept.documents,
                self.kept.documents,
            )
        )
        return part / whole if whole else None


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


def survival_of(counted: Counted, by: str, *, count: int | None = None, order: str = "found") -> Survival:
    """Return the survival of the ``count`` groups with the most documents ``found``, or most tokens ``kept``.

    Languages that the stage which identifies them keeps come before others: there may be many that nobody wants.
    """
    known = counted.of(by)
    dataset = counted.reader.head.dataset
    if not known:
        return Survival(dataset, by, (), 0, (), None, Count())
    (start, opening), ending = known[0], known[-1][1]
    at_source = start.position == 0
    found = opening.kept if at_source else opening.names
    sizes = {"documents": found} if order == "found" else {"tokens": ending.kept}
    if by == "language":
        sizes = {"kept": opening.kept.rename_columns({"documents": "kept"}), **sizes}
    names = _ordered([summary for _, summary in known], sizes)
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
        ending.total,
    )


def _ordered(summaries: Sequence[KindCounts], sizes: Mapping[str, pa.Table]) -> pa.Array:
    """All names, the largest first; each of ``sizes`` has a column of its name."""
    every = pc.unique(pa.chunked_array([summary.names["name"].combine_chunks() for summary in summaries]))
    table = pa.table({"name": every})
    for column, size in sizes.items():
        place = pc.index_in(every, value_set=size["name"].combine_chunks())
        table = table.append_column(column, pc.fill_null(size[column].combine_chunks().take(place), 0))
    return table.sort_by([*((column, "descending") for column in sizes), ("name", "ascending")])[
        "name"
    ].combine_chunks()


def _group(
    name: str, by_stage: Sequence[tuple[str, Mapping[str, Mapping[str, Count]]]], at_source: bool
) -> GroupCounts:
    stages = tuple(_stage(stage, counts[name]) for stage, counts in by_stage)
    return GroupCounts(name, stages[0].kept if at_source else stages[0].given, stages, int(at_source))


def _stage(stage: str, outcomes: Mapping[str, Count]) -> GroupOutcomes:
    removed = {outcome: count for outcome, count in outcomes.items() if outcome != KEPT}
    return GroupOutcomes(stage, outcomes.get(KEPT, Count()), removed)
