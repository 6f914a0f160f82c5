"""Laws of the native line rules: every text, share, count and span is that of the readable twin."""

from __future__ import annotations

import gzip
import json
import sys
import tomllib
import unicodedata
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from refinery.kernels.reference import linewise as twin
from refinery.kernels.reference.linewise import LineRules
from refinery.stage.documents import PROTECTED

native = pytest.importorskip(
    "refinery.kernels.native_text", reason="the native kernels are not built", exc_type=ImportError
)

PHRASES = Path(__file__).parents[2] / "stages" / "lines.toml"
GREEK = LineRules(start=("ΟΔΟΣ ΑΣ",), end=("σας",), anywhere=("σ σ",), counted=("σχόλια", "ς"))
RULES = st.sampled_from(
    [
        LineRules(
            start=("a", "a b", "a b c d", "b a"),
            end=("a", "b a", "read more", "été"),
            anywhere=("b", "a a b", "b c", "x-y", "--"),
            counted=("a", "likes", "--"),
        ),
        LineRules(start=("a a",), anywhere=("b b", "a b", "é k"), counted=("k",), max_uppercase=0, short_line=4),
        LineRules(end=("a a a", "c"), anywhere=("a a", "b b b", "ß i\u0307"), max_uppercase=1, short_line=30),
        LineRules(short_line=0),
        LineRules(end=("a", "b a"), anywhere=("b", "é"), counted=("a",), kinds=frozenset({"numeric", "end"})),
        LineRules(start=("a",), end=("b",), anywhere=("c",), kinds=frozenset({"counter", "one_word", "anywhere"})),
        GREEK,
    ]
)
FEW = ["a", "b", "c", "A", "É", "é", "k", "\u212a", "été", "x-y", "-", "--", "…", "»", "likes", "Likes!", "İ", "ẞ"]
PARTS = ["|", "/", "&", ".", "a.", "(b", "b)", "a:", "•", "c!"]
NUMBERS = ["1", "12", "1,2", "1.2K", "3\u212a", "4m", "5MB", "k", "٣", "²", "Ⅷ", "$", "€", "%", "/", "1€", "5kk", "♥"]
ODD = [
    "",
    "ΟΔΟΣ",
    "ΑΣ",
    "Σ",
    "σας",
    "ΣΑΣ",
    "\x00",
    "\u0378",
    "🙂",
    "ǅ",
    "Ⓐ",
    "ª",
    "\u0345",
    "\U0010ffff",
    "read",
    "more",
]
SPACES = [" ", " ", " ", "  ", "\t", "\r", "\x0b", "\x1c", "\x85", "\xa0", "\u2028", "\u3000", "\u200b", ""]
BREAKS = ["\n", "\n", "\n\n", "\n\n\n", "\n \n", "\r\n", "\n\t\n"]
LINES = st.lists(
    st.tuples(st.sampled_from([*FEW, *FEW, *PARTS, *PARTS, *NUMBERS, *ODD]), st.sampled_from(SPACES)).map("".join),
    max_size=14,
).map("".join)
TEXTS = st.lists(st.tuples(LINES, st.sampled_from(BREAKS)).map("".join), max_size=8).map("".join) | st.text()


def assert_parity(texts: pa.StringArray, rules: LineRules, protected: pa.ListArray | None = None) -> None:
    mine, expected = native.correct_lines(texts, rules, protected), twin.correct_lines(texts, rules, protected)
    mine.validate(full=True)
    assert mine.schema == expected.schema
    assert mine.to_pydict() == expected.to_pydict()


@given(st.lists(TEXTS | st.none(), max_size=4), RULES)
@example(
    ["", None, "\n", "\n\n\n", " ", "X", "X\n", "\nX", "X\n\nX", "a b\n\nX\n\n", "X\n\n\n\nc d\n\n\nX"], LineRules()
)
@example(["a b c", "ΟΔΟΣ ΑΣ x", "x y ΣΑΣ", "3 Σ", "plain words", "Σ σ σ Σ Σ"], GREEK)
@settings(max_examples=400)
def test_every_text_is_corrected_as_by_the_twin(texts: list[str | None], rules: LineRules) -> None:
    """Nested phrases, odd digits and spaces, letters whose lower case is longer or shorter, blank lines: all agree."""
    assert_parity(pa.array(texts, pa.string()), rules)


@st.composite
def spans_of(draw: st.DrawFn, text: str) -> list[tuple[int, int]] | None:
    """Ranges of bytes of a text, in order, some of them empty or beyond its end; or none."""
    ends = draw(st.lists(st.integers(0, len(text.encode()) + 2), max_size=8).map(sorted))
    return draw(st.sampled_from([[(a, b) for a, b in zip(ends[::2], ends[1::2], strict=False)], None]))


def span_lists(spans: list[list[tuple[int, int]] | None]) -> pa.ListArray:
    rows = [spans and [{"start": a, "end": b, "kind": "code"} for a, b in spans] for spans in spans]
    return pa.array(rows, PROTECTED.type)


@given(st.lists(TEXTS, min_size=1, max_size=4), RULES, st.data())
@settings(max_examples=150)
def test_protected_lines_are_those_of_the_twin(texts: list[str], rules: LineRules, data: st.DataObject) -> None:
    """Whatever spans are protected, also where a text has none and where the batch is a slice."""
    lists = span_lists([data.draw(spans_of(text)) for text in texts])
    assert_parity(pa.array(texts), rules, lists)
    assert_parity(pa.array(texts)[1:], rules, lists[1:])


@given(st.lists(TEXTS | st.none(), min_size=2, max_size=6), RULES, st.data())
@settings(max_examples=50)
def test_a_slice_is_corrected_as_its_texts(texts: list[str | None], rules: LineRules, data: st.DataObject) -> None:
    """Where a batch begins in its buffers changes nothing."""
    start = data.draw(st.integers(0, len(texts)))
    assert_parity(pa.array(texts, pa.string())[start:], rules)


@pytest.mark.parametrize(
    "line",
    [
        "{0}",
        "{0}{0} a b",
        "1{0} likes",
        "3{0}",
        "x{0} y z",
        "{0}read more{0}",
        "7 {0}k{0}",
        "x y{0}read more",
        "x y{0} a {0}b c",
    ],
)
def test_every_code_point_is_judged_as_by_the_twin(line: str) -> None:
    """Each code point that is not like thousands of others, as a letter, digit, suffix, mark or space of a line."""
    characters = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    rare = [character for character in characters if unicodedata.category(character) not in {"Lo", "Cn", "Co"}]
    lines = [f"x y z\n{line.format(character)}" for character in [*rare, *characters[::1000]]]
    texts = ["\n".join(lines[start : start + 4096]) for start in range(0, len(lines), 4096)]
    rules = LineRules(end=("read more",), counted=("likes", "k"), anywhere=("a",))
    assert_parity(pa.array(texts), rules)


def test_real_texts_are_corrected_as_by_the_twin(corpus: Path) -> None:
    """The main texts of real pages in many languages, with the phrases that the stage uses."""
    with gzip.open(corpus / "pages" / "truth.jsonl.gz", "rt", encoding="utf-8") as stream:
        texts = [json.loads(line)["gold_text"] for line in islice(stream, 800)]
    phrases = tomllib.loads(PHRASES.read_text(encoding="utf-8"))
    rules = LineRules(**{place: tuple(given) for place, given in phrases.items()})
    assert_parity(pa.array(texts, pa.string()), rules)
    lines = sorted({line for text in texts[:300] for line in (text or "").split("\n") if len(line) < 120})
    assert_parity(pa.array([" ".join([*line.split()[:6], "Read more »"]) for line in lines]), rules)


@pytest.mark.parametrize(
    "piece",
    ["a\n", "\n", "x", "! ", "sign-in-", "Z\n\n", "1 ", "a b ", "日本 語\n", "read more\n", "\n\nX\n\n x y\n", "é"],
)
def test_a_large_text_of_one_thing_is_corrected(piece: str) -> None:
    """One thing repeated is corrected as by the twin."""
    rules = LineRules(start=("sign-in", "a b"), end=("read more",), anywhere=("b",), counted=("a",))
    assert_parity(pa.array([piece * (100_000 // len(piece))]), rules)


def test_what_is_no_text_is_refused() -> None:
    """Bytes that are not UTF-8, other types and other tables raise errors of Python, never a panic."""
    offsets, data = pa.array([0, 2], pa.int32()).buffers()[1], pa.py_buffer(b"\xff\xfe")
    with pytest.raises(ValueError, match="text 0"):
        native.correct_lines(pa.Array.from_buffers(pa.string(), 1, [None, offsets, data]), LineRules())
    with pytest.raises(TypeError):
        native.correct_lines(pa.array([1, 2]), LineRules())
    with pytest.raises(ValueError, match="of different numbers"):
        native.correct_lines(pa.array(["a"]), LineRules(), span_lists([[], []]))
    with pytest.raises(TypeError):
        native.correct_lines(pa.array(["a"]), LineRules(), pa.array([["a"]]))
