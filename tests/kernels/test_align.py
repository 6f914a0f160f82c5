"""Where texts may be cut."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import pyarrow as pa
import pytest
import regex
from hypothesis import given, settings, strategies as st

from refinery.kernels import Whole, aligned, word_cuts, word_spans
from refinery.kernels.reference.align import boundaries
from tools.strategies import SPACELESS_TEXTS

Ranges = list[tuple[int, int]]

KNOWN = st.characters(exclude_categories=["Cs", "Cn"])
"""Characters that Python knows."""

RANGES = pa.list_(pa.struct([("start", pa.uint64()), ("end", pa.uint64())]))


def clusters(text: str) -> list[str]:
    data, places = text.encode(), boundaries(text, "char").tolist()
    return [data[start:end].decode() for start, end in pairwise(places)]


def move(text: str, cuts: Ranges, kept: Ranges, whole: Whole) -> list[str]:
    """What is cut out in the end."""
    columns = [pa.array([[{"start": a, "end": b} for a, b in ranges]], RANGES) for ranges in (cuts, kept)]
    spans = aligned(pa.array([text]), *columns, whole)[0].as_py()
    return [text.encode()[span["start"] : span["end"]].decode() for span in spans]


@given(
    st.text(KNOWN)
    | st.text("\r\n\u200d\u0301\u0915\u094d\u1100\u1161\u11a8\uac00\U0001f1e9\U0001f468\U0001f3fd\ufe0fa ")
)
@settings(max_examples=500)
def test_no_grapheme_cluster_is_divided(text: str) -> None:
    """What Unicode calls a character is never cut in two; a piece may be larger than that."""
    ends = {match.end() for match in regex.finditer(r"\X", text)}
    at = 0
    for cluster in clusters(text):
        at += len(cluster)
        assert at in ends
    assert at == len(text)


def test_no_pair_of_characters_is_divided() -> None:
    """Each code point that Python knows, behind and before letters of all kinds, is divided where Unicode divides only."""
    known = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co")]
    for before, after in (("a", ""), ("", "a"), ("\u0915", ""), ("\uac00", ""), ("\u1100", ""), ("\U0001f468", "")):
        for start in range(0, len(known), 4096):
            text = "\n".join(f"{before}{one}{after}" for one in known[start : start + 4096])
            ends = {match.end() for match in regex.finditer(r"\X", text)}
            at = 0
            for cluster in clusters(text):
                at += len(cluster)
                assert at in ends, (before, cluster, after)


@given(
    st.text(KNOWN, max_size=8)
    | st.text("ab \r\n\u200d\u0301\u0915\u094d\u1100\u1161\uac00\U0001f1e9\U0001f468\u0600\u6f22", max_size=8)
)
@settings(max_examples=500)
def test_a_look_at_two_characters_is_enough_where_it_says_so(text: str) -> None:
    """A cut is left where it is without looking at the whole text only where the whole text may be cut."""
    free = boundaries(text, "char").tolist()
    for start in range(len(text)):
        place = len(text[:start].encode())
        (cut,) = move(text, [(place, len(text.encode()))], [], "char") or [""]
        assert (cut == text[start:]) == (place in free)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abc", ["a", "b", "c"]),
        ("e\u0301a", ["e\u0301", "a"]),
        ("a\r\nb", ["a", "\r\n", "b"]),
        ("\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7", ["\U0001f1e9\U0001f1ea", "\U0001f1eb\U0001f1f7"]),
        ("\U0001f468\u200d\U0001f469x", ["\U0001f468\u200d\U0001f469", "x"]),
        ("\u6f22\u5b57", ["\u6f22", "\u5b57"]),
        ("", []),
    ],
)
def test_clusters(text: str, expected: list[str]) -> None:
    """Letters with marks, line ends, flags and joined emoji are one, all else is by itself."""
    assert clusters(text) == expected


@pytest.mark.parametrize(
    ("whole", "text", "cut", "kept", "expected"),
    [
        ("char", "cafe\u0301s", (1, 5), None, ["af"]),
        ("word", "one two three", (5, 9), None, ["two three"]),
        ("word", "one two three", (4, 7), None, ["two"]),
        ("word", "one two three", (5, 9), (0, 5), [" three"]),
        ("word", "\u6f22\u5b57\u6f22", (3, 6), None, ["\u5b57"]),
        ("word", "\u0434\u043e\u043c \u0434\u0432\u043e\u0440", (2, 4), None, ["\u0434\u043e\u043c"]),
        ("line", "one\r\ntwo\rthree\nfour", (6, 7), None, ["two\r"]),
        ("line", "one\ntwo\nthree", (5, 6), (7, 8), []),
        ("sentence", "One. Two 3.4! \u201cThree?\u201d Four.", (6, 7), None, ["Two 3.4! "]),
        ("sentence", "\u4e00\u3002\u4e8c\u3002\u4e09", (6, 7), None, ["\u4e8c\u3002"]),
    ],
)
def test_moved(
    whole: Whole, text: str, cut: tuple[int, int], kept: tuple[int, int] | None, expected: list[str]
) -> None:
    """Characters that are partly in a range stay; words, lines and sentences go, unless a copy in them stays."""
    assert move(text, [cut], [kept] if kept else [], whole) == expected


@given(SPACELESS_TEXTS, st.data())
@settings(max_examples=200)
def test_words_end_where_the_segmenter_cuts(text: str, data: st.DataObject) -> None:
    """Between two characters that are not white space there is an end of a word, and never one inside a character."""
    texts = pa.array([text])
    (cuts,) = word_cuts(texts).to_pylist()
    places = boundaries(text, "word", cuts).tolist()
    (spans,) = word_spans(texts, word_cuts(texts))
    ends = {len(text[:place].encode()) for span in spans for place in span}
    free = {place for place in boundaries(text, "char").tolist() if _beside_space(text, place)}
    whole = set(boundaries(text, "char").tolist())
    assert set(places) == {0, len(text.encode())} | (ends & whole) | free
    start, end = sorted(data.draw(st.lists(st.sampled_from(places), min_size=2, max_size=2)))
    column = pa.array([[{"start": start, "end": end}] if start < end else []], RANGES)
    assert aligned(texts, column, pa.array([[]], RANGES), "word", word_cuts(texts)).to_pylist() == column.to_pylist()


def _beside_space(text: str, place: int) -> bool:
    before, after = text.encode()[:place].decode(), text.encode()[place:].decode()
    return before[-1:].isspace() or after[:1].isspace()


@pytest.mark.parametrize(
    ("text", "half", "word"),
    [
        ("我们今天去北京", "京", "北京"),
        ("私は日本語を話す", "本", "日本"),
        ("ฉันกินข้าว", "ก", "กิน"),
    ],
)
def test_half_a_word_takes_all_of_it(text: str, half: str, word: str) -> None:
    """In Chinese, Japanese and Thai a cut does not end within a word of the dictionary."""
    start = len(text[: text.index(half)].encode())
    column = pa.array([[{"start": start, "end": start + len(half.encode())}]], RANGES)
    texts, none = pa.array([text]), pa.array([[]], RANGES)
    (span,) = aligned(texts, column, none, "word", word_cuts(texts))[0].as_py()
    assert text.encode()[span["start"] : span["end"]].decode() == word


def test_long_runs_are_linear() -> None:
    """A megabyte of what is joined, or of what might end a sentence, takes no time."""
    for text in ("a" + "\u0301" * 500_000, "!" * 1_000_000, ".)" * 500_000, "\U0001f1e9" * 250_000, "x" * 1_000_000):
        for whole in ("char", "word", "line", "sentence"):
            assert len(move(text, [(4, 8)] * 1, [], whole)) <= 1
