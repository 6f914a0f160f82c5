"""The exceptions of refinery, as one tree. Each names the thing, what was wanted and what was found, and the fix.

RefineryError
├── UsageError        wrong recipe, option or selection             exit 2
├── StorageError      a path cannot be listed, read or written      exit 3
│   └── AssetError    a model, vocabulary or list is not there      exit 3
├── Refused           the run would break a promise                 exit 4
└── PartFailed        a part could not be made; the rest could      exit 1
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class RefineryError(Exception):
    """Base of all errors that a user can cause and mend.

    ``hint`` is one line that tells the fix; ``exit_code`` is what the command line ends with.
    """

    exit_code = 1
    placed = False
    """Whether the message shows lines of a recipe with carets below them, and the fix there."""

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
    """A file that a stage needs (model, vocabulary, list) is missing or is not the one expected."""


class Refused(RefineryError):
    """Going on would break a promise: changed code, another dataset's root, more memory than there is."""

    exit_code = 4


class PartFailed(RefineryError):
    """A part could not be made. Everything that does not depend on it could."""

    exit_code = 1


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint that names the one of ``known`` that a wrong name is most like; empty if it is like none."""
    # Matching is quadratic in the length of the word, which may be hostile.
    near = difflib.get_close_matches(word[:80], sorted(known), n=1)
    return f"did you mean {near[0]!r}?" if near else ""


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """A hint for a name that is not among ``known``: the nearest one, else all; ``otherwise`` if there is none."""
    choices = sorted(known)
    return nearest(word, choices) or (f"known are {', '.join(choices)}" if choices else otherwise)
