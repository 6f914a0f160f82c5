"""Counters of this process's requests to remote stores: requests by kind, retries, bytes."""

from __future__ import annotations

import threading
from collections import Counter

_lock = threading.Lock()
_counts: Counter[str] = Counter()


def count(name: str, number: int = 1) -> None:
    """Add to a counter: a kind of request, failed tries (``retried``, ``throttled``), bytes ``read``, ``written``."""
    with _lock:
        _counts[name] += number


def taken() -> dict[str, int]:
    """Return all counts since the last call by name, and reset them; empty without requests."""
    with _lock:
        counts = dict(sorted(_counts.items()))
        _counts.clear()
    return counts
