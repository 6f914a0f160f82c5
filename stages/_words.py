"""The words that stages count, and statistics of them, so that a batch is divided into words and measured once."""

from __future__ import annotations

from typing import Literal

import pyarrow as pa

from refinery import Docs
from refinery.kernels import (
    SEGMENTER,
    UNICODE,
    WORD_BREAKS,
    text_statistics,
    unicode_cuts,
    word_cuts,
    word_spans,
)
from refinery.stages._spacy import spacy_cuts, spacy_version
from refinery.stages._symbols import neither_letter_nor_digit, punctuation

Words = Literal["segmented", "whitespace", "unicode", "spacy"]

ABOUT_LINE_WORDS = (
    "what a word is: what lies between white space, for segmented divided further in scripts without spaces"
)
ABOUT_WORDS = (
    f"{ABOUT_LINE_WORDS}; unicode: divided at the boundaries of UAX #29; spacy: tokens of spaCy's tokenizer for the "
    "language"
)

SPACELESS = ("bo", "dz", "ja", "km", "lo", "my", "th", "wuu", "yue", "zh")
"""Languages in such scripts, by the codes of lid.176. What lies between white space is a clause or a sentence there."""


def cuts(docs: Docs, words: Words) -> pa.ListArray | None:
    """Return where words of the texts begin without white space before them, as kernels take it."""
    return docs.view(_CUTS[words]).column("cuts") if words in _CUTS else None


def statistics(docs: Docs, words: Words) -> pa.RecordBatch:
    """Return word, line and n-gram statistics of the texts.

    Words of ``unicode`` and ``spacy`` are tokens: those of symbols alone do not count in ``words`` and the mean length.
    """
    return docs.view(_STATISTICS[words])


def spans(text: str, words: Words) -> list[tuple[int, int]]:
    """Return starts and ends of the words of one text, in characters; for ``spacy`` those of ``unicode`` are shown."""
    texts = pa.array([text])
    if words == "whitespace":
        return word_spans(texts)[0]
    return word_spans(texts, word_cuts(texts) if words == "segmented" else unicode_cuts(texts))[0]


def versions(words: Words) -> dict[str, str]:
    """Return the versions of the Unicode tables, which define letters and punctuation, and of what divides words."""
    found = {"unicode": UNICODE}
    if words in ("segmented", "spacy"):
        found["segmenter"] = SEGMENTER
    if words == "unicode":
        found["word_breaks"] = WORD_BREAKS
    if words == "spacy":
        found["spacy"] = spacy_version()
    return found


def _segmented_cuts(docs: Docs) -> pa.RecordBatch:
    return pa.record_batch([word_cuts(docs.column("text"))], names=["cuts"])


def _unicode_cuts(docs: Docs) -> pa.RecordBatch:
    return pa.record_batch([unicode_cuts(docs.column("text"))], names=["cuts"])


def _spacy_cuts(docs: Docs) -> pa.RecordBatch:
    found = spacy_cuts(docs.column("text"), docs.languages(), frozenset(SPACELESS))
    return pa.record_batch([found], names=["cuts"])


def _segmented(docs: Docs) -> pa.RecordBatch:
    return text_statistics(docs.column("text"), cuts(docs, "segmented"))


def _spaced(docs: Docs) -> pa.RecordBatch:
    return text_statistics(docs.column("text"))


def _unicode(docs: Docs) -> pa.RecordBatch:
    return text_statistics(docs.column("text"), cuts(docs, "unicode"), neither_letter_nor_digit())


def _spacy(docs: Docs) -> pa.RecordBatch:
    return text_statistics(docs.column("text"), cuts(docs, "spacy"), punctuation())


_CUTS = {"segmented": _segmented_cuts, "unicode": _unicode_cuts, "spacy": _spacy_cuts}
_STATISTICS = {"segmented": _segmented, "whitespace": _spaced, "unicode": _unicode, "spacy": _spacy}
