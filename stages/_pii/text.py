"""A text in bytes, with what is around a place in it, and what was found there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

Kind = Literal["email", "phone", "ip", "iban", "card", "national_id", "crypto", "secret", "mac", "coordinates"]

NEAR = 72
"""Bytes before a value whose words decide what it is."""

_CHUNK = re.compile(rb"[!-~]*\Z")


class PersonalSpan(NamedTuple):
    """Personal data from byte ``start`` to ``end``."""

    start: int
    end: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class TextBytes:
    """A text, and the regions whose phone numbers and national ids are expected in it, the likeliest first."""

    data: bytes
    regions: tuple[str, ...] = ()

    def piece(self, start: int, end: int) -> str:
        """Return what stands there."""
        return self.data[start:end].decode(errors="ignore")

    def before(self, start: int) -> str:
        """Return what stands before a place, in lower case."""
        return self.data[max(0, start - NEAR) : start].decode(errors="ignore").lower()

    def after(self, end: int, most: int = 16) -> str:
        """Return what stands behind a place."""
        return self.data[end : end + most].decode(errors="ignore")

    def joined_before(self, start: int) -> str:
        """Return the ASCII characters before a place that no blank divides from it."""
        found = _CHUNK.search(self.data[max(0, start - NEAR) : start])
        return found[0].decode() if found else ""
