"""Shares of what occurs more than once in a document, where every copy counts: DCLM's reading of Gopher's table A1.

``text.text_statistics`` has the other reading, in which the first copy is no duplicate. Definitions here:

- A line is what lies between newlines, a paragraph between two newlines, without the white space at its ends. Empty
  ones do not count. Shares of characters are of the characters of all lines or paragraphs.
- A word begins with a letter or a digit (``str.isalnum``). It lies between white space, or is divided at ``cuts``, such
  as those of ``unicode_words.unicode_cuts``. Shares of n-grams are of the characters of all words.
- The most frequent n-gram has its characters counted as often as it occurs, also where it overlaps itself; of several
  it is the longest. Of longer n-grams, each word in any that repeats counts once.

Source: Li et al. 2024, arXiv 2406.11794, and its code (mlfoundations/dclm, baselines/mappers/filters).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain

import pyarrow as pa

from refinery.kernels.reference.segmenter import cuts_of, words_at
from refinery.kernels.reference.text import REPEATED_NGRAMS, STATISTICS, TOP_NGRAMS

COPIES = pa.schema([field for field in STATISTICS if field.name.startswith(("duplicate_", "top_"))])
"""The columns of ``copy_shares``. An n-gram column is null where a document has fewer than n words."""

Row = dict[str, float | None]


def copy_shares(texts: pa.StringArray, cuts: pa.ListArray | None = None) -> pa.RecordBatch:
    """Return the columns of ``COPIES`` for each text; a null text counts as empty."""
    rows = [_shares(text, words_at(text, places)) for text, places in cuts_of(texts, cuts)]
    return pa.RecordBatch.from_pylist(rows, schema=COPIES)


def _shares(text: str, words: Sequence[str]) -> Row:
    lines, line_characters = _of_pieces(text.split("\n"))
    paragraphs, paragraph_characters = _of_pieces(text.split("\n\n"))
    found = [word for word in words if word[0].isalnum()]
    return {
        "duplicate_lines": lines,
        "duplicate_paragraphs": paragraphs,
        "duplicate_line_characters": line_characters,
        "duplicate_paragraph_characters": paragraph_characters,
        **{f"top_{n}_gram": _of_top(found, n) for n in TOP_NGRAMS if n <= len(found)},
        **{f"duplicate_{n}_gram": _of_ngrams(found, n) for n in REPEATED_NGRAMS if n <= len(found)},
    }


def _of_pieces(pieces: Sequence[str]) -> tuple[float, float]:
    """Return the share of pieces that have a copy, and that of their characters."""
    counts = Counter(filter(None, map(str.strip, pieces)))
    copies = {piece: count for piece, count in counts.items() if count > 1}
    return _share(copies.values(), counts.values()), _share(_lengths(copies), _lengths(counts))


def _lengths(counts: dict[str, int]) -> list[int]:
    return [len(piece) * count for piece, count in counts.items()]


def _of_top(words: Sequence[str], n: int) -> float:
    counts = Counter(zip(*(words[shift:] for shift in range(n)), strict=False))
    count, length = max((count, sum(map(len, ngram))) for ngram, count in counts.items())
    return _share([count * length if count > 1 else 0], map(len, words))


def _of_ngrams(words: Sequence[str], n: int) -> float:
    ngrams = list(zip(*(words[shift:] for shift in range(n)), strict=False))
    counts = Counter(ngrams)
    covered = set(chain.from_iterable(range(at, at + n) for at, ngram in enumerate(ngrams) if counts[ngram] > 1))
    return _share((len(words[at]) for at in covered), map(len, words))


def _share(part: Iterable[int], whole: Iterable[int]) -> float:
    total = sum(whole)
    return sum(part) / total if total else 0.0
