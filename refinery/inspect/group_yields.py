"""The yield of other thresholds by language and domain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from refinery.inspect.group_counts import Count, KindCounts
from refinery.statistics.groups import KEPT

LARGEST = 20
"""Groups of each kind."""

LOST, GAINED = "lost", "gained"
"""Outcomes of documents that are kept now, and of those that would be, beside KEPT for both."""


@dataclass(frozen=True)
class GroupYield:
    """Documents and tokens of a language or domain that are kept, now and with the other thresholds."""

    name: str
    before: Count
    after: Count


def group_yields(counts: pa.Table) -> dict[str, tuple[GroupYield, ...]]:
    """Return the languages with most documents and the domains with most flips, out of counts by outcome."""
    flips = counts.filter(pc.is_in(counts["outcome"], value_set=pa.array([LOST, GAINED])))
    return {"language": _yields(counts, counts, "language"), "domain": _yields(counts, flips, "domain")}


def _yields(counts: pa.Table, ordered_by: pa.Table, kind: str) -> tuple[GroupYield, ...]:
    names, of_kind = (_of_kind(table, kind) for table in (ordered_by, counts))
    largest = names.names.sort_by([("documents", "descending"), ("name", "ascending")]).slice(0, LARGEST)
    found = of_kind.counts(largest["name"].combine_chunks())
    return tuple(GroupYield(name, _sum(found[name], LOST), _sum(found[name], GAINED)) for name in found)


def _of_kind(counts: pa.Table, kind: str) -> KindCounts:
    return KindCounts(counts.filter(pc.equal(counts["kind"], kind)))


def _sum(counts: Mapping[str, Count], other: str) -> Count:
    return counts.get(KEPT, Count()) + counts.get(other, Count())
