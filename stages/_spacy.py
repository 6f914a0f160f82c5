"""Words of spaCy's blank tokenizers, without its time for each text.

Such a tokenizer looks at what lies between white space on its own, so each chunk is asked for once in a process, and
``Chunks`` keeps the answers. Two things differ from spaCy's words of the whole text: the few exceptions with a space in
them (Spanish "EE. UU.", Russian "до н.э.") are divided there, and a chunk of more than 256 characters after as many.

A language that spaCy does not have, or whose tokenizer needs other packages, has the words of the tokenizer for any
language (``xx``); one without spaces between words has those of refinery's segmenter.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from refinery import UsageError
from refinery.kernels import Chunks, word_cuts
from refinery.stages._spacy_letters import leaves_letters

ANY = "xx"
NEED_MORE = frozenset({"ja", "ko", "th", "vi", "zh"})
"""Languages whose tokenizers need other packages."""
NAMES = {"no": "nb"}
"""Names of languages that have another code in lid.176."""
ASKED_AT_ONCE = 1024


def spacy_version() -> str:
    """Return the version of spaCy, which defines words. Raises UsageError if it is not installed."""
    try:
        return version("spacy")
    except PackageNotFoundError as error:
        raise UsageError("words: spacy needs spaCy", hint="pip install 'crawl-refinery[spacy]'") from error


def spacy_cuts(texts: pa.StringArray, languages: pa.StringArray, spaceless: frozenset[str]) -> pa.ListArray:
    """Return where words begin without white space before them, for texts with their languages."""
    codes = pc.fill_null(languages, ANY)
    kinds = {code: "" if code in spaceless else tokenizer_name(code) for code in pc.unique(codes).to_pylist()}
    if len(set(kinds.values())) == 1:
        return _cuts(texts, next(iter(kinds.values())))
    found, places = [], []
    for kind in sorted(set(kinds.values())):
        rows = np.flatnonzero(pc.is_in(codes, pa.array([code for code in kinds if kinds[code] == kind])))
        found.append(_cuts(texts.take(pa.array(rows)), kind))
        places.append(rows)
    every = pa.concat_arrays(found) if found else pa.array([], pa.list_(pa.uint32()))
    return every.take(pa.array(np.argsort(np.concatenate(places)) if places else np.array([], np.int64)))


@cache
def tokenizer_name(code: str) -> str:
    """Return the name of spaCy's tokenizer for a language with spaces between words."""
    name = NAMES.get(code, code)
    spacy_version()
    return name if name not in NEED_MORE and name.isalpha() and find_spec(f"spacy.lang.{name}") else ANY


def _cuts(texts: pa.StringArray, kind: str) -> pa.ListArray:
    if not kind:
        return word_cuts(texts)
    tokenizer = _tokenizer(kind)
    found, unknown = tokenizer.chunks.cuts(texts)
    whole = [chunk for chunk in unknown if tokenizer.leaves(chunk)]
    tokenizer.chunks.learn(whole, np.array([], np.uint64))
    asked = [chunk for chunk in unknown if not tokenizer.leaves(chunk)]
    for first in range(0, len(asked), ASKED_AT_ONCE):
        some = asked[first : first + ASKED_AT_ONCE]
        tokenizer.chunks.learn(some, tokenizer.starts(some))
    return tokenizer.chunks.cuts(texts)[0] if unknown else found


class _Tokenizer:
    """One of spaCy's tokenizers, with its answers so far."""

    def __init__(self, kind: str) -> None:
        from spacy import blank  # imported here: it takes most of a second, and few recipes need it

        self._spacy: Any = blank(kind)
        self._spacy.vocab.lex_attr_getters = {}  # a third of the time, and no boundary depends on it
        self._leaves_letters = leaves_letters(self._spacy.tokenizer)
        self._exceptions = frozenset(self._spacy.tokenizer.rules)
        self.chunks = Chunks()
        self._spacy.tokenizer("\n")  # so that it is known before any memory zone

    def leaves(self, chunk: str) -> bool:
        """Return True if a chunk is one word without asking: letters that are no exception, if it is proved."""
        return self._leaves_letters and chunk.isascii() and chunk.isalpha() and chunk not in self._exceptions

    def starts(self, chunks: list[str]) -> npt.NDArray[np.uint64]:
        """Return where the words of chunks start, in characters of the chunks with a newline between any two."""
        from spacy.attrs import IDX  # as above

        with self._spacy.memory_zone():  # what it remembers ends with it
            found: npt.NDArray[np.uint64] = self._spacy.tokenizer("\n".join(chunks)).to_array([IDX])
            return found


_tokenizer = cache(_Tokenizer)
