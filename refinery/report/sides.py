"""Several roots side by side: what each stage leaves, the reasons, the languages; from their records alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from refinery.inspect.counts import RootCounts, read_counts
from refinery.inspect.groups import survival
from refinery.report.figures import UNITS
from refinery.root.statistics import Statistics

REASONS = 40
LANGUAGES = 30
"""Lines that are shown."""

Counts = tuple[int | None, ...]
"""One of each root, in their order; None where it has no such thing."""


@dataclass(frozen=True)
class Line:
    """A stage, reason or language, and what each root has of it."""

    name: str
    counts: Counts

    @property
    def most(self) -> int:
        """The largest of them."""
        return max(count or 0 for count in self.counts)


@dataclass(frozen=True)
class Sides:
    """Roots by path and name: the funnel in each unit, removals by stage and rule, documents and tokens by language."""

    roots: tuple[str, ...]
    names: tuple[str, ...]
    datasets: tuple[str, ...]
    funnel: Mapping[str, tuple[Line, ...]]
    reasons: tuple[Line, ...]
    languages: Mapping[str, tuple[Line, ...]]


def sides(paths: Sequence[str]) -> Sides:
    """Roots side by side. Raises UsageError where there is none, StorageError for damaged records."""
    counts = [read_counts(path) for path in paths]
    stages = [{stage.name: stage.counts for stage in one.stages} for one in counts]
    languages = [_languages(path) for path in paths]
    return Sides(
        roots=tuple(paths),
        names=names_of(paths),
        datasets=tuple(one.dataset for one in counts),
        funnel={unit: tuple(_funnel(stages, unit)) for unit in UNITS},
        reasons=_largest([dict(_reasons(one)) for one in counts], REASONS),
        languages={
            unit: _largest([{name: pair[place] for name, pair in found.items()} for found in languages], LANGUAGES)
            for place, unit in enumerate(UNITS[:2])
        },
    )


def names_of(paths: Sequence[str]) -> tuple[str, ...]:
    """Short names of roots: the last folders of each path that no other has; a path given again has a number."""
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
    """Documents and tokens of each language that the last stage kept; at the least, where there are too many."""
    groups = survival(path, "language").groups
    return {one.name or "(none)": (one.kept.documents, one.kept.tokens) for one in groups if one.kept.documents}


def _largest(counts: Sequence[Mapping[str, int]], limit: int) -> tuple[Line, ...]:
    """What any root has most of, first."""
    lines = [Line(n, tuple(one.get(n, 0) for one in counts)) for n in sorted({name for one in counts for name in one})]
    return tuple(sorted(lines, key=lambda line: (-line.most, line.name))[:limit])
