"""What verbs print: JSON for programs, aligned columns for people."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import click

_STEP = 1000

# What JSON may leave bare and a terminal may obey: control characters, and those that turn the direction of writing.
_STEERING = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def print_json(value: Any) -> None:
    """Print a JSON-able value on standard output."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    click.echo(_STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def columns(rows: Sequence[Sequence[str]], indent: int = 2) -> str:
    """Rows of cells, each column as wide as its widest cell; the last one is not padded."""
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(max(map(len, rows), default=0))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) for row in rows)
    return "\n".join(" " * indent + line.rstrip() for line in lines)


def plural(number: int, word: str) -> str:
    """``1 file``, ``1,024 files``."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def size(count: int) -> str:
    """Bytes as people read them: ``512 B``, ``12.3 MB``."""
    if count < _STEP:
        return f"{count} B"
    value, units = count / _STEP, ["TB", "GB", "MB", "kB"]
    while len(units) > 1 and round(value, 1) >= _STEP:
        value /= _STEP
        units.pop()
    return f"{value:,.1f} {units[-1]}"
