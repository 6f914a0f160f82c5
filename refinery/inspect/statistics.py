"""Statistics as they are stored, read back without any stage's code: they are sums, so merging is adding.

Counting them while a stage runs is the business of ``refinery.stats``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from refinery.errors import StorageError
from refinery.part import Receipt, Root
from refinery.stats import UNITS

Counts = Mapping[str, int]


class Bins(BaseModel):
    """A metric's histograms: ``(bin, count)`` of kept and of removed documents."""

    model_config = ConfigDict(frozen=True)

    scale: str
    kept: tuple[tuple[int, int], ...]
    removed: tuple[tuple[int, int], ...]

    def plus(self, other: Bins) -> Bins:
        """Both, added bin by bin."""
        return Bins.model_construct(
            scale=self.scale, kept=_add_bins(self.kept, other.kept), removed=_add_bins(self.removed, other.removed)
        )


class Statistics(BaseModel):
    """What was counted of a part, or of a whole stage. The names are those of ``refinery.stats.StageStatistics``."""

    model_config = ConfigDict(frozen=True)

    documents: dict[str, int]
    tokens: dict[str, int]
    characters: dict[str, int]
    bytes: dict[str, int]
    reasons: dict[str, int]
    failing: dict[str, int]
    overlap: dict[str, int]
    metrics: dict[str, Bins]
    labels: dict[str, dict[str, dict[str, int]]]

    def plus(self, other: Statistics) -> Statistics:
        """The statistics of the documents of both."""
        counts: dict[str, Any] = {name: _add(getattr(self, name), getattr(other, name)) for name in _COUNTS}
        metrics = _join(self.metrics, other.metrics, Bins.plus)
        labels = _join(self.labels, other.labels, lambda a, b: _join(a, b, _add))
        return Statistics.model_construct(**counts, metrics=metrics, labels=labels)

    def unit(self, name: str) -> Counts:
        """The counts of ``documents`` or of one of UNITS: in, kept, removed, and edited or cut."""
        found: dict[str, int] = getattr(self, name)
        return found


_COUNTS = ("documents", *UNITS, "reasons", "failing", "overlap")


def part_statistics(root: Root, receipt: Receipt) -> Statistics:
    """The statistics that a receipt names. Raises StorageError where they are missing or damaged."""
    path = root.full(receipt.statistics)
    return _parsed(path, root.store.read(path))


def stage_statistics(path: str, values: Mapping[str, Any]) -> Statistics:
    """The merged statistics of the manifest at ``path``. Raises StorageError where they are damaged."""
    try:
        return Statistics.model_validate(values)
    except ValidationError as error:
        raise _damaged(path, error) from error


def merged(parts: Iterable[Statistics]) -> Statistics:
    """The sum of the statistics of parts."""
    total = Statistics.model_validate({name: {} for name in Statistics.model_fields})
    for part in parts:
        total = total.plus(part)
    return total


def _parsed(path: str, data: bytes) -> Statistics:
    try:
        return Statistics.model_validate_json(data)
    except ValidationError as error:
        raise _damaged(path, error) from error


def _damaged(path: str, error: ValidationError) -> StorageError:
    first = error.errors()[0]
    place = ".".join(str(p) for p in first["loc"])
    return StorageError(
        f"{path}: damaged statistics ({place}: {first['msg']})", hint="`refinery verify` names all such"
    )


def _add(a: Counts, b: Counts) -> dict[str, int]:
    return {name: a.get(name, 0) + b.get(name, 0) for name in sorted({*a, *b})}


def _add_bins(a: Iterable[tuple[int, int]], b: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    total = Counter(dict(a))
    total.update(dict(b))
    return tuple((place, total[place]) for place in sorted(total))


def _join(a: Mapping[str, Any], b: Mapping[str, Any], add: Any) -> dict[str, Any]:
    both = {name: add(a[name], b[name]) for name in a.keys() & b.keys()}
    joined = {**a, **b, **both}
    return {name: joined[name] for name in sorted(joined)}
