"""The languages that a word list or a rule suits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class LanguageScope:
    """The languages that a word list or rule suits: ``only`` these, or all ``but`` these, by ISO 639-1 code.

    ``what`` is a clause about the list (``its stop words are English``), ``otherwise`` the effect on documents of other
    languages, and ``fix`` the settings for them.
    """

    what: str
    otherwise: str
    fix: str
    only: tuple[str, ...] = ()
    but: tuple[str, ...] = ()

    def outside(self, kept: Sequence[str]) -> tuple[str, ...]:
        """Return the languages that it does not suit."""
        return tuple(code for code in kept if code in self.but or (self.only and code not in self.only))
