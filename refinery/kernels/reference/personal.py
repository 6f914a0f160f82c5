"""Candidates for personal data in texts: byte ranges with the shape of an address, a number or a key.

Finds shapes only, in linear time for any text; what a candidate is, the stage that asks decides by checksums, number
plans and the text around it. Each shape is a pattern of ASCII bytes without backtracking, so candidates begin and end
between characters. Candidates of one shape do not overlap; those of different shapes may.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pyarrow as pa

CANDIDATES = pa.list_(pa.struct([("start", pa.uint64()), ("end", pa.uint64()), ("shape", pa.uint64())]))
"""Byte ranges of a text, by shape: ``shape`` is a place in ``SHAPES``, whose order candidates have."""

SHAPES = ("email", "number", "key", "coin", "code", "iban", "ipv4", "hex", "coordinates", "pem")

KEY_PREFIXES = tuple(
    (
        b"AA AIza AKIA ASIA ATATT3 EAA GOCSPX- HRKU- NRAK- PMAK- SG. SK dapi dckr_pat_ do dp.pt. eyJ figd_ gh gl gsk_"
        b" hf_ hvs. key- lin_api_ nfp_ npm_ ntn_ pat pplx- pul- pypi- r8_ rk_live_ rk_test_ rubygems_ secret_ sh sk-"
        b" sk_live_ sk_test_ sntrys_ sq0 tskey- whsec_ xai- xapp- xkeysib- xox ya29."
    ).split()
)
"""Prefixes of keys of known services; the stage knows the rest of each."""

MOST_DIGITS, LEAST_DIGITS = 60, 7
KEY_BYTES, COIN_BYTES, CODE_BYTES = 20, range(25, 111), range(8, 19)
CODE_DIGITS = 4
HEX_BYTES = 48
LOCAL_BYTES, DOMAIN_BYTES = 64, 253
PEM_BYTES = 16_384

_WORD = rb"A-Za-z0-9_"
_GAP = rb"(?:[ .()/-]|\xc2\xa0|\xe2\x80[\x90-\x95\xaf]|\xef\xbc[\x88\x89\x8d])"
_NUMBER = re.compile(rb"(?<![" + _WORD + rb"])(?:[+(]{1,3}+ ?+)?+[0-9]++(?:" + _GAP + rb"{1,3}+[0-9]++)*+")
_ENDING = re.compile(rb"(?![" + _WORD + rb"])|[A-Z](?![" + _WORD + rb"])|[xX][0-9]")
_LOCAL = re.compile(rb"[A-Za-z0-9._%+'-]++\Z")
_DOMAIN = re.compile(rb"[A-Za-z0-9.-]++")
_TOKEN = re.compile(rb"[A-Za-z0-9_.-]++")
_COIN = re.compile(rb"(?:[13LMDXTr0]|addr1|bc1|ltc1|tb1)[A-Za-z0-9]*+")
_CODE = re.compile(rb"[A-Z0-9]++")
_IBAN = re.compile(rb"(?<![" + _WORD + rb"])[A-Z]{2}[0-9]{2}(?:(?:[ -]|\xc2\xa0)?+[A-Z0-9]){11,30}+")
_IPV4 = re.compile(rb"(?<![" + _WORD + rb".])[0-9]{1,3}+(?:\.[0-9]{1,3}+){3}(?![" + _WORD + rb"])(?!\.[0-9])")
_HEX = re.compile(rb"[0-9A-Fa-f:]++")
_DASHED = re.compile(rb"(?<![" + _WORD + rb"-])[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5}(?![" + _WORD + rb"-])")
_DECIMAL = rb"[0-9]{1,3}+\.[0-9]{4,16}+"
_PAIR = re.compile(rb"(?<![" + _WORD + rb".])" + _DECIMAL + rb"[^0-9\n]{1,24}+" + _DECIMAL + rb"(?![0-9])")
_PEM_BEGIN, _PEM_END = b"-----BEGIN ", b"PRIVATE KEY-----"
_PEM_LABEL = 32
_BASE64 = re.compile(rb"[A-Za-z0-9+/=\r\n ]*+")

Range = tuple[int, int]


def personal_candidates(texts: pa.StringArray) -> pa.ListArray:
    """Return the candidates of each text, of type ``CANDIDATES``; none of a null text.

    personal_candidates(pa.array(["write to a@b.org"]))  # one, from byte 9 to 16, of shape 0
    """
    return pa.array([_candidates((text or "").encode()) for text in texts.to_pylist()], CANDIDATES)


def _candidates(data: bytes) -> list[dict[str, int]]:
    return [
        {"start": start, "end": end, "shape": shape}
        for shape, name in enumerate(SHAPES)
        for start, end in _FINDERS[name](data)
    ]


def _emails(data: bytes) -> Iterator[Range]:
    """An at sign with a local part before and a domain with a dot behind."""
    at = data.find(b"@")
    while at >= 0:
        local, domain = _LOCAL.search(data[max(0, at - LOCAL_BYTES - 1) : at]), _DOMAIN.match(data, at + 1)
        if local and domain and len(local[0]) <= LOCAL_BYTES and len(domain[0]) <= DOMAIN_BYTES and b"." in domain[0]:
            yield at - len(local[0]), domain.end()
        at = data.find(b"@", at + 1)


def _numbers(data: bytes) -> Iterator[Range]:
    """Groups of digits with at most three separators between any two, and enough digits for a phone number."""
    for run in _NUMBER.finditer(data):
        digits = sum(0x30 <= byte <= 0x39 for byte in run[0])
        if LEAST_DIGITS <= digits <= MOST_DIGITS and _ENDING.match(data, run.end()):
            yield run.span()


def _tokens(kind: str) -> Callable[[bytes], Iterator[Range]]:
    """Runs of letters, digits, dots and dashes: keys by what they begin with, the others by length and alphabet."""

    def of_kind(data: bytes) -> Iterator[Range]:
        for run in _TOKEN.finditer(data):
            token = run[0].strip(b"._-")
            if _token_kind(token) == kind:
                start = run.start() + run[0].index(token)
                yield start, start + len(token)

    return of_kind


def _token_kind(token: bytes) -> str:
    digits = sum(0x30 <= byte <= 0x39 for byte in token)
    if len(token) >= KEY_BYTES and token.startswith(KEY_PREFIXES):
        return "key"
    if not digits:
        return ""
    if len(token) in COIN_BYTES and digits < len(token) and _COIN.fullmatch(token):
        return "coin"
    is_code = len(token) in CODE_BYTES and CODE_DIGITS <= digits < len(token) and _CODE.fullmatch(token)
    return "code" if is_code else ""


def _matches(pattern: re.Pattern[bytes]) -> Callable[[bytes], Iterator[Range]]:
    return lambda data: (match.span() for match in pattern.finditer(data))


def _hex(data: bytes) -> Iterator[Range]:
    """Hexadecimal digits with at least two colons; six pairs with dashes."""
    for run in _HEX.finditer(data):
        start, end = run.span()
        if run[0].count(b":") >= 2 and end - start <= HEX_BYTES and not _is_word(data, start - 1, end):
            yield start, end
    for run in _DASHED.finditer(data):
        yield run.span()


def _is_word(data: bytes, *places: int) -> bool:
    return any(0 <= place < len(data) and re.match(rb"[" + _WORD + rb"]", data[place : place + 1]) for place in places)


def _pem(data: bytes) -> Iterator[Range]:
    """Private keys in armour, from the first line to the last; to the end of the key where that one is missing."""
    at = data.find(_PEM_END)
    while at >= 0:
        begin, body = data.rfind(_PEM_BEGIN, max(0, at - _PEM_LABEL), at), at + len(_PEM_END)
        end = body
        if begin >= 0:
            last = data.find(_PEM_END, body, body + PEM_BYTES)
            inside = _BASE64.match(data, body, body + PEM_BYTES)
            assert inside is not None
            end = last + len(_PEM_END) if last >= 0 else inside.end()
            yield begin, end
        at = data.find(_PEM_END, end)


_FINDERS: dict[str, Callable[[bytes], Iterator[Range]]] = {
    "email": _emails,
    "number": _numbers,
    "key": _tokens("key"),
    "coin": _tokens("coin"),
    "code": _tokens("code"),
    "iban": _matches(_IBAN),
    "ipv4": _matches(_IPV4),
    "hex": _hex,
    "coordinates": _matches(_PAIR),
    "pem": _pem,
}
