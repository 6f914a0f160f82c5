"""Line phrases: one file for each language, ``phrases/CODE.toml``; ``en.toml`` explains the fields."""

from __future__ import annotations

import hashlib
import tomllib
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable

from pydantic import BaseModel, ConfigDict, ValidationError

from refinery import Asset, AssetError

UNKNOWN = "en"
"""The language whose phrases are those of documents without a language."""


class Phrases(BaseModel):
    """The fields of a file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: tuple[str, ...] = ()
    end: tuple[str, ...] = ()
    anywhere: tuple[str, ...] = ()
    counted: tuple[str, ...] = ()


def load(asset: Asset) -> Phrases:
    """Return the phrases of a file. Raises AssetError where it is missing or malformed."""
    path = asset.path()
    with open(path, "rb") as stream:
        try:
            return Phrases.model_validate(tomllib.load(stream))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
            raise AssetError(
                f"{path} is no file of phrases: {error}", hint="compare it with stages/phrases/en.toml"
            ) from error


@lru_cache(maxsize=1)
def languages() -> tuple[str, ...]:
    """Return the codes of the languages that have a file."""
    names = (file.name.partition(".") for file in _folder().iterdir())
    return tuple(sorted(code for code, _, ending in names if ending == "toml"))


@lru_cache(maxsize=256)
def phrases_of(language: str | None) -> Phrases:
    """Return the phrases of a language: none where it has no file, those of ``UNKNOWN`` for None."""
    code = language or UNKNOWN
    if code not in languages():
        return Phrases()
    return Phrases.model_validate(tomllib.loads((_folder() / f"{code}.toml").read_text(encoding="utf-8")))


@lru_cache(maxsize=1)
def digest() -> str:
    """Return the SHA-256 of all files."""
    hashed = hashlib.sha256()
    for code in languages():
        content = (_folder() / f"{code}.toml").read_bytes()
        hashed.update(f"{code} {len(content)}\n".encode() + content)
    return hashed.hexdigest()


def _folder() -> Traversable:
    return resources.files("refinery.stages") / "phrases"
