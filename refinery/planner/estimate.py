"""The estimate of a plan as data and as text: the work on each stage, its reason and its amount."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from refinery.formatting import plural, size, span
from refinery.html import paragraph, table
from refinery.planner.cost import GETS, HOUR, PUTS, Money, Target
from refinery.planner.plan import Action
from refinery.planner.requests import RoundRequests

COLUMNS = ("stage", "parts", "do", "reason", "read", "write", "time")


@dataclass(frozen=True)
class StageEstimate:
    """One stage of an estimate: ``todo`` of its ``parts`` are to be processed.

    Bytes to read and to write, and worker seconds, scale those of finished parts: None if no part is finished, or if
    rules are only applied to stored metrics again. ``read`` is 0 if rows come from the stage before in memory.
    ``wall`` are seconds until the stage ends with the recipe's workers, None if Ray decides on their number.
    ``memory`` and ``disk`` are upper limits for the rounds of a global stage, or for a shuffled export: of one task,
    and of the root beyond kept and removed rows. ``shuffle`` are the bytes that its map sends on. ``run`` refuses what
    does not fit. ``form`` is the form of the rounds, and why; "" if there is one form.
    """

    name: str
    action: Action
    reason: str
    parts: int
    todo: int
    read: int | None
    write: int | None
    seconds: float | None
    memory: int | None = None
    disk: int | None = None
    shuffle: int | None = None
    form: str = ""
    wall: float | None = None

    def cells(self) -> tuple[str, ...]:
        """A row of a table with the columns ``COLUMNS``."""
        parts = f"{self.parts:,}" if self.todo in (0, self.parts) else f"{self.todo:,} of {self.parts:,}"
        if not self.todo:
            return self.name, parts, self.action, self.reason
        read = amount(self.read) if self.read != 0 else ""
        time = "–" if self.seconds is None else span(self.seconds)
        return self.name, parts, self.action, self.reason, read, amount(self.write), time


@dataclass(frozen=True)
class Basis:
    """The finished parts that an estimate scales: how many of how many, their bytes of input and their documents."""

    root: str
    parts: int
    of: int
    bytes: int
    documents: int


@dataclass(frozen=True)
class Total:
    """All stages together, without the ``unknown`` ones, of which no part is finished.

    ``seconds`` are those in which workers are busy, ``wall`` those until the end with so many ``workers``: None if Ray
    decides. ``seconds_error`` and ``written_error`` are two standard errors of a straight line through the measured
    parts, as a share; None for fewer than two parts. The ``extrapolated`` stages are global, so a straight line is a
    guess for them. ``requests`` are None if remote files will be read, and the measured parts were local.
    """

    seconds: float
    wall: float | None
    workers: int | None
    read: int
    written: int
    requests: Mapping[str, int] | None
    money: Money
    seconds_error: float | None
    written_error: float | None
    extrapolated: tuple[str, ...]
    unknown: tuple[str, ...]
    basis: Basis


@dataclass(frozen=True)
class IndexedRecords:
    """Records of ``archives`` that a query chose: their ``bytes``, and those ``fetched`` by so many ``requests``."""

    records: int
    archives: int
    bytes: int
    fetched: int
    requests: int

    @property
    def line(self) -> str:
        """The numbers, for people."""
        chosen = f"{plural(self.records, 'record')} of {plural(self.archives, 'archive')}"
        fetched = f"{size(self.fetched)} in {plural(self.requests, 'request')}"
        return f"{chosen}: {size(self.bytes)}, read as {fetched}"


@dataclass(frozen=True)
class Estimate:
    """The estimate of a run. ``run`` refuses to go on with the stages in ``changed_code``.

    With a ``target`` it is the estimate of a new root over that much input. ``total`` is None if no part is finished.
    """

    dataset: str
    root: str
    inputs: int
    input_bytes: int
    stages: tuple[StageEstimate, ...]
    changed_code: tuple[str, ...]
    blocked: str
    audit: int = 0
    """Parts that are still to be audited."""
    target: Target | None = None
    total: Total | None = None
    records: IndexedRecords | None = None
    """The records that a query of an index chose; None for files."""
    next_round: RoundRequests | None = None
    """The round that can run now, with its requests to a remote root."""
    inputs_table: tuple[tuple[str, ...], ...] = ()
    """A row for each input with what the source reads of it, if it has such a table; the first row has the columns."""
    files: int = 0
    """Input files, where some of the ``inputs`` are several files; else 0."""

    @property
    def nothing_to_do(self) -> bool:
        """True if every stage is up to date, and audited."""
        return not self.audit and all(stage.action == "keep" for stage in self.stages)

    def _repr_html_(self) -> str:
        head = paragraph(f"{self.dataset} → {self.root}: {plural(self.inputs, 'input file')}, {size(self.input_bytes)}")
        rows = [(*stage.cells(), *[""] * len(COLUMNS))[: len(COLUMNS)] for stage in self.stages]
        lines = ["nothing to do"] if self.nothing_to_do else lines_of(self.total)
        inputs = table(self.inputs_table[0], self.inputs_table[1:]) if self.inputs_table else ""
        return f"{head}{inputs}{table(COLUMNS, rows)}{''.join(map(paragraph, lines))}"


def amount(count: int | None) -> str:
    """Format bytes; a dash if they are not known."""
    return "–" if count is None else size(count)


def lines_of(total: Total | None) -> list[str]:
    """Format a total, the basis of the estimate, and its limits, a line each."""
    if total is None:
        return ["no estimate: no part is finished yet; run `refinery run --sample 1%` first"]
    wall = "" if total.wall is None else f", {span(total.wall)} on {plural(total.workers or 1, 'worker')}"
    asked = "unknown requests" if total.requests is None else plural(sent(total.requests), "request")
    amount = f"{_hours(total.seconds)}{_plus_minus(total.seconds_error)}{wall}"
    written = f"{size(total.written)}{_plus_minus(total.written_error)} written"
    basis = total.basis
    source = (
        f"{plural(basis.parts, 'part')} in {basis.root}: {size(basis.bytes)}, {plural(basis.documents, 'document')}"
    )
    return [
        f"total: {amount}; {size(total.read)} read, {written}; {asked}",
        *_money(total.money),
        f"estimated from {source}; times as measured in that run",
        *_caveats(total),
    ]


def _caveats(total: Total) -> list[str]:
    """Return the limits of the estimate: stages that are extrapolated, and stages that are missing."""
    lines = []
    if total.seconds_error:
        lines.append("±: two standard errors, from the differences between these parts")
    if total.extrapolated:
        lines.append(f"{', '.join(total.extrapolated)}: extrapolated linearly, although duplicates grow with the data")
    if total.unknown:
        names = ", ".join(total.unknown)
        lines.append(
            f"not in the total: {names} (no part is finished); a run over fewer inputs into another root measures them"
        )
    return lines


def _money(money: Money) -> list[str]:
    if money.once is None and money.storage is None:
        return []
    named = (("compute", money.compute), ("requests", money.requests))
    parts = ", ".join(f"{price(amount)} for {name}" for name, amount in named if amount is not None)
    once = f"{price(money.once)} {money.currency} ({parts})" if money.once is not None else ""
    month = f"{price(money.storage)} {money.currency} per month for storage" if money.storage is not None else ""
    return [f"money: {'; '.join(text for text in (once, month) if text)}"]


def price(amount: float) -> str:
    """Format an amount of money without its currency."""
    return f"{amount:,.2f}" if amount >= 0.1 or not amount else f"{amount:.2g}"


def _hours(seconds: float) -> str:
    hours = seconds / HOUR
    if hours < 0.1:
        return f"{span(seconds)} of core time"
    return f"{hours:,.0f} core hours" if hours >= 100 else f"{hours:.3g} core hours"


def _plus_minus(share: float | None) -> str:
    return f" (± {100 * share:.0f} %)" if share else ""


def sent(requests: Mapping[str, int]) -> int:
    """Return the number of requests; their counts have bytes and failed tries as well."""
    return sum(requests.get(kind, 0) for kind in (*PUTS, *GETS, "delete"))
