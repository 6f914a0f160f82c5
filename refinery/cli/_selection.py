"""--from, --until, --only, --parts and --sample: which stages and parts a verb is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from refinery.planner.state import Every, Selection

Callback = TypeVar("Callback", bound=Callable[..., Any])

MOST_PARTS = 2**24
"""Parts of a root have numbers below this."""


def selection_options(command: Callback) -> Callback:
    """The options, given to the verb as ``first``, ``until``, ``only``, ``parts`` and ``share``."""
    for option in (
        click.option(
            "--sample", "share", metavar="N%", callback=parse_share, help="A fixed share of the parts, at least one."
        ),
        click.option(
            "--parts",
            metavar="A-B|K/N",
            callback=parse_selected,
            help="Parts by number: 7, 0-99, or 0-9,20. K/N: those of job K, from 0 on, of N jobs.",
        ),
        click.option("--only", metavar="STAGE", help="This stage alone, made again."),
        click.option("--until", metavar="STAGE", help="Nothing after this stage."),
        click.option("--from", "first", metavar="STAGE", help="This stage and those after it, made again."),
    ):
        command = option(command)
    return command


def selection(
    first: str | None,
    until: str | None,
    only: str | None,
    parts: tuple[int, ...] | Every | None,
    share: float | None,
    force: bool,
) -> Selection:
    """The options as the library takes them. Raises click's UsageError for ones that exclude each other."""
    if parts is not None and share is not None:
        raise click.UsageError("--parts excludes --sample")
    first, until = stage_range(first, until, only)
    return Selection(first=first, until=until, parts=parts, share=share, force=force)


def stage_range(first: str | None, until: str | None, only: str | None) -> tuple[str | None, str | None]:
    """The first and the last stage that are meant. Raises click's UsageError where ``only`` is not alone."""
    if only and (first or until):
        raise click.UsageError("--only excludes --from and --until")
    return only or first, only or until


def parse_selected(
    context: click.Context, parameter: click.Parameter, given: str | None
) -> tuple[int, ...] | Every | None:
    """Part numbers, or ``3/100`` for the parts of one job of many."""
    job, slash, jobs = (given or "").partition("/")
    if not slash:
        return parse_parts(context, parameter, given)
    if not job.isdecimal() or not jobs.isdecimal() or int(job) >= int(jobs):
        raise click.BadParameter(f"{given!r}: expected a job, from 0 on, and the number of jobs, as in 3/100")
    return Every(int(job), int(jobs))


def parse_parts(context: click.Context, parameter: click.Parameter, given: str | None) -> tuple[int, ...] | None:
    """Part numbers as an option gives them: ``7``, ``0-99`` or ``0-9,20``."""
    del context, parameter
    if given is None:
        return None
    numbers: list[int] = []
    for piece in given.split(","):
        low, dash, high = piece.strip().partition("-")
        if not low.isdecimal() or (dash and not high.isdecimal()):
            raise click.BadParameter(f"{given!r}: expected numbers and ranges, as in 0-99 or 3,7")
        first, last = int(low), int(high or low)
        if first > last or last >= MOST_PARTS:
            raise click.BadParameter(
                f"{given!r}: {piece.strip()} is no range of numbers below {MOST_PARTS:,}, as 0-99 is"
            )
        numbers += range(first, last + 1)
    return tuple(sorted(set(numbers)))


def parse_workers(context: click.Context, parameter: click.Parameter, given: str | None) -> str | None:
    """A number of processes, or ``auto``."""
    del context, parameter
    if given is not None and given != "auto" and not (given.isdecimal() and int(given)):
        raise click.BadParameter(f"{given!r}: expected a number from 1 on, or auto")
    return given


def parse_share(context: click.Context, parameter: click.Parameter, given: str | None) -> float | None:
    """A share above 0 and up to 1, given in percent."""
    del context, parameter
    if given is None:
        return None
    number = given.removesuffix("%")
    if number == given or not number.replace(".", "", 1).isdecimal() or not 0 < float(number) <= 100:
        raise click.BadParameter(f"{given!r}: expected a share above 0 % and up to 100 %, as in 1%")
    return float(number) / 100
