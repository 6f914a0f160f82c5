"""Scripts without spaces between words, and letters with which no word begins."""

from __future__ import annotations

import re
from bisect import bisect_left

RANGES = (
    (0xE00, 0xE7F, "thai"),
    (0xE80, 0xEFF, "lao"),
    (0xF00, 0xFFF, "tibetan"),
    (0x1000, 0x109F, "burmese"),
    (0x1780, 0x17FF, "khmer"),
    (0x1950, 0x19DF, "other"),  # Tai Le, New Tai Lue
    (0x19E0, 0x19FF, "khmer"),
    (0x1A20, 0x1AAF, "other"),  # Tai Tham
    (0x1B00, 0x1B7F, "other"),  # Balinese
    (0x2E80, 0x2FDF, "han"),
    (0x3005, 0x3007, "han"),
    (0x3021, 0x3029, "han"),
    (0x3031, 0x3035, "kana"),
    (0x303B, 0x303C, "han"),
    (0x3041, 0x30FF, "kana"),
    (0x3100, 0x312F, "other"),  # Bopomofo
    (0x31A0, 0x31BF, "other"),
    (0x31F0, 0x31FF, "kana"),
    (0x3400, 0x4DBF, "han"),
    (0x4E00, 0x9FFF, "han"),
    (0xA000, 0xA4CF, "other"),  # Yi
    (0xA980, 0xA9DF, "other"),  # Javanese
    (0xA9E0, 0xA9FF, "burmese"),
    (0xAA60, 0xAA7F, "burmese"),
    (0xAA80, 0xAADF, "other"),  # Tai Viet
    (0xF900, 0xFAFF, "han"),
    (0xFF66, 0xFF9F, "kana"),
    (0x11700, 0x1174F, "other"),  # Ahom
    (0x16FE0, 0x18D8F, "other"),  # Tangut, Khitan
    (0x1AFF0, 0x1B16F, "kana"),
    (0x1B170, 0x1B2FF, "other"),  # Nüshu
    (0x20000, 0x3FFFF, "han"),
)
"""First and last code point of each range, in order; ``other`` are scripts without a dictionary."""

DEPENDENT = frozenset("ะาำๅະາຳຽ\uff9e\uff9f")
"""Vowel signs and marks that ``str.isalpha`` takes for letters of their own."""

BINDING = frozenset("เแโใไເແໂໃໄ\u1039\u17d2\u1a60\u1b44\ua9c0")
"""Letters that the next one belongs to: vowels that are written before their consonant, and stackers."""

FINAL, DOT_BELOW = "\u103a", "\u1037"
"""The mark of a Burmese consonant that ends a syllable, and what may stand between them."""

NUMERALS = frozenset("\u3007\u3021\u3022\u3023\u3024\u3025\u3026\u3027\u3028\u3029")
"""Numerals of Han, which ``str.isalpha`` does not take for letters."""

JOINERS = re.compile("[\u0300-\u036f\u200c\u200d\u2060\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""Marks of no script: accents, joiners, variation selectors."""

SPACELESS = re.compile(f"[{''.join(f'{chr(first)}-{chr(last)}' for first, last, _ in RANGES)}]")
KATAKANA = re.compile("[\u30a1-\u30ff\u31f0-\u31ff\uff66-\uff9f]")

_LASTS = [last for _, last, _ in RANGES]
_KANA, _HAN = re.compile("[\u3040-\u30ff]"), re.compile("[\u4000-\u9fff]")


def script_of(character: str) -> str:
    """Return the name of a script without spaces, or "" for a character of another."""
    code = ord(character)
    at = bisect_left(_LASTS, code)
    return RANGES[at][2] if at < len(RANGES) and RANGES[at][0] <= code else ""


def is_japanese(line: str) -> bool:
    """Return True for a line of Japanese: kana are more than a sixteenth of its Han letters."""
    return 16 * len(_KANA.findall(line)) > len(_HAN.findall(line))
