"""The sentences that stages count or compare."""

from __future__ import annotations

from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from refinery import Docs
from refinery.kernels import sentence_ends
from refinery.stages._terminals import TERMINALS
from refinery.stages._words import SPACELESS, Words, cuts


def ends_of(docs: Docs, words: Words, *, lines: bool = False) -> pa.ListArray:
    """Return where the sentences of the texts end, in bytes; with ``lines`` a newline ends one as well.

    Of ``spacy`` they are those of its sentencizer, but in languages whose words are those of refinery's segmenter. For
    all other words the punctuation at their ends decides.
    """
    texts = docs.column("text")
    divided = None if words == "whitespace" else cuts(docs, "spacy" if words == "spacy" else "segmented")
    if words != "spacy":
        return sentence_ends(texts, TERMINALS, divided, lines=lines)
    found = sentence_ends(texts, _spacy_ends(), divided, tokens=True, lines=lines)
    segmented = pc.is_in(docs.languages(), pa.array(SPACELESS))
    if divided is None or not pc.any(segmented).as_py():
        return found
    others = sentence_ends(texts.filter(segmented), TERMINALS, divided.filter(segmented), lines=lines)
    order, rows = np.arange(len(docs)), np.flatnonzero(segmented.to_numpy(zero_copy_only=False))
    order[rows] = len(docs) + np.arange(len(rows))
    return pa.concat_arrays([found, others]).take(pa.array(order))


def count_sentences(docs: Docs, words: Words, *, lines: bool = False) -> pa.UInt32Array:
    """Return the number of sentences of each text."""
    return pc.list_value_length(ends_of(docs, words, lines=lines)).cast(pa.uint32())


@cache
def _spacy_ends() -> str:
    from spacy.pipeline import Sentencizer  # imported here: it takes most of a second, and few recipes need it

    return "".join(Sentencizer.default_punct_chars)
