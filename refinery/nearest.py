"""The nearest known name to a wrong one, for messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """A hint for a name that is not among ``known``: the nearest one, else all; ``otherwise`` if there is none."""
    choices = sorted(known)
    if not choices:
        return otherwise
    # Matching is quadratic in the length of the word, which may be hostile.
    near = difflib.get_close_matches(word[:80], choices, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(choices)}"
