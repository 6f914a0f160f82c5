"""Features of a text for classifiers: statistics of its characters, words and lines.

Definitions, beside those of ``text`` and ``prose``:

- A word is what lies between white space. Words and lines are compared by 64-bit hashes.
- A line has a character that is no white space; white space at its ends does not belong to it. It ends a sentence if
  its last word does.
- A word is odd if it has a symbol between letters, and a mark if it has neither a letter nor a digit.
- The histogram of a line counts its pairs of adjacent bytes in ``BINS`` bins; the similarity of two histograms is the
  cosine of their angle. Lines in one language are similar, in whatever language they are, so these features find texts
  in two languages or encodings. They look at the first ``LINES`` lines of at least ``LONG_LINE`` characters.

A share whose whole is zero is 0, and a similarity that lacks a line is 1.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from refinery.kernels.reference.prose import CLOSERS, ENDS

FEATURES = (
    *("characters", "words", "lines"),
    # Shares of the characters, and of the letters that are uppercase.
    *("letters", "uppercase", "digits", "spaces", "marks", "symbols", "beyond_ascii", "broken"),
    # Shares of the words, or counts per word.
    *("word_length", "short_words", "long_words", "words_without_letters", "mark_words", "capital_words", "odd_words"),
    *("sentence_ends", "clause_ends", "ellipses", "hashes"),
    # Repetition among words and n-grams of them.
    *("distinct_words", "single_words", "top_word", "equal_words"),
    *("repeated_2_grams", "repeated_3_grams", "repeated_5_grams"),
    # Shares of the lines, and of the characters.
    *("line_words", "short_lines", "capital_lines", "ended_lines", "repeated_lines"),
    *("ended_characters", "longest_line"),
    *("least_similar_line", "similar_lines", "least_similar_neighbours", "similar_neighbours", "similar_halves"),
)
"""The columns of ``text_features``."""

VERSION = 1
"""Changes when a feature is computed in another way."""

SHORT_WORD, LONG_WORD, SHORT_LINE, LONG_LINE = 3, 13, 30, 60
NGRAMS = (2, 3, 5)
LINES, BINS = 32, 256
CLAUSE_ENDS = ",;:\u00b7\u0387\u060c\u061b\u3001\uff0c\uff1b\uff1a"
FACTOR = 0x9E3779B97F4A7C15
"""Odd; the hash of an n-gram is that of its first words times this, plus that of its last word."""
PAIR_FACTOR = 2654435761
"""Of two adjacent bytes times this, the 8 highest of 32 bits are the bin."""

_BROKEN = re.compile("[\u0000-\u001f\u007f-\u009f\ue000-\uf8ff\ufffd\U000f0000-\U0010ffff]")
_ELLIPSIS = re.compile(r"\.\.\.|…")

Hashes = npt.NDArray[np.uint64]
Histogram = npt.NDArray[np.int64]


def text_features(texts: pa.StringArray) -> npt.NDArray[np.float32]:
    """Return the values of ``FEATURES`` for each text, one row a text. A null text counts as empty.

    Linear in the texts' length.
    """
    rows = [_features(text or "") for text in texts.to_pylist()]
    return np.array(rows, np.float32).reshape(len(texts), len(FEATURES))


def _features(text: str) -> list[float]:
    words = text.split()
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    row = [
        *(len(text), len(words), len(lines)),
        *_of_characters(text),
        *_of_words(text, words),
        *_repetition(words),
        *_of_lines(lines, len(words), len(text)),
        *_similarities([_histogram(line) for line in lines if len(line) >= LONG_LINE][:LINES]),
    ]
    return [float(value) for value in row]


def _of_characters(text: str) -> list[float]:
    counts: Counter[str] = Counter()
    for character, count in Counter(text).items():
        category = unicodedata.category(character)
        is_broken = bool(_BROKEN.fullmatch(character)) and not character.isspace()
        kinds = {
            "letters": character.isalpha(),
            "uppercase": character.isupper(),
            "digits": character.isdigit(),
            "spaces": character.isspace(),
            "marks": category[0] in "PS" or character == "\u200b",
            "symbols": category[0] == "S",
            "beyond_ascii": character > "\x7f",
            "broken": is_broken,
        }
        counts.update({kind: count for kind, has in kinds.items() if has})
    wholes = {"uppercase": counts["letters"]}
    names = ("letters", "uppercase", "digits", "spaces", "marks", "symbols", "beyond_ascii", "broken")
    return [_share(counts[name], wholes.get(name, len(text))) for name in names]


def _of_words(text: str, words: list[str]) -> list[float]:
    counts = (
        sum(map(len, words)),
        sum(len(word) <= SHORT_WORD for word in words),
        sum(len(word) >= LONG_WORD for word in words),
        sum(not any(map(str.isalpha, word)) for word in words),
        sum(not any(character.isalpha() or character.isdigit() for character in word) for word in words),
        sum(word[0].isupper() for word in words),
        sum(map(_is_odd, words)),
        sum(map(_ends_sentence, words)),
        sum(word.endswith(tuple(CLAUSE_ENDS)) for word in words),
        len(_ELLIPSIS.findall(text)),
        text.count("#"),
    )
    return [_share(count, len(words)) for count in counts]


def _is_odd(word: str) -> bool:
    letter = symbol = False
    for character in word:
        symbol |= letter and unicodedata.category(character)[0] == "S"
        letter = character.isalpha()
        if symbol and letter:
            return True
    return False


def _ends_sentence(word: str) -> bool:
    return word.rstrip(CLOSERS).endswith(tuple(ENDS))


def _repetition(words: list[str]) -> list[float]:
    hashes = np.array([xxhash.xxh3_64_intdigest(word.encode()) for word in words], np.uint64)
    counts = Counter(hashes.tolist()).values()
    of_words = (
        _share(len(counts), len(words)),
        _share(sum(count == 1 for count in counts), len(words)),
        _share(max(counts, default=0), len(words)),
        _share(sum(count * (count - 1) for count in counts), len(words) * (len(words) - 1)),
    )
    return [*of_words, *(_repeated(_ngram_hashes(hashes, n)) for n in NGRAMS)]


def _ngram_hashes(hashes: Hashes, n: int) -> Hashes:
    found = hashes
    for more in range(1, n):
        found = found[:-1] * np.uint64(FACTOR) + hashes[more:]
    return found


def _repeated(hashes: Hashes) -> float:
    return _share(len(hashes) - len(np.unique(hashes)), len(hashes))


def _of_lines(lines: list[str], words: int, characters: int) -> list[float]:
    ended = [line for line in lines if _ends_sentence(line.split()[-1])]
    return [
        _share(words, len(lines)),
        _share(sum(len(line) <= SHORT_LINE for line in lines), len(lines)),
        _share(sum(line[0].isupper() for line in lines), len(lines)),
        _share(len(ended), len(lines)),
        _share(len(lines) - len({xxhash.xxh3_64_intdigest(line.encode()) for line in lines}), len(lines)),
        _share(sum(map(len, ended)), characters),
        _share(max(map(len, lines), default=0), characters),
    ]


def _histogram(line: str) -> Histogram:
    data = np.frombuffer(line.encode(), np.uint8).astype(np.uint32)
    pairs = (data[:-1] << np.uint32(8) | data[1:]) * np.uint32(PAIR_FACTOR)
    return np.bincount(pairs >> np.uint32(24), minlength=BINS).astype(np.int64)


def _similarities(lines: list[Histogram]) -> list[float]:
    """Return the least and mean similarity of a line and all others, of neighbours, and of first lines and the rest."""
    if len(lines) < 2:
        return [1.0] * 5
    whole = np.sum(lines, axis=0)
    others = [_cosine(line, whole - line) for line in lines]
    neighbours = [_cosine(one, other) for one, other in pairwise(lines)]
    parts = [_cosine(part, whole - part) for part in np.cumsum(lines, axis=0)[:-1]]
    return [min(others), _mean(others), min(neighbours), _mean(neighbours), min(parts)]


def _cosine(one: Histogram, other: Histogram) -> float:
    product, squares = int(one @ other), [int(each @ each) for each in (one, other)]
    return product / (math.sqrt(squares[0]) * math.sqrt(squares[1])) if all(squares) else 0.0


def _mean(values: list[float]) -> float:
    total = 0.0  # added one by one, as sum() of newer Pythons does not
    for value in values:
        total += value
    return total / len(values)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
