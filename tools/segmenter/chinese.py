"""Words of jieba's dictionary (MIT) with its frequencies, in simplified letters.

The table of OpenCC (Apache-2.0) names the simplified letter of each traditional one, so one dictionary reads both.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from importlib.resources import files

from tools.segmenter.costs import Costs, by_frequency

FEWEST = 5
"""Occurrences of a word of several letters below which it is left out: most such words are names and phrases."""

HAN = re.compile(r"[\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")


def dictionary() -> tuple[Costs, dict[str, str]]:
    """Return the words with their costs, and the letters that are read as others."""
    simplified = readings()
    table = str.maketrans(simplified)
    counts: Counter[str] = Counter()
    for line in _lines("jieba", "dict.txt"):
        word, count, _ = line.split(" ")
        if HAN.fullmatch(word):
            counts[word.translate(table)] += max(int(count), 1)
    letters = {word for word in counts if len(word) == 1}
    costs = by_frequency({word: count for word, count in counts.items() if count >= FEWEST or word in letters})
    return costs, {variant: letter for variant, letter in simplified.items() if letter in letters}


def readings() -> dict[str, str]:
    """Return the simplified letter of each traditional one, of the basic plane."""
    pairs = (line.split("\t") for line in _lines("opencc", os.path.join("dictionary", "TSCharacters.txt")))
    first = ((variant, letters.split(" ")[0]) for variant, letters in pairs)
    return {variant: letter for variant, letter in first if variant != letter and max(variant, letter) <= "\uffff"}


def _lines(package: str, name: str) -> list[str]:
    return files(package).joinpath(name).read_text("utf-8").splitlines()
