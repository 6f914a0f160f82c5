"""What verbs print: JSON for programs; columns, figures and crawled text for people.

URLs, texts and the messages of failed stages come from the crawl: whoever wrote them must not steer the terminal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import click

from refinery.formatting import BEYOND_ASCII

_BARE_IN_JSON = re.compile(f"[{BEYOND_ASCII}]")


def print_json(value: Any) -> None:
    """Print a JSON-able value on standard output."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    click.echo(_BARE_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def columns(rows: Sequence[Sequence[str]], right: Sequence[int] = (), indent: int = 2) -> str:
    """Rows of cells, each column as wide as its widest cell; to the left but for the columns in ``right``."""
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(max(map(len, rows), default=0))]
    cells = ([c.rjust(widths[i]) if i in right else c.ljust(widths[i]) for i, c in enumerate(row)] for row in rows)
    return "\n".join(" " * indent + "  ".join(row).rstrip() for row in cells)


# ------------------------------------------------------------------------------------------------------------ figures


def percent(part: int, whole: int) -> str:
    """``12.3%``, ``0.005%``; a dash of nothing."""
    if not whole:
        return "–"
    share = part / whole
    return f"{share:.1%}" if share >= 0.001 or not part else f"{share:.3%}"
