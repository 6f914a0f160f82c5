"""The nearest known name to a wrong one, for messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint that names the one of ``known`` that a wrong name is most like; empty if it is like none."""
    # Matching is quadratic in the length of the word, which may be hostile.
    near = difflib.get_close_matches(word[:80], sorted(known), n=1)
    return f"did you mean {near[0]!r}?" if near else ""


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """A hint for a name that is not among ``known``: the nearest one, else all; ``otherwise`` if there is none."""
    choices = sorted(known)
    return nearest(word, choices) or (f"known are {', '.join(choices)}" if choices else otherwise)
