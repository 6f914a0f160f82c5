"""The scripts and the direction of texts, from the names of their letters in Unicode."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import Literal

SCRIPTS = {
    "ARABIC": "Arab",
    "ARMENIAN": "Armn",
    "BENGALI": "Beng",
    "CJK": "Hani",
    "CYRILLIC": "Cyrl",
    "DEVANAGARI": "Deva",
    "ETHIOPIC": "Ethi",
    "GEORGIAN": "Geor",
    "GREEK": "Grek",
    "GUJARATI": "Gujr",
    "GURMUKHI": "Guru",
    "HANGUL": "Hang",
    "HEBREW": "Hebr",
    "HIRAGANA": "Jpan",
    "KANNADA": "Knda",
    "KATAKANA": "Jpan",
    "KHMER": "Khmr",
    "LAO": "Laoo",
    "LATIN": "Latn",
    "MALAYALAM": "Mlym",
    "MYANMAR": "Mymr",
    "NKO": "Nkoo",
    "OL": "Olck",
    "ORIYA": "Orya",
    "SINHALA": "Sinh",
    "SYRIAC": "Syrc",
    "TAMIL": "Taml",
    "TELUGU": "Telu",
    "THAANA": "Thaa",
    "THAI": "Thai",
    "TIBETAN": "Tibt",
    "TIFINAGH": "Tfng",
}
"""First word of a letter's Unicode name → ISO 15924; others are ``Zyyy``."""

LEAST = 0.2
"""Share of the letters from which on a script is listed."""


def scripts_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the scripts of the letters, the most frequent first. Kana with Han characters is Japanese writing."""
    letters: Counter[str] = Counter()
    for text in texts:
        for character, count in Counter(filter(str.isalpha, text)).items():
            letters[SCRIPTS.get(unicodedata.name(character, "").partition(" ")[0].partition("-")[0], "Zyyy")] += count
    if 0 < LEAST * letters.total() <= letters["Jpan"]:
        letters["Jpan"] += letters.pop("Hani", 0)
    listed = [script for script, count in letters.most_common() if count >= LEAST * letters.total()]
    return tuple(listed) or ("Zyyy",)


def direction_of(texts: Iterable[str]) -> Literal["ltr", "rtl"]:
    """Return the direction in which most letters are written."""
    balance = 0
    for text in texts:
        for character, count in Counter(filter(str.isalpha, text)).items():
            balance += count if unicodedata.bidirectional(character) in {"R", "AL"} else -count
    return "rtl" if balance > 0 else "ltr"
