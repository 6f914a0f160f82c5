"""Stages with thresholds by language, which come from the table of languages or from a folder of such tables."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from refinery import ByLanguage
from stages._languages import language_codes, language_file, stage_thresholds


class LanguageTables(ByLanguage):
    """A stage that finds its thresholds by language in the tables."""

    @classmethod
    def load_thresholds(cls, place: str) -> Mapping[str, Mapping[str, Any]]:
        """Return this stage's thresholds of the shipped table, or of a folder. Raises AssetError if there is none."""
        return stage_thresholds(cls.name, place)

    @classmethod
    def check_language(cls, code: str) -> None:
        """Refuse names of languages, and codes of three letters where there is one of two."""
        known = _codes().get(code.lower(), code)
        if known != code:
            raise ValueError(f"expected a language code; did you mean {known!r}?")
        super().check_language(code)


@cache
def _codes() -> dict[str, str]:
    """Return the code of each language of the shipped table by its English name and its code of three letters."""
    files = ((code, language_file(code)) for code in language_codes())
    return {other: code for code, file in files if file for other in (file.iso639_3, file.name.lower(), code)}
