"""Masks of personal data: a placeholder, a hash of the value, or a value that is nobody's."""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import blake2b
from typing import Literal

from refinery.stages._pii.text import Kind

Style = Literal["placeholder", "hash", "fake"]

PLACEHOLDERS: dict[Kind, str] = {
    "email": "EMAIL",
    "phone": "PHONE",
    "ip": "IP",
    "iban": "IBAN",
    "card": "CARD",
    "national_id": "NATIONAL_ID",
    "crypto": "CRYPTO",
    "secret": "SECRET",
    "mac": "MAC",
    "coordinates": "COORDINATES",
}
HASH_BYTES = 8
_MEANINGLESS = re.compile(r"[\W_]+")


def masked(kind: Kind, value: str, style: Style, key: bytes) -> str:
    """Return what stands in the place of a value: the same for the same value, however it is written, and key."""
    if style == "placeholder":
        return f"<{PLACEHOLDERS[kind]}>"
    digest = _digest(kind, value, key)
    return f"<{PLACEHOLDERS[kind]}:{digest.hex()}>" if style == "hash" else _FAKES[kind](value, digest)


def _digest(kind: Kind, value: str, key: bytes) -> bytes:
    plain = value if kind in {"secret", "crypto"} else value.lower()
    plain = plain if kind in {"email", "secret", "ip", "coordinates"} else _MEANINGLESS.sub("", plain)
    return blake2b(f"{kind} {plain}".encode(), digest_size=HASH_BYTES, key=key).digest()


def _number(digest: bytes, below: int) -> int:
    return int.from_bytes(digest, "big") % below


def _email(value: str, digest: bytes) -> str:
    """Return an address of the domain of RFC 2606."""
    del value
    return f"user-{digest.hex()[:12]}@example.com"


def _phone(value: str, digest: bytes) -> str:
    """Return a number of those that North America reserves for fiction: 555-0100 to 555-0199 of each area."""
    del value
    number = _number(digest, 800 * 100)
    return f"+1 {200 + number // 100} 555 01{number % 100:02}"


def _ip(value: str, digest: bytes) -> str:
    """Return an address of RFC 3849 or RFC 5737."""
    if ":" in value:
        return f"2001:db8::{digest.hex()[:4]}:{digest.hex()[4:8]}:{digest.hex()[8:12]}"
    number = _number(digest, 3 * 254)
    return f"{('192.0.2', '198.51.100', '203.0.113')[number // 254]}.{number % 254 + 1}"


def _iban(value: str, digest: bytes) -> str:
    """Return an account number with the check digits 00, which no account has."""
    return f"{value[:2]}00{_number(digest, 10**16):016}"


def _card(value: str, digest: bytes) -> str:
    """Return a number that begins with 0, which no issuer has."""
    del value
    return f"0000 {_number(digest, 10**12):012}"


def _national_id(value: str, digest: bytes) -> str:
    del value
    return f"ID-{digest.hex()}"


def _crypto(value: str, digest: bytes) -> str:
    """Return no address: the checksum is missing."""
    del value
    return f"wallet-{digest.hex()}"


def _secret(value: str, digest: bytes) -> str:
    del value
    return f"EXAMPLE-{digest.hex()}"


def _mac(value: str, digest: bytes) -> str:
    """Return an address of the range of RFC 7042 for documentation."""
    separator = "-" if "-" in value else ":"
    return separator.join(["00", "00", "5E", "00", "53", f"{digest[0]:02X}"])


def _coordinates(value: str, digest: bytes) -> str:
    """Return a place within 50 km of the point of the ocean that is farthest from land."""
    del value
    number = _number(digest, 10**6)
    return f"-48.{number // 1000:03}, -123.{number % 1000:03}"


_FAKES: dict[Kind, Callable[[str, bytes], str]] = {
    "email": _email,
    "phone": _phone,
    "ip": _ip,
    "iban": _iban,
    "card": _card,
    "national_id": _national_id,
    "crypto": _crypto,
    "secret": _secret,
    "mac": _mac,
    "coordinates": _coordinates,
}
