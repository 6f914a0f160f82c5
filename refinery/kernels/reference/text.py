"""Word, line and n-gram statistics of documents: all that Gopher's repetition and quality rules look at.

It measures only; the caller decides what is kept or removed. Definitions:

- A character is a Unicode code point.
- A word is what lies between white space (``str.split``), punctuation included; where ``cuts`` are given, as of
  ``segmenter.word_cuts``, it is divided there as well.
- Where ``symbols`` are given (a byte for each code point, 1 for those), words are tokens: those of symbols alone do not
  count in ``words`` and ``mean_word_length``, and in the most frequent n-gram a space counts between any two.
- A line is a run of characters other than newline; a blank line has only white space.
- A paragraph is what lies between runs of two or more newlines, once the text is stripped.
- A share whose whole is zero is 0.

Where Gopher leaves things open the reading is datatrove's, with white-space words in place of its tokenizer. Source of
the rules: Rae et al. 2021, arXiv 2112.11446, section A.1 and table A1.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from itertools import accumulate, pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery.kernels.reference.segmenter import Span, cuts_of, divided, words_at

TOP_NGRAMS = (2, 3, 4)
REPEATED_NGRAMS = (5, 6, 7, 8, 9, 10)

STATISTICS = pa.schema(
    [
        ("words", pa.uint32()),
        ("mean_word_length", pa.float64()),
        ("hash_ratio", pa.float64()),
        ("ellipsis_ratio", pa.float64()),
        ("bullet_lines", pa.float64()),
        ("ellipsis_lines", pa.float64()),
        ("alpha_words", pa.float64()),
        ("duplicate_lines", pa.float64()),
        ("duplicate_paragraphs", pa.float64()),
        ("duplicate_line_characters", pa.float64()),
        ("duplicate_paragraph_characters", pa.float64()),
        *((f"top_{n}_gram", pa.float64()) for n in TOP_NGRAMS),
        *((f"duplicate_{n}_gram", pa.float64()) for n in REPEATED_NGRAMS),
    ]
)
"""The columns of ``text_statistics``. An n-gram column is null where a document has fewer than n words."""

# The bullets and circles of Unicode that lists use, and the two marks of Markdown.
BULLETS = tuple("•‣\u2043⁌⁍∙○●◘◦⦾⦿-*")
ELLIPSES = ("...", ". . .", "…")

_ELLIPSIS = re.compile("|".join(map(re.escape, ELLIPSES)))
_PARAGRAPH_BREAK = re.compile(r"\n{2,}")

Ids = npt.NDArray[np.int64]
Row = dict[str, float | None]


def text_statistics(
    texts: pa.StringArray, cuts: pa.ListArray | None = None, symbols: bytes | None = None
) -> pa.RecordBatch:
    """Return the columns of ``STATISTICS`` for each text; a null text counts as empty. Linear in the texts' length."""
    rows = [_statistics(text, divided(text, places), symbols) for text, places in cuts_of(texts, cuts)]
    return pa.RecordBatch.from_pylist(rows, schema=STATISTICS)


def distinct_words(
    texts: pa.StringArray, words: Collection[str], cuts: pa.ListArray | None = None, *, spelled: bool = False
) -> pa.UInt32Array:
    """Return how many distinct ``words`` occur in each text.

    They occur as they are ``spelled``, or in any case and with any punctuation around them.
    """
    compared = str if spelled else bare
    known = frozenset(map(compared, words))
    counts = [len(known.intersection(map(compared, set(words_at(text, at))))) for text, at in cuts_of(texts, cuts)]
    return pa.array(counts, pa.uint32())


def bare(word: str) -> str:
    """The word in lower case without the punctuation and symbols (``is_mark``) at its ends."""
    return stripped(word).lower()


def stripped(word: str) -> str:
    """The word without the punctuation and symbols at its ends."""
    start, end = 0, len(word)
    while start < end and is_mark(word[start]):
        start += 1
    while start < end and is_mark(word[end - 1]):
        end -= 1
    return word[start:end]


def is_mark(character: str) -> bool:
    """Return True for punctuation, symbols, and the zero-width space, which ends words of scripts without spaces."""
    return unicodedata.category(character)[0] in "PS" or character == "\u200b"


def _statistics(text: str, spans: list[Span], symbols: bytes | None) -> Row:
    words = [text[start:end] for start, end in spans]
    spaced = [symbols is not None or start > end for (_, end), (start, _) in pairwise(spans)]
    counted = words if symbols is None else [word for word in words if not all(symbols[ord(c)] for c in word)]
    length = _share(sum(map(len, counted)), len(counted))
    quality = {"mean_word_length": length, **_quality(text, words)}
    return {"words": len(counted), **quality, **_repetition(text, words, spaced)}


def _quality(text: str, words: list[str]) -> Row:
    lines = [line.strip() for line in text.split("\n")]
    lines = [line for line in lines if line]
    return {
        "hash_ratio": _share(text.count("#"), len(words)),
        "ellipsis_ratio": _share(sum(1 for _ in _ELLIPSIS.finditer(text)), len(words)),
        "bullet_lines": _share(sum(line.startswith(BULLETS) for line in lines), len(lines)),
        "ellipsis_lines": _share(sum(line.endswith(ELLIPSES) for line in lines), len(lines)),
        "alpha_words": _share(sum(any(map(str.isalpha, word)) for word in words), len(words)),
    }


def _repetition(text: str, words: list[str], spaced: list[bool]) -> Row:
    lines, line_characters, all_lines = _duplicates(text.split("\n"))
    paragraphs, paragraph_characters, all_paragraphs = _duplicates(_PARAGRAPH_BREAK.split(text.strip()))
    row: Row = {
        "duplicate_lines": _share(lines, all_lines),
        "duplicate_paragraphs": _share(paragraphs, all_paragraphs),
        "duplicate_line_characters": _share(line_characters, len(text)),
        "duplicate_paragraph_characters": _share(paragraph_characters, len(text)),
    }
    ends = np.fromiter(accumulate(map(len, words), initial=0), np.int64, len(words) + 1)
    for n, ids in _ngrams(words):
        if n in TOP_NGRAMS:
            row[f"top_{n}_gram"] = _share(_top_ngram_characters(ids, ends, spaced, n), len(text))
        else:
            row[f"duplicate_{n}_gram"] = _share(_duplicate_ngram_characters(ids, ends, n), len(text))
    return row


def _duplicates(pieces: Iterable[str]) -> tuple[int, int, int]:
    """Pieces that occurred before, the characters in them, and all pieces; empty pieces do not count."""
    seen: set[str] = set()
    duplicates = characters = total = 0
    for piece in filter(None, pieces):
        total += 1
        if piece in seen:
            duplicates += 1
            characters += len(piece)
        seen.add(piece)
    return duplicates, characters, total


def _ngrams(words: list[str]) -> Iterator[tuple[int, Ids]]:
    """For n from 2 to 10, while there are n words: a number for the n-gram at each position, equal for equal n-grams.

    An n-gram is its first n-1 words and its last word, so its number comes from two smaller ones: time does not grow
    with n, and nothing is hashed that could collide.
    """
    vocabulary: dict[str, int] = {}
    single = np.fromiter((vocabulary.setdefault(word, len(vocabulary)) for word in words), np.int64, len(words))
    ids = single
    for n in range(TOP_NGRAMS[0], min(REPEATED_NGRAMS[-1], len(words)) + 1):
        _, ids = np.unique(ids[:-1] * len(vocabulary) + single[n - 1 :], return_inverse=True)
        yield n, ids


def _top_ngram_characters(ids: Ids, ends: Ids, spaced: list[bool], n: int) -> int:
    """Length, with a space for the white space between words, times count of the most frequent n-gram.

    Of several it is the one that comes first. ``spaced`` states of each word but the last whether white space follows.

    Occurrences may overlap, so this can exceed the length of the text.
    """
    counts = np.bincount(ids)[ids]
    first = int(np.argmax(counts))
    return int(counts[first] * (ends[first + n] - ends[first] + sum(spaced[first : first + n - 1])))


def _duplicate_ngram_characters(ids: Ids, ends: Ids, n: int) -> int:
    """Characters, without spaces, of n-grams that occurred before, read from left to right and never overlapping."""
    seen: set[int] = set()
    numbers = ids.tolist()
    position = characters = 0
    while position < len(numbers):
        if numbers[position] in seen:
            characters += int(ends[position + n] - ends[position])
            position += n
        else:
            seen.add(numbers[position])
            position += 1
    return characters


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
