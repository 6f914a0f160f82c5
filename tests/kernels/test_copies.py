"""Shares of all copies are those of DCLM's definitions, in a naive reading."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from hypothesis import given, strategies as st

from refinery.kernels import copy_shares, unicode_cuts
from refinery.kernels.reference.segmenter import cuts_of, words_at

PIECES = [
    "a",
    "b",
    "a b",
    "bb",
    "é",
    "日本",
    "1",
    "(a",
    "#",
    "-",
    " ",
    " ",
    "\n",
    "\n",
    "\n\n",
    "\n\n\n",
    "\t",
    "\u2028",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


def measured(text: str | None, cuts: pa.ListArray | None = None) -> dict[str, float | None]:
    row: dict[str, float | None] = copy_shares(pa.array([text], pa.string()), cuts).to_pylist()[0]
    return row


def naive(text: str, every_word: list[str]) -> dict[str, float | None]:
    """Each figure by counting equal things."""
    row: dict[str, float | None] = {}
    for name, separator in (("line", "\n"), ("paragraph", "\n\n")):
        pieces = [piece.strip() for piece in text.split(separator) if piece.strip()]
        again = [piece for piece in pieces if pieces.count(piece) > 1]
        row[f"duplicate_{name}s"] = len(again) / len(pieces) if pieces else 0.0
        row[f"duplicate_{name}_characters"] = len("".join(again)) / len("".join(pieces)) if pieces else 0.0
    words = [word for word in every_word if word[0].isalnum()]
    for n in range(2, 11):
        grams = [tuple(words[at : at + n]) for at in range(len(words) - n + 1)]
        row[f"top_{n}_gram" if n < 5 else f"duplicate_{n}_gram"] = of_grams(grams, words, n) if grams else None
    return row


def of_grams(grams: list[tuple[str, ...]], words: list[str], n: int) -> float:
    total = len("".join(words))
    if n < 5:
        most = max(grams.count(gram) for gram in grams)
        longest = max(len("".join(gram)) for gram in grams if grams.count(gram) == most)
        return most * longest / total if most > 1 else 0.0
    marks = [any(grams.count(gram) > 1 for gram in grams[max(at - n + 1, 0) : at + 1]) for at in range(len(words))]
    return sum(len(word) for word, mark in zip(words, marks, strict=True) if mark) / total


@given(TEXTS)
def test_shares_are_those_of_the_definition(text: str) -> None:
    """Of words between white space, and of words of UAX #29."""
    assert measured(text) == naive(text, text.split())
    texts = pa.array([text], pa.string())
    cuts = unicode_cuts(texts)
    [(_, places)] = cuts_of(texts, cuts)
    assert measured(text, cuts) == naive(text, words_at(text, places))


def test_examples_read_by_hand() -> None:
    """The first copy counts, words of marks do not, and a null text is empty."""
    lines: dict[str, Any] = measured("one\n\ntwo\n one \n\nthree")
    assert (lines["duplicate_lines"], lines["duplicate_line_characters"]) == (0.5, 6 / 14)
    assert lines["duplicate_paragraphs"] == 0
    words: dict[str, Any] = measured("to be - or to be a b c d e - a b c d e")
    assert words["top_2_gram"] == 2 * 4 / 20  # of those that occur twice, it has the most letters
    assert words["duplicate_5_gram"] == 10 / 20
    assert measured(None) == measured("")
