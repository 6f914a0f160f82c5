"""National ids with check digits, as ``ids.toml`` lists them; the package ``python-stdnum`` checks them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import NamedTuple

from refinery.stages._pii.context import Words, leaning, table, words, words_of
from refinery.stages._pii.packages import require
from refinery.stages._pii.text import PersonalSpan, TextBytes

_LETTER = re.compile(r"-?[A-Z](?![A-Za-z0-9_])")


class Scheme(NamedTuple):
    """An id of a country: its form, its check, and where it counts."""

    region: str
    form: re.Pattern[str]
    module: str
    words: Words
    alone: bool
    only_words: bool

    def counts(self, text: TextBytes, before: str) -> bool:
        """Return True if an id of this form counts in a document, by its region or the words before it."""
        if self.alone:
            return True
        sign = leaning(before, self.words, words("other"))
        return sign > 0 or (sign == 0 and not self.only_words and self.region in text.regions[:2])


def national_id(text: TextBytes, start: int, end: int) -> Iterator[PersonalSpan]:
    """A national id, with a check letter behind the digits where it has one."""
    letter = _LETTER.match(text.after(end, 4))
    end += len(letter[0]) if letter else 0
    number = text.piece(start, end)
    if not _any_form().fullmatch(number):
        return
    if any(scheme.form.fullmatch(number) and _is_id(scheme, number, text, start) for scheme in _schemes()):
        yield PersonalSpan(start, end, "national_id")


def _is_id(scheme: Scheme, number: str, text: TextBytes, start: int) -> bool:
    if set(text.joined_before(start)) & set("/=?&#_%@$"):
        return False
    return scheme.counts(text, text.before(start)) and _check(scheme.module)(number)


@cache
def _schemes() -> tuple[Scheme, ...]:
    return tuple(
        Scheme(
            entry["region"],
            re.compile(entry["form"]),
            entry["number"],
            words_of(entry.get("words", ""), entry.get("inside", "")),
            entry.get("alone", False),
            entry.get("only_words", False),
        )
        for entry in table("ids")["id"]
    )


@cache
def _any_form() -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{scheme.form.pattern})" for scheme in _schemes()))


@cache
def _check(module: str) -> Callable[[str], bool]:
    require("python-stdnum")
    if module in _OWN:
        return _OWN[module]
    check: Callable[[str], bool] = import_module(f"stdnum.{module}").is_valid
    return check


def _chinese(number: str) -> bool:
    """Return True for the check digit of ISO 7064, whether or not the package lists the county."""
    total = sum(int(digit) * (1 << 17 - place) % 11 for place, digit in enumerate(number[:17]))
    return "10X98765432"[total % 11] == number[17]


def _korean(number: str) -> bool:
    """Return True: South Korea assigns ids without a check digit since October 2020."""
    return bool(number)


_OWN: dict[str, Callable[[str], bool]] = {"cn.ric": _chinese, "kr.rrn": _korean}
