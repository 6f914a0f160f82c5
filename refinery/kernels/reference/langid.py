"""Language identification with a fastText model: the most likely label of each text, and how much of the text has it.

The model's own C++ code does the work, from the whole text at once, and again from each line. Only what would mislead
it is settled here: it reads one line, so newlines become spaces (dropping them would glue the words of two lines
together), and it stops at the word ``</s>``, its mark for the end of a line, so that becomes a space as well.

Source: Joulin et al. 2017, arXiv 1607.01759; https://fasttext.cc/docs/en/language-identification.html.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

import fasttext
import pyarrow as pa

from refinery.kernels.reference.text import is_mark

Groups = tuple[tuple[str, ...], ...]
"""Groups of labels that count together."""

NO_LANGUAGE = "none"
"""The label of a text without words, or without any that the model knows; its probability is 0."""

SHORTEST_LINE = 20
"""Letters of the shortest line whose language counts."""

CERTAIN_LINE = 0.5
"""The least probability of a language of a line that counts."""

_LABEL = "__label__"
_DICTIONARY = 64  # where it begins in a file: two numbers, then the settings of the training
_END_OF_LINE = "</s>"
_WHITE_SPACE = " \t\n\v\f\r\0"  # fastText's, which is less than Unicode's


def identify_languages(
    texts: pa.StringArray, model: str, *, letters: bool = False, groups: Groups = ()
) -> tuple[pa.StringArray, pa.DoubleArray, pa.DoubleArray]:
    """The most likely label of each text, its probability from 0 to 1, and the share of that label in the lines.

    Labels of one of the ``groups`` count together: the probability and the share are those of the label's group.
    The share is of the letters in lines of at least 20 letters whose best label has a probability of at least .5; null
    without such lines. Letters are all characters but ASCII's digits, marks and white space. A null text counts as
    empty. ``model`` is the path of the model; ``letters`` is for models that know lower-case letters only. Linear in
    the length of the texts. Raises ValueError where it is no such model, or where what it computes is no number.
    """
    read = (plain(text or "") if letters else text or "" for text in texts.to_pylist())
    found = [_identify(text, _load(model), groups) for text in read]
    labels, scores, shares = ([row[column] for row in found] for column in range(3))
    return pa.array(labels, pa.string()), pa.array(scores, pa.float64()), pa.array(shares, pa.float64())


def model_labels(model: str) -> list[str]:
    """The labels of a model, sorted. Raises ValueError where the file is no model."""
    _load(model)
    with open(model, "rb") as stream:
        file = stream.read()
    entries, *_ = struct.unpack_from("<3i2q", file, _DICTIONARY)
    at, found = _DICTIONARY + struct.calcsize("<3i2q"), []
    for _ in range(entries):
        end = file.index(b"\0", at)
        if file[end + 9]:  # after the word's end and its count
            found.append(file[at:end].decode().removeprefix(_LABEL))
        at = end + 10
    return sorted(found)


def plain(text: str) -> str:
    """The text in lower case, with spaces for white space other than newlines, for digits, punctuation and symbols."""
    return text.translate(_plain_characters())


@cache
def _plain_characters() -> dict[int, str]:
    table = {}
    for point in range(sys.maxunicode + 1):
        character = chr(point)
        blank = character.isspace() or character.isdigit() or is_mark(character)
        becomes = " " if blank and character != "\n" else character.lower()
        if becomes != character:
            table[point] = becomes
    return table


def _identify(text: str, model: Any, groups: Groups) -> tuple[str, float, float | None]:
    label, score = _best(text.replace("\n", " "), model, groups)
    own, all_letters = 0, 0
    for line in text.split("\n"):
        letters = sum(character > "\x7f" or character.isalpha() for character in line)
        if letters < SHORTEST_LINE:
            continue
        line_label, line_score = _best(line, model, groups)
        if line_score >= CERTAIN_LINE:
            all_letters += letters
            own += letters if line_label == label or line_label in _group(label, groups) else 0
    return label, score, own / all_letters if all_letters else None


def _best(line: str, model: Any, groups: Groups) -> tuple[str, float]:
    line = line.replace(_END_OF_LINE, " ")
    # The model would answer with its most frequent label.
    if not line.strip(_WHITE_SPACE):
        return NO_LANGUAGE, 0.0
    try:
        labels, scores = model.predict(line, k=1)
    except RuntimeError as error:
        raise ValueError(str(error)) from error
    if not labels:
        return NO_LANGUAGE, 0.0
    label = labels[0].removeprefix(_LABEL)
    group = _group(label, groups)
    if group:
        rows = zip(*model.predict(line, k=-1), strict=True)
        return label, min(sum(score for other, score in rows if other.removeprefix(_LABEL) in group), 1.0)
    return label, min(scores[0], 1.0)  # rounding gives up to 1.00001


def _group(label: str, groups: Groups) -> Sequence[str]:
    return next((group for group in groups if label in group), ())


@lru_cache(maxsize=4)
def _load(path: str) -> Any:
    return fasttext.load_model(path)
