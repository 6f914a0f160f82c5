"""Chance without a state: a number for each thing that may happen, the same in every run and on every machine."""

from __future__ import annotations

import hashlib
import math


def chance(*names: object) -> float:
    """Return a number in [0, 1) that depends on the names alone."""
    digest = hashlib.blake2b("\0".join(map(str, names)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def waiting_time(rate: float, *names: object) -> float:
    """Return the seconds until an event that happens ``rate`` times an hour; infinite for a rate of 0."""
    return -math.log1p(-chance(*names)) * 3600 / rate if rate > 0 else math.inf
