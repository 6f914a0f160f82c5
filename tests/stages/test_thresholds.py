"""Thresholds by language in recipes: tables, keys that are language codes, and their errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from refinery import ByLanguage
from refinery.recipe import Pipeline, RecipeError, from_dict, recipe_dict
from refinery.recipe.changes import changes
from refinery.recipe.reader import parse
from refinery.stage import registry
from tests.engine.test_registry import REQUIRED

RECIPE = (
    "dataset: d\ninputs: in/*.warc.gz\nroot: root\npipeline:\n  - warc\n  - extract\n  - language\n  - quality: {}\n"
)

GERMAN = """name = "German"
iso639_3 = "deu"
scripts = ["Latn"]
direction = "ltr"
[thresholds.quality]
min_mean_word_length = 4
min_words = 30
[thresholds.language]
min_score = 0.6
"""


def quality(fields: str, *overrides: str) -> Pipeline:
    """A recipe with these fields of ``quality``."""
    return parse(RECIPE.replace("quality: {}", f"quality: {{{fields}}}"), "r.yaml", overrides)


def thresholds(given: Pipeline) -> dict[str, Any]:
    """The thresholds by language of its last stage."""
    return recipe_dict(given)["pipeline"][-1]["quality"]["thresholds"]  # type: ignore[no-any-return]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A folder with the table of one language."""
    (tmp_path / "de.toml").write_text(GERMAN)
    return tmp_path


def test_a_table_is_written_out(table: Path) -> None:
    """The recipe of a root has the numbers of its stage, so it means the same when the table changes."""
    given = quality(f"thresholds: {table}")
    assert thresholds(given) == {"de": {"min_mean_word_length": 4.0, "min_words": 30}}
    (table / "de.toml").unlink()
    assert recipe_dict(from_dict(recipe_dict(given), "root")) == recipe_dict(given)


def test_keys_of_languages_override_single_fields(table: Path) -> None:
    """Other fields of the table stay, for each way of writing the key."""
    wanted = {"de": {"min_mean_word_length": 4.0, "min_words": 40}, "th": {"min_words": 9}}
    own = "de: {min_words: 40}, th: {min_words: 9}"
    assert thresholds(quality(f"thresholds: {table}, {own}")) == wanted
    assert thresholds(quality(f"{own}, thresholds: {table}")) == wanted
    overrides = ("quality.de.min_words=40", "quality.th={min_words: 9}")
    assert thresholds(quality(f"thresholds: {table}", *overrides)) == wanted
    assert thresholds(quality("", f"quality.thresholds={table}", *overrides)) == wanted


def test_the_shipped_table_has_a_place() -> None:
    """``table`` is that of the package."""
    assert set(thresholds(quality("thresholds: table, de: {min_words: 7}"))) >= {"de"}
    assert thresholds(quality("thresholds: table, de: {min_words: 7}"))["de"]["min_words"] == 7


def test_differences_of_recipes_name_the_language() -> None:
    """Each number is a setting of its own."""
    left, right = (recipe_dict(quality(f"de: {{min_words: {number}}}, th: {{min_words: 1}}")) for number in (40, 30))
    assert [(one.name, one.left, one.right) for one in changes(left, right)] == [("quality.de.min_words", 40, 30)]


def test_a_recipe_of_a_root_opens_no_table(table: Path) -> None:
    """It may come from a stranger; a table that the user names on the command line is read."""
    stored = recipe_dict(quality(""))
    assert thresholds(from_dict(stored, "root", overrides=[f"quality.thresholds={table}"]))["de"]["min_words"] == 30
    stored["pipeline"][-1]["quality"]["thresholds"] = str(table)
    with pytest.raises(RecipeError, match="must not open"):
        from_dict(stored, "root")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("de: {min_wrods: 3}", "unknown field 'quality.de.min_wrods'\n.*\n.*did you mean 'min_words'"),
        ("german: {min_words: 3}", "quality.german is a mapping\n.*\n.*did you mean 'de'"),
        ("xx: {min_words: 3}", "quality.xx is a mapping\n.*\n.*expected ISO 639-1, such as 'en'"),
        ("zh-CN: {min_words: 3}", "quality.zh-CN is a mapping\n.*\n.*did you mean 'zh'"),
        ("ger: {min_words: 3}", "quality.ger is a mapping\n.*\n.*did you mean 'de'"),
        ("deu: {min_words: 3}", "quality.deu is a mapping\n.*\n.*did you mean 'de'"),
        ("de: {stop_words: [und]}", "quality.de.stop_words is a list\n.*\n.*one value for all languages"),
        ("de: {min_words: 2.5}", "quality.de.min_words is 2.5\n.*\n.*expected a whole number"),
        ("de: {min_words: -1}", "quality.de.min_words is -1\n.*\n.*at least 0"),
        ("de: 40", "quality.de is 40\n.*\n.*expected a mapping"),
        ("thresholds: nowhere, de: {min_words: 3}", "nowhere"),
        ("thresholds: 4, de: {min_words: 3}", "quality.thresholds is 4"),
        ("de: {min_mean_word_length: 20}", "contradict each other\n.*\n.*de: no document has mean_word_length ≥ 20"),
        ("min_word: 3", "unknown field 'quality.min_word'"),
    ],
)
def test_errors_name_the_place_and_the_fix(fields: str, message: str) -> None:
    """A wrong code, field or number is marked where it is written."""
    with pytest.raises(RecipeError, match=message):
        quality(fields)


@pytest.mark.parametrize("override", ["quality.min_words.de=3", "quality.de.=3", "quality.thresholds.de=3"])
def test_an_override_of_something_else_is_refused(override: str) -> None:
    """A field is no language, and the table as a whole is not replaced by one language of it."""
    with pytest.raises(RecipeError):
        quality("min_words: 40, thresholds: table", override)


SPOKEN = [kind for name in registry.names() if issubclass(kind := registry.stage_class(name), ByLanguage)]


@pytest.mark.parametrize("kind", SPOKEN, ids=lambda kind: kind.name)
def test_each_field_by_language_moves_a_rule_for_that_language_alone(kind: type[ByLanguage]) -> None:
    """In every stage that has any; the general value is no threshold of the language's own."""
    required = REQUIRED.get(kind.name, {})
    general = kind.model_validate(required)
    assert kind.language_fields()
    for name in kind.language_fields():
        value = getattr(general, name)
        other = (value // 2 or 1) if isinstance(value, int) else (value / 2 or 0.1)
        moved, same = (
            kind.model_validate({**required, "thresholds": {"de": {name: own}}}).applied_rules()
            for own in (other, value)
        )
        assert any(rule.by_language for rule in moved), name
        assert all(rule.by_language in ({}, {"de": other}) for rule in moved)
        assert not any(rule.by_language for rule in same)
