"""Language identification with a fastText model: the most likely label of each text and its probability.

The model's own C++ code does the work, from the whole text at once. Only what would mislead it is settled here: it
reads one line, so newlines become spaces (dropping them would glue the words of two lines together), and it stops at
the word ``</s>``, its mark for the end of a line, so that becomes a space as well.

Source: Joulin et al. 2017, arXiv 1607.01759; https://fasttext.cc/docs/en/language-identification.html.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import fasttext
import pyarrow as pa

NO_LANGUAGE = "none"
"""The label of a text without words, or without any that the model knows; its probability is 0."""

_LABEL = "__label__"
_END_OF_LINE = "</s>"
_WHITE_SPACE = " \t\n\v\f\r\0"  # fastText's, which is less than Unicode's


def identify_languages(texts: pa.StringArray, model: str) -> tuple[pa.StringArray, pa.DoubleArray]:
    """The most likely label of each text, and its probability from 0 to 1; a null text counts as empty.

    ``model`` is the path of the model. Linear in the length of the texts. Raises ValueError where it is no such model,
    or where what it computes is no number.
    """
    found = [_identify(text or "", _load(model)) for text in texts.to_pylist()]
    labels, scores = [label for label, _ in found], [score for _, score in found]
    return pa.array(labels, pa.string()), pa.array(scores, pa.float64())


def _identify(text: str, model: Any) -> tuple[str, float]:
    line = text.replace("\n", " ").replace(_END_OF_LINE, " ")
    # The model would answer with its most frequent label.
    if not line.strip(_WHITE_SPACE):
        return NO_LANGUAGE, 0.0
    try:
        labels, scores = model.predict(line, k=1)
    except RuntimeError as error:
        raise ValueError(str(error)) from error
    if not labels:
        return NO_LANGUAGE, 0.0
    return labels[0].removeprefix(_LABEL), min(scores[0], 1.0)  # rounding gives up to 1.00001


@lru_cache(maxsize=4)
def _load(path: str) -> Any:
    return fasttext.load_model(path)
