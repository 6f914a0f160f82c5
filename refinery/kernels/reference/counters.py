"""The form of a line that counts something: "3 likes", "Comments (3)", "1 234 vues", "3件のコメント"."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from refinery.kernels.reference.phrases import Phrase
from refinery.kernels.reference.text import bare, stripped

NUMERIC_SEPARATORS = str.maketrans("", "", ".,:/-%$€٫٬")
COUNT_SUFFIXES = ("k", "m", "b")

NUMBER = "#"
"""Stands for the number in a counter."""

DIGIT_GROUPS = 4
"""Words of the longest number that is written in groups: 1 234 567 890."""


def is_number(word: str) -> bool:
    """Return True if the word is digits, of any script, and their separators."""
    return word.translate(NUMERIC_SEPARATORS).isdigit()


def counter_form(words: Iterable[str]) -> Phrase:
    """The words in lower case without their punctuation, with ``NUMBER`` for each number.

    Groups of three digits continue a number of at most three: "1 234 567" is one.
    """
    form: list[str] = []
    grouped = False
    for unit in (unit for word in words for unit in _units(stripped(word))):
        digits = is_number(unit)
        if not (digits and grouped and len(unit) == len("000") and unit.isdigit()):
            form.append(NUMBER if digits else unit)
            grouped = digits and unit.isdigit() and len(unit) <= len("000")
    return tuple(form)


def _units(core: str) -> Iterator[str]:
    """A word as the number in it and what is written around that without a space: 3件, コメント3.

    ASCII letters are never apart from a number, except the suffixes of rounded ones.
    """
    digits = [place for place, character in enumerate(core) if character.isdigit()]
    first, end = (digits[0], digits[-1] + 1) if digits else (0, 0)
    before, number, after = core[:first], core[first:end], core[end:]
    after = "" if after.lower() in COUNT_SUFFIXES else after
    beside = before + after
    if not is_number(number) or any(c.isascii() and c.isalpha() for c in beside):
        return filter(None, (core.lower(),))
    return filter(None, (bare(before), number, bare(after)))
