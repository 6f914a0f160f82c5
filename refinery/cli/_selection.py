"""--from, --until, --only, --parts, --sample and --force: the selection of stages and parts."""

from __future__ import annotations

from collections.abc import Callable

import click

from refinery.cli._options import collected
from refinery.planner.selection import Selection

MOST_PARTS = 2**24
"""Limit of part numbers in a root (exclusive)."""


def selection_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options, passed as one ``selection``."""
    command = collected(command, "selection", selection)
    for option in (
        click.option("--force", is_flag=True, help="Recompute everything selected, even if it is up to date."),
        click.option(
            "--sample",
            "share",
            metavar="N%",
            callback=parse_share,
            help="Process a fixed share of the parts, at least one.",
        ),
        click.option(
            "--parts",
            metavar="A-B|K/N",
            callback=parse_selected,
            help="Process these parts: 7, 0-99 or 0-9,20; or K/N, the share of job K of N (K from 0).",
        ),
        click.option("--only", metavar="STAGE", help="Recompute this stage alone."),
        click.option("--until", metavar="STAGE", help="Stop after this stage."),
        click.option("--from", "first", metavar="STAGE", help="Recompute this stage and all later ones."),
    ):
        command = option(command)
    return command


def selection(
    first: str | None,
    until: str | None,
    only: str | None,
    parts: tuple[int, ...] | range | None,
    share: float | None,
    force: bool,
) -> Selection:
    """Return the options as a Selection. Raises click's UsageError if they exclude each other."""
    if parts is not None and share is not None:
        raise click.UsageError("--parts and --sample exclude each other")
    first, until = stage_range(first, until, only)
    return Selection(first=first, until=until, parts=parts, share=share, force=force)


def workers_option(command: Callable[..., int]) -> Callable[..., int]:
    """Add --workers, passed as ``workers``."""
    return click.option(
        "--workers",
        metavar="N|auto",
        callback=parse_workers,
        help="Number of worker processes; overrides executor.workers.",
    )(command)


def stage_range(first: str | None, until: str | None, only: str | None) -> tuple[str | None, str | None]:
    """Return the first and last selected stage. Raises click's UsageError if ``only`` is combined with them."""
    if only and (first or until):
        raise click.UsageError("--only cannot be combined with --from or --until")
    return only or first, only or until


def parse_selected(
    context: click.Context, parameter: click.Parameter, given: str | None
) -> tuple[int, ...] | range | None:
    """Parse part numbers, or ``3/100``: the parts of job 3 of 100."""
    job, slash, jobs = (given or "").partition("/")
    if not slash:
        return parse_parts(context, parameter, given)
    if not job.isdecimal() or not jobs.isdecimal() or int(job) >= int(jobs):
        raise click.BadParameter(f"{given!r}: expected JOB/JOBS with jobs numbered from 0, as in 3/100")
    return range(int(job), MOST_PARTS, int(jobs))


def parse_parts(context: click.Context, parameter: click.Parameter, given: str | None) -> tuple[int, ...] | None:
    """Parse part numbers: ``7``, ``0-99`` or ``0-9,20``."""
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
                f"{given!r}: {piece.strip()} is not a range of numbers below {MOST_PARTS:,}, such as 0-99"
            )
        numbers += range(first, last + 1)
    return tuple(sorted(set(numbers)))


def parse_workers(context: click.Context, parameter: click.Parameter, given: str | None) -> str | None:
    """Check a number of processes, or ``auto``."""
    del context, parameter
    if given is not None and given != "auto" and not (given.isdecimal() and int(given)):
        raise click.BadParameter(f"{given!r}: expected a number of at least 1, or auto")
    return given


def parse_share(context: click.Context, parameter: click.Parameter, given: str | None) -> float | None:
    """Parse a percentage into a share above 0 and up to 1."""
    del context, parameter
    if given is None:
        return None
    number = given.removesuffix("%")
    if number == given or not number.replace(".", "", 1).isdecimal() or not 0 < float(number) <= 100:
        raise click.BadParameter(f"{given!r}: expected a percentage above 0 and up to 100, as in 1%")
    return float(number) / 100
