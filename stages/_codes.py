"""Languages by the labels of language models: ``eng``, ``eng_Latn`` and ``en`` are all ``en``."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

ALBANIAN = "als"
"""ISO 639-3 for Tosk Albanian. For lid.176, whose labels have no script, it is Alemannic."""

_LABEL = re.compile(r"([a-z]{2,3})(?:[_-]([A-Z][a-z]{3}))?")


@cache
def known_languages() -> dict[str, str]:
    """Return codes, each also found by other codes and by English names: ``{"en": "en", "eng": "en", ...}``."""
    text = resources.files("refinery.stages").joinpath("languages.txt").read_text(encoding="utf-8")
    rows = (line.split() for line in text.splitlines() if not line.startswith("#"))
    return {word: row[0] for row in rows for word in row}


def language_of(label: str) -> str:
    """Return the language of a model's label: ISO 639-1 where there is a code, else what the label has of ISO 639-3.

    A label of another form stays as it is.
    """
    parts = _LABEL.fullmatch(label)
    if parts is None:
        return label
    code, script = parts.groups()
    return "sq" if code == ALBANIAN and script else known_languages().get(code, code)


def checked_code(word: str) -> str:
    """Return a code that documents may have. Raises ValueError, with the code that may be meant, for another word."""
    known = known_languages()
    simple = "-".join(word.lower().split())
    code = known.get(simple) or known.get(simple.partition("-")[0])
    if code == word or (code is None and word.isascii() and word.islower() and len(word) == 3):
        return word
    raise ValueError(f"expected ISO 639-1; did you mean {code!r}?" if code else "expected ISO 639-1, such as 'en'")
