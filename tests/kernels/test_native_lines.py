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

from refinery.kernels.reference import linewise as twin
from refinery.kernels.reference.linewise import LineRules
from refinery.kernels.reference.segmenter import divisions
from refinery.stage.documents import PROTECTED
from refinery.stages._phrases import languages, phrases_of
from tests.kernels.natives import native
from tools.parity import same
from tools.strategies import GREEK

PHRASES = Path(__file__).parents[2] / "stages" / "phrases"


def assert_parity(texts: pa.StringArray, rules: LineRules) -> None:
    same(native.correct_lines(texts, rules), twin.correct_lines(texts, rules))


@pytest.mark.parametrize(
    ("texts", "rules"),
    [
        (
            ["", None, "\n", "\n\n\n", " ", "X", "X\n", "\nX", "X\n\nX", "a b\n\nX\n\n", "X\n\n\n\nc d\n\n\nX"],
            LineRules(),
        ),
        (["a b c", "ΟΔΟΣ ΑΣ x", "x y ΣΑΣ", "3 Σ", "plain words", "Σ σ σ Σ Σ"], GREEK),
    ],
)
def test_small_texts_are_corrected_as_by_the_twin(texts: list[str | None], rules: LineRules) -> None:
    """Blank lines at every place, and letters whose lower case depends on their neighbours."""
    assert_parity(pa.array(texts, pa.string()), rules)


def span_lists(spans: list[list[tuple[int, int]] | None]) -> pa.ListArray:
    rows = [spans and [{"start": a, "end": b, "kind": "code"} for a, b in spans] for spans in spans]
    return pa.array(rows, PROTECTED.type)


@pytest.mark.parametrize(
    "line",
    [
        "{0}",
        "7 {0}k{0}",
        *(
            pytest.param(line, marks=pytest.mark.slow)
            for line in (
                "{0}{0} a b",
                "1{0} likes",
                "3{0}",
                "x{0} y z",
                "{0}read more{0}",
                "x y{0}read more",
                "x y{0} a {0}b c",
            )
        ),
    ],
)
def test_every_code_point_is_classified_as_by_the_twin(line: str) -> None:
    """Each code point that is not like thousands of others, as a letter, digit, suffix, mark or space of a line."""
    characters = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    rare = [character for character in characters if unicodedata.category(character) not in {"Lo", "Cn", "Co"}]
    lines = [f"x y z\n{line.format(character)}" for character in [*rare, *characters[::1000]]]
    texts = ["\n".join(lines[start : start + 4096]) for start in range(0, len(lines), 4096)]
    rules = LineRules(end=("read more",), counted=("likes", "k"), anywhere=("a",))
    assert_parity(pa.array(texts), rules)


@pytest.mark.slow
def test_real_texts_are_corrected_as_by_the_twin(corpus: Path) -> None:
    """The main texts of real pages in many languages, with the phrases that the stage uses."""
    with gzip.open(corpus / "pages" / "truth.jsonl.gz", "rt", encoding="utf-8") as stream:
        texts = [json.loads(line)["gold_text"] for line in islice(stream, 800)]
    for code in ("de", "ru", "zh", "en"):
        phrases = tomllib.loads((PHRASES / f"{code}.toml").read_text(encoding="utf-8"))
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


@pytest.mark.parametrize("code", languages())
def test_phrases_are_divided_as_by_the_twin(code: str) -> None:
    from refinery.kernels.native_text import _divisions

    for phrase in {phrase for given in phrases_of(code).model_dump().values() for phrase in given}:
        assert {*map(tuple, _divisions(phrase))} == {*map(tuple, divisions(phrase))}
