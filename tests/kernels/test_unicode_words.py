"""Words of UAX #29 are those that another implementation finds."""

from __future__ import annotations

from itertools import pairwise

import pyarrow as pa
import pytest
import regex
import xxhash
from hypothesis import given, strategies as st

from refinery.kernels import WORD_BREAKS, unicode_cuts
from refinery.kernels.reference.segmenter import cuts_of
from refinery.kernels.reference.unicode_words import TABLE
from tools.strategies import BOUNDARIES

BOUNDARY = regex.compile(r"\b", regex.WORD | regex.VERSION1)


def words_of(text: str) -> list[str]:
    texts = pa.array([text], pa.string())
    [(_, cuts)] = cuts_of(texts, unicode_cuts(texts))
    edges = [0, *cuts, len(text)]
    return [text[start:end] for start, end in pairwise(edges)]


@given(st.text(BOUNDARIES, min_size=1, max_size=20))
def test_words_are_those_of_another_implementation(text: str) -> None:
    """In a text without white space all boundaries are those that the package ``regex`` finds."""
    places = [0, *(found.start() for found in BOUNDARY.finditer(text)), len(text)]
    assert words_of(text) == [text[start:end] for start, end in pairwise(sorted(set(places)))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("don't", ["don't"]),
        ("3.5%", ["3.5", "%"]),
        ("e.g.", ["e.g", "."]),
        ("well-known", ["well", "-", "known"]),
        ("日本カタカナ", ["日", "本", "カタカナ"]),
        ('צה"ל', ['צה"ל']),
        ("🇩🇪🇫🇷", ["🇩🇪", "🇫🇷"]),
        ("a_1", ["a_1"]),
    ],
)
def test_words_are_those_of_the_annex(text: str, expected: list[str]) -> None:
    """The rules of letters, numbers, quotes, flags and connectors hold."""
    assert words_of(text) == expected


def test_the_version_names_the_table() -> None:
    """A change to the table changes the version, and with it the identity of what counts words."""
    assert WORD_BREAKS.endswith(xxhash.xxh3_64_hexdigest(TABLE.read_bytes())[:8])
