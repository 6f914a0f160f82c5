"""Proof, from the patterns of one of spaCy's tokenizers, that it leaves chunks of ASCII letters whole.

Such a tokenizer divides a chunk by its exceptions, and where one of three patterns matches. If every match of each of
these needs a character that is no ASCII letter, a chunk of such letters that is no exception is one word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from re import _constants as op, _parser as parser  # type: ignore[attr-defined]
from typing import Any

_LETTERS = re.compile("[A-Za-z]")
_REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT)


def leaves_letters(tokenizer: Any) -> bool:
    """Return True if this can be proved of a tokenizer whose chunks are no exceptions."""
    searches = (tokenizer.prefix_search, tokenizer.suffix_search, tokenizer.infix_finditer)
    patterns = [getattr(search, "__self__", None) for search in searches if search is not None]
    return all(isinstance(pattern, re.Pattern) and _needs_other(pattern) for pattern in patterns)


def _needs_other(pattern: re.Pattern[str]) -> bool:
    """Return True if no match lies within ASCII letters; in any case, letters match others beyond ASCII."""
    return not pattern.flags & re.IGNORECASE and _has_other(parser.parse(pattern.pattern, pattern.flags))


def _has_other(items: Iterable[tuple[Any, Any]]) -> bool:
    """Return True if one of the items that follow each other in a pattern matches, or looks at, no ASCII letter."""
    return any(_is_other(code, value) for code, value in items)


def _is_other(code: Any, value: Any) -> bool:
    if code is op.LITERAL:
        return not _LETTERS.fullmatch(chr(value))
    if code is op.RANGE:
        return all(value[1] < ord(first) or value[0] > ord(last) for first, last in ("AZ", "az"))
    if code is op.IN:
        return all(_is_other(*item) for item in value)
    if code is op.BRANCH:
        return all(map(_has_other, value[1]))
    if code in (op.SUBPATTERN, op.ASSERT):
        return _has_other(value[-1])
    return code in _REPEATS and value[0] > 0 and _has_other(value[2])
