"""Lists of words that good pages hardly have, by language, and how often a text has them.

The lists are those that C4 uses, the "List of Dirty, Naughty, Obscene, and Otherwise Bad Words" (CC-BY-4.0): a word or
phrase a line. A text has a word where it stands alone, in any case; in Japanese, Thai and Chinese anywhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from refinery import Asset, AssetError, Docs
from refinery.stages._codes import language_of as code_of

WITHOUT_SPACES = ("ja", "th", "zh")
ALLOWED = frozenset({"sm", "グロ", "女の子", "性"})
"""Parts of common words of Japanese and Chinese, each of which would remove a tenth of their pages."""

LONGEST = 100
"""Characters of a word; a longer line is no list of words."""


def build(source: str, target: str) -> Mapping[str, int]:
    """Write the words of a list to ``target``, sorted, and return their number. Raises AssetError for other files."""
    words = _words(source)
    with open(target, "w", encoding="utf-8") as stream:
        stream.writelines(f"{word}\n" for word in words)
    return {"words": len(words)}


def check(asset: Asset) -> None:
    """Read a list. Raises AssetError where it is none."""
    _words(asset.path())


def language_of(asset: Asset) -> str:
    """Return the language of a list by the name of its asset, or of its file."""
    name = os.path.basename(asset).removesuffix(".txt")
    return code_of(name.rpartition(".")[2].partition("-")[0])


def bad_words(docs: Docs, lists: Sequence[Asset]) -> pa.UInt32Array:
    """Return how many words of the list of its language each text has; null without a list."""
    found = pa.nulls(len(docs), pa.uint32())
    languages = docs.languages()
    for code in sorted({language_of(asset) for asset in lists}):
        rows = pc.fill_null(pc.equal(languages, code), False)
        texts = [(text or "").lower() for text in docs.column("text").filter(rows).to_pylist()]
        pattern = _pattern(code, tuple(asset.path() for asset in lists if language_of(asset) == code))
        counts = pc.count_substring_regex(pa.array(texts, pa.string()), pattern)
        found = pc.replace_with_mask(found, rows, counts.cast(pa.uint32()))
    return found


@lru_cache(maxsize=64)
def _pattern(code: str, paths: tuple[str, ...]) -> str:
    """Return a regular expression of Arrow's, which has no class for the letters of all scripts but by property."""
    words = "|".join(re.escape(word) for path in paths for word in _words(path))
    return words if code in WITHOUT_SPACES else rf"(?:^|[^\pL\pN_])(?:{words})(?:[^\pL\pN_]|$)"


def _words(path: str) -> list[str]:
    hint = "a list has a word or phrase on each line, in UTF-8"
    try:
        with open(path, encoding="utf-8") as stream:
            words = sorted({line.strip() for line in stream} - ALLOWED - {""})
    except UnicodeDecodeError as error:
        raise AssetError(f"{path}: {error}", hint=hint) from error
    if not words or max(map(len, words)) > LONGEST:
        raise AssetError(f"{path}: no list of words", hint=hint)
    return words
