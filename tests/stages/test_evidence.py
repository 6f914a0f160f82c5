"""What is marked in a text is what the metric counts, neither more nor less."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from refinery.kernels import BULLETS, ELLIPSES
from refinery.stage.base import Filter
from refinery.stages.quality import Quality
from refinery.stages.repetition import Repetition
from tests.stages.verdicts import main_texts, metrics

SHARES = [
    "duplicate_lines",
    "duplicate_paragraphs",
    "duplicate_line_characters",
    "duplicate_paragraph_characters",
    *(f"top_{n}_gram" for n in (2, 3, 4)),
    *(f"duplicate_{n}_gram" for n in (5, 6, 7, 8, 9, 10)),
    "hash_ratio",
    "ellipsis_ratio",
    "bullet_lines",
    "ellipsis_lines",
    "alpha_words",
    "stop_words",
]
PIECES = ("a", "b", "The", "“and”", "of", "7", "#", "##1", "é", "...", ". . .", "…", *BULLETS[:2], *BULLETS[-2:])
BLANKS = (" ", " ", "  ", "\n", "\n", " \n", "\n\n", "\n\n\n", "\n \n", "\t", "\u3000", "\x1f", "\x85")
texts = st.lists(st.sampled_from((*PIECES, *BLANKS, " ", "\n")), max_size=80).map("".join)
repetitive = st.tuples(texts, st.integers(1, 9), st.sampled_from(BLANKS)).map(lambda t: t[2].join([t[0]] * t[1]))


def counted(metric: str, text: str, pieces: list[str]) -> float:
    """The metric, from the pieces of the text that are marked."""
    words, lines = text.split(), [line for line in text.split("\n") if line.strip()]
    if metric.endswith("_gram"):
        reported = ["".join(piece.split()) if metric.startswith("dup") else " ".join(piece.split()) for piece in pieces]
        return share(sum(map(len, reported)), len(text))
    if metric.endswith("_characters"):
        return share(sum(map(len, pieces)), len(text))
    wholes = {
        "duplicate_lines": len(list(filter(None, text.split("\n")))),
        "duplicate_paragraphs": len(re.findall(r"(?s).+?(?:\n\n+|\Z)", text.strip())),
        "bullet_lines": len(lines),
        "ellipsis_lines": len(lines),
        "stop_words": 1,
    }
    whole = wholes.get(metric, len(words))
    found = len(pieces) if metric != "alpha_words" else whole - len(pieces)
    return share(found, whole)


def share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def marked(stage: Filter, metric: str, text: str) -> list[str]:
    """The pieces that the stage shows, which are in order and within the text."""
    spans = list(stage.highlights(text, metric))
    assert spans == sorted(spans)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    if not metric.startswith("top_"):
        assert all(before[1] <= after[0] for before, after in pairwise(spans))
    return [text[start:end] for start, end in spans]


def held(metric: str, text: str) -> None:
    """The law, for one metric of one text."""
    stage: Filter = Quality() if metric in metrics(Quality(), text) else Repetition()
    measured: Any = metrics(stage, text)[metric]
    pieces = marked(stage, metric, text)
    assert counted(metric, text, pieces) == pytest.approx(measured or 0.0)


@pytest.mark.parametrize("metric", SHARES)
@given(text=texts | repetitive)
def test_marks_are_what_is_counted(metric: str, text: str) -> None:
    """Of texts that are awkward to count in."""
    held(metric, text)


@pytest.mark.parametrize("metric", SHARES)
def test_marks_of_real_pages(corpus: Path, metric: str) -> None:
    """The same of main texts of the corpus."""
    for text in main_texts(corpus, 60):
        held(metric, text)


def test_pieces_are_what_the_metric_says() -> None:
    """Examples, read by hand."""
    text = "- one two\n\nthe end …\n\n- one two\n\nOf “the” 12 #x"
    quality, repetition = Quality(), Repetition()
    assert marked(quality, "bullet_lines", text) == ["- one two"] * 2
    assert marked(quality, "ellipsis_lines", text) == ["the end …"]
    assert marked(quality, "ellipsis_ratio", text) == ["…"]
    assert marked(quality, "alpha_words", text) == ["-", "…", "-", "12"]
    assert marked(quality, "hash_ratio", text) == ["#"]
    assert marked(quality, "stop_words", text) == ["the", "Of"]
    assert marked(repetition, "duplicate_paragraphs", text) == ["- one two"]
    assert marked(repetition, "top_2_gram", text) == ["- one"] * 2
    assert marked(repetition, "duplicate_5_gram", "a b c d e\na b c d e a b c d e") == ["a b c d e"] * 2


def test_what_is_of_the_whole_text_marks_nothing() -> None:
    """How long it is, and its words are."""
    assert not marked(Quality(), "words", "some words") + marked(Quality(), "mean_word_length", "some words")
    assert set(SHARES) == {m.name for m in (*Quality.metrics, *Repetition.metrics)} - {"words", "mean_word_length"}
    assert ELLIPSES[0] in marked(Quality(), "ellipsis_ratio", "and so on...")
