"""Languages whose writing does not put spaces between words."""

from __future__ import annotations

from refinery import Suited

SPACELESS = ("bo", "dz", "ja", "km", "lo", "my", "th", "wuu", "yue", "zh")
"""By the codes of lid.176. What lies between white space is a clause or a sentence there."""


def words_as_unit(missed: str) -> Suited:
    """The declaration of a stage that compares texts by words between spaces."""
    return Suited(
        "its words lie between spaces", f"most {missed} of theirs are missed", "set unit: gpt2", but=SPACELESS
    )
