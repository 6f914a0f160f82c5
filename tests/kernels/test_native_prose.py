"""The native kernel of ``prose`` looks short words up as numbers: equal to its twin for words of any length and case."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tests.kernels.natives import native, twin

WORDS = ["a", "in", "the", "2nd", "that", "which", "people", "between", "12345678", "different", "don't", "k", "ß", "ά"]


@pytest.mark.parametrize("after", ["", " ", ".", ", and so on", "”", "\x01"])
@pytest.mark.parametrize("before", ["", "(", "“", "x", "\x7f"])
def test_a_common_word_is_found_in_any_case_between_any_marks_at_any_place(before: str, after: str) -> None:
    texts = pa.array([f"{before}{form}{after}" for word in WORDS for form in (word, word.upper(), word.title())])
    languages = pa.array(["xx"] * len(texts))
    found = [kernel.prose_statistics(texts, languages, {"xx": WORDS}) for kernel in (native, twin)]
    assert found[0].equals(found[1])


@pytest.mark.parametrize(("word", "common"), [("\u212a", "k"), ("\u212b", "å"), ("\u1e9e", "ß"), ("\u2126", "ω")])
def test_a_capital_is_found_though_its_lower_case_has_fewer_bytes(word: str, common: str) -> None:
    found = native.prose_statistics(pa.array([word]), pa.array(["xx"]), {"xx": [common]})
    assert found.column("common_words").to_pylist() == [1]


@pytest.mark.parametrize("common", [[], ["—"], ["nineletters"]])
def test_a_list_may_have_no_short_words(common: list[str]) -> None:
    texts = pa.array(["one — two", "", "nineletters NineLetters"])
    languages = pa.array(["xx"] * len(texts))
    found = [kernel.prose_statistics(texts, languages, {"xx": common}) for kernel in (native, twin)]
    assert found[0].equals(found[1])
