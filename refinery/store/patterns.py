"""Glob patterns over the keys of a bucket, with their meaning for local files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

_MAGIC = re.compile(r"[*?[]")


def is_pattern(path: str) -> bool:
    """Return True if a path contains a glob character."""
    return _MAGIC.search(path) is not None


def literal(pattern: str) -> str:
    """Return the literal prefix of a pattern: the beginning of all keys that match."""
    magic = _MAGIC.search(pattern)
    return pattern[: magic.start()] if magic else pattern


def in_one_folder(pattern: str) -> bool:
    """Return True if all keys that match are in the folder of the literal prefix."""
    rest = pattern[len(literal(pattern)) :]
    return "/" not in rest and "**" not in rest


def matches(pattern: str, key: str) -> bool:
    """Return True if a key matches: ``*`` and ``?`` stay within a name, the name ``**`` is any number of folders.

    Names that begin with a dot match only patterns that begin with one.
    """
    return _matches(pattern.split("/"), key.split("/"))


def _matches(patterns: Sequence[str], names: Sequence[str]) -> bool:
    if not patterns:
        return not names
    first, rest = patterns[0], patterns[1:]
    if first == "**":
        visible = next((number for number, name in enumerate(names) if name.startswith(".")), len(names))
        return any(_matches(rest, names[number:]) for number in range(visible + 1))
    return bool(names) and _fits(first, names[0]) and _matches(rest, names[1:])


def _fits(pattern: str, name: str) -> bool:
    return fnmatchcase(name, pattern) and (pattern.startswith(".") or not name.startswith("."))
