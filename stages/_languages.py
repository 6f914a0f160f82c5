"""The table of languages: ``stages/languages/CODE.toml``, or a folder of one's own, read when a language is first used.

The files have no code in the package beside this: `refinery calibrate` writes them, and a person reviews them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from functools import cache

from refinery import AssetError, LanguageFile

SHIPPED = os.path.join(os.path.dirname(__file__), "languages")
"""The folder of the table that is part of the package; fields of stages call it ``table``."""

_CODE = re.compile(r"[a-z]{2,3}")


@cache
def language_codes(folder: str = SHIPPED) -> tuple[str, ...]:
    """Return the codes of the languages in a table, sorted. Raises AssetError where a folder is none."""
    hint = "name a folder with files CODE.toml"
    try:
        files = [os.path.splitext(name) for name in os.listdir(folder)]
    except OSError as error:
        raise AssetError(f"table of languages {folder}: {error.strerror}", hint=hint) from error
    codes = sorted(code for code, suffix in files if suffix == ".toml" and _CODE.fullmatch(code))
    if not codes:
        raise AssetError(f"table of languages {folder}: it has no language", hint=hint)
    return tuple(codes)


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


def table_folder(place: str) -> str:
    """Return the folder of a table: of ``table``, the shipped one; another place is the path of a folder."""
    return SHIPPED if place == "table" else place


def stage_thresholds(stage: str, place: str = "table") -> dict[str, Mapping[str, float]]:
    """Return the thresholds of a stage by language, then by field, of the languages that have any for it."""
    files = _files(table_folder(place))
    return {code: file.thresholds[stage] for code, file in files.items() if stage in file.thresholds}


def common_words(place: str = "table") -> dict[str, tuple[str, ...]]:
    """Return the common words by language, most frequent first, of the languages that have any."""
    return {code: file.common_words for code, file in _files(table_folder(place)).items() if file.common_words}


def words_digest(place: str = "table") -> str:
    """Return a digest of all common words, for the identity of a stage that counts them."""
    return hashlib.sha256(json.dumps(common_words(place)).encode()).hexdigest()[:16]


def _files(folder: str) -> dict[str, LanguageFile]:
    files = {code: language_file(code, folder) for code in language_codes(folder)}
    return {code: file for code, file in files.items() if file}
