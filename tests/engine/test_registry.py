"""Stage names and classes: what is registered can be used, and what cannot be used says why."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar

import pytest

from refinery.errors import UsageError
from refinery.recipe import parse, recipe_dict
from refinery.recipe.describe import describe, summary
from refinery.stage import registry
from refinery.stage.base import Filter, Source, Stage
from refinery.stage.documents import Docs
from tests.engine.recipe_stages import HEAD, MAIN, PAGES, Judge

HERE = __name__


class Nameless(Filter):
    """A filter without a name."""

    version: ClassVar = 1

    def measure(self, docs: Docs) -> dict[str, Any]:
        raise NotImplementedError


class Unfinished(Filter):
    """A filter that measures nothing."""

    name: ClassVar = "unfinished"
    version: ClassVar = 1


class Kindless(Stage):
    """A stage of no kind."""

    name: ClassVar = "kindless"
    version: ClassVar = 1


class Greedy(Nameless):
    """A filter that takes a key of the recipe."""

    name: ClassVar = "greedy"
    use: str = ""


REQUIRED: dict[str, dict[str, Any]] = {
    "decontaminate": {"benchmarks": ("items.jsonl",)},
    "rank": {"scores": ["tokens"]},
    "score": {"model": "lid.176.ftz", "label": ("en",)},
}
"""Fields of stages that have no default."""


@pytest.mark.parametrize("name", registry.names())
def test_a_registered_stage_is_complete(name: str) -> None:
    """It calls itself what it is registered as, has a kind, a line about it, and words for each field's type."""
    found = registry.stage_class(name)
    assert found.name == name
    assert registry.kind(found)
    assert summary(found).endswith(".")
    described = describe(found)
    assert [field["name"] for field in described["fields"]] == list(found.model_fields)
    assert all(field["type"] for field in described["fields"])
    if name not in REQUIRED:
        assert [rule["id"] for rule in described["rules"]] == [rule.id for rule in found().rules()]


@pytest.mark.parametrize("name", registry.names())
def test_a_registered_stage_is_its_recipe_again(name: str) -> None:
    """Its default fields, written out in a recipe, give the default stage."""
    found = registry.stage_class(name)
    source = issubclass(found, Source)
    required = REQUIRED.get(name, {})
    step = f"  - {name}: {json.dumps(required)}\n" if required else f"  - {name}:\n"
    steps = step if source else f"{PAGES}{'' if 'html' in found.reads else MAIN}{step}"
    pipeline = parse(f"{HEAD}pipeline:\n{steps}", "r")
    assert pipeline.steps[-1].stage == found.model_validate(required)
    again = parse(f"{HEAD}pipeline: {json.dumps(recipe_dict(pipeline)['pipeline'])}\n", "r")
    assert again.steps == pipeline.steps


def test_an_unknown_stage_gets_the_nearest_name_or_all_of_them() -> None:
    """One typing error away, or nothing like any."""
    with pytest.raises(UsageError) as caught:
        registry.stage_class("langauge")
    assert caught.value.hint == "did you mean 'language'?"
    with pytest.raises(UsageError) as caught:
        registry.stage_class("x" * 100_000)
    assert all(name in caught.value.hint for name in registry.names())
    assert len(caught.value.message) < 200


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("", "names no class"),
        ("stages", "names no class"),
        ("os:path:x", "names no class"),
        (".stages:X", "names no class"),
        ("a b:X", "names no class"),
        ("no_such_module:X", "cannot be loaded: No module named"),
        (f"{HERE}:NoSuchClass", "cannot be loaded"),
        (f"{HERE}:Path", "is no stage"),
        (f"{HERE}:metadata", "is no stage"),
        (f"{HERE}:Kindless", "is no stage"),
        (f"{HERE}:Unfinished", "lacks measure"),
        (f"{HERE}:Nameless", "has no name or no version"),
        (f"{HERE}:Greedy", "has a field 'use'"),
    ],
)
def test_a_class_that_is_no_stage_is_refused_with_the_reason(reference: str, message: str) -> None:
    """A UsageError with a hint, never an exception from the depths."""
    with pytest.raises(UsageError, match=message) as caught:
        registry.import_class(reference)
    assert caught.value.hint


def test_the_old_name_of_the_package_of_stages_is_refused_with_the_new_one() -> None:
    """A recipe of before names ``stages.perplexity``."""
    with pytest.raises(UsageError, match="import refinery") as caught:
        registry.import_class("stages.perplexity:Perplexity")
    assert "refinery.stages.perplexity:Perplexity" in caught.value.hint


def test_a_class_of_ones_own_needs_no_registration() -> None:
    """module:Class is enough."""
    assert registry.import_class("tests.engine.recipe_stages:Judge") is Judge


def test_a_module_that_does_not_parse_is_a_usage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the user's own file."""
    (tmp_path / "mistyped.py").write_text("class X(:\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UsageError, match="mistyped:X cannot be loaded"):
        registry.import_class("mistyped:X")


def test_a_broken_stage_does_not_disturb_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a recipe that uses it fails."""
    entries = {
        "bad": "no_such_module:X",
        "judge": "tests.engine.recipe_stages:Judge",
        "other": "tests.engine.recipe_stages:Judge",
    }
    monkeypatch.setattr(registry, "_entries", lambda: entries)
    assert registry.names() == ("bad", "judge", "other")
    assert registry.stage_class("judge") is Judge
    with pytest.raises(UsageError, match="cannot be loaded"):
        registry.stage_class("bad")
    with pytest.raises(UsageError, match="registered as 'other' calls itself 'judge'"):
        registry.stage_class("other")


def test_names_come_from_entry_points() -> None:
    """Any installed distribution may bring stages."""
    assert set(registry.names()) == {entry.name for entry in metadata.entry_points(group=registry.GROUP)}
