"""What this process asked of remote stores: requests by kind, tries that failed, bytes. For receipts and records."""

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
    """All counts since the last call, by name; empty where no remote store was asked."""
    with _lock:
        found = dict(sorted(_counts.items()))
        _counts.clear()
    return found
