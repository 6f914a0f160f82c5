"""The JSON Schema of recipes, by a validator that we did not write: it accepts what ``check`` accepts, and finds mistakes."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from refinery.cli import execute
from refinery.cli.init import SCHEMA, starter
from refinery.recipe.pipeline import recipe_dict
from refinery.recipe.reader import parse
from refinery.recipe.schema import recipe_schema
from refinery.stage import registry
from tests.conftest import REPOSITORY
from tests.engine.test_recipe_problems import WRONG

HEAD = "inputs: a.warc.gz\nroot: r\n"

FOUND = {
    "date", "key", "number as key", "scalar", "list", "unknown key", "missing key", "missing keys", "no pipeline",
    "empty pipeline", "pipeline of keys", "dataset", "no inputs", "empty input", "choice", "renamed value",
    "renamed field", "workers", "no workers", "executor", "memory", "percentage", "unknown stage", "bare step",
    "number as step", "two in a step", "scalar step", "step name", "as a number", "write a word",
}  # fmt: skip
"""The mistakes of ``WRONG`` that a schema can know: others are of YAML, of unregistered stages, or of several steps."""


@cache
def validator() -> Draft7Validator:
    schema = recipe_schema()
    Draft7Validator.check_schema(schema)
    return Draft7Validator(schema)


def wrong(recipe: Any) -> list[str]:
    return [f"{list(error.path)}: {error.message}" for error in validator().iter_errors(recipe)]


@pytest.mark.parametrize("path", sorted((REPOSITORY / "configs").rglob("*.yaml")), ids=lambda path: path.name)
def test_recipes_are_valid_as_written_and_with_all_fields(path: Path) -> None:
    """Also as a root has them: every field of every stage with its value."""
    text = path.read_text(encoding="utf-8")
    assert wrong(yaml.safe_load(text)) == []
    whole = recipe_dict(parse(text, path.name)) | {"root": "r"}
    assert wrong(json.loads(json.dumps(whole))) == []


@pytest.mark.parametrize(
    "step",
    [
        "warc",
        "warc:",
        "extract: {timeout: 500ms, memory: 1GB, links: true, structure: true}",
        "language: {keep: all, min_score: 1}",
        "language: {keep: de}",
        "quality: {as: good, write: true, stop_words: the, de: {min_words: 40}, pt-BR: {min_words: 41}}",
        "quality: {thresholds: table, de: {min_words: 40}}",
        "quality: {thresholds: {de: {min_words: 40}}}",
        "quality: {use: 'mine:Quality', anything: 1}",
        "other: {use: 'mine:Other', anything: 1}",
        "minhash: {memory: 1073741824, by: lang}",
    ],
)
def test_short_forms_are_valid(step: str) -> None:
    """Bare stages, one value for a list, thresholds by language, classes of one's own."""
    assert wrong(yaml.safe_load(f"{HEAD}pipeline:\n  - {step}\n")) == []


@pytest.mark.parametrize(
    "step",
    [
        "langauge: {}",
        "extract: {timeout: 5}",
        "extract: {timeout: 5 parsecs}",
        "extract: {engine: magic}",
        "extract: {structure: 1}",
        "language: {keep: 3}",
        "language: {min_score: 1.5}",
        "quality: {min_wrods: 1}",
        "quality: {min_words: '80'}",
        "quality: {min_words: 1.5}",
        "quality: {min_words: -1}",
        "quality: {de: {min_wrods: 40}}",
        "quality: {de: 40}",
        "quality: {thresholds: {german: {min_words: 40}}}",
        "minhash: {memory: -1}",
        "minhash: 5",
        "other: {anything: 1}",
    ],
)
def test_mistakes_in_a_step_are_found(step: str) -> None:
    """Unknown stages and fields, values of a wrong type, unit or range."""
    assert wrong(yaml.safe_load(f"{HEAD}pipeline:\n  - {step}\n"))


@pytest.mark.parametrize("case", sorted(FOUND))
def test_recipes_known_to_be_wrong_are_refused(case: str) -> None:
    """Those of the tests of ``check``, as far as a schema can."""
    assert wrong(yaml.safe_load(WRONG[case][0].replace("⟦", "").replace("⟧", "")))


def test_init_writes_the_schema_that_its_recipe_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first line is the one that editors look for, and the file lies beside the recipe."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipes").mkdir()
    assert execute(["init", "-q", "recipes/mine.yaml"]) == 0
    first = (tmp_path / "recipes" / "mine.yaml").read_text().partition("\n")[0]
    assert first == f"# yaml-language-server: $schema={SCHEMA}"
    assert json.loads((tmp_path / "recipes" / SCHEMA).read_text(encoding="utf-8")) == recipe_schema()
    assert wrong(yaml.safe_load(starter("demo"))) == []


def test_each_registered_stage_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    """``refinery schema`` prints what editors show: stages and fields with their help."""
    assert execute(["schema"]) == 0
    definitions = json.loads(capsys.readouterr().out)["definitions"]
    assert set(registry.names()) <= set(definitions)
    assert definitions["extract"]["properties"]["timeout"]["default"] == "30s"
    lacking = [name for name, field in definitions["quality"]["properties"].items() if not field.get("description")]
    assert lacking == []
