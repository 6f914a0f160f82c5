"""The words that stages count, and statistics of them, so that a batch is divided into words and measured once."""

from __future__ import annotations

from typing import Literal

import pyarrow as pa

from refinery import Docs
from refinery.kernels import SEGMENTER, UNICODE, text_statistics, word_cuts, word_spans

Words = Literal["segmented", "whitespace"]

ABOUT_WORDS = "what a word is: what lies between white space, for segmented divided further in scripts without spaces"

SPACELESS = ("bo", "dz", "ja", "km", "lo", "my", "th", "wuu", "yue", "zh")
"""Languages in such scripts, by the codes of lid.176. What lies between white space is a clause or a sentence there."""


def cuts(docs: Docs, words: Words) -> pa.ListArray | None:
    """Return where words of the texts begin without white space before them, as kernels take it."""
    return docs.view(_cuts).column("cuts") if words == "segmented" else None


def statistics(docs: Docs, words: Words) -> pa.RecordBatch:
    """Return word, line and n-gram statistics of the texts."""
    return docs.view(_segmented if words == "segmented" else _spaced)


def spans(text: str, words: Words) -> list[tuple[int, int]]:
    """Return starts and ends of the words of one text, in characters."""
    texts = pa.array([text])
    return word_spans(texts, word_cuts(texts) if words == "segmented" else None)[0]


def versions(words: Words) -> dict[str, str]:
    """Return the versions of the Unicode tables, which define letters and punctuation, and of the segmenter."""
    return {"unicode": UNICODE, **({"segmenter": SEGMENTER} if words == "segmented" else {})}


def _cuts(docs: Docs) -> pa.RecordBatch:
    return pa.record_batch([word_cuts(docs.column("text"))], names=["cuts"])


def _segmented(docs: Docs) -> pa.RecordBatch:
    return text_statistics(docs.column("text"), cuts(docs, "segmented"))


def _spaced(docs: Docs) -> pa.RecordBatch:
    return text_statistics(docs.column("text"))
