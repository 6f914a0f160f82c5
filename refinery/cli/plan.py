"""``refinery plan``: what ``run`` would do, why, and how much it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import click

from refinery.cli._options import Session, output_options, pass_session, recipe_options
from refinery.cli._output import columns, print_json, span
from refinery.cli._selection import parse_workers, selection, selection_options
from refinery.cli._warnings import warn
from refinery.config import load
from refinery.estimate import GETS, HOUR, PUTS, Money, Target
from refinery.forecast import Forecast, StageForecast, Total, plan
from refinery.shown import plural, size
from refinery.survey import Every


@click.command("plan")
@recipe_options
@selection_options
@click.option("--force", is_flag=True, help="As for run: everything again.")
@click.option(
    "--for",
    "target",
    metavar="SIZE|'N files'",
    help="Estimate a run over so much input in place of the recipe's: 1TB, '90000 files'.",
)
@click.option(
    "--workers",
    metavar="N|auto",
    callback=parse_workers,
    help="Worker processes, instead of the recipe's executor.workers.",
)
@output_options
@pass_session
def command(
    session: Session,
    config: str,
    root: str | None,
    overrides: tuple[str, ...],
    first: str | None,
    until: str | None,
    only: str | None,
    parts: tuple[int, ...] | Every | None,
    share: float | None,
    force: bool,
    target: str | None,
    workers: str | None,
) -> int:
    """Show what would run, why, and how much it is. Nothing is written.

    Sizes, times and, with `prices` in the recipe, money are estimated from the parts made before, by the bytes of their
    input; `refinery run --sample 1%` makes some. A core hour is one in which a worker is busy.
    """
    pipeline = load(config, (*overrides, *([f"executor.workers={workers}"] if workers else [])), root)
    session.root = pipeline.root
    chosen = selection(first, until, only, parts, share, force)
    found = plan(pipeline, chosen, Target.parse(target) if target else None)
    warnings = warn(session, pipeline)
    if session.json:
        print_json({**dataclasses.asdict(found), "nothing_to_do": found.nothing_to_do, "warnings": warnings})
    session.say(_text(found, pipeline.audit))
    return 0


def _text(found: Forecast, one_in: int) -> str:
    where = f"{found.root}   " if not found.target else "a new root   about "
    head = f"{found.dataset} → {where}{plural(found.inputs, 'input file')}, {size(found.input_bytes)}"
    rows = [("stage", "parts", "do", "reason", "read", "write", "time"), *(_row(stage) for stage in found.stages)]
    lines = [head, columns(rows)]
    lines += [
        f"{stage.name}: up to {_amount(stage.memory)} of memory in one task, {_amount(stage.shuffle)} shuffled, "
        f"{_amount(stage.disk)} of disk for its rounds"
        for stage in found.stages
        if stage.memory or stage.disk
    ]
    if found.audit:
        lines.append(f"audit: 1 document in {one_in:,} of {plural(found.audit, 'part')} through all row stages")
    if found.blocked:
        lines.append(f"then stops: {found.blocked}")
    if found.changed_code:
        lines.append(f"run will refuse: the code of {', '.join(found.changed_code)} changed and the version did not")
    if found.nothing_to_do:
        return "\n".join([*lines, "nothing to do"])
    return "\n".join([*lines, *_total(found)])


def _total(found: Forecast) -> list[str]:
    total = found.total
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


def _row(stage: StageForecast) -> tuple[str, ...]:
    parts = f"{stage.parts:,}" if stage.todo in (0, stage.parts) else f"{stage.todo:,} of {stage.parts:,}"
    if not stage.todo:
        return stage.name, parts, stage.action, stage.reason
    return (
        stage.name,
        parts,
        stage.action,
        stage.reason,
        _amount(stage.read) if stage.read != 0 else "",
        _amount(stage.write),
        "–" if stage.seconds is None else span(stage.seconds),
    )


def _amount(count: int | None) -> str:
    return "–" if count is None else size(count)
