"""The repetition filter: each of Gopher's thirteen thresholds removes what is strictly above it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from refinery.kernels import text_statistics
from refinery.stage.documents import Docs
from refinery.stages.quality import Quality
from refinery.stages.repetition import Repetition
from tests.stages.verdicts import docs, failed, main_texts, metrics

PROSE = " ".join(f"word{i}" for i in range(100))

BOUNDS = {
    "duplicate_lines": 0.3,
    "duplicate_paragraphs": 0.3,
    "duplicate_line_characters": 0.2,
    "duplicate_paragraph_characters": 0.2,
    "top_2_gram": 0.2,
    "top_3_gram": 0.18,
    "top_4_gram": 0.16,
    "duplicate_5_gram": 0.15,
    "duplicate_6_gram": 0.14,
    "duplicate_7_gram": 0.13,
    "duplicate_8_gram": 0.12,
    "duplicate_9_gram": 0.11,
    "duplicate_10_gram": 0.1,
}


def test_bounds_are_those_of_the_paper() -> None:
    """Every metric has one upper threshold, that of table A1, and all of them apply to every document."""
    rules = Repetition().rules()
    assert {rule.metric: rule.at_most for rule in rules} == BOUNDS
    assert [rule.id for rule in rules] == [metric.name for metric in Repetition.metrics]


def test_every_bound_only_judges() -> None:
    """No field but what a word is, and which copies count, changes what is measured."""
    assert Repetition.roles("threshold") == set(Repetition.model_fields) - {"words", "copies"}


@pytest.mark.parametrize("name", BOUNDS)
def test_a_bound_includes_itself(name: str) -> None:
    """A share equal to the threshold stays; any more is removed for that rule."""
    text = f"{PROSE}\n\nagain and again we say a thing or two of it\n\nagain and again we say a thing or two of it"
    value = metrics(Repetition(), text)[name]
    assert value > 0
    open_thresholds = {f"max_{other}": 9.0 for other in BOUNDS}
    assert failed(Repetition(**{**open_thresholds, f"max_{name}": value}), text) == [[]]
    assert failed(Repetition(**{**open_thresholds, f"max_{name}": value * 0.99}), text) == [[name]]


def test_prose_stays_and_a_chorus_goes() -> None:
    """Words that never repeat violate nothing; five copies of a paragraph violate all rules but the top n-grams'."""
    chorus = "\n\n".join([PROSE] * 5)
    prose, repeated = failed(Repetition(), PROSE, chorus)
    assert prose == []
    assert repeated == [name for name in BOUNDS if not name.startswith("top")]


def test_short_documents_skip_ngrams_that_they_cannot_hold() -> None:
    """A document of fewer than n words is not measured by n-grams; its only n-gram covers it, though nothing repeats."""
    assert failed(Repetition(), None, "", "one", "one two", "one two three") == [
        [],
        [],
        [],
        ["top_2_gram"],
        ["top_2_gram", "top_3_gram"],
    ]


def test_all_copies_count_in_the_other_reading() -> None:
    """With ``copies: all`` the first copy is a duplicate as well, and is shown."""
    every, text = Repetition(copies="all"), "one two\nthree\none two\n\nfour\n\nthree four"
    assert metrics(Repetition(), text)["duplicate_lines"] == 1 / 5
    assert metrics(every, text)["duplicate_lines"] == 2 / 5
    assert shown(every, "duplicate_line_characters", text) == ["one two", "one two"]
    assert shown(every, "duplicate_paragraphs", "a\n\nb\nc\n\n a") == ["a", "a"]
    assert shown(every, "top_2_gram", text) == ["one two", "one two"]
    assert shown(every, "duplicate_5_gram", "a b - c d e f. a b c d e g") == ["a b - c d e", "a b c d e"]
    assert shown(every, "top_3_gram", text) == []


def shown(stage: Repetition, metric: str, text: str) -> list[str]:
    return [text[start:end] for start, end in stage.highlights(text, metric)]


def test_both_filters_share_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """``repetition`` and ``quality`` measure a batch once between them."""
    passes = []

    def counted(texts: pa.StringArray, cuts: pa.ListArray | None) -> pa.RecordBatch:
        passes.append(texts)
        return text_statistics(texts, cuts)

    monkeypatch.setattr("refinery.stages._words.text_statistics", counted)
    batch: Docs = docs(PROSE)
    Repetition().measure(batch)
    Quality().measure(batch)
    assert len(passes) == 1


def test_few_main_texts_of_real_pages_repeat_themselves(corpus: Path) -> None:
    """Of texts that people marked as the main text of a page, under a tenth is removed."""
    verdicts = failed(Repetition(), *main_texts(corpus, 300))
    assert sum(map(bool, verdicts)) < 30
