"""Addresses of people and machines: e-mail, IPv4 and IPv6, MAC, places on Earth."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address, IPv6Network, ip_network

from publicsuffixlist import PSLFILE

from refinery.stages._pii.context import leaning, words
from refinery.stages._pii.text import PersonalSpan, TextBytes

_NOT_PUBLIC_6 = tuple(
    IPv6Network(each)
    for each in (
        "::/64",
        "100::/64",
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)
_DOMAIN = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+(?:[A-Za-z]{2,63}|xn--[A-Za-z0-9-]{2,59})")
_MAC = re.compile(r"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}")
_PAIR = re.compile(r"(\d{1,3}\.\d{4,16})([^\d\n]{1,24})(\d{1,3}\.\d{4,16})")
_SIGNS = re.compile(r"(?:[-+\u2212]|\u2212)\Z")
_PLAIN_GAP = re.compile(r"\s?[,;/|]?\s{0,2}[-+\u2212]?|\s?°?\s?[NSns]?\s?[,;/]?\s?[-+\u2212]?")
LARGE_OCTET, LARGE_OCTETS = 31, 2
"""An address without a word for it has as many octets above this number; versions and sections have fewer."""
EXACT, UNNAMED = 4, 5
"""Decimal places of coordinates that name a house (11 m), and of those that no word names as coordinates."""


def email(text: TextBytes, start: int, end: int) -> Iterator[PersonalSpan]:
    """An address whose domain ends with a known top-level domain; no handle, no part of a URL."""
    before = text.data[start - 1 : start]
    if before in {b"@", b"/"} or (before == b":" and text.data[max(0, start - 3) : start - 1] == b"//"):
        return
    at = text.data.index(b"@", start)
    while text.data[start:at][:1] in {b".", b"-", b"'", b"%", b"+"}:
        start += 1
    domain = text.piece(at + 1, end).rstrip(".-")
    end = at + 1 + len(domain)
    path = text.data[end : end + 2]
    if path[:1] in {b":", b"/"} and path[1:].strip() and not path[1:].isdigit() and path[:1] == b":":
        return  # git@host:path
    local = text.piece(start, at)
    if (
        local
        and not local.endswith(".")
        and _DOMAIN.fullmatch(domain)
        and _is_suffix(domain.rpartition(".")[2].lower())
    ):
        yield PersonalSpan(start, end, "email")


def _is_suffix(label: str) -> bool:
    return label in _suffixes() or label.startswith("xn--")


@cache
def _suffixes() -> frozenset[str]:
    """Return the top-level domains of the Public Suffix List."""
    with open(PSLFILE, encoding="utf-8") as stream:
        rules = (line.strip() for line in stream)
        return frozenset(rule for rule in rules if rule.isascii() and rule.isalnum())


def ipv4(text: TextBytes, start: int, end: int) -> Iterator[PersonalSpan]:
    """An address of the public ranges that is no version and no section."""
    try:
        address = IPv4Address(text.piece(start, end))
    except AddressValueError:
        return
    if not address.is_global or address.is_multicast or address.is_reserved:
        return
    joined = text.joined_before(start)
    if re.search(r"[A-Za-z][/_-]\Z|[-$€£#§]\Z", joined) or text.after(end, 2)[:1] in {"-", "_", "%"}:
        return
    sign = leaning(text.before(start), words("ip"), words("version"))
    large = sum(octet > LARGE_OCTET for octet in address.packed)
    if sign > 0 or (sign == 0 and large >= LARGE_OCTETS) or joined.endswith("://"):
        yield PersonalSpan(start, end, "ip")


def hexadecimal(text: TextBytes, start: int, end: int) -> Iterator[PersonalSpan]:
    """A MAC address, or an IPv6 address of the public ranges."""
    whole = text.piece(start, end)
    if _MAC.fullmatch(whole):
        if len({*whole.lower()} - {":", "-"}) > 1 and not (whole.count("-") and whole.replace("-", "").isdigit()):
            yield PersonalSpan(start, end, "mac")
        return
    if whole.endswith(":") and not whole.endswith("::"):
        whole = whole[:-1]
    try:
        address = IPv6Address(whole)
    except AddressValueError:
        return
    groups = [group for group in whole.split(":") if group]
    compressed = "::" in whole and (len(groups) < 3 or address not in _GLOBAL_UNICAST)
    if not compressed and not any(address in network for network in _NOT_PUBLIC_6):
        yield PersonalSpan(start, start + len(whole), "ip")


_GLOBAL_UNICAST = ip_network("2000::/3")


def coordinates(text: TextBytes, start: int, end: int) -> Iterator[PersonalSpan]:
    """A latitude and a longitude that name a place to some metres."""
    whole = text.piece(start, end)
    found = _PAIR.fullmatch(whole)
    if not found or float(found[1]) > 90 or float(found[3]) > 180:
        return
    sign = _SIGNS.search(text.piece(max(0, start - 3), start))
    first = start - len(sign[0].encode()) if sign else start
    near = f"{text.before(first)} {found[2].lower()}"
    named = leaning(near, words("coordinates"), words("other")) > 0 or "°" in found[2]
    places = min(len(found[1].partition(".")[2]), len(found[3].partition(".")[2]))
    plain = _PLAIN_GAP.fullmatch(found[2]) and "," in found[2]
    if named or (plain and places >= UNNAMED and float(found[1]) >= 1 and float(found[3]) >= 1):
        yield PersonalSpan(first, end, "coordinates")
