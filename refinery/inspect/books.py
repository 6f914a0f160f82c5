"""The books of a root: documents into each stage, kept and removed, the reasons, and whether all that adds up.

Only records are read, those of every part; whether the files agree with them is the question of ``verification``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from refinery.errors import StorageError, UsageError
from refinery.html import paragraph, table
from refinery.inspect.holdings import Finding, Held, Holdings, missing_inputs, open_root
from refinery.inspect.statistics import (
    Audit,
    Statistics,
    audit_statistics,
    merged,
    part_statistics,
    stage_statistics,
)
from refinery.root.receipts import Receipt
from refinery.stage.rules import ERROR, QUARANTINED
from refinery.statistics import UNITS, AuditStatistics

IN_PART = ("in", "kept", "removed", "skipped")


@dataclass(frozen=True)
class StageBooks:
    """One stage: its place in the pipeline, its parts made and expected, seconds of work, and what was counted."""

    position: int
    name: str
    kind: str
    made: int
    expected: int
    seconds: float
    counts: Statistics

    @property
    def errors(self) -> int:
        """Documents that were removed because the stage failed on them."""
        return self.counts.reasons.get(ERROR, 0) + self.counts.reasons.get(QUARANTINED, 0)


@dataclass(frozen=True)
class Books:
    """The books of a root, or of a selection of its stages and parts."""

    dataset: str
    stages: tuple[StageBooks, ...]
    problems: tuple[Finding, ...]
    unmade: tuple[str, ...] = ()
    """Stages of the recipe that were asked for and of which nothing is made yet."""
    audit: Audit | None = None
    """What the shadow audit says of the whole root; None where there is none, or only some of it was asked for."""

    @property
    def balanced(self) -> bool:
        """Whether everything adds up."""
        return not self.problems

    def _repr_html_(self) -> str:
        columns = ("stage", "in", "kept", "removed", "tokens kept", "seconds")
        rows = [
            (
                one.name,
                *(one.counts.documents.get(side, 0) for side in columns[1:4]),
                one.counts.tokens.get("kept", 0),
                f"{one.seconds:,.1f}",
            )
            for one in self.stages
        ]
        problems = "".join(paragraph(str(problem)) for problem in self.problems)
        return f"{paragraph(self.dataset)}{table(columns, rows)}{problems}"


@dataclass(frozen=True)
class _Entry:
    """A stage with the receipts that are looked at, and the statistics of each; None where they are lost."""

    held: Held
    receipts: tuple[Receipt, ...]
    statistics: tuple[Statistics | None, ...]
    lost: tuple[Finding, ...]


def read_books(
    path: str, *, first: str | None = None, until: str | None = None, parts: Sequence[int] | None = None
) -> Books:
    """The books of the root at ``path``: of the stages ``first`` to ``until``, of some parts.

    A stage that gathers parts anew (export) has other parts, so it is left out where parts are selected. Raises
    UsageError for what the root does not have, StorageError where its head or a manifest is damaged.
    """
    return books_of(open_root(path), first=first, until=until, parts=parts)


def books_of(
    holdings: Holdings, *, first: str | None = None, until: str | None = None, parts: Sequence[int] | None = None
) -> Books:
    """The same, of a root that is open."""
    chosen = chosen_stages(holdings, first, until, parts)
    entries = [_entry(holdings, held, parts) for held in chosen]
    problems = [finding for entry in entries for finding in _check(holdings, entry, whole=parts is None)]
    stages = tuple(_books(holdings, entry, whole=parts is None) for entry in entries)
    audit = _audit(holdings, chosen) if first is None and until is None and parts is None else None
    return Books(holdings.head.dataset, stages, tuple(problems), _unmade(holdings, until), audit)


def chosen_stages(holdings: Holdings, first: str | None, until: str | None, parts: Sequence[int] | None) -> list[Held]:
    """Return the made stages that are meant. Raises UsageError for a stage or for parts that the root does not have."""
    low = holdings.stage(first).position if first else 0
    high = holdings.stage(until).position if until else len(holdings.head.folders)
    if low > high:
        raise UsageError(f"stage {first!r} comes after {until!r}", hint=f"the order is {', '.join(holdings.names)}")
    chosen = [held for held in holdings.stages if low <= held.position <= high]
    if parts is None:
        return chosen
    chosen = _ungathered(holdings, chosen)
    if not any(receipt.part in parts for held in chosen for receipt in holdings.load(held).made):
        raise UsageError("the root has none of the selected parts", hint=_part_range(holdings))
    return chosen


def _unmade(holdings: Holdings, until: str | None) -> tuple[str, ...]:
    """Those behind all that is made: nothing of a stage can be made before the one in front of it."""
    last = max((held.position for held in holdings.stages), default=-1)
    return () if until else tuple(holdings.names[last + 1 :])


def _ungathered(holdings: Holdings, chosen: Sequence[Held]) -> list[Held]:
    steps = holdings.pipeline.steps
    gathering = [i for i, step in enumerate(steps) if step.stage.shard_bytes() is not None]
    return [held for held in chosen if held.position < min(gathering, default=len(steps))]


def _part_range(holdings: Holdings) -> str:
    numbers = [receipt.part for held in holdings.stages[:1] for receipt in holdings.load(held).made]
    return f"parts are {min(numbers)} to {max(numbers)}" if numbers else "no part is made yet"


def _entry(holdings: Holdings, held: Held, parts: Sequence[int] | None) -> _Entry:
    found = holdings.load(held)
    wanted = None if parts is None else set(parts)
    places = [place for place, r in enumerate(found.made) if wanted is None or r.part in wanted]
    receipts = tuple(found.made[place] for place in places)
    statistics: list[Statistics | None] = []
    lost = list(found.lost)
    for place, receipt in zip(places, receipts, strict=True):
        try:
            statistics.append(part_statistics(holdings.root, receipt, place))
        except StorageError as error:
            statistics.append(None)
            lost.append(Finding(error.message, held.name, receipt.part, receipt.statistics))
    return _Entry(held, receipts, tuple(statistics), tuple(lost))


def _audit(holdings: Holdings, stages: Sequence[Held]) -> Audit | None:
    source = next((held for held in stages if held.position == 0), None)
    if source is None:
        return None
    return audit_statistics(holdings.root.full(holdings.head.manifests[source.folder]), source.manifest.audited)


def _books(holdings: Holdings, entry: _Entry, *, whole: bool) -> StageBooks:
    manifest = entry.held.manifest
    if whole:
        path = holdings.root.full(holdings.head.manifests[entry.held.folder])
        counts = stage_statistics(path, manifest.statistics)
    else:
        counts = merged(s for s in entry.statistics if s is not None)
    receipts = entry.receipts
    seconds = sum(receipt.seconds for receipt in (*receipts, *(holdings.load(entry.held).shuffle if whole else ())))
    expected = manifest.expected if whole else len(receipts)
    return StageBooks(
        entry.held.position, manifest.stage, manifest.kind, len(receipts), expected, round(seconds, 3), counts
    )


# ------------------------------------------------------------------------------------------------------------- checks


def _check(holdings: Holdings, entry: _Entry, *, whole: bool) -> Iterator[Finding]:
    yield from entry.lost
    for receipt, statistics in zip(entry.receipts, entry.statistics, strict=True):
        yield from check_part(entry.held, receipt, statistics)
    yield from _check_inputs(holdings, entry, whole=whole)
    if whole and not entry.lost:
        yield from _check_sum(holdings, entry)


def check_part(held: Held, receipt: Receipt, statistics: Statistics | None) -> Iterator[Finding]:
    """What does not add up in one part's receipt and statistics."""

    def finding(message: str) -> Finding:
        return Finding(message, held.name, receipt.part)

    rows = {name: receipt.rows.get(name, -1) for name in IN_PART}
    if rows["in"] != rows["kept"] + rows["removed"] + rows["skipped"]:
        yield finding("in {in} ≠ kept {kept} + removed {removed} + skipped {skipped}".format(**rows))
    if held.position and rows["skipped"]:
        yield finding(f"{rows['skipped']} documents are neither kept nor removed")
    if statistics is None:
        return
    told = {"in": rows["in"], "kept": rows["kept"], "removed": rows["removed"] + rows["skipped"]}
    for side, count in told.items():
        if statistics.documents.get(side) != count:
            yield finding(
                f"{side}: the receipt says {count} documents, the statistics {statistics.documents.get(side)}"
            )
    if receipt.rows.get("text") != statistics.bytes.get("kept"):
        yield finding(
            f"the receipt says {receipt.rows.get('text')} bytes of text, the statistics {statistics.bytes.get('kept')}"
        )
    yield from map(finding, imbalances(statistics))


def imbalances(statistics: Statistics) -> Iterator[str]:
    """What does not add up within statistics."""
    documents = statistics.documents
    if documents.get("in") != documents.get("kept", 0) + documents.get("removed", 0):
        yield f"documents: in {documents.get('in')} ≠ kept {documents.get('kept')} + removed {documents.get('removed')}"
    reasons = sum(statistics.reasons.values())
    if reasons != documents.get("removed"):
        yield f"{documents.get('removed')} documents were removed for {reasons} reasons"
    for unit in UNITS:
        counts = statistics.unit(unit)
        if counts.get("in") != sum(counts.get(side, 0) for side in ("kept", "removed", "cut")):
            yield f"{unit}: in {counts.get('in')} ≠ kept + removed + cut of {dict(counts)}"


def _check_inputs(holdings: Holdings, entry: _Entry, *, whole: bool) -> Iterator[Finding]:
    """Whether each part was given what the stage before kept, and nothing that was kept is left behind."""
    held = entry.held
    before = holdings.before(held)
    if before is None or holdings.load(before).lost:
        return
    earlier = holdings.load(before).made
    for content in missing_inputs(held, entry.receipts, earlier) if whole else ():
        yield Finding(f"a part was made from rows {content[:8]}…, which {before.name} did not keep", held.name)
    for receipt in entry.receipts:
        given = sum(r.rows.get("kept", 0) for r in holdings.sources(held, receipt))
        if given != receipt.rows.get("in"):
            message = f"in {receipt.rows.get('in')} ≠ {given} that {before.name} kept"
            yield Finding(message, held.name, receipt.part)
    if whole and not entry.lost and held.manifest.complete:
        kept, given = sum(r.rows.get("kept", 0) for r in earlier), sum(r.rows.get("in", 0) for r in entry.receipts)
        if kept != given:
            yield Finding(f"all parts: in {given} ≠ {kept} that {before.name} kept", held.name)


def _check_sum(holdings: Holdings, entry: _Entry) -> Iterator[Finding]:
    path = holdings.head.manifests[entry.held.folder]
    total = merged(s for s in entry.statistics if s is not None)
    if total != stage_statistics(path, entry.held.manifest.statistics):
        yield Finding("its statistics are not the sum of those of its parts", entry.held.name, file=path)
    yield from _check_faults(entry, path)
    yield from _check_audit(holdings, entry.held, path)


def _check_faults(entry: _Entry, path: str) -> Iterator[Finding]:
    """Whether the manifest of a source lists the inputs that yield no document."""
    inputs = entry.held.manifest.inputs
    empty = [receipt.part for receipt in entry.receipts if not receipt.rows.get("kept")]
    listed = [fault.part for fault in inputs.faults if not fault.documents]
    if inputs.files and (inputs.files, listed) != (len(entry.receipts), empty):
        yield Finding("its list of inputs without a document is not that of its parts", entry.held.name, file=path)


def _check_audit(holdings: Holdings, held: Held, path: str) -> Iterator[Finding]:
    total = AuditStatistics()
    for receipt in holdings.load(held).audit:
        try:
            total.merge_part(holdings.root, receipt)
        except StorageError as error:
            yield Finding(error.message, held.name, receipt.part, receipt.statistics)
            return
    told = {name: value for name, value in held.manifest.audited.items() if name != "one_in"}
    if told != (total.to_json() if held.manifest.audit else {}):
        yield Finding("its audit is not the sum of those of its parts", held.name, file=path)
