"""Metrics that distinguish prose from lists, spam and damaged text, in any language.

Definitions, beside those of ``text``:

- A word ends a sentence if its last character, but for marks that close a quotation or a bracket, is in ``ENDS``.
- An item is a line, or what lies between separators of a menu in it: words that are one of ``SEPARATORS``, but not one
  that closes a quotation where the line has the mark that opens it.
- An item is prose if it has ``LONG_ITEM`` words, or if its last word that is not all closing marks ends a sentence.
- The sentences of a line are its words up to each that ends a sentence, and the rest; shorter ones than ``SENTENCE``
  words do not count. Of lines with several sentences, those that occurred before are duplicates; lines that repeat as a
  whole are a metric of ``text_statistics``.
- Common words are compared without the marks at their ends, and with uppercase letters in lower case, one by one.
- An odd word has a symbol (Unicode category S) after a letter and before another, or letters of two of the scripts in
  ``ALPHABETS``, as UTF-8 has that is read as another charset: "Ã©tÃ©", "pomagajД…c".
- A broken character is U+FFFD, for private use, or a control character that is no white space.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise

import pyarrow as pa

from refinery.kernels.reference.segmenter import Span, cuts_of, divided
from refinery.kernels.reference.text import stripped

PROSE = pa.schema(
    [
        ("common_words", pa.float64()),
        ("prose_words", pa.float64()),
        ("duplicate_sentences", pa.float64()),
        ("odd_words", pa.float64()),
        ("broken_characters", pa.float64()),
    ]
)
"""The columns of ``prose_statistics``; ``common_words`` is null for a language without a list."""

LONG_ITEM = 15
SENTENCE = 2

ENDS = (
    ".!?…‽\u037e\u0589\u061f\u06d4\u0964\u0965\u0f0d\u0f0e\u104b"
    "\u1362\u1367\u1368\u17d4\u17d5\u1803\u1809\u3002\uff01\uff1f\uff0e\uff61"
)
"""The marks that end a sentence, in the scripts that have any."""
CLOSERS = "\"'”’“‘»«›‹)]}）」』】〉》*_\u200b\u200c\u200d\u200e\u200f"
"""The marks, and invisible characters, that may follow the end of a sentence."""

ALPHABETS = ("A-Za-z\u00c0-\u024f\u1e00-\u1eff", "\u0370-\u03ff\u1f00-\u1fff", "\u0400-\u052f")
"""Ranges of Latin, Greek and Cyrillic letters."""

SEPARATORS = frozenset("|¦·•∙●▪»›")
QUOTATIONS = {"»": "«", "›": "‹"}
"""The separators that also close a quotation, with the marks that open it."""

_ALPHABETS = [re.compile(f"[{letters}]") for letters in ALPHABETS]
_BROKEN = re.compile("[\u0000-\u001f\u007f-\u009f\ue000-\uf8ff\ufffd\U000f0000-\U0010ffff]")

Line = list[Span]


def prose_statistics(
    texts: pa.StringArray,
    languages: pa.StringArray,
    common: Mapping[str, Collection[str]],
    cuts: pa.ListArray | None = None,
) -> pa.RecordBatch:
    """Return the columns of ``PROSE`` for each text, which is in the language of the same row.

    ``common`` has the common words of a language. A null text counts as empty. Linear in the texts' length.
    """
    known = {code: frozenset(map(folded, words)) for code, words in common.items()}
    rows = [
        _metrics(text, divided(text, places), known.get(code or ""))
        for (text, places), code in zip(cuts_of(texts, cuts), languages.to_pylist(), strict=True)
    ]
    return pa.RecordBatch.from_pylist(rows, schema=PROSE)


def folded(word: str) -> str:
    """Return the word without marks at its ends, in lower case letter by letter, with one small sigma."""
    return "".join(letter.lower() if letter.isupper() else letter for letter in stripped(word)).replace("ς", "σ")


def prose_highlights(text: str, metric: str, words: Sequence[Span]) -> Iterator[Span]:
    """Yield the spans that a metric counts; of ``prose_words`` the items that are no prose, which it does not count."""
    lines = list(_lines(text, words))
    if metric == "prose_words":
        items = (item for line in lines for item in _items(text, line))
        yield from ((item[0][0], item[-1][1]) for item in items if item and not _is_prose(text, item))
    elif metric == "duplicate_sentences":
        yield from _duplicates(text, _sentences_of(text, lines))
    elif metric == "odd_words":
        yield from (span for span in words if _is_odd(text[slice(*span)]))
    elif metric == "broken_characters":
        yield from (found.span() for found in _BROKEN.finditer(text) if not found[0].isspace())


def _metrics(text: str, spans: Sequence[Span], known: frozenset[str] | None) -> dict[str, float | None]:
    words = [text[start:end] for start, end in spans]
    lines = list(_lines(text, spans))
    items = [item for line in lines for item in _items(text, line)]
    sentences = _sentences_of(text, lines)
    return {
        "common_words": None if known is None else _share(sum(folded(word) in known for word in words), len(words)),
        "prose_words": _share(sum(len(item) for item in items if _is_prose(text, item)), sum(map(len, items))),
        "duplicate_sentences": _share(sum(1 for _ in _duplicates(text, sentences)), len(sentences)),
        "odd_words": _share(sum(map(_is_odd, words)), len(words)),
        "broken_characters": _share(sum(len(_BROKEN.findall(word)) for word in words), sum(map(len, words))),
    }


def _lines(text: str, spans: Sequence[Span]) -> Iterator[Line]:
    """Yield the words of each line that has any."""
    line: Line = []
    for start, end in spans:
        if line and "\n" in text[line[-1][1] : start]:
            yield line
            line = []
        line.append((start, end))
    if line:
        yield line


def _items(text: str, line: Line) -> Iterator[Line]:
    """Yield the words of each item of a line, without separators; an item may have none."""
    item: Line = []
    whole = text[line[0][0] : line[-1][1]]
    for span in line:
        word = text[slice(*span)]
        if word in SEPARATORS and QUOTATIONS.get(word, "\n") not in whole:
            yield item
            item = []
        else:
            item.append(span)
    yield item


def _is_prose(text: str, item: Line) -> bool:
    words = (text[start:end] for start, end in reversed(item))
    return len(item) >= LONG_ITEM or _ends_sentence(next((word for word in words if word.strip(CLOSERS)), ""))


def _ends_sentence(word: str) -> bool:
    return word.rstrip(CLOSERS).endswith(tuple(ENDS))


def _sentences_of(text: str, lines: list[Line]) -> list[Span]:
    """Return the sentences of lines that have several."""
    found = [list(_sentences(text, line)) for line in lines]
    return [sentence for line in found if len(line) > 1 for sentence in line]


def _sentences(text: str, line: Line) -> Iterator[Span]:
    first = 0
    for place, (start, end) in enumerate(line, 1):
        if place == len(line) or _ends_sentence(text[start:end]):
            if place - first >= SENTENCE:
                yield line[first][0], end
            first = place


def _duplicates(text: str, sentences: list[Span]) -> Iterator[Span]:
    """Yield the sentences that occurred before."""
    seen: set[str] = set()
    for start, end in sentences:
        if text[start:end] in seen:
            yield start, end
        seen.add(text[start:end])


def _is_odd(word: str) -> bool:
    """Return True for letters of two alphabets, or a letter, a symbol after it, and later another letter."""
    after = (place for place, pair in enumerate(pairwise(word), 2) if pair[0].isalpha() and _is_symbol(pair[1]))
    rest = word[next(after, len(word)) :]
    return sum(bool(letters.search(word)) for letters in _ALPHABETS) > 1 or any(map(str.isalpha, rest))


def _is_symbol(character: str) -> bool:
    return unicodedata.category(character)[0] == "S"


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
