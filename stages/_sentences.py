"""The sentences that stages count or compare."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from refinery import Docs
from refinery.kernels import sentence_ends
from stages._terminals import TERMINALS
from stages._words import Words, cuts


def ends_of(docs: Docs, words: Words, *, lines: bool = False) -> pa.ListArray:
    """Return where the sentences of the texts end, in bytes; with ``lines`` a newline ends one as well."""
    return sentence_ends(
        docs.column("text"), TERMINALS, cuts(docs, words), tokens=words in ("unicode", "spacy"), lines=lines
    )


def count_sentences(docs: Docs, words: Words, *, lines: bool = False) -> pa.UInt32Array:
    """Return the number of sentences of each text."""
    return pc.list_value_length(ends_of(docs, words, lines=lines)).cast(pa.uint32())
