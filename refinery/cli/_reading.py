"""What the verbs that read a root share: which root, and words for figures and for text that was crawled.

URLs, texts and the messages of failed stages come from the crawl: whoever wrote them must not steer the terminal.
"""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from refinery.cli._options import RECIPE, root_option
from refinery.config import load
from refinery.errors import UsageError
from refinery.inspect import Cut, Document, Fact, Judgement
from refinery.store import store_for

Callback = TypeVar("Callback", bound=Callable[..., Any])

SHORT = 200
"""Characters of a cut span, or of a label, that are shown without -v."""

# Control characters, and those that turn the direction of writing around.
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def place_options(command: Callback) -> Callback:
    """-c and --root, given to the verb as ``config`` and ``root``; ``root_of`` says which root they mean."""
    command = root_option(command)
    about = f"The recipe whose root is meant, where --root is not given; {RECIPE} unless given."
    return click.option("-c", "--config", metavar="FILE", help=about, type=click.Path())(command)


def root_of(config: str | None, root: str | None) -> str:
    """The root that is meant. Raises UsageError where neither option nor recipe says it."""
    if root is not None:
        return root
    if config is None and not store_for(RECIPE).exists(RECIPE):
        raise UsageError("which root?", hint=f"give --root DIR, or -c FILE of a recipe (there is no {RECIPE} here)")
    return load(config or RECIPE).root


# ------------------------------------------------------------------------------------------------------------ hostile


def safe(text: str) -> str:
    """Crawled text for one line of a terminal."""
    return safe_lines(text).replace("\n", "\\n").replace("\t", "\\t")


def safe_lines(text: str) -> str:
    """Crawled text for a terminal, in its lines: what would steer it is written as an escape."""
    return _STEERING.sub(
        lambda found: f"\\x{ord(found[0]):02x}" if found[0] < "\u0100" else ascii(found[0])[1:-1], text
    )


def shortened(text: str, length: int) -> str:
    """At most about ``length`` characters of a text, and how many there are more."""
    return text if len(text) <= length else f"{text[:length]}… ({len(text) - length:,} characters more)"


# ------------------------------------------------------------------------------------------------------------ figures


def aligned(rows: Sequence[Sequence[str]], left: Sequence[int] = (0,), indent: int = 2) -> str:
    """Rows of cells in columns, to the right but for those in ``left``."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))] if rows else []
    cells = (
        [c.ljust(w) if i in left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        for row in rows
    )
    return "\n".join(" " * indent + "  ".join(row).rstrip() for row in cells)


def percent(part: int, whole: int) -> str:
    """``12.3%``, ``0.005%``; a dash of nothing."""
    if not whole:
        return "–"
    share = part / whole
    return f"{share:.1%}" if share >= 0.001 or not part else f"{share:.3%}"


def span(seconds: float) -> str:
    """``45 s``, ``12 min``, ``3.4 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def heading(who: Document) -> str:
    """Who a document is, in up to three lines."""
    lines = [safe(who.url or "(no URL stored)"), f"  id {who.id}{f'   {who.date}' if who.date else ''}"]
    if who.warc is not None:
        lines.append(f"  {safe(who.warc)} @ {who.offset}{f', {who.length:,} bytes' if who.length else ''}")
    return "\n".join(lines)


def fact_words(found: Judgement) -> list[str]:
    """Every value beside its bounds, those that violate one first."""
    ordered = sorted(found.facts, key=lambda fact: not any(bound.fails for bound in fact.bounds))
    return [_fact(fact) for fact in ordered if fact.value not in (None, [])]


def _fact(fact: Fact) -> str:
    # A label with a rule for each unwanted value: those that do not apply would fill a screen.
    told = fact.bounds if len(fact.bounds) < 3 else tuple(bound for bound in fact.bounds if bound.fails)
    bounds = ", ".join(f"{bound.bound}{' ✗' if bound.fails else ''}" for bound in told)
    unit = f" {fact.unit}" if fact.unit and fact.unit != fact.name else ""
    return f"{fact.name} {_value(fact.value)}{unit}{f' ({bounds})' if bounds else ''}"


def _value(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.6g}"
    return shortened(safe(value if isinstance(value, str) else str(value)), SHORT)


def cut_lines(cuts: Sequence[Cut], length: int = SHORT) -> list[str]:
    """What an edit cut out, a line a span."""
    return [
        f"cut at {cut.offset:,}, {cut.length:,} bytes, {cut.reason}: {shortened(safe(cut.text), length)!s}"
        for cut in cuts
    ]


def wrapped(pieces: Sequence[str], indent: str, joint: str = "   ") -> str:
    """Pieces beside each other, in lines that fit the terminal; no piece is broken but one that is too long."""
    width = max(60, min(120, shutil.get_terminal_size((110, 40)).columns))
    lines: list[str] = []
    line = ""
    for piece in pieces:
        if line and len(line) + len(joint) + len(piece) > width - len(indent):
            lines.append(line)
            line = ""
        line = f"{line}{joint}{piece}" if line else piece
    broken = [part for full in [*lines, line] if full for part in textwrap.wrap(full, width - len(indent)) or [""]]
    return "\n".join(f"{indent}{part}" for part in broken)
