"""Stages with thresholds by language, which come from the table of languages or from a folder of such tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from refinery import ByLanguage
from refinery.stages._codes import checked_code
from refinery.stages._languages import stage_thresholds


class LanguageTables(ByLanguage):
    """A stage that finds its thresholds by language in the tables."""

    @classmethod
    def load_thresholds(cls, place: str) -> Mapping[str, Mapping[str, Any]]:
        """Return this stage's thresholds of the shipped table, or of a folder. Raises AssetError if there is none."""
        return stage_thresholds(cls.name, place)

    @classmethod
    def check_language(cls, code: str) -> None:
        """Refuse names of languages, unknown codes, and codes of three letters where there is one of two."""
        super().check_language(checked_code(code))
