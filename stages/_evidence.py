"""Spans of a text that the metrics of ``repetition`` and ``quality`` count: for people, text by text.

Functions return starts and ends of spans, in characters and in order; those of n-grams may overlap. What a word,
a line or a paragraph is stands in ``refinery.kernels.reference.text``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import pairwise

from refinery.kernels import BULLETS, ELLIPSES, bare
from refinery.stages._words import Words, spans

Spans = Iterator[tuple[int, int]]
WordSpans = list[tuple[int, int]]

_LINE = re.compile(r"[^\n]+")
_BREAK = re.compile(r"\n{2,}")


def highlighted(metric: str, text: str, words: Words) -> Spans:
    """Return the spans that a metric counts; for ``alpha_words``, those that it does not count; none for others."""
    if metric in _OF_WORDS:
        yield from _OF_WORDS[metric](text, spans(text, words))
    elif metric in _OF_TEXTS:
        yield from _OF_TEXTS[metric](text)


def copied(metric: str, text: str, words: Words) -> Spans:
    """Return the spans that a metric of ``copy_shares`` counts: all copies of lines, paragraphs and n-grams."""
    unit = metric.split("_")[1]
    if unit.isdigit():
        found = [span for span in spans(text, words) if text[span[0]].isalnum()]
        yield from (_longest_top_grams if metric.startswith("top") else _copied_grams)(text, found, int(unit))
    else:
        yield from _copies(text, list((_stripped if unit.startswith("line") else _paragraphs)(text)))


def first_of(wanted: Iterable[str], text: str, words: Words, *, spelled: bool = False) -> Spans:
    """Return the first span of each of some words, as ``spelled`` or in any case and with any punctuation around it."""
    compared = str if spelled else bare
    left = set(map(compared, wanted))
    for start, end in spans(text, words):
        if (word := compared(text[start:end])) in left:
            left.remove(word)
            yield start, end


def _bulleted(text: str) -> Spans:
    """Lines that start with a bullet."""
    return (found for found in _stripped(text) if text[slice(*found)].startswith(BULLETS))


def _clipped(text: str) -> Spans:
    """Lines that end with an ellipsis."""
    return (found for found in _stripped(text) if text[slice(*found)].endswith(ELLIPSES))


def _unlettered(text: str, words: WordSpans) -> Spans:
    """Words without a letter."""
    return (found for found in words if not any(map(str.isalpha, text[slice(*found)])))


def _repeated_lines(text: str) -> Spans:
    """Lines that occurred before."""
    return _again(text, (found.span() for found in _LINE.finditer(text)))


def _repeated_paragraphs(text: str) -> Spans:
    """Paragraphs that occurred before."""
    start, end = len(text) - len(text.lstrip()), len(text.rstrip())
    breaks = [(start, start), *(found.span() for found in _BREAK.finditer(text, start, end)), (end, end)]
    return _again(text, ((before[1], after[0]) for before, after in pairwise(breaks)))


def _top_grams(text: str, words: WordSpans, n: int) -> Spans:
    """Return the spans of the most frequent n-gram of words; of several, the one that comes first."""
    grams = _grams(text, words, n)
    counts = Counter(grams)
    top = max(counts, key=counts.__getitem__, default=None)
    return ((words[place][0], words[place + n - 1][1]) for place, gram in enumerate(grams) if gram == top)


def _repeated_grams(text: str, words: WordSpans, n: int) -> Spans:
    """N-grams of words that occurred before, read from left to right and never overlapping."""
    grams = _grams(text, words, n)
    seen: set[tuple[str, ...]] = set()
    free = 0
    for place, gram in enumerate(grams):
        if place < free:
            continue
        if gram in seen:
            yield words[place][0], words[place + n - 1][1]
            free = place + n
        seen.add(gram)


def _stripped(text: str) -> Spans:
    """Lines that are not blank, without the blanks at their ends."""
    for found in _LINE.finditer(text):
        line = found[0].strip()
        if line:
            start = found.start() + found[0].index(line)
            yield start, start + len(line)


def _paragraphs(text: str) -> Spans:
    """Pieces of text between two newlines, without the blanks at their ends."""
    at = 0
    for piece in text.split("\n\n"):
        if core := piece.strip():
            start = at + piece.index(core)
            yield start, start + len(core)
        at += len(piece) + 2


def _copies(text: str, pieces: WordSpans) -> Spans:
    """Pieces that there are several of."""
    counts = Counter(text[start:end] for start, end in pieces)
    return ((start, end) for start, end in pieces if counts[text[start:end]] > 1)


def _copied_grams(text: str, words: WordSpans, n: int) -> Spans:
    """N-grams of words that there are several of."""
    grams = _grams(text, words, n)
    counts = Counter(grams)
    return ((words[place][0], words[place + n - 1][1]) for place, gram in enumerate(grams) if counts[gram] > 1)


def _longest_top_grams(text: str, words: WordSpans, n: int) -> Spans:
    """Return the spans of the most frequent n-gram of words that repeats; of several, the longest."""
    grams = _grams(text, words, n)
    counts = Counter(grams)
    top = max(counts, key=lambda gram: (counts[gram], sum(map(len, gram))), default=())
    return (
        (words[place][0], words[place + n - 1][1])
        for place, gram in enumerate(grams)
        if gram == top and counts[gram] > 1
    )


def _again(text: str, pieces: Spans) -> Spans:
    seen: set[str] = set()
    for start, end in pieces:
        if text[start:end] in seen:
            yield start, end
        seen.add(text[start:end])


def _grams(text: str, words: WordSpans, n: int) -> list[tuple[str, ...]]:
    """Return the n-gram that begins with each word but the last ones."""
    found = [text[start:end] for start, end in words]
    return list(zip(*(found[shift:] for shift in range(n)), strict=False))


def _each(pattern: re.Pattern[str], text: str) -> Spans:
    return (found.span() for found in pattern.finditer(text))


_OF_TEXTS: dict[str, Callable[[str], Spans]] = {
    "hash_ratio": partial(_each, re.compile("#")),
    "ellipsis_ratio": partial(_each, re.compile("|".join(map(re.escape, ELLIPSES)))),
    "bullet_lines": _bulleted,
    "ellipsis_lines": _clipped,
    "duplicate_lines": _repeated_lines,
    "duplicate_paragraphs": _repeated_paragraphs,
    "duplicate_line_characters": _repeated_lines,
    "duplicate_paragraph_characters": _repeated_paragraphs,
}

_OF_WORDS: dict[str, Callable[[str, WordSpans], Spans]] = {
    "alpha_words": _unlettered,
    **{f"top_{n}_gram": partial(_top_grams, n=n) for n in (2, 3, 4)},
    **{f"duplicate_{n}_gram": partial(_repeated_grams, n=n) for n in (5, 6, 7, 8, 9, 10)},
}
