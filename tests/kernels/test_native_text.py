"""Laws of the native text statistics: every value is that of the readable twin, bit for bit."""

from __future__ import annotations

import gzip
import json
import sys
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pytest

from refinery.kernels import _native
from tests.kernels.natives import native, twin
from tools.parity import same


def assert_parity(texts: pa.StringArray) -> None:
    same(native.text_statistics(texts), twin.text_statistics(texts))


def assert_same_words(texts: pa.StringArray, wanted: list[str]) -> None:
    same(native.distinct_words(texts, wanted), twin.distinct_words(texts, wanted))


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["", None, " ", "\n", "\n\n\n", "a", " a", "a ", "…", "....", ". . . .", "#", "-", "\n\na\n\n\nb\n\na\n"],
    ],
)
def test_small_texts_are_measured_as_by_the_twin(texts: list[str | None]) -> None:
    """No text, empty texts, and those of one mark."""
    assert_parity(pa.array(texts, pa.string()))


def test_stop_words_are_counted_as_by_the_twin() -> None:
    """Words in other cases, with marks, with a sigma, and empty ones."""
    assert_same_words(pa.array(["The, THE «the» ΣΑΣ σας σασ", "K \u212a", None, ""]), ["THE", "σας", "k", "--"])


def test_every_code_point_is_lowered_and_stripped_as_by_the_twin() -> None:
    """Each code point as a word, and around a word, where the lower case of all of them is wanted or none is."""
    characters = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    rows = [" ".join(characters[start : start + 4096]) for start in range(0, len(characters), 4096)]
    around = [" ".join(f"{character}w{code}" for code, character in enumerate(row.split())) for row in rows[:40]]
    assert_same_words(pa.array(rows + around), [*characters[:0x3000], *(f"w{code}" for code in range(4096))])


def test_every_code_point_has_the_interpreters_class() -> None:
    """Each code point alone, inside a word and at its end is space, letter or neither as ``str`` says."""
    codes = (code for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000)
    characters = "".join(map(chr, codes))
    pieces = [characters[start : start + 512] for start in range(0, len(characters), 512)]
    mine = native.text_statistics(pa.array(["#".join(piece) + " " + " ".join(piece) for piece in pieces]))
    for column, count in (("words", words_of), ("alpha_words", alpha_share)):
        assert mine[column].to_pylist() == [
            count(("#".join(piece) + " " + " ".join(piece)).split()) for piece in pieces
        ]


def words_of(words: list[str]) -> int:
    return len(words)


def alpha_share(words: list[str]) -> float:
    return sum(any(map(str.isalpha, word)) for word in words) / len(words) if words else 0.0


@pytest.mark.slow
def test_real_texts_are_measured_as_by_the_twin(corpus: Path) -> None:
    """The main texts of real pages in many languages, and two hundred of them as one text."""
    with gzip.open(corpus / "pages" / "truth.jsonl.gz", "rt", encoding="utf-8") as stream:
        texts = [json.loads(line)["gold_text"] for line in islice(stream, 800)]
    assert_parity(pa.array([*texts, "\n\n".join(filter(None, texts[:200]))], pa.string()))
    assert_same_words(
        pa.array(texts, pa.string()), ["the", "be", "to", "of", "and", "that", "have", "with", "für", "Là"]
    )


@pytest.mark.parametrize(
    "piece", ["a ", "ab\n", "\n", "x", "! ", "#", ".", ". ", "…", "日本 語 ", "a b c d e f g h i j k l\n"]
)
def test_a_megabyte_of_one_thing_is_measured(piece: str) -> None:
    """One thing repeated is measured as by the twin."""
    assert_parity(pa.array([piece * (300_000 // len(piece))]))


def test_many_distinct_words_are_measured() -> None:
    """Tables that grow keep their numbers, and the small texts after a large one are measured as before."""
    large = " ".join(f"{number} {number % 977}" for number in range(20_000))
    assert_parity(pa.array([large, "a b a b", large, None]))


def test_what_is_no_text_is_refused() -> None:
    """Bytes that are not UTF-8, other types and other tables raise errors of Python, never a panic."""
    offsets, data = pa.array([0, 2], pa.int32()).buffers()[1], pa.py_buffer(b"\xff\xfe")
    with pytest.raises(ValueError, match="text 0"):
        native.text_statistics(pa.Array.from_buffers(pa.string(), 1, [None, offsets, data]))
    with pytest.raises(TypeError):
        native.text_statistics(pa.array([1, 2]))
    with pytest.raises(ValueError, match="classes"):
        _native.text_statistics(pa.array(["a"]), None, None, b"\x00" * 256)
