"""Characters of which words are that are no words: tables of a byte for each code point, 1 for these."""

from __future__ import annotations

import sys
from functools import cache

from refinery.stages._terminals import TERMINALS

_MARKS = "\"#$%&'()*+,-/:;<=>@[\\]^_`{|}~«´»–—’“”„…∶━►、〈〉《》「」【】％（），１：；～"
_CONTROLS = (*range(9), *range(11, 32), *range(127, 160))

PUNCTUATION = frozenset((*_MARKS, *map(chr, _CONTROLS), *TERMINALS))
"""Punctuation, as datatrove has it: the marks that cc_net normalises, controls, and what ends sentences.

It differs from Unicode's: currencies but "$", arrows and bullets are missing, and "１" is there.
"""


@cache
def punctuation() -> bytes:
    """Return the table of ``PUNCTUATION``."""
    table = bytearray(sys.maxunicode + 1)
    for character in PUNCTUATION:
        table[ord(character)] = 1
    return bytes(table)


@cache
def neither_letter_nor_digit() -> bytes:
    """Return the table of all characters but letters and digits."""
    every = map(chr, range(sys.maxunicode + 1))
    return bytes(not (character.isalpha() or character.isdigit()) for character in every)
