"""Words in their plainest form: without case, accents and apostrophes, numbers as digits.

Words are runs of letters and digits. In scripts without spaces each character makes a word: a Han character alone,
others with the two before it. Digits of all scripts
are ASCII's; ``1,000`` is one word, as is ``two hundred and five``: the number 205.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from refinery.kernels.reference.spaceless import script_of

TIMES, AND = 1 << 62, (1 << 64) - 1
"""Values of words: from ``TIMES`` on what multiplies the value before it; the greatest is ``and``."""

DIGITS, WORD, HAN, LETTERS = range(4)

LONGEST, MOST_DIGITS = 64, 18
"""No number has more words, or more digits that are a word each."""

_SKIPPED = 1
_APOSTROPHES = "'\u2019\u02bc"
_TABLE = 0x20000
"""Characters that have an entry; of the others only those of scripts without spaces are in words."""


class Unit(NamedTuple):
    """A word of a text, and its range in characters."""

    word: str
    start: int
    end: int
    kind: int


@cache
def folds() -> npt.NDArray[np.uint32]:
    """Return the form of each character in words: a code point; 0 for one in no word, 1 for one that does not count."""
    return np.array([_fold(chr(code)) for code in range(_TABLE)], np.uint32)


@cache
def numerals() -> tuple[list[str], list[int]]:
    """Return the words of numbers, and their values."""
    text = resources.files("refinery.kernels.reference").joinpath("numerals.txt").read_text(encoding="utf-8")
    pairs = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    return [word for word, _ in pairs], [_value(value) for _, value in pairs]


def plain_units(text: str) -> list[Unit]:
    """Return the words of a text in order, with words of numbers as digits."""
    units, found, at = [*_divided(text)], [], 0
    while at < len(units):
        number, count = _number(text, units[at : at + LONGEST])
        if count:
            found.append(Unit(str(number), units[at].start, units[at + count - 1].end, DIGITS))
        else:
            found.append(units[at])
        at += max(count, 1)
    return found


def _fold(character: str) -> int:
    if character in _APOSTROPHES or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return _SKIPPED
    plain = unicodedata.normalize("NFKD", character)[0]
    if "\uac00" <= character <= "\ud7a3":
        plain = character  # a syllable of Hangul stays whole
    lower = unicodedata.normalize("NFD", plain.lower())[0]
    if unicodedata.category(lower)[0] not in "LN" and unicodedata.category(lower) != "Mc":
        return 0
    return ord(str(unicodedata.decimal(lower, lower)))


def _value(value: str) -> int:
    if value == "+":
        return AND
    return TIMES + int(value[1:]) if value.startswith("*") else int(value)


def _divided(text: str) -> Iterator[Unit]:
    """Yield the words of a text as they are written."""
    word, before, start, end = "", "", 0, 0
    for at, character in enumerate(text):
        form = _form(character)
        spaceless = form > _SKIPPED and not _is_digits(chr(form)) and script_of(character)
        if form > _SKIPPED and not spaceless:
            start, word, end = (start if word else at), word + chr(form), at + 1
        elif form != _SKIPPED and not (_is_digits(word) and _groups_digits(text, at)):
            if word:
                yield Unit(word, start, _after_marks(text, end), DIGITS if _is_digits(word) else WORD)
            word = ""
            if spaceless:
                is_han = spaceless == "han"
                end = _after_marks(text, at + 1)
                yield Unit(chr(form) if is_han else before + chr(form), at, end, HAN if is_han else LETTERS)
        if form != _SKIPPED:
            before = (before + chr(form))[-2:] if spaceless and spaceless != "han" else ""
    if word:
        yield Unit(word, start, _after_marks(text, end), DIGITS if _is_digits(word) else WORD)


def _after_marks(text: str, at: int) -> int:
    """Return the end of the marks at a place: a word goes to the end of its last accent."""
    while at < len(text) and _form(text[at]) == _SKIPPED and text[at] not in _APOSTROPHES:
        at += 1
    return at


def _form(character: str) -> int:
    code = ord(character)
    return int(folds()[code]) if code < _TABLE else code * (script_of(character) != "")


def _is_digits(word: str) -> bool:
    return word.isascii() and word.isdigit()


def _groups_digits(text: str, at: int) -> bool:
    """Return True for a ``,`` or ``.`` with a digit before and exactly three after."""
    around = [_is_digits(text[place : place + 1]) for place in (at - 1, at + 1, at + 2, at + 3, at + 4)]
    return text[at] in ",." and at > 0 and around == [True, True, True, True, False]


@cache
def _values() -> dict[str, int]:
    return {unit.word: value for word, value in zip(*numerals(), strict=True) for unit in _divided(word)}


def _number(text: str, units: Sequence[Unit]) -> tuple[int, int]:
    """Return the number that begins with the first of some words, and how many words it has; 0 words for none."""
    values = [_values().get(unit.word, -1) for unit in units]
    if digits := _digit_by_digit(units, values):
        return int(digits), len(digits)
    total, current, least, count, after_value = 0, -1, AND, 0, False
    for unit, value, following in zip(units, values, [*values[1:], -1], strict=True):
        if value == AND:
            if count == 0 or after_value or not 0 <= following < TIMES:
                break
        elif value > TIMES:
            step = _multiplied(total, current, value - TIMES, least, first=count == 0)
            if step is None:
                break
            total, current, least = step
        elif value >= 0:
            joined = _joined(-1 if total and not current else current, value)
            if joined < 0:
                break
            current = joined
        elif count == 0 and TIMES < following < AND and 0 < _written(text, unit) < 1000:
            current = _written(text, unit)
        else:
            break
        after_value = 0 <= value < TIMES
        count += 1
    return total + max(current, 0), count


def _digit_by_digit(units: Sequence[Unit], values: Sequence[int]) -> str:
    """Return the digits of a number that is written with a Han character each; "" for one with other words."""
    digits = ""
    for unit, value in zip(units, values, strict=True):
        if unit.kind != HAN or not 0 <= value < 10 or len(digits) == MOST_DIGITS:
            return digits if len(digits) > 1 and not TIMES < value < AND else ""
        digits += str(value)
    return digits if len(digits) > 1 else ""


def _written(text: str, unit: Unit) -> int:
    """Return the value of a number of plain digits, 0 for another word."""
    digits = text[unit.start : unit.end]
    return int(digits) if _is_digits(digits) and len(digits) < 20 else 0


def _joined(current: int, value: int) -> int:
    """Return a number with one more word, -1 if that does not continue it: ``twenty five``, ``two hundred ten``."""
    if current < 0:
        return value
    hundreds = current >= 100 and current % 100 == 0 and value < 100
    tens = current % 100 >= 10 and current % 10 == 0 and 0 < value < 10
    return current + value if hundreds or tens else -1


def _multiplied(total: int, current: int, times: int, least: int, *, first: bool) -> tuple[int, int, int] | None:
    """Return total, current value and least multiplier after one more word; None if that does not continue them."""
    if times == 10:
        last = current % 100
        if current < 0 or last == 0:
            return total, max(current, 0) + 10, least
        return (total, current + 9 * last, least) if last < 10 else None
    if times == 100:
        if current < 0:
            return total, 100, least
        return (total, current * 100, least) if 0 < current < 100 else None
    if 0 < current < 10_000 and times < least:
        return total + current * times, -1, times
    return (times, -1, times) if current < 0 and first else None
