"""The quality filter: each of Gopher's seven rules, by itself and at its threshold."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import ValidationError

from refinery.stages.quality import Quality
from tests.stages.verdicts import docs, edited, failed, main_texts, metrics

WORDS = ["the", "river", "rose", "past", "mills", "of", "stone", "last", "night", "again"]


def prose(count: int) -> str:
    return " ".join(WORDS[i % len(WORDS)] for i in range(count))


def lines(count: int, line: str) -> list[str]:
    return [line] * count


PASSING = prose(100)


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        (PASSING, []),
        (prose(49), ["too_few_words"]),
        (prose(50), []),
        (prose(100_000), []),
        (prose(100_001), ["too_many_words"]),
        ("the of " + "ab " * 98, ["short_words"]),
        ("the and " + "abc " * 100, []),
        ("the of " + "abcdefghijk " * 98, ["long_words"]),
        ("the of " + "abcdefghij " * 98, []),
        (PASSING + "#" * 10, []),
        (PASSING + "#" * 11, ["hashes"]),
        ("…" * 10 + PASSING, []),
        ("…" * 5 + "..." * 6 + PASSING, ["ellipses"]),
        ("…" * 10 + "#" * 10 + PASSING, []),
        ("\n".join([*lines(9, "- the mills of stone again"), "we rose again last night"] * 2), []),
        ("\n\n".join([*lines(19, "• the mills of stone"), "we rose last night"]), ["bullets"]),
        ("\n\n".join([*lines(3, f"{prose(10)} …"), *lines(7, prose(10))]), []),
        ("\n\n".join([*lines(4, f"{prose(10)}..."), *lines(6, prose(10))]), ["clipped_lines"]),
        (prose(80) + " 1234" * 20, []),
        (prose(80) + " 1234" * 21, ["few_letters"]),
        ("river " * 50, ["few_stop_words"]),
        ("the river " * 50, ["few_stop_words"]),
        ('"The" river (of) ' + "river " * 50, []),
        ("", ["too_few_words", "short_words", "few_letters", "few_stop_words"]),
        (None, ["too_few_words", "short_words", "few_letters", "few_stop_words"]),
    ],
)
def test_rules_at_their_thresholds(text: str | None, rules: list[str]) -> None:
    """A figure at its threshold stays, one step beyond is removed for that alone; hashes and ellipses do not add up."""
    assert failed(Quality(), text) == [rules]


def test_stop_words_are_distinct_and_a_field() -> None:
    """A stop word that occurs twice counts once, and another language brings its own."""
    assert metrics(Quality(), "the the THE")["stop_words"] == 1
    german = Quality(stop_words=("der", "die", "und"))
    assert metrics(german, "Der Fluss und die Mühle, der Stein.")["stop_words"] == 3


def test_stop_words_may_count_as_they_are_spelled() -> None:
    """Then "The" and "to," are others than "the" and "to", and ``highlights`` show those that count."""
    stage, text = Quality(spelled=True), "The way to, of the bee"
    assert metrics(stage, text)["stop_words"] == 2
    assert [text[slice(*span)] for span in stage.highlights(text, "stop_words")] == ["of", "the"]


def test_all_but_the_stop_words_only_judges() -> None:
    """Only the lists of stop words, and what a word is, change what is measured."""
    assert set(Quality.model_fields) - Quality.roles("threshold") == {"common", "spelled", "stop_words", "words"}


def test_most_main_texts_of_real_pages_stay(corpus: Path) -> None:
    """Of texts that people marked as the main text of a page, under a tenth is removed."""
    verdicts = failed(Quality(), *main_texts(corpus, 300))
    assert sum(map(bool, verdicts)) < 30


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"min_words": 500, "max_words": 10}, r"no document has words ≥ 500 \(too_few_words\) and ≤ 10"),
        ({"min_mean_word_length": 11}, "no document has mean_word_length ≥ 11"),
        ({"stop_words": ("the", "the")}, "min_stop_words is 2, and only 1 stop_words are listed"),
    ],
)
def test_thresholds_that_no_document_satisfies_are_refused(fields: dict[str, object], said: str) -> None:
    """A stage that would remove everything is a mistake in the recipe."""
    with pytest.raises(ValidationError, match=said):
        Quality.model_validate(fields)


def test_stop_words_by_language(tmp_path: Path) -> None:
    """With a table, a document is looked at with the common words of its language; without a list it has no figure."""
    for code, name, words in (("de", "German", '"der", "und"'), ("fr", "French", '"le", "et"')):
        head = f'name = "{name}"\niso639_3 = "{code}x"\nscripts = ["Latn"]\ndirection = "ltr"\n'
        (tmp_path / f"{code}.toml").write_text(f"{head}common_words = [{words}]\n")
    stage = Quality(common=str(tmp_path), min_stop_words=2)
    texts = ["Der Hund und die Katze.", "le chien et le chat", "der und", "the cat and the dog", None]
    batch = docs(*texts).with_columns({"lang": pa.array(["de", "fr", "fr", "en", None], pa.string())})
    counts = edited(stage, batch).metrics["stop_words"]
    assert pa.array(counts).to_pylist() == [2, 2, 0, None, None]
    assert stage.versions()["common_words"]
    assert list(stage.highlights("der und", "stop_words")) == []
