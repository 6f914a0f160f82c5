"""Groups such as languages through all stages: the documents that each stage removes of each group."""

from __future__ import annotations

from dataclasses import dataclass

from refinery.inspect.group_counts import Count
from refinery.inspect.groups import GroupOutcomes, Survival
from refinery.report.overlap import LEVELS


@dataclass(frozen=True)
class Removed:
    """Documents of a group that a stage removes, their share of those that came to it, and its shade."""

    count: Count
    share: float
    level: int


def by_stage(survival: Survival) -> list[tuple[str, list[Removed]]]:
    """Return the removals of each group, at each of the stages."""
    return [(group.name, list(map(_removed, group.stages))) for group in survival.groups]


def _removed(outcomes: GroupOutcomes) -> Removed:
    count = sum(outcomes.removed.values(), Count())
    share = min(1.0, count.documents / outcomes.given.documents) if count.documents else 0.0
    return Removed(count, share, min(LEVELS, int(share * LEVELS + 0.999)))
