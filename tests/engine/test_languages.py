"""Warnings about a recipe that keeps languages which its word lists and rules do not suit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from refinery.cli import execute
from refinery.inspect.warning_list import warnings
from refinery.recipe import load, parse
from refinery.recipe.languages import kept_languages, language_warnings
from refinery.stage.language_scope import LanguageScope
from refinery.stages.lines import Lines
from refinery.stages.quality import Quality
from tests.conftest import REPOSITORY
from tests.engine.roots import pipeline, quick, steps
from tests.engine.toy import Length, LineSource
from tests.stages.verdicts import failed

RECIPE = (
    "dataset: d\ninputs: in/*.warc.gz\nroot: root\npipeline:\n  - warc\n  - extract\n  - language\n"
    "  - repetition\n  - quality\n  - lines\n  - minhash\n  - substring\n"
)

STAGES = ("repetition", "quality", "lines", "minhash", "substring")
SPACED = tuple(f"{stage}.words=whitespace" for stage in STAGES)
"""Settings with which words lie between spaces."""

GREEK = "Η Αθήνα είναι η πρωτεύουσα της χώρας και μία από τις παλαιότερες πόλεις του κόσμου. " * 12
CHINESE = "北京是中华人民共和国的首都，也是全国的政治中心和文化中心。这座城市有三千多年的历史。\n" * 12


def warned(*overrides: str, text: str = RECIPE) -> list[str]:
    """The warnings about a recipe as text."""
    return [one.text for one in language_warnings(parse(text, "r.yaml", overrides))]


def test_each_list_and_rule_names_the_kept_languages_that_it_does_not_suit() -> None:
    """Stop words and phrases are English; words lie between spaces."""
    found = warned("language.keep=[en, zh, ja, ru, el, ka]", "lines.phrases=lines.en", *SPACED)
    assert [text.partition(":")[0] for text in found] == ["repetition", "quality", "quality", "lines", "lines"]
    assert [text.partition("keeps ")[2].partition(":")[0] for text in found] == [
        "zh, ja",
        "zh, ja, ru, el, ka",
        "zh, ja",
        "zh, ja",
        "zh, ja, ru, el, ka",
    ]
    assert [text.partition("keeps ")[2].partition(":")[0] for text in warned("language.keep=de", *SPACED)] == ["de"]
    assert [text.partition(":")[0] for text in warned("language.keep=[en, zh, ja]")] == ["quality"]


@pytest.mark.parametrize("path", sorted((REPOSITORY / "configs").glob("*.yaml")), ids=lambda path: path.name)
def test_recipes_of_the_project_suit_their_languages(path: Path) -> None:
    """None is warned of, unless its source treats all languages alike. The page of languages has those without phrases."""
    found = [warning.stage for warning in language_warnings(load(str(path)))]
    assert found == (["c4", "madlad"] if path.name == "madlad.yaml" else [])


def test_a_recipe_that_keeps_all_languages_is_warned() -> None:
    """Where no stage looks at languages, documents of all of them are kept."""
    found = warned(*SPACED, "lines.phrases=lines.en", text=RECIPE.replace("  - language\n", ""))
    assert len(found) == 5
    assert all("keeps all languages" in text for text in found)


@pytest.mark.parametrize(
    ("overrides", "stage"),
    [
        (["quality.min_stop_words=0", "quality.min_words=0", "quality.max_mean_word_length=100"], "quality"),
        (
            ["quality.stop_words=[ist, 的]", "quality.min_words=1", "quality.max_mean_word_length=200"],
            "quality",
        ),
        (
            [f"repetition.max_top_{n}_gram=1" for n in (2, 3, 4)]
            + [f"repetition.max_duplicate_{n}_gram=1" for n in range(5, 11)],
            "repetition",
        ),
        (["lines.discard=[numeric]", "lines.phrases=./mine.toml"], "lines"),
    ],
)
def test_what_a_warning_advises_ends_it(overrides: Sequence[str], stage: str) -> None:
    """A rule that is off and a list of the user's own are not warned of."""
    assert any(text.startswith(stage) for text in warned("language.keep=[zh, de]", *SPACED))
    assert not any(text.startswith(stage) for text in warned("language.keep=[zh, de]", *SPACED, *overrides))


def test_units_that_are_words_are_warned_of() -> None:
    """Of duplicates, where shingles or windows are of words."""
    keep, units = "language.keep=[th]", ("minhash.profile=fineweb", "substring.unit=words")
    assert not any("hash" in text or "substring" in text for text in warned(keep, *SPACED))
    assert sum("are missed" in text for text in warned(keep, *SPACED, *units)) == 2
    assert not any("are missed" in text for text in warned(keep, *units))


@pytest.mark.parametrize(
    ("stage", "text", "rule"),
    [
        (Quality(), GREEK, "few_stop_words"),
        (Quality(words="whitespace"), CHINESE, "too_few_words"),
        (Quality(words="whitespace", min_words=0), CHINESE, "long_words"),
        (Lines(words="whitespace"), CHINESE, "too_much_removed"),
    ],
)
def test_what_is_warned_of_is_true(stage: Quality | Lines, text: str, rule: str) -> None:
    """Prose of the language is removed by the rule."""
    assert rule in failed(stage, text)[0]


def test_several_stages_that_look_at_languages_keep_what_all_of_them_keep() -> None:
    """In the order of the first."""
    text = RECIPE.replace(
        "  - language\n", "  - language: {keep: [en, de, fr]}\n  - language: {as: again, keep: [fr, de]}\n"
    )
    assert kept_languages(parse(text, "r.yaml").steps) == ("de", "fr")


def test_a_list_suits_only_some_languages_or_all_but_some() -> None:
    """And what suits all is nothing to declare."""
    assert LanguageScope("", "", "", only=("en",)).outside(("en", "de")) == ("de",)
    assert LanguageScope("", "", "", but=("zh",)).outside(("en", "zh")) == ("zh",)


@pytest.mark.parametrize("verb", ["check", "plan"])
def test_warnings_go_to_standard_error_and_json_and_change_no_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    """With the fix as a hint; -q leaves them out of standard error."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    Path("in/a.warc.gz").write_bytes(b"")
    Path("r.yaml").write_text(RECIPE)
    english = ["--set", "language.keep=ka", "--set", "lines.phrases=lines.en"]
    assert execute([verb, "-c", "r.yaml", *english, "--json", "-q"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert [sorted(one) for one in json.loads(said.out)["warnings"]] == [
        ["fix", "severity", "stage", "text", "topic"]
    ] * 2
    assert execute([verb, "-c", "r.yaml", *english]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["warning", "hint"] * 2


class Picky(Length):
    """A filter whose list suits English alone."""

    name: ClassVar = "picky"

    def language_scopes(self) -> tuple[LanguageScope, ...]:
        return (LanguageScope("its list is English", "others are lost", "give another list", only=("en",)),)


def test_the_root_of_a_run_keeps_the_warnings(folder: Path) -> None:
    """So that all who look at it later have them, without the recipe."""
    quick(pipeline(folder, steps(LineSource(), Picky())))
    expected = "picky: its list is English, and the recipe keeps all languages: others are lost"
    found = [one for one in warnings(str(folder / "root")) if one.text == expected]
    assert [(one.severity, one.stage, one.fix) for one in found] == [("warning", "picky", "give another list")]


def test_a_language_whose_thresholds_leave_a_rule_out_is_not_warned_of() -> None:
    """The rule of English stop words does not apply to German texts where German has none."""
    german = ("language.keep=[en, de]", "lines.cut=[]", "lines.discard=[]")
    assert [text.partition(":")[0] for text in warned(*german)] == ["quality"]
    assert warned(*german, "quality.de.min_stop_words=0") == []


def test_thresholds_by_language_before_identification_are_warned_of() -> None:
    """They never apply there; behind it, and at the stage that identifies, they do."""
    before = RECIPE.replace("  - extract\n", "  - extract\n  - quality: {as: early, de: {min_words: 9}}\n")
    assert [text for text in warned("language.keep=[en, de]", text=before) if "thresholds" in text] == [
        "early: no stage before it identifies languages, so its thresholds by language never apply"
    ]
    behind = warned("language.keep=[en, de]", "quality.de.min_words=9", "language.de.min_score=0.5")
    assert not any("thresholds" in text for text in behind)


def test_thresholds_of_languages_that_are_not_kept_are_warned_of() -> None:
    """Unless some are of kept ones: a table has more languages than a recipe keeps."""
    assert warned("quality.de.min_words=9") == ["quality: its thresholds are for de, and the recipe keeps en"]
    assert warned("quality.de.min_words=9", "quality.en.min_words=9") == []
