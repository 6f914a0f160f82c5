"""Several roots side by side: amounts kept by stage, removal reasons and languages, from their records alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from refinery.inspect.counts import RootCounts, read_counts
from refinery.inspect.groups import survival
from refinery.report import limits
from refinery.report.figures import UNITS
from refinery.root.statistics import Statistics

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
class Sides:
    """Roots by path and name, with the funnel in each unit, removal reasons, and documents and tokens by language."""

    roots: tuple[str, ...]
    names: tuple[str, ...]
    datasets: tuple[str, ...]
    funnel: Mapping[str, tuple[Line, ...]]
    reasons: tuple[Line, ...]
    languages: Mapping[str, tuple[Line, ...]]


def sides(paths: Sequence[str]) -> Sides:
    """Compare roots. Raises UsageError if one does not exist, StorageError for damaged records."""
    counts = [read_counts(path) for path in paths]
    stages = [{stage.name: stage.counts for stage in one.stages} for one in counts]
    languages = [_languages(path) for path in paths]
    return Sides(
        roots=tuple(paths),
        names=names_of(paths),
        datasets=tuple(one.dataset for one in counts),
        funnel={unit: tuple(_funnel(stages, unit)) for unit in UNITS},
        reasons=_largest([dict(_reasons(one)) for one in counts], limits.COMPARED_REASONS),
        languages={
            unit: _largest(
                [{name: pair[place] for name, pair in found.items()} for found in languages], limits.COMPARED_LANGUAGES
            )
            for place, unit in enumerate(UNITS[:2])
        },
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


def _languages(path: str) -> dict[str, tuple[int, int]]:
    """Return documents and tokens that the last stage kept, by language; minimums if there are too many languages."""
    groups = survival(path, "language").groups
    return {one.name or "(none)": (one.kept.documents, one.kept.tokens) for one in groups if one.kept.documents}


def _largest(counts: Sequence[Mapping[str, int]], limit: int) -> tuple[Line, ...]:
    """Return the largest lines, by the largest count of any root."""
    lines = [Line(n, tuple(one.get(n, 0) for one in counts)) for n in sorted({name for one in counts for name in one})]
    return tuple(sorted(lines, key=lambda line: (-line.most, line.name))[:limit])
