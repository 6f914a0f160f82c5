"""Laws of the text statistics: exact definitions, an oracle made of lists, and figures of another implementation."""

from __future__ import annotations

import re
import sys
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from refinery.kernels import distinct_words, text_statistics
from refinery.kernels.reference.text import STATISTICS

REPEATED = "to be or to go is all we do it"
MILLS, WATER = "the river rose past the mills last night", "nobody came down to look at the water now"
FIVE_LINES = f"{REPEATED}\n{MILLS}\n{REPEATED}\n{WATER}\n{REPEATED}"
CAT = "the cat sat on the mat and the dog sat on the rug"
CATS = f"{CAT}\n\n{CAT}\n\nthe cat sat on the mat\nwhile the dog sat on the rug and the cat sat on the mat again"
ELEVEN = "one two three four five six seven eight nine ten eleven"
COUNTING = f"{ELEVEN} twelve\n{ELEVEN}\n\nten eleven twelve {ELEVEN} twelve"
ACCENTS = "naïve café naïve café naïve café 日本 語 日本 語\n\nnaïve café"

REPETITION = STATISTICS.names[STATISTICS.names.index("duplicate_lines") :]

PIECES = ["a", "b", "ab", "É", "日本", "1", "#", "...", "…", ". . .", "•", "- ", " ", "  ", "\t", "\u2028", "\x1c"]
TEXTS = st.lists(st.sampled_from([*PIECES, " ", " ", "\n", "\n\n", "a b a b a "]), max_size=60).map("".join) | st.text()


def measured(text: str | None) -> dict[str, float | None]:
    row: dict[str, float | None] = text_statistics(pa.array([text], pa.string())).to_pylist()[0]
    return row


def naive(text: str) -> dict[str, float | None]:
    words = re.findall(r"\S+", text)
    pieces = {
        "line": [line for line in re.split(r"\n+", text) if line],
        "paragraph": [paragraph for paragraph in re.split(r"\n\n+", text.strip()) if paragraph],
    }
    row: dict[str, float | None] = {}
    for kind, given_pieces in pieces.items():
        again = [piece for i, piece in enumerate(given_pieces) if piece in given_pieces[:i]]
        row[f"duplicate_{kind}s"] = len(again) / len(given_pieces) if given_pieces else 0.0
        row[f"duplicate_{kind}_characters"] = len("".join(again)) / len(text) if text else 0.0
    for n in range(2, 11):
        grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
        name = f"top_{n}_gram" if n < 5 else f"duplicate_{n}_gram"
        row[name] = (naive_top(grams) if n < 5 else naive_duplicate(grams, n)) / len(text) if grams else None
    return row


def naive_top(grams: list[tuple[str, ...]]) -> int:
    count = Counter(grams)
    top = next(gram for gram in grams if count[gram] == max(count.values()))
    return len(" ".join(top)) * count[top]


def naive_duplicate(grams: list[tuple[str, ...]], n: int) -> int:
    seen: list[tuple[str, ...]] = []
    position = characters = 0
    while position < len(grams):
        again = grams[position] in seen
        seen.append(grams[position])
        characters += len("".join(grams[position])) if again else 0
        position += n if again else 1
    return characters


@given(TEXTS)
@settings(max_examples=150)
def test_repetition_equals_the_oracle(text: str) -> None:
    """The thirteen repetition shares are those of plain lists, tuples and string joins."""
    row = measured(text)
    assert {name: row[name] for name in REPETITION} == naive(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (FIVE_LINES, [0.4, 0, 0.3429, 0, 0.0857, 0.1371, 0.1886, 0.24, 0.1371, 0.1714, 0.1943, 0.2171, 0.24]),
        (CATS, [0.25, 0.3333, 0.2634, 0.2634, 0.2258, 0.3763, 0.3011, 0.3817, 0.457, 0.2151, 0.2473, 0.2742, 0.1559]),
        (COUNTING, [0, 0, 0, 0, 0.2, 0.195, 0.27, 0.525, 0.365, 0.435, 0.33, 0.365, 0.405]),
        (ACCENTS, [0, 0, 0, 0, 0.7407, 0.5926, 0.7778, 0, 0, 0, 0, 0, 0]),
    ],
)
def test_repetition_equals_datatrove(text: str, expected: list[float]) -> None:
    """The figures are those of datatrove 0.10.1's own functions, given white-space words."""
    assert [round(measured(text)[name] or 0, 4) for name in REPETITION] == expected


def test_first_occurrence_is_no_duplicate() -> None:
    """One line three times among five is 40 % of lines, not 60 %, and 34.3 % of all characters, newlines included."""
    row = measured(FIVE_LINES)
    assert len(FIVE_LINES) == 175
    assert row["duplicate_lines"] == 2 / 5
    assert row["duplicate_line_characters"] == 2 * len(REPEATED) / 175
    assert row["duplicate_10_gram"] == 2 * len(REPEATED.replace(" ", "")) / 175


def test_ngrams_are_words_not_strings() -> None:
    """N-grams that only look the same when their words are joined are different."""
    assert measured("ab c d e f a bc d e f")["duplicate_5_gram"] == 0


def test_too_few_words_are_not_measured() -> None:
    """A document of fewer than n words has no n-gram share, one of n words has."""
    row = measured("one two three four")
    assert row["top_4_gram"] == 1
    assert row["duplicate_5_gram"] is None
    assert measured("one two three four five")["duplicate_5_gram"] == 0


def test_newlines_at_the_ends_are_no_lines() -> None:
    """Newlines around a text make no empty lines that could repeat."""
    assert measured("\n\nonly line\n\n")["duplicate_lines"] == 0


@pytest.mark.parametrize("text", ["", " ", "\n \n\n", None])
def test_text_without_words_has_zero_shares(text: str | None) -> None:
    """Nothing divides by zero."""
    row = measured(text)
    assert row["words"] == 0
    assert {row[name] for name in STATISTICS.names if not name.endswith("gram")} == {0}
    assert {row[name] for name in STATISTICS.names if name.endswith("gram")} == {None}


def test_every_space_of_unicode_separates_words() -> None:
    """A word is bounded by exactly the characters for which ``str.isspace`` holds."""
    spaces = [chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace()]
    assert measured("x".join(["", *spaces, ""]))["words"] == len(spaces) + 1
    assert measured("a\u200bb\ufeffc")["words"] == 1


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("mean_word_length", "日本 été", 2.5),
        ("hash_ratio", "# ## c#", 4 / 3),
        ("ellipsis_ratio", "a... b… c . . . d", 3 / 7),
        ("ellipsis_ratio", "a.. ..b", 0),
        ("ellipsis_ratio", "......", 2),
        ("bullet_lines", "• a\n\n  - b\n\u25e6c\n* d\ne", 4 / 5),
        ("ellipsis_lines", "a...\n\nb … \nc . . .\nd", 3 / 4),
        ("alpha_words", "a1 22 été -- 語 ²", 3 / 6),
    ],
)
def test_quality_figures(name: str, text: str, expected: float) -> None:
    """Each figure counts characters, words or lines that are not blank, as its definition says."""
    assert measured(text)[name] == expected


@given(st.lists(TEXTS, max_size=5))
@settings(max_examples=30)
def test_batches_do_not_matter(texts: list[str]) -> None:
    """A batch is measured as its documents are one by one."""
    whole = text_statistics(pa.array(texts, pa.string()))
    assert whole.schema == STATISTICS
    assert whole.to_pylist() == [measured(text) for text in texts]


@pytest.mark.parametrize("word", ["a ", "ab\n", "\n", "x", "! ", "#"])
def test_a_megabyte_of_one_thing_is_measured(word: str) -> None:
    """Time is linear where every n-gram repeats, and shares of overlapping n-grams may exceed 1."""
    row = measured(word * (1_000_000 // len(word)))
    assert (row["top_4_gram"] or 0) <= 4


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("The, theory of bees", 2),
        ("THE the 'the' (The)", 1),
        ("other", 0),
        ("", 0),
        (None, 0),
        ("“of”… —the—", 2),
        ("t.h.e", 0),
    ],
)
def test_distinct_words_ignore_case_and_punctuation(text: str | None, count: int) -> None:
    """A wanted word counts once, in any case, between any punctuation, and never inside another word."""
    assert distinct_words(pa.array([text], pa.string()), ["the", "OF"]).to_pylist() == [count]


@pytest.mark.parametrize(
    ("text", "count"), [("the The of OF", 2), ("the, 'OF' The", 0), ("OF\u3000the é", 3), ("É the", 1), (None, 0)]
)
def test_words_that_are_spelled_so_are_counted(text: str | None, count: int) -> None:
    """Another case is another word, and punctuation belongs to words."""
    found = distinct_words(pa.array([text], pa.string()), ["the", "OF", "é"], spelled=True)
    assert found.to_pylist() == [count]
