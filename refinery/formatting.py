"""Crawled text as people may see it, whose writer must steer neither their terminal nor their page; and figures."""

from __future__ import annotations

import re

# Control characters, those that turn the direction of writing around, and halves of characters.
BEYOND_ASCII = "\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
_STEP = 1000
_STEERING = re.compile(f"[\x00-\x08\x0b-\x1f{BEYOND_ASCII}\ud800-\udfff]")


def safe(text: str) -> str:
    """Crawled text for one line."""
    return safe_lines(text).replace("\n", "\\n").replace("\t", "\\t")


def safe_lines(text: str) -> str:
    """Crawled text in its lines: what would steer is written as an escape."""
    return _STEERING.sub(
        lambda found: f"\\x{ord(found[0]):02x}" if found[0] < "\u0100" else ascii(found[0])[1:-1], text
    )


def shortened(text: str, length: int) -> str:
    """At most about ``length`` characters of a text, and how many there are more."""
    return text if len(text) <= length else f"{text[:length]}… ({rest(text, length)})"


def rest(text: str, length: int) -> str:
    """How many characters of a text come after the first ``length``."""
    return f"{plural(len(text) - length, 'character')} more"


def plural(number: int, word: str) -> str:
    """``1 file``, ``1,024 files``."""
    return f"{number:,} {word}{ending(number)}"


def ending(number: int) -> str:
    """That of a word which tells what there are so many of."""
    return "" if number == 1 else "s"


def size(count: float) -> str:
    """Bytes as people read them: ``512 B``, ``12.3 MB``."""
    if count < _STEP:
        return f"{count:.0f} B"
    value, units = count / _STEP, ["TB", "GB", "MB", "kB"]
    while len(units) > 1 and round(value, 1) >= _STEP:
        value /= _STEP
        units.pop()
    return f"{value:,.1f} {units[-1]}"


def span(seconds: float) -> str:
    """``45 s``, ``12 min``, ``3.4 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
