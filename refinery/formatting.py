"""Formatting of crawled text, which must not control a terminal or a page, and of numbers."""

from __future__ import annotations

import re

# Control characters, direction marks, and surrogates.
BEYOND_ASCII = "\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
_STEP = 1000
_STEERING = re.compile(f"[\x00-\x08\x0b-\x1f{BEYOND_ASCII}\ud800-\udfff]")


def safe(text: str) -> str:
    """Escape crawled text for one line."""
    return safe_lines(text).replace("\n", "\\n").replace("\t", "\\t")


def safe_lines(text: str) -> str:
    """Escape control characters of crawled text, except line breaks and tabs."""
    return _STEERING.sub(
        lambda match: f"\\x{ord(match[0]):02x}" if match[0] < "\u0100" else ascii(match[0])[1:-1], text
    )


def shortened(text: str, length: int) -> str:
    """Return the first ``length`` characters of a text, and the number of further ones."""
    return text if len(text) <= length else f"{text[:length]}… ({rest(text, length)})"


def rest(text: str, length: int) -> str:
    """Return the number of characters after the first ``length``, as text."""
    return f"{plural(len(text) - length, 'character')} more"


def plural(number: int, word: str) -> str:
    """Format a count: ``1 file``, ``1,024 files``."""
    return f"{number:,} {word}{ending(number)}"


def ending(number: int) -> str:
    """Return the plural ending for a count."""
    return "" if number == 1 else "s"


def size(count: float) -> str:
    """Format bytes: ``512 B``, ``12.3 MB``."""
    if count < _STEP:
        return f"{count:.0f} B"
    value, units = count / _STEP, ["TB", "GB", "MB", "kB"]
    while len(units) > 1 and round(value, 1) >= _STEP:
        value /= _STEP
        units.pop()
    return f"{value:,.1f} {units[-1]}"


def span(seconds: float) -> str:
    """Format a duration: ``45 s``, ``12 min``, ``3.4 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
