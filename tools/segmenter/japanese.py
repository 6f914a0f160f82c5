"""Japanese words of the small UniDic (BSD), with costs by how often MeCab finds them in Debian's documentation.

A word that the texts do not have gets the cost of UniDic, scaled to that of counts. Rare ones are left out.
"""

from __future__ import annotations

import glob
import gzip
import html
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator

import fugashi
import unidic_lite

from tools.segmenter.costs import Costs, by_frequency, cost
from tools.segmenter.mecab import Entry, entries

INFLECTED = frozenset({"動詞", "形容詞"})
MOST, MOST_INFLECTED = 10_000, 9_000
"""Cost of UniDic above which a word that the texts do not have is left out."""

BASE, SLOPE = 13.0, 0.0003
"""Negative logarithm of the share of a word by its cost in UniDic."""

WORD = re.compile(r"[\u3005-\u3007\u3041-\u3096\u30a1-\u30fa\u30fc-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
KANA = re.compile(r"[\u3041-\u30fa]")
SHORTEST, LONGEST = 6, 2_000

_MARKUP = re.compile(r"(?s)<(script|style|pre)\b.*?</\1>|</?(?!/?(?:a|b|i|em|strong|code|span|tt)\b)[a-z!][^>]*>")
_TAG = re.compile(r"(?s)<[^>]*>")
_REQUEST = re.compile(r"(?m)^[.'].*$|\\f.")
_FOLD = re.compile(r"(?<=[^\x00-\x7f])\n(?=[^\x00-\x7f])")


def dictionary(folder: str) -> Costs:
    """Return the words with their costs. The folder has unpacked Debian packages."""
    counts = counted(texts(folder))
    costs = {
        entry.word: cost(BASE + SLOPE * entry.cost)
        for entry in entries(os.path.join(unidic_lite.DICDIR, "sys.dic"))
        if WORD.fullmatch(entry.word) and (entry.word in counts or is_common(entry))
    }
    return costs | by_frequency(counts)


def is_common(entry: Entry) -> bool:
    """Return True for a word that is not rare by its cost in UniDic."""
    return entry.cost <= (MOST_INFLECTED if entry.speech in INFLECTED else MOST)


def counted(lines: Iterable[str]) -> Counter[str]:
    """Return how often MeCab finds each word."""
    tagger = fugashi.Tagger(f'-d "{unidic_lite.DICDIR}"')
    return Counter(token.surface for line in lines for token in tagger(line) if WORD.fullmatch(token.surface))


def texts(folder: str) -> Iterator[str]:
    """Yield the different Japanese lines of the HTML and manual pages below a folder."""
    seen: set[str] = set()
    for path in sorted(glob.glob(os.path.join(folder, "**", "*"), recursive=True)):
        read = _page if re.search(r"\.html(\.ja|\.gz)?$", path) else _manual if "/man/ja/" in path else None
        if read is None or not os.path.isfile(path):
            continue
        with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as file:
            text = file.read().decode("utf-8", "ignore")
        for line in map(str.strip, read(text).split("\n")):
            if len(line) >= SHORTEST and KANA.search(line) and line not in seen:
                seen.add(line)
                yield line[:LONGEST]


def _page(text: str) -> str:
    return html.unescape(_TAG.sub("", _MARKUP.sub("\n", text)))


def _manual(text: str) -> str:
    return _FOLD.sub("", _REQUEST.sub("", text))
