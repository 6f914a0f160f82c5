"""The personal data of a text: each candidate is checked, and where two overlap the surer kind counts."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator

from refinery.kernels import SHAPES
from refinery.stages._pii import accounts, addresses, identities, phones
from refinery.stages._pii.text import Kind, PersonalSpan, TextBytes

Check = Callable[[TextBytes, int, int], Iterator[PersonalSpan]]

CHECKS: dict[str, tuple[tuple[Kind, Check], ...]] = {
    "email": (("email", addresses.email),),
    "number": (("card", accounts.card), ("national_id", identities.national_id), ("phone", phones.phone)),
    "key": (("secret", accounts.key),),
    "coin": (("crypto", accounts.coin),),
    "code": (("national_id", identities.national_id),),
    "iban": (("iban", accounts.iban),),
    "ipv4": (("ip", addresses.ipv4),),
    "hex": (("mac", addresses.hexadecimal), ("ip", addresses.hexadecimal)),
    "coordinates": (("coordinates", addresses.coordinates),),
    "pem": (("secret", accounts.private_key),),
}
"""The checks of candidates of a shape; the first that finds something decides."""

WHOLE = 7
"""Bytes between brackets that are a number of its own, and no area or prefix."""
_BRACKETS = re.compile(rb"[()]|\xef\xbc[\x88\x89]")
_OPEN = {b"(", b"\xef\xbc\x88"}

SUREST: tuple[Kind, ...] = (
    *("secret", "email", "iban", "crypto", "mac", "ip", "coordinates", "card", "national_id", "phone"),
)


def hits(text: TextBytes, candidates: Iterable[tuple[int, int, int]], kinds: Collection[Kind]) -> list[PersonalSpan]:
    """Return the personal data of some kinds among candidates (start, end, shape), in order and without overlap."""
    found = [hit for start, end, shape in candidates for hit in _checked(text, start, end, SHAPES[shape], kinds)]
    if len(found) < 2:
        return found
    kept: list[PersonalSpan] = []
    for hit in sorted(found, key=lambda hit: (SUREST.index(hit.kind), hit.start, -hit.end)):
        place = bisect_left(kept, hit)
        if not any(hit.start < other.end and other.start < hit.end for other in kept[max(0, place - 1) : place + 1]):
            kept.insert(place, hit)
    return kept


def _checked(text: TextBytes, start: int, end: int, shape: str, kinds: Collection[Kind]) -> Iterator[PersonalSpan]:
    for first, last in bracketed(text, start, end) if shape == "number" else ((start, end),):
        for kind, check in CHECKS[shape]:
            found = [hit for hit in check(text, first, last) if hit.kind in kinds] if kind in kinds else ()
            yield from found
            if found:
                break


def bracketed(text: TextBytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of a number at brackets around more than an area, or that nothing opens or closes in it."""
    opened: list[int] = []
    first = start
    for bracket in _BRACKETS.finditer(text.data, start, end):
        if bracket[0] in _OPEN:
            opened.append(bracket.end())
        elif opened and bracket.start() - opened[-1] < WHOLE:
            opened.pop()
        elif opened:
            yield opened[-1], bracket.start()
            first, opened = bracket.end(), []
        else:
            yield first, bracket.start()
            first = bracket.end()
    if opened:
        yield first, opened[0] - 1
        first = opened[0]
    yield first, end
