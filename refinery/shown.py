"""Crawled text as people may see it: whoever wrote it must steer neither their terminal nor their page."""

from __future__ import annotations

import re

# Control characters, those that turn the direction of writing around, and halves of characters.
BEYOND_ASCII = "\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
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
    return text if len(text) <= length else f"{text[:length]}… ({len(text) - length:,} characters more)"
