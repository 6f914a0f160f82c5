"""MADLAD-400's rules against naive readings of the card's definitions."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from refinery import LANG, Docs
from refinery.stages.madlad import Madlad
from tests.stages.verdicts import docs, edited, failed, metrics
from tools.bench.published import madlad as published

WORDS = [
    "the river",
    "Mills",
    "A",
    "B",
    "12",
    "(x)",
    "Vol.",
    "mp3",
    " sex ",
    "№",
    "|",
    "г.",
    "日本語",
    "\ufffd\ufffd\ufffd",
    "É",
]
GAPS = [" ", " ", " ", ". ", "! ", "\n", "\xa0", "  ", "... "]
TEXTS = st.lists(st.sampled_from([*WORDS, *GAPS, "A B C D E F G H I J ", "x" * 490]), max_size=60).map("".join)
REASONS = ("list_case", "length", "technical", "cursed")

SENTENCE = "The river rose past the old mills during the night."
GERMAN = "Der Fluss stieg in der Nacht bis über die alten Mühlen am Ufer."


def share(text: str, *kinds: str) -> float:
    found = published.sentences(text)
    bad = [one for one in found if any(published.REASONS[kind](one) for kind in kinds)]
    return len(bad) / len(found) if found else 0.0


@given(TEXTS)
def test_shares_are_those_of_the_definition(text: str) -> None:
    """By reason, and together."""
    measured = metrics(Madlad(questionable=REASONS), text)
    assert measured["sentences"] == len(published.sentences(text))
    assert {kind: measured[kind] for kind in REASONS} == {kind: share(text, kind) for kind in REASONS}
    assert measured["questionable"] == share(text, *REASONS)
    assert measured["language"] is None


@given(st.lists(st.none() | TEXTS, max_size=5))
def test_sentences_of_a_batch_do_not_meet(texts: list[str | None]) -> None:
    """A batch gives for each text what it gives alone: no pattern reaches from one sentence into the next."""
    stage = Madlad(questionable=REASONS)
    together = edited(stage, docs(*texts)).metrics
    alone = [metrics(stage, text) for text in texts]
    assert {name: pa.array(values).to_pylist() for name, values in together.items()} == {
        name: [row[name] for row in alone] for name in together
    }


@pytest.mark.parametrize(
    "sentence",
    [
        "We bring you the newest of all |",
        "Chapter 3 of Vol.2 is the best of them.",
        "Click here to Download the newest of all.",
        "They write it as A N T S P E A K S here.",
        "The codes are abc def ghi jkl mno pqr stu vwx yza here.",
        "The codes are abcd efgh ijkl mnop qrst uvwx yzab cdef ghij here.",
        "The codes, ab, cd, ef, gh, and the others.",
    ],
)
def test_patterns_of_the_card(sentence: str) -> None:
    """One sentence for each kind of pattern; the plain one has none."""
    assert metrics(Madlad(questionable=("cursed",)), sentence)["cursed"] == float(published.cursed(sentence)) == 1
    assert metrics(Madlad(questionable=("cursed",)), SENTENCE)["cursed"] == 0


def test_documents_need_five_sentences_of_which_four_are_good() -> None:
    """A fifth of questionable sentences stays; the thresholds change no metric."""
    names = "Mills, Ann and Brown, Tom and Carter, Joe and Dean, Kim and Evans, Lee."
    assert failed(Madlad(), " ".join([SENTENCE] * 4)) == [["few_sentences"]]
    assert failed(Madlad(), " ".join([*[SENTENCE] * 4, names])) == [[]]
    assert failed(Madlad(), " ".join([*[SENTENCE] * 4, names, "7 (7)."])) == [["questionable_sentences"]]
    assert Madlad.roles("threshold") == {"min_sentences", "max_questionable", "thresholds"}


def of_language(text: str, language: str | None, **fields: Any) -> float:
    batch: Docs = docs(text).with_columns({LANG.name: pa.array([language], pa.string())})
    return float(edited(Madlad(**fields), batch).metrics["language"][0].as_py())


def test_sentences_in_another_language() -> None:
    """Certain ones count, if the language of the document is known and the model has it."""
    text = f"{SENTENCE} {GERMAN} {SENTENCE} {SENTENCE}"
    assert of_language(text, "en") == 0.25
    assert of_language(text, "de") == 0.75
    assert of_language(text, None) == of_language(text, "xx") == 0
    assert of_language(text, "en", min_score=1) == 0


def test_questionable_sentences_are_shown() -> None:
    """Each where it stands, without white space around it."""
    text = f"{SENTENCE}\n Mp3: 12 (34).  {SENTENCE} Or mp3."
    stage = Madlad(questionable=("technical", "cursed"))
    shown = {
        name: [text[a:b] for a, b in stage.highlights(text, name)] for name in ("cursed", "questionable", "length")
    }
    assert shown["cursed"] == ["Or mp3."]
    assert shown["questionable"] == ["Mp3: 12 (34).", "Or mp3."]
