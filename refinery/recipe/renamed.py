"""Keys and values of recipes that have another name now. The old ones are refused with a hint that names the new."""

from __future__ import annotations

from collections.abc import Collection

KEYS = {"self": "within"}
"""Fields of stages: ``within: false`` compares new documents with those of ``against`` only."""

VALUES = {("keep_removed", "facts"): "metrics", ("words", "auto"): "segmented"}
"""Values by their key."""


def new_key(key: str, known: Collection[str]) -> str:
    """Return the hint for a key that was renamed to one of the ``known`` ones; "" for any other."""
    new = KEYS.get(key)
    return f"{key!r} is called {new!r} now" if new in known else ""


def new_value(key: str, value: object) -> str:
    """Return the hint for a value of a key that was renamed; "" for any other."""
    new = VALUES.get((key, value)) if isinstance(value, str) else None
    return f"{value!r} is called {new!r} now" if new else ""
