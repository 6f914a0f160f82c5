"""Accounts and keys: bank accounts, cards, addresses of currencies, keys of services."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from refinery.stages._pii import checksums
from refinery.stages._pii.context import leaning, table, words
from refinery.stages._pii.text import PersonalSpan, TextBytes

IBAN_SIZES = {
    "AD": 24,
    "AE": 23,
    "AL": 28,
    "AT": 20,
    "AZ": 28,
    "BA": 20,
    "BE": 16,
    "BG": 22,
    "BH": 22,
    "BI": 27,
    "BR": 29,
    "BY": 28,
    "CH": 21,
    "CR": 22,
    "CY": 28,
    "CZ": 24,
    "DE": 22,
    "DJ": 27,
    "DK": 18,
    "DO": 28,
    "EE": 20,
    "EG": 29,
    "ES": 24,
    "FI": 18,
    "FK": 18,
    "FO": 18,
    "FR": 27,
    "GB": 22,
    "GE": 22,
    "GI": 23,
    "GL": 18,
    "GR": 27,
    "GT": 28,
    "HR": 21,
    "HU": 28,
    "IE": 22,
    "IL": 23,
    "IQ": 23,
    "IS": 26,
    "IT": 27,
    "JO": 30,
    "KW": 30,
    "KZ": 20,
    "LB": 28,
    "LC": 32,
    "LI": 21,
    "LT": 20,
    "LU": 20,
    "LV": 21,
    "LY": 25,
    "MC": 27,
    "MD": 24,
    "ME": 22,
    "MK": 19,
    "MN": 20,
    "MR": 27,
    "MT": 31,
    "MU": 30,
    "NI": 28,
    "NL": 18,
    "NO": 15,
    "OM": 23,
    "PK": 24,
    "PL": 28,
    "PS": 29,
    "PT": 25,
    "QA": 29,
    "RO": 24,
    "RS": 22,
    "RU": 33,
    "SA": 24,
    "SC": 31,
    "SD": 18,
    "SE": 24,
    "SI": 19,
    "SK": 24,
    "SM": 27,
    "SO": 23,
    "ST": 25,
    "SV": 28,
    "TL": 23,
    "TN": 24,
    "TR": 26,
    "UA": 29,
    "VA": 22,
    "VG": 24,
    "XK": 20,
    "YE": 30,
}
"""Characters of an IBAN by country, of the registry of SWIFT."""

_CARD_FORMS = re.compile(r"\d{12,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{1,4}(?:\1\d{1,3})?|\d{4}([ -])\d{6}\2\d{4,5}")
_ISSUERS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}|220[0-4]\d{12}"
    r"|3[47]\d{13}|(?:6011|65\d\d|64[4-9]\d)\d{12}|35\d{14}|(?:2131|1800)\d{11}"
    r"|3(?:0[0-5]|[689]\d)\d{11}|62\d{14,17}|(?:50|5[6-8]|63|67)\d{10,17}"
)
_COMMON_SIZES = (14, 15, 16, 19)
EAN = 13
"""Digits of a number of goods, and of old cards of Visa."""


def iban(text: TextBytes, start: int, end: int) -> Iterator[PersonalSpan]:
    """An account number of the length of its country, or one with blanks around, whose remainder by 97 is 1."""
    size = IBAN_SIZES.get(text.piece(start, start + 2), 0)
    for end_ in (_after(text, start, end, size), end) if size else ():
        number = re.sub(r"[^A-Z0-9]", "", text.piece(start, end_))
        if not text.data[end_ : end_ + 1].isalnum() and checksums.is_iban(number):
            yield PersonalSpan(start, end_, "iban")
            return


def _after(text: TextBytes, start: int, end: int, size: int) -> int:
    """Return where the letters and digits of an account number of this size end."""
    place, count = start, 0
    while place < end and count < size:
        count += text.data[place : place + 1].isalnum()
        place += 1
    return place


def card(text: TextBytes, start: int, end: int) -> Iterator[PersonalSpan]:
    """A number with a digit of Luhn and the first digits of an issuer."""
    whole = text.piece(start, end)
    if not 12 <= len(whole) <= 23 or not _CARD_FORMS.fullmatch(whole):
        return
    digits = re.sub(r"\D", "", whole)
    if not checksums.is_luhn(digits):
        return
    sign = leaning(text.before(start), words("card"), words("other"))
    sized = len(digits) in _COMMON_SIZES or (len(digits) == EAN and not checksums.is_ean(digits))
    if sign > 0 or (sign == 0 and sized and _ISSUERS.fullmatch(digits) and not _in_address(text, start)):
        yield PersonalSpan(start, end, "card")


def _in_address(text: TextBytes, start: int) -> bool:
    return bool(set(text.joined_before(start)) & set("/=?&#_"))


def coin(text: TextBytes, start: int, end: int) -> Iterator[PersonalSpan]:
    """An address with a valid check of Base58Check, Bech32 or EIP-55; Ethereum's without capital letters have none."""
    if checksums.is_coin(text.piece(start, end)):
        yield PersonalSpan(start, end, "crypto")


def key(text: TextBytes, start: int, end: int) -> Iterator[PersonalSpan]:
    """A key in the form of its service."""
    token = text.piece(start, end)
    if not _keys().fullmatch(token):
        return
    if token.startswith("AA"):
        bot = re.search(r"(?<!\d)\d{8,10}:\Z", text.joined_before(start))
        if not bot:
            return
        start -= len(bot[0])
    yield PersonalSpan(start, end, "secret")


@cache
def _keys() -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{form})" for form in table("keys").values()))


def private_key(text: TextBytes, start: int, end: int) -> Iterator[PersonalSpan]:
    """A private key in armour."""
    del text
    yield PersonalSpan(start, end, "secret")
