"""Statistics of a part or a whole stage, and of the shadow audit, as a root stores them.

All are sums, so merging parts is adding, in any order. ``refinery.statistics`` counts them while a stage runs; reading
them needs no stage's code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice
from typing import Annotated, Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from refinery.html import table
from refinery.kernels import mix64
from refinery.stage.documents import id_bytes
from refinery.stage.rules import Scale

UNITS = ("tokens", "characters", "bytes")
LENGTHS = ("characters", "tokens")

SAMPLE = 6
"""Documents in a sample."""

TOGETHER = 64
"""Statistics that are added up at once: that is cheaper than one by one, and no more are in memory."""

Row = tuple[int | str, int, int]
Tally = tuple[Row, ...]
"""``(name or bin, documents, tokens)``, in order of names."""

Drawn = tuple[Annotated[str, Field(pattern="^[0-9a-f]{32}$")], int]
"""The id of a document in a sample, and the number of its part."""

_FLOW = ("in", "kept", "removed")


class _Sums(BaseModel):
    """Counts that are read and not changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


S = TypeVar("S", bound=_Sums)


class RuleCounts(_Sums):
    """Removals by the first violated rule (records that are no documents by kind), by any, and by the only one."""

    first: Tally = ()
    any: Tally = ()
    only: Tally = ()


class MetricCounts(_Sums):
    """A metric of the documents that were kept, of those removed, and of those that fail by this metric alone.

    Names are bins (``statistics.measures.edges``), or labels where the ``scale`` is ``label``.
    """

    scale: Scale
    kept: Tally = ()
    removed: Tally = ()
    sole: Tally = ()


class LengthCounts(_Sums):
    """Texts by length: bins of the ``log`` scale."""

    kept: Tally = ()
    removed: Tally = ()


class Statistics(_Sums):
    """Sums over the documents of a part, or of a whole stage.

    Tokens are those that a kept document has after the stage, and those that a removed one had before it.
    """

    documents: dict[str, int]
    """In, kept, removed, edited."""
    tokens: dict[str, int]
    """Of the texts: in, kept, removed, and cut (by edits, from kept documents; negative where they added)."""
    characters: dict[str, int]
    bytes: dict[str, int]
    rules: RuleCounts
    overlap: dict[str, int]
    """Documents by pairs of violated rules, ``a & b``."""
    metrics: dict[str, MetricCounts]
    lengths: dict[str, LengthCounts]
    samples: dict[str, tuple[Drawn, ...]]
    """Reason, or ``kept`` → some documents. Their part is 0 in the file of a part: parts are numbered when merged."""

    def of_part(self, number: int) -> Statistics:
        """Return the same with ``number`` as the part of all documents in samples."""
        placed = {name: tuple((one, number) for one, _ in drawn) for name, drawn in self.samples.items()}
        return self.model_copy(update={"samples": placed})

    def unit(self, name: str) -> Mapping[str, int]:
        """Return the counts of ``documents`` or of one of UNITS: in, kept, removed, and edited or cut."""
        counts: dict[str, int] = getattr(self, name)
        return counts

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


class AuditStatistics(_Sums):
    """Sums over the audited documents, 1 in ``one_in``, by rules named ``stage.rule``.

    ``documents`` and ``tokens`` (of the first text of each): all of them, and those that every stage keeps. ``stages``
    and ``rules``: by the first one that removes a document, by any that would, and by the only one. ``pairs`` of stages
    and ``overlap`` of rules: documents and tokens that both would remove.
    """

    one_in: int
    documents: dict[str, int]
    tokens: dict[str, int]
    stages: RuleCounts
    rules: RuleCounts
    pairs: Tally
    overlap: Tally


def merged(parts: Iterable[Statistics]) -> Statistics:
    """Return the sum of statistics; of none, statistics without any count."""
    counts: dict[str, dict[str, int]] = {unit: {} for unit in ("documents", *UNITS)}
    lengths = {unit: LengthCounts() for unit in LENGTHS}
    empty = Statistics(**counts, rules=RuleCounts(), overlap={}, metrics={}, lengths=lengths, samples={})
    return _added(empty, parts)


def merged_audit(parts: Iterable[AuditStatistics]) -> AuditStatistics | None:
    """Return the sum of audits; None for none."""
    rest = iter(parts)
    first = next(rest, None)
    return None if first is None else _added(first, rest)


def _added(total: S, parts: Iterable[S]) -> S:
    rest = iter(parts)
    while some := list(islice(rest, TOGETHER)):
        total = _sum([total, *some])
    return total


def _sum(values: Sequence[S]) -> S:
    fields = type(values[0]).model_fields
    return values[0].model_copy(update={name: _field_sum(name, [getattr(v, name) for v in values]) for name in fields})


def _field_sum(name: str, values: Sequence[Any]) -> Any:
    """Return the sum of the values of a field, or of one entry of a mapping."""
    if name in ("scale", "one_in"):
        return values[0]
    if isinstance(values[0], Mapping):
        entries = sorted({entry for value in values for entry in value})
        inner = "drawn" if name == "samples" else ""
        return {entry: _field_sum(inner, [value[entry] for value in values if entry in value]) for entry in entries}
    if isinstance(values[0], _Sums):
        return _sum(values)
    if isinstance(values[0], int):
        return sum(values)
    return draw(chain.from_iterable(values)) if name == "drawn" else _row_sums(chain.from_iterable(values))


def _row_sums(rows: Iterable[Row]) -> Tally:
    total: dict[int | str, tuple[int, int]] = {}
    for name, documents, tokens in rows:
        before = total.get(name, (0, 0))
        total[name] = before[0] + documents, before[1] + tokens
    ordered = sorted(total, key=lambda name: (isinstance(name, str), name))  # damaged records mix names and bins
    return tuple((name, *total[name]) for name in ordered)


def draw(documents: Iterable[Drawn]) -> tuple[Drawn, ...]:
    """Return the documents with the smallest hashes of their ids, by rising hash."""
    drawn = list(documents)
    if len(drawn) > 1:
        hashes = id_hashes(pa.array([bytes.fromhex(identity) for identity, _ in drawn], pa.binary(16))).tolist()
        drawn = [one for _, one in sorted(zip(hashes, drawn, strict=True))[:SAMPLE]]
    return tuple(drawn)


def id_hashes(ids: pa.FixedSizeBinaryArray) -> npt.NDArray[np.uint64]:
    """Return the hashes by which documents are drawn: those with the smallest ones are the sample."""
    halves = id_bytes(ids).view(">u8")
    return mix64(mix64(halves[:, 0].astype(np.uint64)) ^ halves[:, 1].astype(np.uint64))
