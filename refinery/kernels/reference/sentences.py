"""Ends of sentences, from words and the white space between them.

Definitions:

- A word is what lies between white space, divided at ``cuts`` where they are given.
- A character is punctuation if its Unicode category is P. A word of punctuation only begins no sentence.
- After a word that ends a sentence, the next one that is not all punctuation begins another; so does white space other
  than one space, and with ``lines`` any newline.
- Tokens, which punctuation is divided from, end a sentence if they are one of ``ends``.
- Of other words the punctuation at the end decides: it has one of ``ends`` that is no full stop beside another (an
  ellipsis) and no full stop after a letter alone (an initial, the last letter of an abbreviation such as "U.S.").

Of words that are tokens this is the rule of spaCy's ``sentencizer``. Of others it differs from that where its tokenizer
knows an abbreviation, whose full stop it leaves on the word ("Mr.", "approx."), and where it divides a word that no
space divides ("end.Start").
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from refinery.kernels.reference.ragged import lists_of, offsets_of
from refinery.kernels.reference.segmenter import cuts_of, divided

FULL_STOP = "."


def sentence_ends(
    texts: pa.StringArray, ends: str, cuts: pa.ListArray | None = None, *, tokens: bool = False, lines: bool = False
) -> pa.ListArray:
    """Return where the sentences of each text end, in bytes of UTF-8: ``list<uint32>``; none for null.

    The last one ends with the last word. A sentence includes the white space before it.
    """
    found = [
        [len(text[:end].encode()) for end in _ends(text, places, ends, tokens=tokens, lines=lines)]
        for text, places in cuts_of(texts, cuts)
    ]
    values = np.array([end for each in found for end in each], np.uint32)
    return lists_of(values, offsets_of(np.array([*map(len, found)], np.int64)))


def _ends(text: str, places: list[int], ends: str, *, tokens: bool, lines: bool) -> Iterator[int]:
    """Yield the ends in characters."""
    ended, last = False, 0
    for start, end in divided(text, places):
        word, gap = text[start:end], text[last:start]
        marks = all(map(_is_punctuation, word))
        spaced = gap not in ("", " ")
        if last and ((ended and (spaced or not marks)) or (lines and "\n" in gap)):
            yield last
            ended = False
        ended = (ended and marks) or (word in ends if tokens and len(word) == 1 else not tokens and _closes(word, ends))
        last = end
    if last:
        yield last


def _closes(word: str, ends: str) -> bool:
    """Return True if a word ends a sentence by the punctuation at its end."""
    size = len(word)
    while size and _is_punctuation(word[size - 1]):
        size -= 1
    marks = word[size:]
    alone = size > 0 and word[size - 1].isalpha() and (size == 1 or _is_punctuation(word[size - 2]))
    beside = f" {marks} "
    for place, mark in enumerate(marks):
        single = FULL_STOP not in (beside[place], beside[place + 2]) and not (alone and place == 0)
        if mark in ends and (mark != FULL_STOP or single):
            return True
    return False


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character)[0] == "P"
