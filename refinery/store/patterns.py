"""Glob patterns over the keys of a bucket, with the meaning that they have for files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

_MAGIC = re.compile(r"[*?[]")


def is_pattern(path: str) -> bool:
    """Whether a path has a character with a meaning for patterns."""
    return _MAGIC.search(path) is not None


def literal(pattern: str) -> str:
    """How the keys that match begin, as far as it is plain."""
    found = _MAGIC.search(pattern)
    return pattern[: found.start()] if found else pattern


def in_one_folder(pattern: str) -> bool:
    """Whether all that matches is in the folder in which the plain beginning ends."""
    rest = pattern[len(literal(pattern)) :]
    return "/" not in rest and "**" not in rest


def matches(pattern: str, key: str) -> bool:
    """Whether a key matches: ``*`` and ``?`` stay within a name, the name ``**`` is any number of folders.

    Names that begin with a dot match only what begins with one, too.
    """
    return _matches(pattern.split("/"), key.split("/"))


def _matches(patterns: Sequence[str], names: Sequence[str]) -> bool:
    if not patterns:
        return not names
    first, rest = patterns[0], patterns[1:]
    if first == "**":
        shown = next((number for number, name in enumerate(names) if name.startswith(".")), len(names))
        return any(_matches(rest, names[number:]) for number in range(shown + 1))
    return bool(names) and _fits(first, names[0]) and _matches(rest, names[1:])


def _fits(pattern: str, name: str) -> bool:
    return fnmatchcase(name, pattern) and (pattern.startswith(".") or not name.startswith("."))
