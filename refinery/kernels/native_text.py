"""Text statistics by the native kernel: the functions of ``refinery.kernels.reference.text``, value for value.

Native code has its own version of Unicode, and the interpreter's is known at run time only. So what this interpreter
says of all characters is asked here, once for each process, and given to the kernel.

Importing this fails where the native kernels are not built.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Collection
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from refinery.kernels import _native
from refinery.kernels.reference import text as reference
from refinery.kernels.reference.text import STATISTICS, bare

SPACE, ALPHA, MARK = 1, 2, 4
BLOCK = 256
SMALL_SIGMAS = "σς"


def text_statistics(texts: pa.StringArray) -> pa.RecordBatch:
    """Every column of ``STATISTICS`` for each text; a null text counts as empty. Linear in the length of the texts.

    Raises ``ValueError`` for a text that is not UTF-8 and ``TypeError`` for any other type than ``pa.string()``.
    """
    columns = _native.text_statistics(texts, character_classes())
    return pa.RecordBatch.from_arrays([pa.array(column) for column in columns], schema=STATISTICS)


def distinct_words(texts: pa.StringArray, wanted: Collection[str]) -> pa.UInt32Array:
    """How many of the words ``wanted`` occur in each text, in any case and with any punctuation around them.

    Raises ``ValueError`` for a text or word that is not UTF-8 and ``TypeError`` for another type than ``pa.string()``.
    """
    words = sorted(set(map(bare, wanted)))
    letters = set("".join(words))
    lower = {letter: letter.lower() for letter in letters if not letter.isascii()}
    lower |= {upper: small for upper, small in lower_case().items() if letters.issuperset(small)}
    if not letters.isdisjoint(SMALL_SIGMAS):
        lower["Σ"] = "σ"
    counts = pa.array(_native.distinct_words(texts, words, lower, _word_classes()))
    if not counts.null_count:
        return counts
    # The lower case of a capital sigma depends on its neighbours; the few texts where it matters go to the twin.
    open_rows = pc.is_null(counts)
    return pc.replace_with_mask(counts, open_rows, reference.distinct_words(texts.filter(open_rows), wanted))


@cache
def character_classes() -> bytes:
    """One byte for each code point: the sum of ``SPACE`` and ``ALPHA``, where ``str.isspace`` and ``isalpha`` hold."""
    classes = SPACE * character_flags(str.isspace) + ALPHA * character_flags(str.isalpha)
    return classes.tobytes()


def character_flags(test: Callable[[str], bool]) -> npt.NDArray[np.uint8]:
    """1 for each code point of which ``test`` holds, 0 for the others."""
    return np.fromiter(map(test, _characters()), np.uint8, sys.maxunicode + 1)


@cache
def _word_classes() -> bytes:
    """The character classes, and ``MARK`` for Unicode categories P and S."""
    marks = MARK * character_flags(lambda character: unicodedata.category(character)[0] in "PS")
    return (np.frombuffer(character_classes(), np.uint8) + marks).tobytes()


@cache
def lower_case() -> dict[str, str]:
    """The lower case of each character beyond ASCII that is not its own."""
    every = _characters()
    blocks = (every[start : start + BLOCK] for start in range(0, len(every), BLOCK))
    changed = (character for block in blocks if block.lower() != block for character in block)
    return {character: character.lower() for character in changed if character.lower() != character > "\x7f"}


def _characters() -> str:
    return np.arange(sys.maxunicode + 1).astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
