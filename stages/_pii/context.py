"""Words before a value that decide what it is, from ``words.toml``, and the regions of a document."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

_WORD = re.compile(r"[^\W\d_]+(?:[-.][^\W\d_]+)*\d?|[§☎]")
NEAREST, NEAREST_AGAINST = 7, 4
"""Words before a value that are looked at, for it and against it."""
_NUMBER = re.compile(r".*(?<![^\W_])\d", re.DOTALL)
_SENTENCE = re.compile(r".*(?:[\n!?;。！？；|]|[^\W\d_]{3}\.\s)", re.DOTALL)
SHORTEST_STEM = 2


@dataclass(frozen=True, eq=False)
class Words:
    """Whole words, beginnings of words, and what is looked for inside of text without spaces."""

    whole: frozenset[str]
    stems: frozenset[str]
    inside: tuple[str, ...]

    def have(self, word: str) -> bool:
        """Return True for one of the words."""
        return word in self.whole or any(word[:size] in self.stems for size in range(SHORTEST_STEM, len(word) + 1))


def table(name: str) -> dict[str, Any]:
    """Return one of the tables beside this module."""
    return tomllib.loads((files("refinery.stages._pii") / f"{name}.toml").read_text(encoding="utf-8"))


@cache
def words(kind: str) -> Words:
    """Return the words of a kind."""
    entry = table("words")[kind]
    return words_of(entry["words"], entry.get("inside", ""))


def words_of(text: str, inside: str = "") -> Words:
    """Return words that a table lists with blanks between them."""
    listed = text.split()
    stems = frozenset(word[:-1] for word in listed if word.endswith("*"))
    return Words(frozenset(word for word in listed if not word.endswith("*")), stems, tuple(inside.split()))


def leaning(before: str, wanted: Words, against: Words) -> int:
    """Return 1 if the nearest word before a value is ``wanted``, -1 if it is ``against``, 0 if neither is near.

    Words before another number are that number's. Those ``against`` are in the same sentence.
    """
    number = _NUMBER.match(before)
    since = before[number.end() :] if number else before
    sentence = _SENTENCE.match(since)
    first = sentence.end() if sentence else 0
    for distance, match in enumerate(reversed(list(_WORD.finditer(since))[-NEAREST:])):
        sign = _sign(match[0], wanted, against)
        if sign > 0 or (sign < 0 and match.start() >= first and distance < NEAREST_AGAINST):
            return sign
    if since.isascii():
        return 0
    place, sign = max((_last(since, wanted.inside), 1), (_last(since[first:], against.inside) + first, -1))
    return sign if place >= first or (sign > 0 <= place) else 0


@lru_cache(maxsize=1 << 14)
def _sign(word: str, wanted: Words, against: Words) -> int:
    return 1 if wanted.have(word) else -1 if against.have(word) else 0


def _last(before: str, inside: Sequence[str]) -> int:
    return max((before.rfind(part) for part in inside), default=-1)


@cache
def regions(language: str | None, suffix: str) -> tuple[str, ...]:
    """Return the regions of a document by its language and the top-level domain of its URL, the likeliest first."""
    own = {"uk": "GB"}.get(suffix, suffix.upper() if len(suffix) == 2 and suffix.isalpha() else "")
    known: Mapping[str, Sequence[str]] = _regions()
    listed = known.get(language or "", ())
    country = (own,) if any(own in some for some in known.values()) else ()
    return tuple(dict.fromkeys([*country, *listed]))


@cache
def _regions() -> dict[str, Sequence[str]]:
    return table("regions")
