"""The script in which most of a text is written, by ISO 15924, from the blocks of Unicode.

Digits and marks within a script's blocks count as its characters; of ASCII only letters count. Chinese is ``Hani``
whether simplified or traditional; Japanese is ``Jpan`` if at least one of eleven of its characters is Kana.
"""

from __future__ import annotations

import sys
from functools import cache

import pyarrow as pa

BLOCK = 16
"""Code points of a block: each block belongs to one script."""

_RANGES = {  # Japanese and Chinese come first: see `_script`
    "Jpan": ((0x3040, 0x30FF), (0x31F0, 0x31FF), (0xFF60, 0xFF9F)),
    "Hani": ((0x2E80, 0x2FDF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF)),
    "Latn": ((0xC0, 0x2AF), (0x1E00, 0x1EFF), (0x2C60, 0x2C7F), (0xA720, 0xA7FF), (0xAB30, 0xAB6F), (0xFF20, 0xFF5F)),
    "Cyrl": ((0x400, 0x52F), (0x1C80, 0x1C8F), (0x2DE0, 0x2DFF), (0xA640, 0xA69F)),
    "Grek": ((0x370, 0x3FF), (0x1F00, 0x1FFF)),
    "Armn": ((0x530, 0x58F),),
    "Hebr": ((0x590, 0x5FF), (0xFB10, 0xFB4F)),
    "Arab": ((0x600, 0x6FF), (0x750, 0x77F), (0x870, 0x8FF), (0xFB50, 0xFDFF), (0xFE70, 0xFEFF)),
    "Syrc": ((0x700, 0x74F),),
    "Thaa": ((0x780, 0x7BF),),
    "Nkoo": ((0x7C0, 0x7FF),),
    "Deva": ((0x900, 0x97F), (0xA8E0, 0xA8FF)),
    "Beng": ((0x980, 0x9FF),),
    "Guru": ((0xA00, 0xA7F),),
    "Gujr": ((0xA80, 0xAFF),),
    "Orya": ((0xB00, 0xB7F),),
    "Taml": ((0xB80, 0xBFF),),
    "Telu": ((0xC00, 0xC7F),),
    "Knda": ((0xC80, 0xCFF),),
    "Mlym": ((0xD00, 0xD7F),),
    "Sinh": ((0xD80, 0xDFF),),
    "Thai": ((0xE00, 0xE7F),),
    "Laoo": ((0xE80, 0xEFF),),
    "Tibt": ((0xF00, 0xFFF),),
    "Mymr": ((0x1000, 0x109F), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F)),
    "Geor": ((0x10A0, 0x10FF), (0x1C90, 0x1CBF), (0x2D00, 0x2D2F)),
    "Hang": ((0x1100, 0x11FF), (0x3130, 0x318F), (0xA960, 0xA97F), (0xAC00, 0xD7FF)),
    "Ethi": ((0x1200, 0x139F), (0x2D80, 0x2DDF), (0xAB00, 0xAB2F)),
    "Cher": ((0x13A0, 0x13FF), (0xAB70, 0xABBF)),
    "Cans": ((0x1400, 0x167F), (0x18B0, 0x18FF)),
    "Khmr": ((0x1780, 0x17FF),),
    "Mong": ((0x1800, 0x18AF),),
    "Bali": ((0x1B00, 0x1B7F),),
    "Sund": ((0x1B80, 0x1BBF),),
    "Olck": ((0x1C50, 0x1C7F),),
    "Tfng": ((0x2D30, 0x2D7F),),
    "Yiii": ((0xA000, 0xA4CF),),
    "Java": ((0xA980, 0xA9DF),),
    "Mtei": ((0xAAE0, 0xAAFF), (0xABC0, 0xABFF)),
    "Adlm": ((0x1E900, 0x1E95F),),
}

SCRIPTS = tuple(_RANGES)
JAPANESE, CHINESE, LATIN = (SCRIPTS.index(script) for script in ("Jpan", "Hani", "Latn"))
NO_SCRIPT = 255
KANA_SHARE = 10
"""A text with one Kana to so many Chinese characters is Japanese."""


def main_scripts(texts: pa.StringArray) -> pa.StringArray:
    """The script of most characters of each text, of equal ones the first of ``SCRIPTS``; null if none has a script."""
    return pa.array([_script(text or "") for text in texts.to_pylist()], pa.string())


@cache
def script_blocks() -> bytes:
    """The number of the script of each block of 16 code points; 255 without one, as for ASCII."""
    table = bytearray([NO_SCRIPT]) * (sys.maxunicode // BLOCK + 1)
    for number, ranges in enumerate(_RANGES.values()):
        for first, last in ranges:
            table[first // BLOCK : last // BLOCK + 1] = bytes([number]) * (last // BLOCK + 1 - first // BLOCK)
    return bytes(table)


def _script(text: str) -> str | None:
    blocks, counts = script_blocks(), [0] * len(SCRIPTS)
    for character in text:
        if character.isascii():
            counts[LATIN] += character.isalpha()
        elif (number := blocks[ord(character) // BLOCK]) != NO_SCRIPT:
            counts[number] += 1
    if counts[JAPANESE] * KANA_SHARE >= counts[CHINESE]:
        counts[JAPANESE] += counts[CHINESE] if counts[JAPANESE] else 0
    most = max(counts)
    return SCRIPTS[counts.index(most)] if most else None
