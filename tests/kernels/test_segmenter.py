"""Laws of words: white space divides all texts, and letters of scripts without spaces are words that it does not."""

from __future__ import annotations

import re
import time
import unicodedata
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import regex
import xxhash
from hypothesis import given, strategies as st

from refinery.kernels import (
    SEGMENTER,
    LineRules,
    correct_lines,
    distinct_words,
    normalise,
    normalised_cuts,
    text_statistics,
    word_cuts,
    word_ids,
    word_spans,
)
from refinery.kernels.reference.dictionaries import FOLDER, dictionary
from refinery.kernels.reference.segmenter import cuts, words
from refinery.kernels.reference.spaceless import BINDING
from tools.bench.segmentation import ours, scores, sentences
from tools.strategies import COMBINED, SCRIPTS, SPACELESS_TEXTS, protected_texts

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
def test_words_do_not_depend_on_other_lines(text: str) -> None:
    """The words of a line are those of the line as a text."""
    assert words_of(text) == [word for line in text.split("\n") for word in words_of(line)]


@given(TEXTS)
def test_no_cut_is_inside_a_cluster(text: str) -> None:
    """A word begins where a grapheme cluster does, and neither before a mark nor after a stacker or a leading vowel."""
    clusters = {found.start() for found in regex.finditer(r"\X", text)}
    for start, _ in words(text):
        spaced = start == 0 or text[start - 1].isspace()
        assert spaced or (start in clusters and text[start - 1] not in BINDING)
        assert spaced or unicodedata.category(text[start])[0] != "M"


@pytest.mark.parametrize(
    "letters", ["字", "ア", "あ", "ก", "เ", "ก่", "่", "က", "က်", "္", "ខ្", "ລ", "ཀ", "ꀀ", "字\u200d", "々ー"]
)
def test_time_is_linear(letters: str) -> None:
    """A long run of one cluster is divided quickly, into the same text."""
    text = letters * 20_000
    texts = pa.array([text])
    began = time.process_time()
    (found,) = word_spans(texts, word_cuts(texts))
    assert "".join(text[start:end] for start, end in found) == text
    assert time.process_time() - began < 10


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("他们在北京大学学习中文。", "他们 在 北京大学 学习 中文。"),
        ("他們在北京大學學習中文。", "他們 在 北京大學 學習 中文。"),
        ("私は東京で日本語を勉強します。", "私 は 東京 で 日本 語 を 勉強 し ます。"),
        ("ニュースチャンネルのヌルポガー", "ニュース チャンネル の ヌルポガー"),
        ("ฉันไปตลาดทุกวัน", "ฉัน ไป ตลาด ทุก วัน"),
        ("ຂ້ອຍໄປໂຮງຮຽນ", "ຂ້ອຍ ໄປ ໂຮງຮຽນ"),
        ("ខ្ញុំទៅសាលារៀន", "ខ្ញុំ ទៅ សាលារៀន"),
        ("ကျောင်းသွားသည်", "ကျောင်း သွား သည်"),
        ("བོད་ཡིག་", "བོད་ ཡིག་"),
        ("葛󠄀飾区", "葛󠄀 飾 区"),
    ],
)
def test_words_are_those_of_the_language(text: str, expected: str) -> None:
    """Dictionaries divide letters as people do; traditional letters read as simplified ones; unknown katakana is a word."""
    assert words_of(text) == expected.split(" ")


@pytest.mark.parametrize("line", ["新規登録", "彼はそう言った。新規登録"])
def test_a_phrase_of_han_letters_is_found_in_lines_of_japanese(line: str) -> None:
    """A phrase without kana has other words alone than in a line with kana, and is cut from both."""
    texts = pa.array([line])
    corrected = correct_lines(texts, LineRules(end=("新規登録",), segmented=True), None, word_cuts(texts))
    assert corrected["text"].to_pylist() == [line.removesuffix("新規登録")]


LEAST = {"zh": 0.93, "th": 0.93, "ja": 0.97, "lo": 0.97, "km": 0.97, "my": 0.97, "ko": 0.99}


@pytest.mark.parametrize("language", LEAST)
def test_words_are_those_of_people_and_other_segmenters(corpus: Path, language: str) -> None:
    """Boundaries of words agree with sentences that people divided, or else with what several segmenters agree on."""
    path = corpus.parent / "languages" / "segmentation" / f"{language}.jsonl.gz"
    if not path.exists():
        pytest.skip("needs the segmented texts at shared/languages beside the checkout")
    rows = sentences(path)
    found = scores(rows, ours([row["text"] for row in rows])())
    assert min(found.values()) >= LEAST[language]


def test_the_version_names_the_dictionaries() -> None:
    """A change to a dictionary changes the version, and with it the identity of what counts words."""
    content = b"".join(path.read_bytes() for path in sorted(FOLDER.glob("*.gz")))
    assert SEGMENTER.endswith(xxhash.xxh3_64_hexdigest(content)[:8])


@pytest.mark.parametrize("name", ["burmese", "chinese", "japanese", "khmer", "lao", "thai"])
def test_dictionaries_are_sound(name: str) -> None:
    """Costs fit a byte, readings are letters that words have, and no word begins with a letter that none may begin with."""
    used = dictionary(name)
    letters = set("".join(used.costs))
    assert all(0 < cost < 256 for cost in used.costs.values())
    assert set(used.readings.values()) <= letters
    assert not set(map(chr, used.readings)) & letters
    assert used.longest <= 40


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


def spaced(text: str) -> str:
    """The text with a space wherever a word begins without white space before it."""
    within = [0, *cuts(text), len(text)]
    return " ".join(text[start:end] for start, end in pairwise(within))


PIECES = st.lists(
    st.sampled_from(["日本", "語。", "ab", "ไทย", "# ", "…", "•", " ", "\n", "\n\n", "，", "1", "A"]), max_size=40
)
LINES = TEXTS | PIECES.map("".join)


@given(st.lists(LINES, max_size=4))
def test_divided_texts_are_measured_as_texts_with_spaces(given: list[str]) -> None:
    """Counts and lengths of words are those of the text with a space before each word; so are repeated n-grams."""
    texts, others = pa.array(given, pa.string()), pa.array(map(spaced, given), pa.string())
    measured, expected = text_statistics(texts, word_cuts(texts)), text_statistics(others)
    for name in ("words", "mean_word_length", "hash_ratio", "ellipsis_ratio", "alpha_words"):
        assert measured[name].to_pylist() == expected[name].to_pylist()
    for name in (f"duplicate_{n}_gram" for n in range(5, 11)):
        for mine, other, text in zip(measured[name].to_pylist(), expected[name].to_pylist(), given, strict=True):
            assert (mine is None) == (other is None)
            assert mine is None or round(mine * len(text)) == round(other * len(spaced(text)))


@given(LINES, st.integers(2, 4))
def test_a_frequent_ngram_has_a_space_only_where_the_text_has_white_space(text: str, n: int) -> None:
    """The share of the most frequent n-gram is its length as written, with single spaces, times its count."""
    texts = pa.array([text])
    share = text_statistics(texts, word_cuts(texts))[f"top_{n}_gram"][0].as_py()
    spans = words(text)
    grams = [spans[at : at + n] for at in range(len(spans) - n + 1)]
    if not grams:
        assert share is None
        return
    counts = Counter(tuple(text[a:b] for a, b in gram) for gram in grams)
    top = max(grams, key=lambda gram: counts[tuple(text[a:b] for a, b in gram)])
    size = len(" ".join(text[top[0][0] : top[-1][1]].split()))
    assert share == pytest.approx(size * counts[tuple(text[a:b] for a, b in top)] / len(text))


@given(st.lists(LINES, max_size=4), st.lists(LINES, max_size=4))
def test_stop_words_and_hashes_are_those_of_texts_with_spaces(given: list[str], wanted: list[str]) -> None:
    """Stop words are found among the words of a divided text, and hashes are of them."""
    texts, others = pa.array(given, pa.string()), pa.array(map(spaced, given), pa.string())
    found = word_cuts(texts)
    assert distinct_words(texts, wanted, found).equals(distinct_words(others, wanted))
    assert word_ids(texts, found).equals(word_ids(others))


@given(protected_texts())
def test_lines_are_corrected_as_lines_with_spaces(given: dict[str, Any]) -> None:
    """Lines lose the same words, for the same reasons, as with a space before each word."""
    texts, rules = given["texts"], replace(given["rules"], segmented=True)
    others = pa.array([spaced(text or "") for text in texts.to_pylist()], pa.string())
    corrected, expected = correct_lines(texts, rules, None, word_cuts(texts)), correct_lines(others, rules)
    for name in (name for name in corrected.schema.names if name not in {"text", "removed"}):
        assert corrected[name].to_pylist() == expected[name].to_pylist()
