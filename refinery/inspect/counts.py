"""Counts of a root: documents into each stage, kept and removed, the reasons of removals, and what does not reconcile.

Reads the records of every part. ``verification`` compares files with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from refinery.errors import StorageError, UsageError
from refinery.html import paragraph, table
from refinery.inspect.part_counts import check_part, missing_inputs, reconciled_sums
from refinery.inspect.reader import Finding, RootReader, StageEntry, documents_of, open_root
from refinery.inspect.shuffles import SplitOrder, split_orders
from refinery.root.briefs import Brief
from refinery.root.receipt_sequence import briefs_of
from refinery.root.receipts import Receipt
from refinery.root.statistics import AuditStatistics, Statistics, merged, merged_audit
from refinery.root.takedowns import read_state
from refinery.stage.rules import ERROR, QUARANTINED


@dataclass(frozen=True)
class StageCounts:
    """Counts of a stage, with its position in the pipeline, its parts done and expected, and seconds of work."""

    position: int
    name: str
    kind: str
    done: int
    expected: int
    seconds: float
    counts: Statistics
    taken_down: int = 0
    """Documents that it kept, and that were taken down since; ``counts`` are those of the run."""
    orders: tuple[SplitOrder, ...] = ()
    """Of a shuffled export: tests of each split."""

    @property
    def errors(self) -> int:
        """Documents that were removed because the stage failed on them."""
        return self.counts.reasons.get(ERROR, 0) + self.counts.reasons.get(QUARANTINED, 0)


@dataclass(frozen=True)
class RootCounts:
    """Counts of a root, or of a selection of its stages and parts."""

    dataset: str
    stages: tuple[StageCounts, ...]
    problems: tuple[Finding, ...]
    not_made: tuple[str, ...] = ()
    """Selected stages of the recipe without results yet."""
    audit: AuditStatistics | None = None
    """Counts of the shadow audit; None where there is none, or where stages or parts are selected."""

    @property
    def reconciled(self) -> bool:
        """True if all counts reconcile."""
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
class _StageParts:
    """A stage with the counts of the selected parts, the sum of their statistics, and what is wrong with parts."""

    entry: StageEntry
    rows: Sequence[Brief]
    total: Statistics
    lost: tuple[Finding, ...]
    """Receipts and statistics that cannot be read."""
    odd: tuple[Finding, ...]
    """Parts whose counts do not reconcile."""


def read_counts(
    path: str, *, first: str | None = None, until: str | None = None, parts: Sequence[int] | None = None
) -> RootCounts:
    """Return the counts of the root at ``path``: of the stages ``first`` to ``until``, of some parts.

    A stage that gathers parts anew (export) has other parts, so it is left out where parts are selected. Raises
    UsageError for what the root does not have, StorageError where its head or a manifest is damaged.
    """
    return counts_of(open_root(path), first=first, until=until, parts=parts)


def counts_of(
    reader: RootReader, *, first: str | None = None, until: str | None = None, parts: Sequence[int] | None = None
) -> RootCounts:
    """Return the counts of an open root, see ``read_counts``."""
    chosen = chosen_stages(reader, first, until, parts)
    stages, problems, whole = list[StageCounts](), list[Finding](), parts is None
    kept: Mapping[int, Sequence[Brief]] = {}  # of one stage: those of all would not fit into memory
    for entry in chosen:
        before = reader.before(entry)
        rows_before = kept.get(before.position) if before is not None else ()
        if before is not None and rows_before is None:
            rows_before = [*briefs_of(reader.load(before).parts)]
        rows = [*briefs_of(reader.load(entry).parts)]
        loaded = _loaded(reader, entry, rows, parts)
        problems += _check(reader, loaded, rows_before or (), whole=whole)
        stages.append(_stage_counts(reader, loaded, whole=whole))
        kept = {entry.position: rows}
    everything = first is None and until is None and whole
    audit = chosen[0].manifest.audited if everything and chosen else None
    return RootCounts(reader.head.dataset, tuple(stages), tuple(problems), _unmade(reader, until), audit)


def chosen_stages(
    reader: RootReader, first: str | None, until: str | None, parts: Sequence[int] | None
) -> list[StageEntry]:
    """Return the selected stages with results. Raises UsageError for stages or parts that the root does not have."""
    low = reader.stage(first).position if first else 0
    high = reader.stage(until).position if until else len(reader.head.folders)
    if low > high:
        raise UsageError(f"stage {first!r} comes after {until!r}", hint=f"the order is {', '.join(reader.names)}")
    chosen = [entry for entry in reader.stages if low <= entry.position <= high]
    if parts is None:
        return chosen
    chosen = _ungathered(reader, chosen)
    if not any(receipt.part in parts for entry in chosen for receipt in reader.load(entry).parts):
        raise UsageError("the root has none of the selected parts", hint=_part_range(reader))
    return chosen


def _unmade(reader: RootReader, until: str | None) -> tuple[str, ...]:
    """Return the stages behind the last one with results: stages run in order."""
    last = max((entry.position for entry in reader.stages), default=-1)
    return () if until else tuple(reader.names[last + 1 :])


def _ungathered(reader: RootReader, chosen: Sequence[StageEntry]) -> list[StageEntry]:
    steps = reader.pipeline.steps
    gathering = [i for i, step in enumerate(steps) if step.stage.shard_bytes() is not None]
    return [entry for entry in chosen if entry.position < min(gathering, default=len(steps))]


def _part_range(reader: RootReader) -> str:
    numbers = [receipt.part for entry in reader.stages[:1] for receipt in reader.load(entry).parts]
    return f"parts are {min(numbers)} to {max(numbers)}" if numbers else "no part has finished yet"


def _loaded(reader: RootReader, entry: StageEntry, rows: Sequence[Brief], parts: Sequence[int] | None) -> _StageParts:
    loaded = reader.load(entry)
    wanted = None if parts is None else set(parts)
    places = [place for place, row in enumerate(rows) if wanted is None or row.part in wanted]
    totals, summed = reconciled_sums(loaded.parts, rows) if wanted is None else ([], set())
    lost, odd = list(loaded.lost), list[Finding]()

    def read() -> Iterator[Statistics]:
        yield from totals
        for place in places:
            statistics = None
            if place not in summed:
                receipt = loaded.parts[place]
                try:
                    statistics = reader.root.statistics(receipt, place)
                except StorageError as error:
                    lost.append(Finding(error.message, entry.name, receipt.part, receipt.statistics))
            odd.extend(check_part(entry, rows[place], statistics))
            if statistics is not None:
                yield statistics

    total = merged(read())  # one after another: those of all parts would not fit into memory
    return _StageParts(entry, [rows[place] for place in places], total, tuple(lost), tuple(odd))


def _stage_counts(reader: RootReader, loaded: _StageParts, *, whole: bool) -> StageCounts:
    entry, rows = loaded.entry, loaded.rows
    shuffle = reader.load(entry).shuffle if whole else ()
    ranked = {row.key for row in rows if row.ranked is not None}
    return StageCounts(
        position=entry.position,
        name=entry.name,
        kind=entry.manifest.kind,
        done=len(rows),
        expected=entry.manifest.expected if whole else len(rows),
        seconds=round(sum(row.seconds for row in rows) + sum(one.seconds for one in briefs_of(shuffle)), 3),
        counts=entry.manifest.statistics if whole else loaded.total,
        taken_down=sum({row.key: row.taken for row in rows}.values()),
        orders=tuple(split_orders(one for one in reader.load(entry).parts if one.key in ranked) if ranked else ()),
    )


# ------------------------------------------------------------------------------------------------------------- checks


def _check(reader: RootReader, loaded: _StageParts, before: Sequence[Brief], *, whole: bool) -> Iterator[Finding]:
    yield from loaded.lost
    yield from loaded.odd
    yield from _check_inputs(reader, loaded, before, whole=whole)
    if whole and not loaded.lost:
        yield from _check_sum(reader, loaded)


def _check_inputs(
    reader: RootReader, loaded: _StageParts, rows_before: Sequence[Brief], *, whole: bool
) -> Iterator[Finding]:
    """Compare the input of each part with what the stage before kept."""
    entry = loaded.entry
    before = reader.before(entry)
    if before is None or reader.load(before).lost:
        return
    for content in missing_inputs(entry, loaded.rows, rows_before) if whole else ():
        yield Finding(f"a part was computed from rows {content[:8]}…, which {before.name} did not keep", entry.name)
    known = {row.content: row for row in rows_before}
    for row in loaded.rows:
        sources = [known[content] for content in documents_of(entry, row) if content in known]
        given = sum(max(0, one.kept) for one in sources) if row.ranked is None else row.ranked
        if not _is_input(reader, row.given, given, sources):
            yield Finding(f"in {row.given} ≠ {given} that {before.name} kept", entry.name, row.part)
    if whole and not loaded.lost and entry.manifest.complete:
        kept, given = sum(max(0, one.kept) for one in rows_before), sum(max(0, row.given) for row in loaded.rows)
        if not _is_input(reader, given, kept, rows_before):
            yield Finding(f"all parts: in {given} ≠ {kept} that {before.name} kept", entry.name)


def _is_input(reader: RootReader, given: int, kept: int, sources: Sequence[Brief]) -> bool:
    """Return True if a number of documents can be what some parts kept: before or after some were taken down.

    Of parts whose rows are not stored it is not known how many those were.
    """
    if kept - sum(source.taken for source in sources) <= given <= kept:
        return True
    stored = all(source.stored for source in sources)
    return given < kept and not stored and bool(read_state(reader.root).entries)


def _check_sum(reader: RootReader, loaded: _StageParts) -> Iterator[Finding]:
    """Compare the sums and lists in the manifest of a stage with its parts."""
    entry = loaded.entry
    path = reader.head.manifests[entry.folder]
    if loaded.total != entry.manifest.statistics:
        yield Finding("its statistics are not the sum of those of its parts", entry.name, file=path)
    inputs = entry.manifest.inputs
    receipts = reader.load(entry).parts if inputs.files else ()
    files = sum(one.listed.files if one.listed else 1 for one in receipts)
    empty = [one.part for one in receipts for documents in _faulty(one) if not documents]
    if inputs.files and (inputs.files, [f.part for f in inputs.faults if not f.documents]) != (files, empty):
        yield Finding("its list of inputs without a document is not that of its parts", entry.name, file=path)
    yield from _check_audit(reader, entry, path)


def _faulty(receipt: Receipt) -> list[int]:
    """Return the documents of the input file of a part, or of each file of its list that has a fault."""
    return [one.documents for one in receipt.listed.faults] if receipt.listed else [receipt.rows.get("kept", 0)]


def _check_audit(reader: RootReader, entry: StageEntry, path: str) -> Iterator[Finding]:
    lost = list[Finding]()

    def read() -> Iterator[AuditStatistics]:
        for receipt in reader.load(entry).audit:
            try:
                yield reader.root.audit_statistics(receipt)
            except StorageError as error:
                lost.append(Finding(error.message, entry.name, receipt.part, receipt.statistics))

    audited = merged_audit(read())  # one after another: those of all parts would not fit into memory
    yield from lost
    if not lost and entry.manifest.audited != audited:
        yield Finding("its audit is not the sum of those of its parts", entry.name, file=path)
