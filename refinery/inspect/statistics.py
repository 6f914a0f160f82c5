"""Statistics as they are stored, read back without any stage's code: they are sums, so merging is adding.

Counting them while a stage runs is the business of ``refinery.statistics``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from refinery.errors import StorageError
from refinery.html import table
from refinery.root.receipts import Receipt
from refinery.root.root import Root
from refinery.statistics import ENTRIES, GROUPS, LENGTHS, SIDES, UNITS, Sample, read_statistics

Counts = Mapping[str, int]
Row = tuple[int | str, int, int]
Tally = tuple[Row, ...]
"""``(name or bin, documents, tokens)`` by name."""

T = TypeVar("T")


class Model(BaseModel):
    """What is read and not changed."""

    model_config = ConfigDict(frozen=True)


class Rules(Model):
    """Removals by the first violated rule (records that are no documents by kind), by any, and by the only one."""

    first: Tally = ()
    any: Tally = ()
    only: Tally = ()


class MetricCounts(Model):
    """A metric of the documents that were kept, of those removed, and of those that fail by this metric alone.

    Names are bins (``refinery.statistics.edges``), or labels where the ``scale`` is ``label``.
    """

    scale: str
    kept: Tally = ()
    removed: Tally = ()
    sole: Tally = ()


class Sides(Model):
    """Texts by length: bins of the ``log`` scale."""

    kept: Tally = ()
    removed: Tally = ()


class Statistics(Model):
    """What was counted of a part, or of a whole stage. The names are those of ``StageStatistics``."""

    documents: dict[str, int]
    tokens: dict[str, int]
    characters: dict[str, int]
    bytes: dict[str, int]
    rules: Rules
    overlap: dict[str, int]
    metrics: dict[str, MetricCounts]
    lengths: dict[str, Sides]
    samples: dict[str, tuple[tuple[str, int], ...]]
    """Reason, or ``kept`` → the id and the part of some documents."""

    def plus(self, other: Statistics) -> Statistics:
        """The statistics of the documents of both."""
        counts: dict[str, Any] = {name: _add(getattr(self, name), getattr(other, name)) for name in _COUNTS}
        return Statistics.model_construct(
            **counts,
            rules=_plus(self.rules, other.rules, ENTRIES),
            metrics=_join(self.metrics, other.metrics, lambda a, b: _plus(a, b, GROUPS)),
            lengths=_join(self.lengths, other.lengths, lambda a, b: _plus(a, b, SIDES)),
            samples=_join(self.samples, other.samples, _draw),
        )

    def unit(self, name: str) -> Counts:
        """The counts of ``documents`` or of one of UNITS: in, kept, removed, and edited or cut."""
        found: dict[str, int] = getattr(self, name)
        return found

    @property
    def reasons(self) -> dict[str, int]:
        """Documents by the reason of their removal, and records that are no documents by kind."""
        return {str(name): documents for name, documents, _ in self.rules.first}

    @property
    def failing(self) -> dict[str, int]:
        """Documents by every rule that they violate."""
        return {str(name): documents for name, documents, _ in self.rules.any}

    def _repr_html_(self) -> str:
        units = [(unit, *(self.unit(unit).get(side, 0) for side in _FLOW)) for unit in ("documents", *UNITS)]
        reasons = sorted(self.reasons.items(), key=lambda pair: (-pair[1], pair[0]))
        return table(("", *_FLOW), units) + (table(("removed for", "documents"), reasons) if reasons else "")


_COUNTS = ("documents", *UNITS, "overlap")
_FLOW = ("in", "kept", "removed")


class Audit(Model):
    """What the shadow audit counted of 1 document in ``one_in``, in the names of ``AuditStatistics``."""

    one_in: int
    documents: dict[str, int]
    tokens: dict[str, int]
    stages: Rules
    rules: Rules
    pairs: Tally
    overlap: Tally


def audit_statistics(path: str, values: Mapping[str, Any]) -> Audit | None:
    """The audit in the manifest at ``path``, if there is one. Raises StorageError where it is damaged."""
    try:
        return Audit.model_validate(values) if values else None
    except ValidationError as error:
        raise _damaged(path, error) from error


def part_statistics(root: Root, receipt: Receipt, place: int) -> Statistics:
    """The statistics of the ``place``-th part by its receipt. Raises StorageError where they are missing or damaged."""
    found = _parsed(root.full(receipt.statistics), read_statistics(root, receipt))
    placed = {name: tuple((identity, place) for identity, _ in drawn) for name, drawn in found.samples.items()}
    return found.model_copy(update={"samples": placed})


def stage_statistics(path: str, values: Mapping[str, Any]) -> Statistics:
    """The merged statistics of the manifest at ``path``. Raises StorageError where they are damaged."""
    try:
        return Statistics.model_validate(values)
    except ValidationError as error:
        raise _damaged(path, error) from error


def merged(parts: Iterable[Statistics]) -> Statistics:
    """The sum of the statistics of parts."""
    found = Statistics.model_validate(
        {name: {} for name in Statistics.model_fields} | {"lengths": {unit: Sides() for unit in LENGTHS}}
    )
    for part in parts:
        found = found.plus(part)
    return found


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


def _add_rows(a: Tally, b: Tally) -> Tally:
    total: dict[Any, tuple[int, int]] = {name: (documents, tokens) for name, documents, tokens in a}
    for name, documents, tokens in b:
        before = total.get(name, (0, 0))
        total[name] = before[0] + documents, before[1] + tokens
    ordered = sorted(total, key=lambda name: (isinstance(name, str), name))  # damaged records mix names and bins
    return tuple((name, *total[name]) for name in ordered)


def _plus(a: T, b: T, fields: Iterable[str]) -> T:
    """A model whose tallies are the sums of those of two."""
    assert isinstance(a, Model)
    return a.model_copy(update={name: _add_rows(getattr(a, name), getattr(b, name)) for name in fields})


def _draw(a: Iterable[tuple[str, int]], b: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    drawn = Sample.from_json(a)
    drawn.merge(Sample.from_json(b))
    return tuple((identity, part) for identity, part in drawn.to_json())


def _join(a: Mapping[str, T], b: Mapping[str, T], add: Callable[[T, T], T]) -> dict[str, T]:
    both = {name: add(a[name], b[name]) for name in a.keys() & b.keys()}
    joined = {**a, **b, **both}
    return {name: joined[name] for name in sorted(joined)}
