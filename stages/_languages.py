"""The table of languages: ``stages/languages/CODE.toml``, or a folder of one's own, read when a language is first used.

The files have no code in the package beside this: `refinery calibrate` writes them, and a person reviews them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cache

from refinery import AssetError, LanguageFile

SHIPPED = os.path.join(os.path.dirname(__file__), "languages")
"""The folder of the table that is part of the package."""

_CODE = re.compile(r"[a-z]{2,3}")


@cache
def language_codes(folder: str = SHIPPED) -> tuple[str, ...]:
    """Return the codes of the languages in a table, sorted. Raises AssetError where there is no such folder."""
    try:
        names = os.listdir(folder)
    except OSError as error:
        raise AssetError(
            f"table of languages {folder}: {error.strerror}", hint="name a folder with files CODE.toml"
        ) from error
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


@cache
def language_file(code: str, folder: str = SHIPPED) -> LanguageFile | None:
    """Return the file of a language, None where the table has none. Raises AssetError where it is malformed."""
    if not _CODE.fullmatch(code):
        return None  # a label of a language model, which need not be a name of a file
    path = os.path.join(folder, f"{code}.toml")
    try:
        with open(path, encoding="utf-8") as stream:
            return LanguageFile.from_toml(path, stream.read())
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise AssetError(f"{path}: {error}", hint="name a folder with files CODE.toml") from error


def stage_thresholds(stage: str, folder: str = SHIPPED) -> dict[str, Mapping[str, float]]:
    """Return the thresholds of a stage by language, then by field, of the languages that have any for it."""
    files = {code: language_file(code, folder) for code in language_codes(folder)}
    return {code: file.thresholds[stage] for code, file in files.items() if file and stage in file.thresholds}
