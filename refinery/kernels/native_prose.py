"""Prose metrics and sentences by native kernels, which take the interpreter's lower case and character classes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache

import pyarrow as pa

from refinery.kernels import _native
from refinery.kernels.native_text import character_classes, lower_case
from refinery.kernels.reference.prose import PROSE, folded


def prose_statistics(
    texts: pa.StringArray,
    languages: pa.StringArray,
    common: Mapping[str, Collection[str]],
    cuts: pa.ListArray | None = None,
) -> pa.RecordBatch:
    lists = _common_words(tuple((code, tuple(words)) for code, words in common.items()))
    columns = _native.prose_statistics(texts, languages, cuts, lists, character_classes())
    return pa.RecordBatch.from_arrays(columns, schema=PROSE)


def sentence_ends(
    texts: pa.StringArray, ends: str, cuts: pa.ListArray | None = None, *, tokens: bool = False, lines: bool = False
) -> pa.ListArray:
    return _native.sentence_ends(texts, ends, cuts, tokens, lines, character_classes())


@lru_cache(maxsize=8)
def _common_words(lists: tuple[tuple[str, tuple[str, ...]], ...]) -> _native.CommonWords:
    return _native.CommonWords({code: set(map(folded, words)) for code, words in lists}, lower_case())
