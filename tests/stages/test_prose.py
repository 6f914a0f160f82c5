"""The filter ``prose``: each rule by itself and at its threshold, in several scripts."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pytest

from refinery import LANG, Docs
from refinery.stages._languages import common_words
from refinery.stages.prose import Prose
from tests.stages.verdicts import docs, edited, failed, metrics

SENTENCES = [
    "The river rose past the mills.",
    "Nobody had seen it so high!",
    "Would the old bridge hold?",
    "“It held for a hundred years.”",
    "And then it was gone…",
]
TEXT = " ".join(SENTENCES)


def of_language(code: str | None, *texts: str) -> Docs:
    """A batch of texts, all in one language."""
    return docs(*texts).with_columns({LANG.name: pa.array([code] * len(texts), LANG.type)})


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        (TEXT, []),
        ("\n".join(SENTENCES), []),
        ("", ["few_prose_words"]),
        (None, ["few_prose_words"]),
        ("Home\nAbout us\nContact\n" + SENTENCES[0], []),
        ("Home\nAbout us\nContact\nSign in\nRead more\n" + SENTENCES[0], ["few_prose_words"]),
        ("Home | About us | Contact | Sign in | Read more | Imprint", ["few_prose_words"]),
        ("« Il a dit non » , puis » est venu et la nuit est tombée sur la ville", []),
        ("Choose File → Open > Save / Print in the menu of the window that you have open", []),
        ("word " * 15, []),
        ("word " * 14, ["few_prose_words"]),
        (f"{TEXT} Buy it now. {TEXT.lower()}", []),
        (f"{SENTENCES[0]} Buy it now. {SENTENCES[1]} Buy it now. {SENTENCES[2]} Buy it now.", ["duplicate_sentences"]),
        ("智利的专家。大海属于我们。智利的专家。我们去海边。智利的专家。", ["duplicate_sentences"]),
        (f"{TEXT}\n{TEXT}", ["duplicate_sentences"]),
        ("\n".join([*SENTENCES, *SENTENCES]), []),
        (f"{TEXT} lÃ©te", []),
        (f"{SENTENCES[0]} lÃ©te", ["odd_words", "few_prose_words"]),
        (f"{SENTENCES[0]} pomagajД…c.", ["odd_words"]),
        (f"{SENTENCES[0]} 5€ C++ Σ π2 foo™ <a@b.org> $x (c).", []),
        (f"{TEXT} \ufffd", ["broken_characters"]),
        (f"{TEXT} \x80", ["broken_characters"]),
        (f"{TEXT} \ue000", ["broken_characters"]),
        (f"{TEXT}\x0b\x1c\x85\u200d", []),
    ],
)
def test_rules_of_all_languages(text: str | None, rules: list[str]) -> None:
    """A text fails for what is wrong with it alone; repeated lines are left to ``repetition``."""
    assert failed(Prose(), text) == [rules]


def test_sentences_end_in_every_script() -> None:
    """Short lines are prose where they end with the mark of their script, before quotation marks and brackets."""
    lines = [
        "यह है।",
        "这是。",
        "「これだ。」",
        "هذا؟",
        "ነው።",
        "Սա է։",
        "នេះ។",
        "ဒါ။",
        "འདི།",
        "Ας δούμε;",
        "She said so.)",
    ]
    for line in lines:
        assert metrics(Prose(), line)["prose_words"] == (0 if line == "Ας δούμε;" else 1), line


@pytest.mark.parametrize(
    ("code", "text", "share"),
    [
        ("de", "Und der Fluss, Fluss", 0.5),
        ("el", "ΚΑΙ ΤΟΥΣ και, τους", 1.0),
        ("en", "", 0.0),
        ("xx", "the of", None),
        (None, "the of", None),
    ],
)
def test_common_words_are_those_of_the_language(code: str | None, text: str, share: float | None) -> None:
    """In any case and with marks around them; nothing is measured where no list is known."""
    assert edited(Prose(), of_language(code, text)).metrics["common_words"].to_pylist() == [share]


def test_keywords_are_removed_where_the_language_has_a_threshold() -> None:
    """A threshold of a language holds for its documents alone."""
    (rule,) = [rule for rule in Prose(thresholds={"de": {"min_common_words": 0.1}}).applied_rules() if rule.by_language]
    assert (rule.id, rule.at_least, rule.by_language) == ("few_common_words", 0, {"de": 0.1})


@pytest.mark.parametrize("metric", ["prose_words", "duplicate_sentences", "odd_words", "broken_characters"])
def test_highlights_are_what_is_counted(metric: str) -> None:
    """People see the words and characters behind a figure, in order."""
    text = "Home\nBuy it now. Read lÃ©te on. Buy it now.\n\ufffd \x80."
    wanted = {
        "prose_words": ["Home"],
        "duplicate_sentences": ["Buy it now."],
        "odd_words": ["lÃ©te"],
        "broken_characters": ["\ufffd", "\x80"],
    }
    assert [text[start:end] for start, end in Prose().highlights(text, metric)] == wanted[metric]


def test_other_common_words_are_another_stage(tmp_path: Path) -> None:
    """The list is part of the identity."""
    file = 'name = "German"\niso639_3 = "deu"\nscripts = ["Latn"]\ndirection = "ltr"\ncommon_words = ["ich"]\n'
    Path(tmp_path, "de.toml").write_text(file, encoding="utf-8")
    assert Prose(common=str(tmp_path)).versions() != Prose().versions()
    measured = edited(Prose(common=str(tmp_path)), of_language("de", "ich bin")).metrics
    assert measured["common_words"].to_pylist() == [0.5]


def test_clean_pages_of_eighty_languages_are_prose(corpus: Path) -> None:
    """The rules that hold for all languages keep 99 % of clean texts, and common words are in all of them."""
    with gzip.open(corpus.parent / "languages" / "docs.jsonl.gz", "rt", encoding="utf-8") as stream:
        clean = [doc for doc in map(json.loads, stream) if doc["kind"] == "clean" and doc["text"]][::9]
    assert sum(rules == [] for rules in failed(Prose(), *(doc["text"] for doc in clean))) > 0.99 * len(clean)
    for doc in clean:
        if doc["lang"] in common_words():
            assert edited(Prose(), of_language(doc["lang"], doc["text"])).metrics["common_words"][0].as_py() > 0
