"""Output of the subcommands: JSON for programs; columns and numbers for people.

URLs, texts and error messages come from the crawl, so they must not control the terminal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import click

from refinery.formatting import BEYOND_ASCII, safe

_BARE_IN_JSON = re.compile(f"[{BEYOND_ASCII}]")


def print_json(value: Any) -> None:
    """Print a value as JSON to standard output."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    click.echo(_BARE_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def columns(rows: Sequence[Sequence[str]], right: Sequence[int] = (), indent: int = 2) -> str:
    """Align rows of cells: left, except for the columns in ``right``."""
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(max(map(len, rows), default=0))]
    cells = ([c.rjust(widths[i]) if i in right else c.ljust(widths[i]) for i, c in enumerate(row)] for row in rows)
    return "\n".join(" " * indent + "  ".join(row).rstrip() for row in cells)


def numbers(table: Sequence[Sequence[str]]) -> Iterator[str]:
    """Align a table of names and their numbers, if it has rows."""
    if table:
        yield columns([[safe(cell) for cell in row] for row in table], right=range(1, len(table[0])))


# ------------------------------------------------------------------------------------------------------------ numbers


def percent(part: int, whole: int) -> str:
    """Format a share: ``12.3%``, ``0.005%``, or a dash if ``whole`` is 0."""
    if not whole:
        return "–"
    share = part / whole
    return f"{share:.1%}" if share >= 0.001 or not part else f"{share:.3%}"
