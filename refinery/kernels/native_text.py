"""Text statistics and line rules by the native kernels.

Native code has its own version of Unicode, and the interpreter's is known only at run time. Therefore the interpreter's
classes of all characters are passed to the kernel, once per process.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from refinery.kernels import _native
from refinery.kernels.reference import linewise as reference_lines, text as reference
from refinery.kernels.reference.copies import COPIES
from refinery.kernels.reference.counters import COUNT_SUFFIXES
from refinery.kernels.reference.cuts import with_cut
from refinery.kernels.reference.dictionaries import FOLDER
from refinery.kernels.reference.linewise import CORRECTIONS, LineRules
from refinery.kernels.reference.segmenter import cuts_of, words_at
from refinery.kernels.reference.spaceless import SPACELESS
from refinery.kernels.reference.text import STATISTICS, bare, is_mark

BLOCK = 256
SMALL_SIGMAS = "σς"
CAPITAL_SIGMA = "Σ"
KANA = "の"
"""As many as a phrase has characters make a line of Japanese of it."""


def word_cuts(texts: pa.StringArray) -> pa.ListArray:
    return _segmenter().cuts(texts, character_classes())


@cache
def _segmenter() -> _native.Segmenter:
    return _native.Segmenter(FOLDER)


def text_statistics(
    texts: pa.StringArray, cuts: pa.ListArray | None = None, symbols: bytes | None = None
) -> pa.RecordBatch:
    columns = _native.text_statistics(texts, cuts, symbols, character_classes())
    return pa.RecordBatch.from_arrays(columns, schema=STATISTICS)


def copy_shares(texts: pa.StringArray, cuts: pa.ListArray | None = None) -> pa.RecordBatch:
    columns = _native.copy_shares(texts, cuts, _beginnings(), character_classes())
    return pa.RecordBatch.from_arrays(columns, schema=COPIES)


def distinct_words(
    texts: pa.StringArray, words: Collection[str], cuts: pa.ListArray | None = None, *, spelled: bool = False
) -> pa.UInt32Array:
    counts = _native.distinct_words(texts, cuts, _stop_words(tuple(words), spelled), character_classes())
    if not counts.null_count:
        return counts
    # The lower case of a capital sigma depends on its neighbours; the few texts where it matters go to the twin.
    open_rows = pc.is_null(counts)
    some = None if cuts is None else cuts.filter(open_rows)
    return pc.replace_with_mask(counts, open_rows, reference.distinct_words(texts.filter(open_rows), words, some))


def correct_lines(
    texts: pa.StringArray,
    rules: LineRules,
    protected: pa.ListArray | None = None,
    cuts: pa.ListArray | None = None,
) -> pa.RecordBatch:
    if protected is not None and protected.null_count:
        protected = protected.fill_null(pa.scalar([], protected.type))
    columns, open_rows = _native.correct_lines(texts, protected, cuts, _line_rules(rules), character_classes())
    *arrays, removed = columns
    corrected = pa.RecordBatch.from_arrays([*arrays, with_cut(removed, cut=True)], schema=CORRECTIONS)
    if not len(open_rows):
        return corrected
    places = np.arange(len(texts))
    places[open_rows.to_numpy()] = len(texts) + np.arange(len(open_rows))
    spans, some = (None if lists is None else lists.take(open_rows) for lists in (protected, cuts))
    by_twin = reference_lines.correct_lines(texts.take(open_rows), rules, spans, some)
    return pa.concat_batches([corrected, by_twin]).take(pa.array(places))


@cache
def _beginnings() -> bytes:
    return character_flags(str.isalnum).tobytes()


@cache
def character_classes() -> bytes:
    """Return a byte per code point: the results of ``str`` methods, in the bits of ``native/src/classes.rs``."""
    return b"".join(bytes(BLOCK) if _is_classless(block) else _classes_of(block) for block in _blocks())


def character_flags(test: Callable[[str], bool]) -> npt.NDArray[np.uint8]:
    """Return 1 for each code point for which ``test`` is true, else 0. No test is true of what has no class."""
    none = np.zeros(BLOCK, np.uint8)
    return np.concatenate([none if _is_classless(block) else _flags(map(test, block)) for block in _blocks()])


def _is_classless(block: str) -> bool:
    """Return True if no character is white space or printable, so that ``repr`` escapes all: none has a class."""
    escaped = len(r"\uffff" if ord(block[0]) < 0x10000 else r"\U0010ffff")
    return len(repr(block)) == len(block) * escaped + len("''") and block.split() == [block]


def _classes_of(characters: str) -> bytes:
    space, alpha, upper, digit = (
        _flags(map(method, characters)) for method in (str.isspace, str.isalpha, str.isupper, str.isdigit)
    )
    marks = _flags(map(is_mark, characters))
    symbols = _flags(unicodedata.category(character)[0] == "S" for character in characters)
    return (space + 2 * alpha + 4 * marks + 8 * upper + 16 * digit + 32 * symbols).tobytes()


@lru_cache(maxsize=8)
def _stop_words(words: tuple[str, ...], spelled: bool) -> _native.StopWords:
    distinct = sorted(set(words if spelled else map(bare, words)))
    return _native.StopWords(distinct, _lower_case_of(distinct), spelled)


@lru_cache(maxsize=256)  # one for each language of a batch
def _line_rules(rules: LineRules) -> _native.PreparedLineRules:
    rules = replace(rules, divisions=_divisions)
    phrases = [sorted(rules.phrases[place]) for place in ("start", "end", "anywhere")]
    counters = sorted(rules.counters)
    lower = _lower_case_of(word for place in (*phrases, counters) for phrase in place for word in phrase)
    uppercase = "".join(upper for upper, small in lower_case().items() if small in COUNT_SUFFIXES)
    suffixes = "".join(suffix + suffix.upper() for suffix in COUNT_SUFFIXES) + uppercase
    shares = (rules.max_uppercase, rules.shares_of_letters)
    return _native.PreparedLineRules(phrases, counters, lower, suffixes, shares, rules.short_line, rules.kinds)


def _divisions(phrase: str) -> list[list[str]]:
    """Return ``segmenter.divisions``, without the dictionaries of the twin."""
    if not SPACELESS.search(phrase):
        return [phrase.split()]
    in_japanese = f"{phrase} {KANA * len(phrase)}"
    alone, beside_kana = cuts_of(pa.array([phrase, in_japanese]), word_cuts(pa.array([phrase, in_japanese])))
    return [words_at(*alone), words_at(phrase, [cut for cut in beside_kana[1] if cut < len(phrase)])]


def _lower_case_of(words: Iterable[str]) -> dict[str, str]:
    """Return the lower case of all characters beyond ASCII that occur in such words."""
    letters = set("".join(words))
    lower = {letter: letter.lower() for letter in letters if not letter.isascii()}
    lower |= {upper: small for upper, small in lower_case().items() if letters.issuperset(small)}
    if not letters.isdisjoint(SMALL_SIGMAS):
        lower[CAPITAL_SIGMA] = SMALL_SIGMAS[0]
    return lower


@cache
def lower_case() -> dict[str, str]:
    """Return the lower case of each character beyond ASCII that differs from it."""
    changed = (character for block in _blocks() if block.lower() != block for character in block)
    return {
        character: character.lower()
        for character in changed
        if not character.isascii() and character.lower() != character
    }


def _blocks() -> Iterator[str]:
    """Yield all code points, including surrogates, ``BLOCK`` at a time."""
    every = np.arange(sys.maxunicode + 1).astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
    return (every[start : start + BLOCK] for start in range(0, len(every), BLOCK))


def _flags(values: Iterable[bool]) -> npt.NDArray[np.uint8]:
    return np.fromiter(values, np.uint8)
