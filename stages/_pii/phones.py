"""Phone numbers: the plans of the package ``phonenumbers`` decide, with the words before a number and its groups."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from typing import Any, NamedTuple

from refinery.stages._pii.context import leaning, words
from refinery.stages._pii.packages import require
from refinery.stages._pii.text import PersonalSpan, TextBytes

ANY_REGION = ("US", "GB", "DE", "FR", "ES", "IT")
"""Regions of documents of which neither language nor URL is known."""
MOST_DIGITS = 17
_BLANKS = " .-/\u00a0"
_GAP = r"[ .()/\-\u00a0\u2010-\u2015\u202f\uff08\uff09\uff0d]"
_SPLIT = re.compile(r"\.[ \u00a0]|\s*/\s*|\s+[-\u2013\u2014]\s+|[ \u00a0]{2,}|(?<=\d)[ \u00a0](?=\()")
_GROUPS = re.compile(r"\d+")
_EXTENSION = re.compile(r",?[ \u00a0]?(?:[xX]|ext\.?|Ext\.?|EXT\.?|#|доб\.?|Durchwahl|int\.)[ .:]{0,2}\d{1,6}(?!\w)")
_DATE = re.compile(
    rf"(?:(?:1[6-9]|20)\d\d{_GAP}[01]?\d{_GAP}[0-3]?\d|[0-3]?\d{_GAP}[0-3]?\d{_GAP}(?:1[6-9]|20)\d\d)(?!\d)"
    rf"|(?:1[5-9]|20)\d\d{_GAP}{{1,3}}(?:1[5-9]|20)\d\d(?:\D|\Z)|(?:19|20)\d\d[01]\d[0-3]\d(?:\d{{4}}|\d{{6}})?\Z"
)
_PLAIN_DATE = re.compile(r"(?:19|20)\d\d[01]\d[0-3]\d")
_DOI = re.compile(r"\(?10\.\d{4,9}/")
_AMOUNT = re.compile(r"\d{1,3}(?:[ .\u00a0\u202f]\d{3})+(?:[.]\d\d)?")
_DOTTED = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|\d{1,3}\.\d{4,}")
_AMERICAN = re.compile(r"(?:(?:001|1)[-. ])?(?:[2-9]\d\d[-. ]|\([2-9]\d\d\)[-. ]?)\d{3}[-. ]\d{4}")
_SOCIAL = re.compile(r"\d{3}-\d\d-\d{4}")
_NEXT = re.compile(r"[^\W\d_]+")
_CLAUSE = re.compile(r"[\n.,;:()/|]")
_MINE = re.compile(
    r"\b(?:my|meine?|unsere?|mon|notre|mi|mio|nostro|mój|meu|nosso|mijn|ons|мой|наш|benim)\s+(?:\w+\s)?"
    r"(?:number|nummer|num[eé]ro|número|numer|номер|numaram?)\b[^\d\n]{0,8}\Z"
)
_BEFORE_AMOUNT = re.compile(r"[$€£¥₹₽₩#№]\s?\Z|[.,:]\Z")
_BEHIND_AMOUNT = re.compile(
    r"\s?(?:[$€£¥₹₽₩%°]|,\d|:\d|(?:EUR|USD|GBP|PLN|CHF|km|m|cm|mm|kg|g|t|ha|MB|GB|kB|zł|kr|kč|руб|тыс|млн|元|円|원|万|億|亿|만)(?!\w))"
)


class Number(NamedTuple):
    """A number in the plan of a region."""

    possible: bool
    valid: bool
    mobile: bool
    american: bool
    """Of the plan of North America, whose numbers have groups of three, three and four digits."""


def phone(text: TextBytes, start: int, end: int) -> Iterator[PersonalSpan]:
    """A number of a plan, written as a phone number or named as one; of several numbers each."""
    whole = text.piece(start, end)
    pieces = list(_pieces(whole))
    if len(pieces) > 1 and (". " in whole or sum(one.isdigit() for one in whole) > MOST_DIGITS):
        found = [hit for first, last in pieces for hit in _one(text, start, whole, first, last)]
    else:
        found = list(_one(text, start, whole, 0, len(whole)))
        if not found and len(pieces) > 1:
            found = [hit for first, last in pieces for hit in _one(text, start, whole, first, last)]
    yield from found


def _pieces(whole: str) -> Iterator[tuple[int, int]]:
    at = 0
    for split in _SPLIT.finditer(whole):
        yield at, split.start()
        at = split.end()
    yield at, len(whole)


def _one(text: TextBytes, start: int, whole: str, first: int, last: int) -> Iterator[PersonalSpan]:
    number = whole[first:last].strip(_BLANKS)
    begin = start + len(whole[: whole.index(number, first)].encode())
    end = begin + len(number.encode())
    behind = text.after(end, 24)
    if is_phone(number, text, begin, behind):
        extension = _EXTENSION.match(behind)
        yield PersonalSpan(begin, end + (len(extension[0].encode()) if extension else 0), "phone")


def is_phone(number: str, text: TextBytes, begin: int, behind: str) -> bool:
    """Return True if a number at a place is a phone number."""
    groups = _GROUPS.findall(number)
    size = sum(map(len, groups))
    if not 7 <= size <= MOST_DIGITS or _DATE.match(number) or _DOI.match(number) or _linked(text, begin):
        return False
    if behind[:1].isascii() and behind[:1].isalpha() and behind[:1] not in "xX":
        return False
    before = text.before(begin)
    sign = leaning(before, words("phone"), words("other")) or _named_behind(behind) or bool(_MINE.search(before))
    if number.startswith(("+", "(+")):
        return any(each.valid or (each.possible and sign >= 0) for each in _plans(number, ("",)))
    if sign < 0 or (not sign and _is_amount(number, groups, before, behind)):
        return False
    regions = text.regions or ANY_REGION
    if sign:
        return _is_international(number) or any(each.possible for each in _plans(number, regions))
    return _looks_like_one(number, groups, tuple(_plans(number, regions[:2])), behind)


def _is_international(number: str) -> bool:
    return number.startswith("00") and any(each.valid for each in _plans(f"+{number[2:]}", ("",)))


def _named_behind(behind: str) -> bool:
    """Return True if one of the next words names a phone number, as the verb does in Turkish."""
    return any(words("phone").have(word) for word in _NEXT.findall(_CLAUSE.split(behind.lower(), 1)[0])[:2])


def _is_amount(number: str, groups: list[str], before: str, behind: str) -> bool:
    """Return True for a number of money or things, a date, an address of the internet, or a version."""
    listed = len(groups[0]) == 1 and len(groups) > 1 and groups[0] not in "0128"
    return bool(
        listed
        or _BEFORE_AMOUNT.search(before)
        or _BEHIND_AMOUNT.match(behind)
        or _PLAIN_DATE.fullmatch("".join(groups))
        or _DOTTED.fullmatch(number)
    )


def _looks_like_one(number: str, groups: list[str], plans: tuple[Number, ...], behind: str) -> bool:
    """Return True for a number that no word names: of the likeliest region, in groups, no amount."""
    if not plans:
        return _is_international(number)
    likely, size = plans[0], sum(map(len, groups))
    national = number.startswith(("0", "(0", "8 ", "8(", "8-"))
    if len(groups) == 1:
        return likely.valid and size >= 9 and (national or (likely.mobile and size >= 10))
    if size < 8 or any(len(group) == 1 for group in groups[1:]) or _SOCIAL.fullmatch(number):
        return False
    if _AMERICAN.fullmatch(number) or _EXTENSION.match(behind) or (number.startswith("(") and not likely.american):
        return any(each.possible for each in plans)
    return (national or not likely.american) and _has_form(number, groups, plans, national=national)


def _has_form(number: str, groups: list[str], plans: tuple[Number, ...], *, national: bool) -> bool:
    """Return True for groups of digits that are those of a phone number, outside of North America."""
    likely, size = plans[0], sum(map(len, groups))
    if _AMOUNT.fullmatch(number) and not national:
        return likely.valid and likely.mobile
    if len(groups) >= 3 or national:
        valid = likely.valid or (national and any(each.valid for each in plans))
        likeable = likely.possible and national and not likely.american
        return valid or (likeable and size >= 9 and len(groups[-1]) >= 2)
    return likely.valid and size >= 9 and "-" in number


def _linked(text: TextBytes, begin: int) -> bool:
    """Return True for a number in a URL or a name, unless that is a link to call it."""
    joined = text.joined_before(begin).lower()
    if not joined:
        return False
    if any(sign in joined for sign in ("tel", "phone", "fax", "mob", "wa.me", "whatsapp", "☎")):
        return False
    return bool(set(joined) & set("/=?&_#@%")) or joined[-1] in "-$€£,.*^<"


def _plans(number: str, regions: Iterable[str]) -> Iterator[Number]:
    """Yield a number in the plan of each region in which it can be read; "" for international ones."""
    found = (_plan(number, region) for region in regions)
    return (each for each in found if each)


@lru_cache(maxsize=1 << 12)
def _plan(number: str, region: str) -> Number | None:
    library = _library()
    try:
        parsed = library.parse(number, region or None)
    except library.NumberParseException:
        return None
    kind = library.number_type(parsed)
    reason = library.is_possible_number_with_reason(parsed)
    return Number(
        reason == library.ValidationResult.IS_POSSIBLE
        or (reason == library.ValidationResult.IS_POSSIBLE_LOCAL_ONLY and bool(region)),
        kind != library.PhoneNumberType.UNKNOWN,
        kind == library.PhoneNumberType.MOBILE,
        parsed.country_code == 1,
    )


@cache
def _library() -> Any:
    require("phonenumbers")
    import phonenumbers  # imported here: few recipes need it

    return phonenumbers
