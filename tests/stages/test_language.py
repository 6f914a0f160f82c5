"""The stage ``language`` and the kernel under it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fasttext
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st
from pydantic import ValidationError

from refinery.assets import Asset
from refinery.errors import AssetError
from refinery.kernels import NO_LANGUAGE, identify_languages
from refinery.recipe import parse
from refinery.stages._codes import known_languages, language_of
from refinery.stages.language import Language
from tests.stages.verdicts import failed, metrics

LID = Asset("lid.176.ftz")
MODEL = LID.path()
SENTENCES = {
    "en": "The committee of the town met to discuss the new bridge that people have wanted for years.",
    "de": "Der Ausschuss der Stadt traf sich, um über die neue Brücke zu sprechen, die sich alle seit Jahren wünschen.",
    "fr": "Le comité de la ville s'est réuni, parlant du nouveau pont que les habitants attendent depuis longtemps.",
    "ru": "Городской комитет собрался, чтобы обсудить новый мост, которого люди ждут уже много лет.",
    "zh": "市委员会开会讨论了人们多年来一直想要的新桥。",
    "el": "Η επιτροπή της πόλης συνεδρίασε για να συζητήσει τη νέα γέφυρα που θέλουν όλοι εδώ και χρόνια.",
    "ar": "اجتمعت لجنة المدينة لمناقشة الجسر الجديد الذي يريده الناس منذ سنوات طويلة.",
    "ja": "町の委員会は、人々が何年も望んできた新しい橋について話し合うために集まりました。",
}


def identify(text: str) -> tuple[str, float]:
    labels, scores, _ = identify_languages(pa.array([text], pa.string()), MODEL)
    return labels[0].as_py(), scores[0].as_py()


@pytest.mark.parametrize("code", SENTENCES)
def test_languages_are_told_apart(code: str) -> None:
    """A plain sentence is its language, and is kept where that is wanted."""
    assert identify(SENTENCES[code])[0] == code
    assert failed(Language(keep=[code], model=LID), SENTENCES[code]) == [[]]
    assert failed(Language(keep=[code], min_score=0), SENTENCES[code]) == [[]]
    assert failed(Language(keep=["vi"], min_score=0), SENTENCES[code]) == [["other_language"]]


def test_newlines_part_words() -> None:
    """A newline counts as a space, of any number, and does not join the words around it."""
    words = SENTENCES["en"].split()
    assert identify("\n".join(words)) == identify(" ".join(words)) != identify("".join(words))
    assert identify("\n\n\n".join(words)) == identify(" ".join(words))
    assert identify("\r\n".join(words)) == identify(" ".join(words))


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\0", "\r\n\t\v\f \0", None])
def test_a_text_without_words_has_no_language(text: str | None) -> None:
    """It is removed, never kept as the model's favourite."""
    assert metrics(Language(), text) == {"lang": NO_LANGUAGE, "score": 0.0, "script": None, "main_share": None}
    assert (
        failed(Language(min_score=0), text) == failed(Language(min_score=0, keep="all"), text) == [["other_language"]]
    )


def test_the_whole_text_is_read() -> None:
    """Neither NUL nor the model's own end mark hides what follows."""
    long = SENTENCES["de"] * 20
    for mark in ("\0", "\n", "</s>", " </s> ", "\n</s>\n", "\u2028", "\u0085"):
        assert identify(f"{SENTENCES['en']}{mark}{long}")[0] == "de"


@pytest.mark.parametrize(
    "text", ["x", "1 2 3", "\u00ad", "\ufffe", "👩‍👩‍👧‍👦", "__label__en", "=" * 1000, "\u202e\u200f"]
)
def test_odd_text_is_unsure(text: str) -> None:
    """What is no natural language is not trusted."""
    score = metrics(Language(model=LID), text)["score"]
    assert 0 < score < 0.65
    assert "unsure" in failed(Language(keep="all", model=LID), text)[0]


def test_long_text_is_no_trouble() -> None:
    """A megabyte in one word, or in one line, is read."""
    assert identify("x" * 1_000_000)[1] < 0.65
    assert identify((SENTENCES["fr"] + " ") * 10_000)[0] == "fr"


def test_the_bound_is_inclusive() -> None:
    """A score equal to the threshold is enough."""
    score = metrics(Language(), SENTENCES["en"])["score"]
    assert failed(Language(min_score=score), SENTENCES["en"]) == [[]]
    assert failed(Language(min_score=score + 1e-9), SENTENCES["en"]) == [["unsure"]]
    sure, unsure = (rule.violated(pa.array([value])) for rule in Language().rules()[1:2] for value in (0.65, 0.6499999))
    assert (sure.to_pylist(), unsure.to_pylist()) == ([False], [True])


def test_both_reasons_are_given() -> None:
    """Another language and a low score are two violations."""
    assert failed(Language(keep=["de"], min_score=1), "hello there") == [["other_language", "unsure"]]


@given(st.lists(st.text(max_size=80), max_size=5))
@settings(max_examples=60)
def test_the_answer_is_fasttexts(texts: list[str]) -> None:
    """Label and probability are those of the library for the text as one line, in any batch."""
    model = fasttext.load_model(MODEL)
    labels, scores, _ = identify_languages(pa.array(texts, pa.string()), MODEL)
    for text, label, score in zip(texts, labels.to_pylist(), scores.to_pylist(), strict=True):
        (expected,), (probability,) = model.predict(" ".join(text.split("\n")))
        assert 0 <= score <= 1
        assert label == NO_LANGUAGE or (f"__label__{label}", score) == (expected, min(probability, 1))


def test_every_label_has_a_language() -> None:
    """Codes of the model lid.176 are codes of recipes, and no name belongs to two languages."""
    labels, _ = fasttext.load_model(MODEL).predict("x", k=1000, threshold=-1)
    assert {label.removeprefix("__label__") for label in labels} <= set(known_languages().values())
    assert all(known_languages()[code] == code for code in known_languages().values())


@pytest.mark.parametrize(
    ("label", "code"),
    [
        *[("en", "en"), ("eng", "en"), ("eng_Latn", "en"), ("zho_Hans", "zh"), ("cmn_Hani", "zh"), ("nob_Latn", "nb")],
        *[
            ("arb_Arab", "ar"),
            ("zsm_Latn", "ms"),
            ("ceb_Latn", "ceb"),
            ("als_Latn", "sq"),
            ("als", "als"),
            ("no", "no"),
        ],
        *[("sr-Latn", "sr"), ("xyz_Latn", "xyz"), ("none", "none"), ("", ""), ("A label", "A label")],
    ],
)
def test_labels_of_models_become_codes(label: str, code: str) -> None:
    """ISO 639-1 where it exists, else ISO 639-3; other labels stay."""
    assert language_of(label) == code


def test_a_language_that_the_model_lacks_is_refused() -> None:
    """Before a run, with the languages that it has."""
    Language(keep=["de", "no"]).check_asset("model", Asset("lid.176.ftz"))
    with pytest.raises(AssetError, match="no language ha, nb"):
        Language(keep=["nb", "de", "ha"]).check_asset("model", Asset("lid.176.ftz"))


def test_lines_of_other_languages_make_a_text_mixed() -> None:
    """The share is of letters, in lines that are long enough; short lines and unsure ones do not count."""
    alone = [SENTENCES["fr"]] * 3
    assert metrics(Language(), "\n".join(alone))["main_share"] == 1.0
    half = "\n".join([*alone, SENTENCES["en"], SENTENCES["en"], "Contact us"])
    share = metrics(Language(), half)["main_share"]
    assert 0.3 < share < 0.7
    assert failed(Language(keep="all", min_score=0, min_main_share=0.8), half) == [["mixed"]]
    assert failed(Language(keep="all", min_score=0), half) == [[]]
    assert metrics(Language(), "Contact us\nHome\n1234567890123456789012345")["main_share"] is None


@pytest.mark.parametrize(
    ("text", "script"),
    [
        *[("Straße 12", "Latn"), ("Москва, город", "Cyrl"), ("日本の漢字", "Jpan"), ("漢字。", "Hani")],
        *[("한국어", "Hang"), ("ไทย", "Thai"), ("ᬩᬮᬶ", "Bali"), ("12 — !", None), ("", None)],
    ],
)
def test_the_script_is_that_of_most_characters(text: str, script: str | None) -> None:
    """By ISO 15924; ASCII's digits and marks have none."""
    assert metrics(Language(), text)["script"] == script


@pytest.mark.parametrize(
    ("keep", "advice"),
    [
        (["eng"], "expected ISO 639-1; did you mean 'en'?"),
        (["en", "ger"], "did you mean 'de'?"),
        (["Chinese"], "did you mean 'zh'?"),
        (["Swiss German"], "did you mean 'als'?"),
        (["EN"], "did you mean 'en'?"),
        (["en-US"], "did you mean 'en'?"),
        (["klingon"], "expected ISO 639-1, such as 'en'"),
        ([""], "expected ISO 639-1"),
        ([], "at least one language"),
        ("en", "tuple"),
    ],
)
def test_unknown_languages_are_refused(keep: Any, advice: str) -> None:
    """An unknown code is an error that names the right one; an empty list does not mean any language."""
    with pytest.raises(ValidationError, match=advice.replace("?", r"\?")):
        Language(keep=keep)


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    """The fault is the asset's, not the documents'."""
    (tmp_path / "bad.ftz").write_bytes(b"this is no model")
    with pytest.raises(AssetError, match=r"bad\.ftz"):
        metrics(Language(model=Asset(f"{tmp_path}/bad.ftz")), "hello")


@pytest.mark.parametrize(("written", "kept"), [("de", ("de",)), ("[de, fr]", ("de", "fr")), ("all", "all")])
def test_one_language_needs_no_brackets(written: str, kept: object) -> None:
    """A code alone is a list of one; ``all`` is none of the codes."""
    recipe = f"dataset: x\ninputs: x\nroot: x\npipeline: [warc, extract, {{language: {{keep: {written}}}}}]"
    assert parse(recipe, "recipe").steps[-1].stage.keep == kept
