"""Laws of words: white space divides all texts, and letters of scripts without spaces are words that it does not."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from refinery.kernels import normalise, normalised_cuts, word_cuts, word_ids, word_spans
from refinery.kernels.reference.segmenter import words
from tools.strategies import COMBINED, SCRIPTS, SPACELESS_TEXTS

SPACED = "aÉ1.,-“”'() \n\t\u3000अक\u093fא한글\u0301\u200d"
TEXTS = SPACELESS_TEXTS | st.text(SCRIPTS + COMBINED, max_size=40) | st.text()


def words_of(text: str) -> list[str]:
    return [text[start:end] for start, end in words(text)]


@given(TEXTS)
def test_words_are_all_that_is_not_white_space(text: str) -> None:
    """Words in their order are the text without white space, none is empty, and none spans white space."""
    found = words_of(text)
    assert "".join(found) == "".join(text.split())
    assert all(word.split() == [word] for word in found)


@given(st.text(SPACED))
def test_white_space_alone_divides_other_scripts(text: str) -> None:
    """A text without letters of scripts without spaces has the words of ``str.split``."""
    assert words_of(text) == text.split()


@given(TEXTS)
def test_cuts_are_the_words(text: str) -> None:
    """The cuts of a text divide it into its words, and only into them: each is where one begins."""
    texts = pa.array([text])
    cuts = word_cuts(texts)
    assert word_spans(texts, cuts) == [words(text)]
    assert {len(text.encode()[:cut].decode()) for cut in cuts[0].as_py()} <= {start for start, _ in words(text)}


@given(TEXTS)
def test_words_do_not_depend_on_other_runs(text: str) -> None:
    """The words between two pieces of white space are those of this piece as a text."""
    assert words_of(text) == [word for run in text.split() for word in words_of(run)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("用Python写，A.B", ["用", "Python", "写，", "A.B"]),
        ("（你），“好”。", ["（你），“", "好”。"]),
        ("plain “text”, 1.5", ["plain", "“text”,", "1.5"]),
        ("①字", ["①", "字"]),
        ("字\u0301e\u0301", ["字\u0301", "e\u0301"]),
        ("———", ["———"]),
    ],
)
def test_punctuation_belongs_to_the_word_before(text: str, expected: list[str]) -> None:
    """Marks and symbols divide nothing: they end the word before them, or begin the first one of a run."""
    assert words_of(text) == expected


@given(TEXTS)
def test_normalised_texts_have_the_words_of_the_original(text: str) -> None:
    """Cuts of a text, moved to its normalised form, give the words of the text with spaces between them."""
    texts, spaced = pa.array([text]), pa.array([" ".join(words_of(text))])
    assert word_ids(normalise(texts), normalised_cuts(texts, word_cuts(texts))).equals(word_ids(normalise(spaced)))


@pytest.mark.parametrize("cuts", [[[1]], [[3, 0]], [[9]], [[], []]])
def test_cuts_of_other_texts_are_refused(cuts: list[list[int]]) -> None:
    """Cuts inside characters, beyond the text, falling, or of another number of texts raise ValueError."""
    with pytest.raises(ValueError, match=re.compile("cut|decode|differ")):
        word_ids(pa.array(["字字"]), pa.array(cuts, pa.list_(pa.uint32())))
