"""Word lists: text files with one word per line. Not here: the search for words."""

from __future__ import annotations

import os
import re
from functools import lru_cache

from refinery import AssetError

_WORD = re.compile(r"[^\W_]+")


def load(path: str) -> tuple[str, ...]:
    """Return the words of a list, sorted, each once. ``#`` starts a comment. Raises AssetError for other lines."""
    state = os.stat(path)
    return _load(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=32)
def _load(path: str, size: int, mtime_ns: int) -> tuple[str, ...]:
    del size, mtime_ns  # part of the cache key only
    words = set()
    for number, line in enumerate(entries(path), 1):
        word = line.lower()
        if word and not _WORD.fullmatch(word):
            raise AssetError(
                f"{path}:{number}: {line[:60]!r} is not a word of letters and digits", hint="write one word per line"
            )
        words.add(word)
    return tuple(sorted(words - {""}))


def entries(path: str) -> list[str]:
    """Return the lines of a text file without comments and outer spaces. Raises AssetError if it is not UTF-8."""
    try:
        with open(path, encoding="utf-8-sig") as stream:
            return [line.partition("#")[0].strip() for line in stream]
    except UnicodeDecodeError as error:
        raise AssetError(
            f"{path}: not a text file in UTF-8: {error}", hint="write one entry per line; # starts a comment"
        ) from error
