"""Languages whose writing does not put spaces between words."""

from __future__ import annotations

from refinery import LanguageScope

SPACELESS = ("bo", "dz", "ja", "km", "lo", "my", "th", "wuu", "yue", "zh")
"""By the codes of lid.176. What lies between white space is a clause or a sentence there."""


def words_as_unit(missed: str) -> LanguageScope:
    """The declaration of a stage that compares texts by words between spaces."""
    return LanguageScope(
        "its words lie between spaces", f"most {missed} of theirs are missed", "set unit: gpt2", but=SPACELESS
    )
