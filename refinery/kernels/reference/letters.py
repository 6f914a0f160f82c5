"""The charset of single bytes in which a page most likely is, by the letters that its bytes are in each.

A language is a distribution of letters: how often each one beyond ASCII is used (``letters.txt``), and how often one of
ASCII. The charset is the one under which some language makes the bytes most likely. So two Polish letters in an English
page are less likely than two foreign letters of windows-1252, and a Polish text with half of its letters wrong is less
likely than one with all of them right.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt

CHARSETS = (
    *("cp1252", "cp1250", "cp1251", "cp1254", "cp1253", "cp1256", "cp1255", "cp1257", "cp874", "cp1258", "koi8-u"),
    *("iso8859-2", "iso8859-5", "iso8859-7", "iso8859-6", "iso8859-8", "iso8859-13", "cp866", "kz1048"),
)
"""Names of Python codecs, the more usual ones first."""

USUAL = 0.3
"""By how much the logarithm of the probability of each charset exceeds that of the next one, before a byte is seen."""

PER = 100_000
"""Letters of which ``letters.txt`` has counts."""

CAPITALS = 15
"""Factor by which a letter is rarer as a capital."""

SURE = 20.0
"""Logarithm of how many times more likely a charset must be than the one that is declared."""

LATIN = 0.1
"""Least share of ASCII among the letters of pages in a language of another script."""

SIGN, ODD, FOREIGN, NEVER = 1e-3, 1e-5, 1e-6, 1e-8
"""Shares, among letters, of common signs, other signs, letters of other languages, and control characters."""

LETTER = -1.0
"""Stands for the share that a letter has in each language."""

SIGNS = frozenset("\u00a0‘’“”„‚«»‹›–—…•·©®™°§€£")

_MARKUP = re.compile(
    rb"<!--.*?(?:-->|\Z)|<(script|style)(?=[\s/>]).*?(?:</\1|\Z)|<[^>]*|&#?\w{1,8};", re.DOTALL | re.IGNORECASE
)

Numbers = npt.NDArray[np.float64]


def likeliest(data: bytes, expected: str = "") -> str:
    """Return the charset, of ``CHARSETS``, in which the bytes of a page are most likely the text of some language.

    All others must be more likely than the ``expected`` one by ``SURE``.
    """
    counts = np.bincount(np.frombuffer(_MARKUP.sub(b" ", data), np.uint8), minlength=256)
    found = [float(np.max(weights @ counts)) for weights in _weights()]
    sure = SURE * np.array([charset == expected for charset in CHARSETS])
    return CHARSETS[int(np.argmax(np.array(found) + _PRIOR + sure))]


_PRIOR = -USUAL * np.arange(len(CHARSETS))


@cache
def _weights() -> list[Numbers]:
    """Logarithms of the probabilities: for each charset a row for each language, a column for each byte."""
    text = resources.files("refinery.kernels.reference").joinpath("letters.txt").read_text(encoding="utf-8")
    rows = [line.split()[1:] for line in text.splitlines() if not line.startswith("#")]
    languages = [{c: int(n) / PER for c, n in zip(row[::2], row[1::2], strict=True)} for row in rows]
    return [_of_charset(charset, languages) for charset in CHARSETS]


def _of_charset(charset: str, languages: Sequence[Mapping[str, float]]) -> Numbers:
    characters = [bytes([byte]).decode(charset, "replace") for byte in range(256)]
    shares = np.tile([_sign(character) for character in characters], (len(languages), 1))
    letters = [byte for byte, share in enumerate(shares[0]) if share == LETTER]
    plain = [byte for byte in letters if byte < ord("\x80")]
    for row, language in zip(shares, languages, strict=True):
        for byte in letters:
            letter = characters[byte]
            share = language.get(letter) or language.get(letter.lower(), 0) / CAPITALS
            row[byte] = max(share, FOREIGN)
        row[plain] = max(1 - sum(language.values()), LATIN)
    logarithms: Numbers = np.log(shares)
    return logarithms


def _sign(character: str) -> float:
    """Return the share of a character that is no letter, in all languages; 1 for ASCII, ``LETTER`` for letters."""
    category = unicodedata.category(character)
    if character.isalpha() or category == "Mn":
        return LETTER
    if character.isascii():
        return 1
    if character == "\ufffd" or category in {"Cc", "Co"}:
        return NEVER
    return SIGN if character in SIGNS else ODD
