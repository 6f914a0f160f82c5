"""Exceptions of refinery. Each message names the object, the expected and the actual value; the hint is the fix.

RefineryError
├── UsageError        wrong recipe, option or selection             exit 2
├── StorageError      a path cannot be listed, read or written      exit 3
│   └── AssetError    a model, vocabulary or list is missing        exit 3
├── Refused           the run would break a guarantee               exit 4
└── PartFailed        a part failed, others did not                 exit 1
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class RefineryError(Exception):
    """Base of all errors that a user can cause and fix.

    ``hint`` is the fix in one line; ``exit_code`` is the exit code of the command line.
    """

    exit_code = 1
    placed = False
    """True if the message quotes lines of a recipe with carets, and includes the fix."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.message, self.hint)


def _rebuild(kind: type[RefineryError], message: str, hint: str) -> RefineryError:
    return kind(message, hint=hint)


class UsageError(RefineryError):
    """The recipe, an option or a selection is wrong; nothing was started."""

    exit_code = 2


class StorageError(RefineryError):
    """A path cannot be listed, read or written."""

    exit_code = 3


class AssetError(StorageError):
    """A file that a stage needs (model, vocabulary, list) is missing or has unexpected content."""


class Refused(RefineryError):
    """Continuing would break a guarantee: changed code, another dataset's root, too little memory."""

    exit_code = 4


class PartFailed(RefineryError):
    """A part failed. Everything that does not depend on it was computed."""

    exit_code = 1


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint with the name in ``known`` that is most similar to ``word``; empty if none is similar."""
    # Matching is quadratic in the length of the word, which may be hostile.
    near = difflib.get_close_matches(word[:80], sorted(known), n=1)
    return f"did you mean {near[0]!r}?" if near else ""


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return a hint for an unknown name: the most similar one, else all of ``known``, else ``otherwise``."""
    choices = sorted(known)
    return nearest(word, choices) or (f"choose one of {', '.join(choices)}" if choices else otherwise)
