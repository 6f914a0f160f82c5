"""Several roots side by side: what stages kept, why documents were removed, by language and domain, at what cost.

Counts are read from the records of the roots; which documents each of them keeps, from rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from refinery.errors import UsageError
from refinery.inspect.agreement import Agreement, agreement
from refinery.inspect.counts import RootCounts, counts_of
from refinery.inspect.groups import survival
from refinery.inspect.reader import open_root
from refinery.root.statistics import Statistics

UNITS = ("documents", "tokens", "bytes")

REASONS = 40
"""Removal reasons, those of most documents."""

LANGUAGES = 30
"""Languages, and domains, with most that is kept."""

Counts = tuple[int | None, ...]
"""A count per root, in their order; None if the root has no such stage."""


@dataclass(frozen=True)
class Line:
    """A stage, reason or language, with the count of each root."""

    name: str
    counts: Counts

    @property
    def most(self) -> int:
        """The largest count."""
        return max(count or 0 for count in self.counts)


@dataclass(frozen=True)
class RootCost:
    """Seconds of work that a root took, as if its recipe had been run alone, and the tokens that it keeps."""

    seconds: float
    tokens: int

    @property
    def per_million(self) -> float | None:
        """Seconds for each million tokens kept; None where none are."""
        return 1e6 * self.seconds / self.tokens if self.tokens else None


@dataclass(frozen=True)
class Comparison:
    """Roots by path and name; in each unit what stages kept, and what is kept of languages and domains in the end."""

    roots: tuple[str, ...]
    names: tuple[str, ...]
    datasets: tuple[str, ...]
    funnel: Mapping[str, tuple[Line, ...]]
    languages: Mapping[str, tuple[Line, ...]]
    domains: Mapping[str, tuple[Line, ...]]
    reasons: tuple[Line, ...]
    costs: tuple[RootCost, ...]
    agreement: Agreement


def compare(paths: Sequence[str], count: int = 5) -> Comparison:
    """Compare two roots or more, with ``count`` samples of the documents that one alone keeps.

    Raises UsageError for less, or where there is no root, StorageError for damaged files.
    """
    if len(paths) < 2:
        raise UsageError("one root is not compared with another", hint="name two roots or more")
    roots = [open_root(path) for path in paths]
    counts = [counts_of(root) for root in roots]
    stages = [{stage.name: stage.counts for stage in one.stages} for one in counts]
    return Comparison(
        roots=tuple(paths),
        names=names_of(paths),
        datasets=tuple(one.dataset for one in counts),
        funnel={unit: tuple(_funnel(stages, unit)) for unit in UNITS},
        languages=_kept_by(paths, "language"),
        domains=_kept_by(paths, "domain"),
        reasons=_largest([dict(_reasons(one)) for one in counts], REASONS),
        costs=tuple(_cost(one) for one in counts),
        agreement=agreement(roots, count),
    )


def names_of(paths: Sequence[str]) -> tuple[str, ...]:
    """Return short names of roots: the shortest unique end of each path; a repeated path gets a number."""
    whole = [path.rstrip("/").split("/") for path in paths]
    names: list[str] = []
    for parts in whole:
        others = [other for other in whole if other != parts]
        depth = next((n for n in range(1, len(parts)) if all(o[-n:] != parts[-n:] for o in others)), len(parts))
        name = "/".join(parts[-depth:]) or "/"
        again = sum(one == name or one.startswith(f"{name} (") for one in names)
        names.append(f"{name} ({again + 1})" if again else name)
    return tuple(names)


def _funnel(stages: Sequence[Mapping[str, Statistics]], unit: str) -> Iterator[Line]:
    for name in dict.fromkeys(name for one in stages for name in one):
        counts = tuple(one[name].unit(unit).get("kept", 0) if name in one else None for one in stages)
        if unit == "documents" or any(counts):
            yield Line(name, counts)


def _reasons(counts: RootCounts) -> Iterator[tuple[str, int]]:
    for stage in counts.stages:
        yield from ((f"{stage.name} {rule}", count) for rule, count in stage.counts.reasons.items() if stage.position)


def _kept_by(paths: Sequence[str], by: str) -> dict[str, tuple[Line, ...]]:
    """Return documents and tokens that last stages kept, by group; minimums if there are too many groups."""
    found = [
        {one.name or "(none)": (one.kept.documents, one.kept.tokens) for one in survival(path, by).groups}
        for path in paths
    ]
    return {
        unit: _largest([{name: pair[place] for name, pair in one.items() if pair[0]} for one in found], LANGUAGES)
        for place, unit in enumerate(UNITS[:2])
    }


def _cost(counts: RootCounts) -> RootCost:
    last = counts.stages[-1].counts if counts.stages else None
    return RootCost(round(sum(stage.seconds for stage in counts.stages), 3), last.tokens.get("kept", 0) if last else 0)


def _largest(counts: Sequence[Mapping[str, int]], limit: int) -> tuple[Line, ...]:
    """Return the largest lines, by the largest count of any root."""
    lines = [Line(n, tuple(one.get(n, 0) for one in counts)) for n in sorted({name for one in counts for name in one})]
    return tuple(sorted(lines, key=lambda line: (-line.most, line.name))[:limit])
