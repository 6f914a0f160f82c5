"""What a run takes in all, as data and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from refinery.formatting import plural, size, span
from refinery.planner.cost import GETS, HOUR, PUTS, Money


@dataclass(frozen=True)
class Basis:
    """The parts that estimates are made from: how many of how many, their bytes of input, the documents in them."""

    root: str
    parts: int
    of: int
    bytes: int
    documents: int


@dataclass(frozen=True)
class Total:
    """What all stages take together, without those that are ``unknown`` because no part of them is made.

    ``seconds`` are those in which workers are busy, ``wall`` those until the end with so many ``workers``: None where
    Ray decides. ``seconds_error`` and ``written_error`` are two standard errors of a straight line through the parts
    measured, as a share; None from fewer than two. ``straight`` are the global stages, of which a straight line is a
    guess. ``requests`` are None where remote files will be asked, and the parts measured were local.
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
    straight: tuple[str, ...]
    unknown: tuple[str, ...]
    basis: Basis


def lines_of(total: Total | None) -> list[str]:
    """Say in lines for people what a run takes, what that is estimated from, and what is not in it."""
    if total is None:
        return ["no estimate: no part is made to measure by; `refinery run --sample 1%` makes some"]
    wall = "" if total.wall is None else f", {span(total.wall)} on {plural(total.workers or 1, 'worker')}"
    asked = "unknown requests" if total.requests is None else plural(_sent(total.requests), "request")
    amount = f"{_hours(total.seconds)}{_plus_minus(total.seconds_error)}{wall}"
    written = f"{size(total.written)}{_plus_minus(total.written_error)} written"
    basis = total.basis
    source = (
        f"{plural(basis.parts, 'part')} in {basis.root}: {size(basis.bytes)}, {plural(basis.documents, 'document')}"
    )
    return [
        f"total: {amount}; {size(total.read)} read, {written}; {asked}",
        *_money(total.money),
        f"estimated from {source}; times are those of that run",
        *_caveats(total),
    ]


def _caveats(total: Total) -> list[str]:
    """What is not in the figures, and where a straight line is a guess."""
    lines = []
    if total.seconds_error:
        lines.append("±: two standard errors, from the differences between these parts")
    if total.straight:
        lines.append(f"{', '.join(total.straight)}: a straight line is a guess, for duplicates grow with the data")
    if total.unknown:
        names = ", ".join(total.unknown)
        lines.append(
            f"not in the total: {names}: no part is made; a run over fewer inputs, in a root of its own, tells"
        )
    return lines


def _money(money: Money) -> list[str]:
    if money.once is None and money.storage is None:
        return []
    named = (("compute", money.compute), ("requests", money.requests))
    parts = ", ".join(f"{_price(amount)} for {name}" for name, amount in named if amount is not None)
    once = f"{_price(money.once)} {money.currency} ({parts})" if money.once is not None else ""
    month = f"{_price(money.storage)} {money.currency} a month for what is written" if money.storage is not None else ""
    return [f"money: {'; '.join(text for text in (once, month) if text)}"]


def _price(amount: float) -> str:
    return f"{amount:,.2f}" if amount >= 0.1 or not amount else f"{amount:.2g}"


def _hours(seconds: float) -> str:
    hours = seconds / HOUR
    if hours < 0.1:
        return f"{span(seconds)} of core time"
    return f"{hours:,.0f} core hours" if hours >= 100 else f"{hours:.3g} core hours"


def _plus_minus(share: float | None) -> str:
    return f" (± {100 * share:.0f} %)" if share else ""


def _sent(requests: Mapping[str, int]) -> int:
    return sum(requests.get(kind, 0) for kind in (*PUTS, *GETS, "delete"))
